// Softmax of the channels of each pixel, batch innermost. See src/nn/layers/softmax.rs.
const WORKGROUP: u32 = 64u;

#import SoftmaxParams
#import common/floats

@group(0) @binding(0) var<uniform> params: SoftmaxParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_in: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// output[c, p, n] = exp(input[c, p, n] − m) / Σ_d exp(input[d, p, n] − m), m the largest of them
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.step { return; }
    var largest = input[i];
    for (var c = 1u; c < params.channels; c++) { largest = max(largest, input[c * params.step + i]); }
    var sum = vec4<f32>(0.0);
    for (var c = 0u; c < params.channels; c++) {
        let x = input[c * params.step + i];
        let part = handing_on_nan(x, exp(x - largest));
        sum += part;
        output[c * params.step + i] = part;
    }
    for (var c = 0u; c < params.channels; c++) { output[c * params.step + i] /= sum; }
}

/// input_gradient[c, p, n] = output[c, p, n] · (output_gradient[c, p, n] − Σ_d output[d, p, n] · output_gradient[d, p, n])
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.step { return; }
    var mean = vec4<f32>(0.0);
    for (var c = 0u; c < params.channels; c++) {
        mean += output_in[c * params.step + i] * output_gradient[c * params.step + i];
    }
    for (var c = 0u; c < params.channels; c++) {
        let at = c * params.step + i;
        input_gradient[at] = output_in[at] * (output_gradient[at] - mean);
    }
}
