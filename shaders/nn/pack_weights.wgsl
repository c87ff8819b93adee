// Weights [out, in, ky, kx] of all layers packed for the convolution kernel, once a step. See src/nn/packing.rs.
const WORKGROUP: u32 = 64u;

#import PackedRange
#import PackWeightsParams

@group(0) @binding(0) var<uniform> params: PackWeightsParams;
// In the order of their workgroups.
@group(0) @binding(1) var<storage, read> ranges: array<PackedRange>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
@group(0) @binding(3) var<storage, read_write> packed_weights: array<vec4<f32>>;

/// The range that a workgroup packs.
fn range_of(group: u32) -> u32 {
    var low = 0u;
    var end = params.ranges;
    while low + 1u < end {
        let middle = (low + end) / 2u;
        if ranges[middle].group <= group { low = middle; } else { end = middle; }
    }
    return low;
}

/// Of each group, of each tile: packed[f, ky, kx, t] = w[t, f, first + ky·row_step + kx·column_step], zero for f and t past the channels; then a row of biases (zeros for an input gradient)
@compute @workgroup_size(WORKGROUP)
fn pack_weights(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup.x + workgroup.y * groups.x;
    let range = ranges[range_of(index)];
    let i = (index - range.group) * WORKGROUP + lane;
    if i >= range.quads { return; }
    let taps = range.rows * range.columns;
    let rows = range.from_padded * taps;
    let tile_quads = range.tile / 4u;
    let packed_tile = (rows + 1u) * tile_quads;
    let tile = i / packed_tile % range.tiles;
    let group = i / packed_tile / range.tiles;
    let row = i % packed_tile / tile_quads;
    let to = vec4<u32>(tile * range.tile + 4u * (i % tile_quads)) + vec4<u32>(0u, 1u, 2u, 3u);
    let inside = to < vec4<u32>(range.to_channels);
    var at = vec4<u32>(0u);
    var is_there = row == rows && range.has_bias == 1u;
    if row == rows {
        at = range.bias_offset + group * range.to_channels + to;
    } else {
        let from_channel = row / taps;
        let tap = row % taps;
        let kernel_at = range.first + i32(tap / range.columns) * range.row_step + i32(tap % range.columns) * range.column_step;
        is_there = from_channel < range.from_channels;
        at = range.weight_offset + group * range.group_step + to * range.to_step + from_channel * range.from_step
            + u32(kernel_at);
    }
    let reads = inside & vec4<bool>(is_there);
    at = select(vec4<u32>(0u), at, reads);
    let values = vec4<f32>(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
    packed_weights[range.first_quad + i] = select(vec4<f32>(0.0), values, reads);
}
