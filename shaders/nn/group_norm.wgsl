// Normalization of groups of channels, image by image, batch innermost. See src/nn/layers/group_norm/mod.rs.
const WORKGROUP: u32 = 256u;
// Quads of images that a workgroup adds up side by side, so that its threads read neighboring values.
const QUADS: u32 = 4u;

// 1 where the channels of each pixel are a group, 0 where all pixels of some channels are.
#constant EACH_PIXEL = 0

// each: channels of a group. weight, bias: their first elements among the parameters.
#import GroupNormParams

@group(0) @binding(0) var<uniform> params: GroupNormParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
// Of each group and quad: mean, 1 / √(variance + epsilon).
@group(0) @binding(3) var<storage, read_write> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> output_gradient: array<vec4<f32>>;
// Of each group and quad: the means of g and of g · normalized, where g is weight · output gradient.
@group(0) @binding(6) var<storage, read_write> means: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> input_gradient: array<vec4<f32>>;
// Of the gradients of weight and bias.
@group(0) @binding(8) var<storage, read_write> partials: array<f32>;

var<workgroup> summands: array<vec4<f32>, WORKGROUP>;

/// Σ share over the threads of a quad, by a fixed tree
fn total(lane: u32, share: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    summands[lane] = share;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half >= QUADS; half /= 2u) {
        if lane < half { summands[lane] += summands[lane + half]; }
        workgroupBarrier();
    }
    return summands[lane % QUADS];
}

/// Group, and quad of a thread, of a workgroup's number; the group is too large where there is none.
fn place(index: u32, lane: u32) -> vec2<u32> {
    let blocks = (params.quads + QUADS - 1u) / QUADS;
    return vec2<u32>(index / blocks, index % blocks * QUADS + lane % QUADS);
}

/// Values of a group in one image.
fn count() -> u32 {
#if EACH_PIXEL
    return params.each;
#else
    return params.each * params.pixels;
#end
}

/// Index of value `i` of a group and quad.
fn value_at(at: vec2<u32>, i: u32) -> u32 {
#if EACH_PIXEL
    return (i * params.pixels + at.x) * params.quads + at.y;
#else
    return (at.x * count() + i) * params.quads + at.y;
#end
}

/// Place among moments and means of the group of channel c and pixel p, in a quad.
fn of_group(c: u32, p: u32, quad: u32) -> u32 {
#if EACH_PIXEL
    return 2u * (p * params.quads + quad);
#else
    return 2u * (c / params.each * params.quads + quad);
#end
}

/// moments[group, quad] = mean and 1 / deviation of each image's values of the group
@compute @workgroup_size(WORKGROUP)
fn statistics(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    if index / ((params.quads + QUADS - 1u) / QUADS) >= params.groups { return; }
    let at = place(index, lane);
    let is_there = at.y < params.quads;
    var share = vec4<f32>(0.0);
    for (var i = lane / QUADS; i < count() && is_there; i += WORKGROUP / QUADS) { share += input[value_at(at, i)]; }
    let mean = total(lane, share) / f32(count());
    share = vec4<f32>(0.0);
    for (var i = lane / QUADS; i < count() && is_there; i += WORKGROUP / QUADS) {
        let off = input[value_at(at, i)] - mean;
        share += off * off;
    }
    let variance = total(lane, share) / f32(count());
    if lane >= QUADS || !is_there { return; }
    let to = 2u * (at.x * params.quads + at.y);
    moments[to] = mean;
    moments[to + 1u] = 1.0 / sqrt(variance + params.epsilon);
}

/// output[c, p, n] = weight[c] · (input[c, p, n] − mean) / deviation + bias[c]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let c = i / (params.pixels * params.quads);
    if c >= params.channels { return; }
    let by = of_group(c, i / params.quads % params.pixels, i % params.quads);
    output[i] = parameters[params.weight + c] * ((input[i] - moments[by]) * moments[by + 1u]) + parameters[params.bias + c];
}

/// means[group, quad] = (Σ g, Σ g · normalized) / m, g = weight · output gradient, over each image's values of the group
@compute @workgroup_size(WORKGROUP)
fn gradient_means(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    if index / ((params.quads + QUADS - 1u) / QUADS) >= params.groups { return; }
    let at = place(index, lane);
    let by = 2u * (at.x * params.quads + min(at.y, params.quads - 1u));
    let mean = moments[by];
    let scale = moments[by + 1u];
    var plain = vec4<f32>(0.0);
    var scaled = vec4<f32>(0.0);
    for (var i = lane / QUADS; i < count() && at.y < params.quads; i += WORKGROUP / QUADS) {
        let source = value_at(at, i);
#if EACH_PIXEL
        let c = i;
#else
        let c = at.x * params.each + i / params.pixels;
#end
        let g = parameters[params.weight + c] * output_gradient[source];
        plain += g;
        scaled += g * ((input[source] - mean) * scale);
    }
    let first_mean = total(lane, plain) / f32(count());
    let second_mean = total(lane, scaled) / f32(count());
    if lane >= QUADS || at.y >= params.quads { return; }
    means[by] = first_mean;
    means[by + 1u] = second_mean;
}

/// input_gradient = (g − mean of g − normalized · mean of g · normalized) / deviation, g = weight · output gradient
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let c = i / (params.pixels * params.quads);
    if c >= params.channels { return; }
    let by = of_group(c, i / params.quads % params.pixels, i % params.quads);
    let normalized = (input[i] - moments[by]) * moments[by + 1u];
    let g = parameters[params.weight + c] * output_gradient[i];
    input_gradient[i] = moments[by + 1u] * (g - means[by] - normalized * means[by + 1u]);
}

/// partial sums of weight c and bias c = Σ over pixels and trained images of output gradient · normalized, of output gradient
@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let c = group.x + group.y * groups.x;
    if c >= params.channels { return; }
    var share = vec4<f32>(0.0);
    for (var i = lane; i < params.pixels * params.train_quads; i += WORKGROUP) {
        let quad = i % params.train_quads;
        let at = (c * params.pixels + i / params.train_quads) * params.quads + quad;
        let by = of_group(c, i / params.train_quads, quad);
        let g = output_gradient[at];
        share += vec4<f32>(dot(g, (input[at] - moments[by]) * moments[by + 1u]), dot(g, vec4<f32>(1.0)), 0.0, 0.0);
    }
    _ = total(lane, share);
    if lane > 0u { return; }
    let sum = summands[0] + summands[1] + summands[2] + summands[3];
    partials[c] = sum.x;
    partials[params.bias - params.weight + c] = sum.y;
}
