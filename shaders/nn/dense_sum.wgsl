// The second half of a dense layer's product with a split inner dimension: the splits, added in order.
const WORKGROUP: u32 = 64u;
// 1 where the sum begins with a bias.
#constant BIAS = 1
// 1 where a relu of the result is fused.
#constant RECTIFIES = 0

#import DenseSumParams
#import common/floats

@group(0) @binding(0) var<uniform> params: DenseSumParams;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;
#if BIAS
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
#end
#if RECTIFIES
// relu of the same.
@group(0) @binding(4) var<storage, read_write> rectified: array<vec4<f32>>;
#end

/// partials[s, i], 0 past the last s
fn partial(s: u32, i: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), partials[min(s, params.splits - 1u) * params.count + i], s < params.splits);
}

/// result[o, n] = bias[o] + Σ_s partials[s, o, n]
@compute @workgroup_size(WORKGROUP)
fn dense_sum(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
#if BIAS
    var sum = vec4<f32>(parameters[params.bias_offset + i / params.quads]);
#else
    var sum = vec4<f32>(0.0);
#end
    for (var s = 0u; s < params.splits; s += 4u) {
        // Four loads under way at once.
        let first = partial(s, i);
        let second = partial(s + 1u, i);
        let third = partial(s + 2u, i);
        let fourth = partial(s + 3u, i);
        sum += first + second + (third + fourth);
    }
    result[i] = sum;
#if RECTIFIES
    rectified[i] = relu(sum);
#end
}
