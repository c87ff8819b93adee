// Weights [out, in, ky, kx] packed for the convolution kernel, once a step.
const WORKGROUP: u32 = 64u;

#import PackWeightsParams

@group(0) @binding(0) var<uniform> params: PackWeightsParams;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed_weights: array<f32>;

/// Of each group, of each tile: packed[f, ky, kx, t] = w[t, f, first + ky·row_step + kx·column_step], zero for f and t past the channels; then a row of biases (zeros for an input gradient)
@compute @workgroup_size(WORKGROUP)
fn pack_weights(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let taps = params.rows * params.columns;
    let rows = params.from_padded * taps;
    let packed_tile = (rows + 1u) * params.tile;
    if i >= params.groups * params.tiles * packed_tile { return; }
    let tile = i / packed_tile % params.tiles;
    let group = i / packed_tile / params.tiles;
    let row = i % packed_tile / params.tile;
    let to = tile * params.tile + i % params.tile;
    let bias_row = row == rows;
    // A row of biases has no tap; without taps there is no other row.
    let from_channel = select(row / max(taps, 1u), 0u, bias_row);
    let tap = select(row % max(taps, 1u), 0u, bias_row);
    let kernel_at = params.first + i32(tap / max(params.columns, 1u)) * params.row_step
        + i32(tap % max(params.columns, 1u)) * params.column_step;
    var value = 0.0;
    if to < params.to_channels && from_channel < params.from_channels {
        if !bias_row {
            let at = group * params.group_step + to * params.to_step + from_channel * params.from_step;
            value = parameters[params.weight_offset + at + u32(kernel_at)];
        } else if params.has_bias == 1u {
            value = parameters[params.bias_offset + group * params.to_channels + to];
        }
    }
    packed_weights[i] = value;
}
