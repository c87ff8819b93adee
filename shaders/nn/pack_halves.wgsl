// Weights [out, in, ky, kx] in 16-bit floats, [ky, kx, out, in] with out and in filled up with zeros to 16, of all layers that compute in
// mixed precision, once a step. See src/nn/halves.rs.
const WORKGROUP: u32 = 64u;

#import HalfRange
#import PackHalvesParams
#import common/half

@group(0) @binding(0) var<uniform> params: PackHalvesParams;
// In the order of their workgroups.
@group(0) @binding(1) var<storage, read> ranges: array<HalfRange>;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;
// Two 16-bit floats a word.
@group(0) @binding(3) var<storage, read_write> halves: array<u32>;

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

fn weight_bits(range: HalfRange, tap: u32, o: u32, c: u32) -> u32 {
    if o >= range.out_channels || c >= range.in_channels { return 0u; }
    let weight = parameters[range.weight_offset + (o * range.in_channels + c) * range.taps + tap];
    let bits = half_bits(weight);
    // Beyond all numbers of 16 bits it is infinite, so that a run whose weights blew up stops.
    return select(bits, (bits & 0x8000u) | 0x7c00u, abs(weight) >= 65520.0);
}

/// halves[tap, o, c] = w[o, c, tap] in 16-bit floats, infinite beyond 65504, zero for o and c past the channels
@compute @workgroup_size(WORKGROUP)
fn pack_halves(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = workgroup.x + workgroup.y * groups.x;
    let range = ranges[range_of(index)];
    let i = (index - range.group) * WORKGROUP + lane;
    if i >= range.words { return; }
    let c = 2u * i % range.in_padded;
    let o = 2u * i / range.in_padded % range.out_padded;
    let tap = 2u * i / range.in_padded / range.out_padded;
    halves[range.first + i] = weight_bits(range, tap, o, c) | (weight_bits(range, tap, o, c + 1u) << 16u);
}
