// Weights [out, in, ky, kx] packed for the convolution kernels, once a step.
const WORKGROUP: u32 = 64u;

struct Params {
    groups: u32,
    // Channels of one group.
    from_channels: u32,
    to_channels: u32,
    to_padded: u32,
    taps: u32,
    // Elements of the weight tensor from one group, `to` or `from` channel to the next.
    group_step: u32,
    to_step: u32,
    from_step: u32,
    weight_offset: u32,
    bias_offset: u32,
    has_bias: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed_weights: array<f32>;

/// Of each group: packed[f, k, t] = w[t, f, k], zero for t past the channels; then a row of biases (zeros for an input gradient)
@compute @workgroup_size(WORKGROUP)
fn pack_weights(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let rows = params.from_channels * params.taps;
    let packed_group = (rows + 1u) * params.to_padded;
    if i >= params.groups * packed_group { return; }
    let group = i / packed_group;
    let row = i % packed_group / params.to_padded;
    let to = i % params.to_padded;
    var value = 0.0;
    if to < params.to_channels {
        if row < rows {
            let at = group * params.group_step + to * params.to_step + row / params.taps * params.from_step + row % params.taps;
            value = parameters[params.weight_offset + at];
        } else if params.has_bias == 1u {
            value = parameters[params.bias_offset + group * params.to_channels + to];
        }
    }
    packed_weights[i] = value;
}
