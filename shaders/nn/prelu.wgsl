// A leaky relu with a learned slope for each channel, batch innermost. See src/nn/layers/prelu.rs.
const WORKGROUP: u32 = 64u;

// weight: the first slope among the parameters.
#import PreluParams
#import common/floats

@group(0) @binding(0) var<uniform> params: PreluParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4<f32>>;
// Of the gradients of the slopes.
@group(0) @binding(6) var<storage, read_write> partials: array<f32>;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// output[c, p, n] = input[c, p, n] above 0, slope[c] · input[c, p, n] below
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let slope = parameters[params.weight + i / (params.pixels * params.quads)];
    output[i] = handing_on_nan(input[i], select(input[i], slope * input[i], are_negative(input[i])));
}

/// input_gradient[c, p, n] = output_gradient[c, p, n] above 0, slope[c] · output_gradient[c, p, n] below
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let slope = parameters[params.weight + i / (params.pixels * params.quads)];
    input_gradient[i] = select(vec4<f32>(1.0), vec4<f32>(slope), are_not_positive(input[i])) * output_gradient[i];
}

/// partial sum of slope c = Σ over pixels and trained images of output_gradient · input, where that is below 0
@compute @workgroup_size(WORKGROUP)
fn slope_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x + group.y * groups.x;
    if c >= params.channels { return; }
    let items = params.pixels * params.train_quads;
    var share = vec4<f32>(0.0);
    for (var i = lane; i < items; i += WORKGROUP) {
        let at = (c * params.pixels + i / params.train_quads) * params.quads + i % params.train_quads;
        share += select(vec4<f32>(0.0), output_gradient[at] * input[at], are_negative(input[at]));
    }
    let sum = total(lane, dot(share, vec4<f32>(1.0)));
    if lane == 0u { partials[c] = sum; }
}
