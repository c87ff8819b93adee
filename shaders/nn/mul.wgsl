// Maps times others, or times a factor for each channel. See src/nn/layers/mul.rs.
const WORKGROUP: u32 = 64u;

// of_channel: 1 if there is one factor for each channel and image, 0 if there is one for each value.
#import MulParams

@group(0) @binding(0) var<uniform> params: MulParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> factor: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

/// output[c, p, n] = input[c, p, n] · factor[c, p, n], or · factor[c, n]; also the gradient of either, of the output's gradient and the other
@compute @workgroup_size(WORKGROUP)
fn product(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let channel = i / (params.pixels * params.quads);
    let at = select(i, channel * params.quads + i % params.quads, params.of_channel == 1u);
    output[i] = input[i] * factor[at];
}

/// output[c, n] = Σ_p input[c, p, n] · factor[c, p, n], the gradient of a factor for each channel
@compute @workgroup_size(WORKGROUP)
fn sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.quads { return; }
    let first = i / params.quads * params.pixels * params.quads + i % params.quads;
    var sum = vec4<f32>(0.0);
    for (var p = 0u; p < params.pixels; p++) {
        let at = first + p * params.quads;
        sum += input[at] * factor[at];
    }
    output[i] = sum;
}
