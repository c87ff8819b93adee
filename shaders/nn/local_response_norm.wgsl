// Local response normalization across channels, batch innermost. See src/nn/layers/local_response_norm.rs.
const WORKGROUP: u32 = 64u;

// plane: quads of one channel's map over all columns; before, after: neighbours that count; share: alpha / size.
#import LocalResponseNormParams

@group(0) @binding(0) var<uniform> params: LocalResponseNormParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> scales: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// s[c] = k + share · Σ_j input[j]²; output[c] = input[c] · s[c]^−beta
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.plane { return; }
    let c = i / params.plane;
    let first = max(c, params.before) - params.before;
    let end = min(c + params.after + 1u, params.channels);
    var squares = vec4<f32>(0.0);
    for (var j = first; j < end; j++) {
        let x = input[j * params.plane + i % params.plane];
        squares += x * x;
    }
    let s = params.k + params.share * squares;
    scales[i] = s;
    output[i] = input[i] * pow(s, vec4<f32>(-params.beta));
}

/// input_gradient[c] = g[c] · s[c]^−beta − 2 · beta · share · input[c] · Σ_j g[j] · input[j] · s[j]^(−beta−1), j with c among its neighbours
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.plane { return; }
    let c = i / params.plane;
    let first = max(c, params.after) - params.after;
    let end = min(c + params.before + 1u, params.channels);
    var through = vec4<f32>(0.0);
    for (var j = first; j < end; j++) {
        let at = j * params.plane + i % params.plane;
        let s = scales[at];
        through += output_gradient[at] * input[at] * pow(s, vec4<f32>(-params.beta)) / s;
    }
    input_gradient[i] = output_gradient[i] * pow(scales[i], vec4<f32>(-params.beta))
        - 2.0 * params.beta * params.share * input[i] * through;
}
