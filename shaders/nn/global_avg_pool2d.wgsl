// The mean of each channel, batch innermost. See src/nn/layers/global_avg_pool2d.rs.
const WORKGROUP: u32 = 64u;

#import GlobalAvgPool2dParams

@group(0) @binding(0) var<uniform> params: GlobalAvgPool2dParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// output[c, n] = 1/m · Σ_{y, x} input[c, y, x, n]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.quads { return; }
    let first = i / params.quads * params.pixels * params.quads + i % params.quads;
    var sum = vec4<f32>(0.0);
    for (var p = 0u; p < params.pixels; p++) { sum += input[first + p * params.quads]; }
    output[i] = sum / f32(params.pixels);
}

/// input_gradient[c, y, x, n] = output_gradient[c, n] / m
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let channel = i / (params.pixels * params.quads);
    input_gradient[i] = output_gradient[channel * params.quads + i % params.quads] / f32(params.pixels);
}
