// The bias gradient as partial sums of many workgroups, with the gradient that it is the sum of. See src/nn/layers/bias_sums.rs.
const WORKGROUP: u32 = 256u;
// What makes that gradient: 0 nothing, it is there; 1 a relu; 2 a relu below max pooling whose windows lie apart.
#constant MADE_BY = 0
// Of the pooling.
#constant SIZE = 2
#constant STRIDE = 2

#import BiasSumsParams
#import common/floats

@group(0) @binding(0) var<uniform> params: BiasSumsParams;
// Partial sums [chunk, channel].
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
// Gradient of the biased map, of its relu, or of that pooled.
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
// The biased map, or the pooled one.
@group(0) @binding(3) var<storage, read> values: array<vec4<f32>>;
// Gradient of the biased map.
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4<f32>>;
// Index y·size + x of the maximum in its window, one byte an image.
@group(0) @binding(5) var<storage, read> argmax: array<u32>;
// Gradient of the relu, for the probes.
@group(0) @binding(6) var<storage, read_write> input_gradient: array<vec4<f32>>;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// Derivative of a relu at what it takes, or at what it gives.
fn slope(x: vec4<f32>) -> vec4<f32> {
    return select(vec4<f32>(1.0), vec4<f32>(0.0), are_not_positive(x));
}

/// Makes the gradient of an item of a channel; the sum over its pixels.
fn make(c: u32, item: u32) -> vec4<f32> {
#if MADE_BY
#if MADE_BY / 2
    let quad = item % params.quads;
    let cell = item / params.quads;
    let columns = (params.width + STRIDE - 1u) / STRIDE;
    let y = cell / columns;
    let x = cell % columns;
    var pooled = vec4<f32>(0.0);
    var rectified = vec4<f32>(0.0);
    var packed = 0u;
    // Beyond the last window are pixels that none covers.
    if y < params.out_height && x < params.out_width {
        let at = ((c * params.out_height + y) * params.out_width + x) * params.quads + quad;
        pooled = output_gradient[at];
        rectified = slope(values[at]) * pooled;
        packed = argmax[at];
    }
    let index = vec4<u32>(packed, packed >> 8u, packed >> 16u, packed >> 24u) & vec4<u32>(255u);
    let corner = ((c * params.height + y * STRIDE) * params.width + x * STRIDE) * params.quads + quad;
#for dy in STRIDE
#for dx in STRIDE
    if y * STRIDE + {dy}u < params.height && x * STRIDE + {dx}u < params.width {
        let at_{dy}_{dx} = corner + ({dy}u * params.width + {dx}u) * params.quads;
        let mine_{dy}_{dx} = (index == vec4<u32>({dy}u * SIZE + {dx}u)) & vec4<bool>({dy}u < SIZE && {dx}u < SIZE);
        gradient[at_{dy}_{dx}] = select(vec4<f32>(0.0), rectified, mine_{dy}_{dx});
        if quad >= params.train_quads { input_gradient[at_{dy}_{dx}] = select(vec4<f32>(0.0), pooled, mine_{dy}_{dx}); }
    }
#end
#end
    return rectified;
#else
    let i = c * params.items + item;
    let made = slope(values[i]) * output_gradient[i];
    gradient[i] = made;
    return made;
#end
#else
    return output_gradient[c * params.items + item];
#end
}

/// partials[chunk, c] = Σ over the chunk's items and trained images of the gradient of channel c
@compute @workgroup_size(WORKGROUP)
fn bias_sums(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group.x + group.y * groups.x;
    let c = index / params.chunks;
    let chunk = index % params.chunks;
    if c >= params.channels { return; }
    var sum = vec4<f32>(0.0);
    let first = chunk * params.turns * WORKGROUP + lane;
    for (var turn = 0u; turn < params.turns + (lane >> 31u); turn++) {
        let item = first + turn * WORKGROUP;
        if item >= params.items { break; }
        let made = make(c, item);
        if item % params.quads < params.train_quads { sum += made; }
    }
    let all = total(lane, dot(sum, vec4<f32>(1.0)));
    if lane == 0u { partials[chunk * params.channels + c] = all; }
}
