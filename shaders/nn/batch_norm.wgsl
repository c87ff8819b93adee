// Batch normalization, batch innermost. See src/nn/layers/batch_norm.rs.
const WORKGROUP: u32 = 64u;

#import Sample
// weight, bias, running_mean, running_variance: their first elements among the parameters.
#import BatchNormParams

@group(0) @binding(0) var<uniform> params: BatchNormParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
@group(0) @binding(2) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
// Of the pass, per channel: mean, 1 / √(variance + epsilon), number of values, variance with that number − 1.
@group(0) @binding(4) var<storage, read_write> moments: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> output_gradient: array<vec4<f32>>;
// Of the gradients of the layer's tensors from its weight on.
@group(0) @binding(7) var<storage, read_write> partials: array<f32>;
// Per channel: Σ gradient, Σ gradient · normalized.
@group(0) @binding(8) var<storage, read_write> sums: array<vec2<f32>>;
@group(0) @binding(9) var<storage, read_write> input_gradient: array<vec4<f32>>;

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// 1 for the images of a quad that are trained on, 0 for padding.
fn counted(quad: u32) -> vec4<f32> {
    let n = quad * 4u;
    let scales = vec4<f32>(samples[n].scale, samples[n + 1u].scale, samples[n + 2u].scale, samples[n + 3u].scale);
    return select(vec4<f32>(0.0), vec4<f32>(1.0), scales > vec4<f32>(0.0));
}

/// mean, 1 / deviation that hold for a quad: of the pass where it trains, else the running ones
fn normal(c: u32, quad: u32) -> vec2<f32> {
    if quad < params.train_quads { return moments[c].xy; }
    let variance = parameters[params.running_variance + c];
    return vec2<f32>(parameters[params.running_mean + c], 1.0 / sqrt(variance + params.epsilon));
}

/// moments[c] = mean, 1 / deviation, number and variance over the trained images of the pass
@compute @workgroup_size(WORKGROUP)
fn statistics(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x + group.y * groups.x;
    if c >= params.channels { return; }
    let items = params.pixels * params.train_quads;
    var share = vec2<f32>(0.0);
    for (var i = lane; i < items; i += WORKGROUP) {
        let quad = i % params.train_quads;
        let counts = counted(quad);
        let values = input[(c * params.pixels + i / params.train_quads) * params.quads + quad];
        share += vec2<f32>(dot(values, counts), dot(counts, counts));
    }
    let first = total(lane, share);
    let count = max(first.y, 1.0);
    let mean = first.x / count;
    share = vec2<f32>(0.0);
    for (var i = lane; i < items; i += WORKGROUP) {
        let quad = i % params.train_quads;
        let off = (input[(c * params.pixels + i / params.train_quads) * params.quads + quad] - mean) * counted(quad);
        share.x += dot(off, off);
    }
    let squares = total(lane, share).x;
    if lane > 0u { return; }
    let deviation = sqrt(squares / count + params.epsilon);
    moments[c] = vec4<f32>(mean, 1.0 / deviation, first.y, squares / max(first.y - 1.0, 1.0));
}

/// output[c, p, n] = weight[c] · (input[c, p, n] − mean) / deviation + bias[c]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let c = i / (params.pixels * params.quads);
    let by = normal(c, i % params.quads);
    output[i] = parameters[params.weight + c] * ((input[i] - by.x) * by.y) + parameters[params.bias + c];
}

/// sums[c] = Σ g, Σ g · normalized over the trained images; partial sums of bias and weight = them, of the running statistics
/// = momentum · share · (running − pass), which the step takes away
@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x + group.y * groups.x;
    if c >= params.channels { return; }
    let by = moments[c];
    let items = params.pixels * params.train_quads;
    var share = vec2<f32>(0.0);
    for (var i = lane; i < items; i += WORKGROUP) {
        let quad = i % params.train_quads;
        let at = (c * params.pixels + i / params.train_quads) * params.quads + quad;
        let g = output_gradient[at] * counted(quad);
        share += vec2<f32>(dot(g, vec4<f32>(1.0)), dot(g, (input[at] - by.x) * by.y));
    }
    let sum = total(lane, share);
    // The pass's share of the batch.
    var part = 0.0;
    for (var n = lane; n < params.train_quads * 4u; n += WORKGROUP) { part += samples[n].scale; }
    let weight = params.momentum * total(lane, vec2<f32>(part, 0.0)).x;
    if lane > 0u { return; }
    sums[c] = sum;
    partials[params.bias - params.weight + c] = sum.x;
    partials[c] = sum.y;
    partials[params.running_mean - params.weight + c] = weight * (parameters[params.running_mean + c] - by.x);
    partials[params.running_variance - params.weight + c] = weight * (parameters[params.running_variance + c] - by.w);
}

/// input_gradient = weight / deviation · (g − (Σ g + normalized · Σ g · normalized) / m) in training, weight / deviation · g for probes
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.pixels * params.quads { return; }
    let c = i / (params.pixels * params.quads);
    let quad = i % params.quads;
    let by = normal(c, quad);
    var g = output_gradient[i];
    if quad < params.train_quads {
        let sum = sums[c] / max(moments[c].z, 1.0);
        g = (g - (sum.x + (input[i] - by.x) * by.y * sum.y)) * counted(quad);
    }
    input_gradient[i] = parameters[params.weight + c] * by.y * g;
}
