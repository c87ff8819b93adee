// Histograms of a training step. See src/nn/histograms.rs.
const WORKGROUP: u32 = 64u;
#constant BINS = 65
#constant COLUMNS = 128

#import Sample
#import HistogramParams

@group(0) @binding(0) var<uniform> params: HistogramParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
// [c, y, x, n]: activations.
@group(0) @binding(2) var<storage, read> activations: array<vec4<f32>>;
// Weights or gradients; weights before the step.
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read> before: array<f32>;
// [series, bin]: counts of this step; then for each layer: channels that did not fire, saturated values, all activations.
@group(0) @binding(5) var<storage, read_write> counts: array<atomic<u32>>;
// Counts of the steps that are kept, each as `counts`.
@group(0) @binding(6) var<storage, read> kept: array<u32>;
// Of each column of the picture, the place in `kept`; none from 0xffffffff.
@group(0) @binding(7) var<storage, read> order: array<u32>;
// [series, bin, column]: brightness, the largest value on top.
@group(0) @binding(8) var<storage, read_write> picture: array<f32>;

alias Summand = u32;
const TOTAL_LANES = WORKGROUP;
#import common/total

const MIDDLE = BINS / 2u;

var<workgroup> bins: array<atomic<u32>, BINS>;
// Values above 0; saturated values.
var<workgroup> fired: atomic<u32>;
var<workgroup> saturated: atomic<u32>;

/// Bin by sign and magnitude: the middle one below 2^lowest, then upward and downward by whole or half octaves
fn bin_of(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    let part = (bits & 0x7fffffffu) >> params.shift;
    if part < params.lowest { return MIDDLE; }
    let distance = min(part - params.lowest + 1u, MIDDLE);
    return select(MIDDLE + distance, MIDDLE - distance, (bits >> 31u) == 1u);
}

/// Bin of |change| / |before|: 0 without a change, then by octaves from 2^−31 on, without a division
fn ratio_bin(before: f32, after: f32) -> u32 {
    let change = bitcast<u32>(after - before) & 0x7fffffffu;
    let base = bitcast<u32>(before) & 0x7fffffffu;
    if change < 0x00800000u { return 0u; }
    if base < 0x00800000u { return BINS - 1u; }
    let less = select(0, 1, (change & 0x7fffffu) < (base & 0x7fffffu));
    let octave = i32(change >> 23u) - i32(base >> 23u) - less;
    return u32(clamp(octave + 31, 0, i32(BINS) - 2)) + 1u;
}

/// Empties a workgroup's bins: its memory is not cleared.
fn begin(lane: u32) {
    for (var bin = lane; bin < BINS; bin += WORKGROUP) { atomicStore(&bins[bin], 0u); }
    if lane == 0u {
        atomicStore(&fired, 0u);
        atomicStore(&saturated, 0u);
    }
    workgroupBarrier();
}

/// Adds a workgroup's bins to the counts.
fn publish(lane: u32) {
    workgroupBarrier();
    for (var bin = lane; bin < BINS; bin += WORKGROUP) {
        let count = atomicLoad(&bins[bin]);
        if count > 0u { atomicAdd(&counts[params.first + bin], count); }
    }
}

fn is_saturated(value: f32) -> bool {
    if params.saturates == 1u { return value < 0.01 || value > 0.99; }
    return params.saturates == 2u && abs(value) > 0.99;
}

/// counts[first + bin] += activations of a channel in that bin; one more silent channel where none is above 0; padding and probes are
/// left out
@compute @workgroup_size(WORKGROUP)
fn count_activations(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channel = group.x + group.y * groups.x;
    if channel >= params.groups { return; }
    begin(lane);
    for (var i = lane; i < params.len; i += WORKGROUP) {
        let slot = i % params.row_quads;
        if slot >= params.train_quads { continue; }
        let four = activations[channel * params.len + i];
        for (var k = 0u; k < 4u; k++) {
            if samples[4u * slot + k].scale <= 0.0 { continue; }
            let value = four[k];
            atomicAdd(&bins[bin_of(value)], 1u);
            if value > 0.0 { atomicOr(&fired, 1u); }
            if is_saturated(value) { atomicAdd(&saturated, 1u); }
        }
    }
    publish(lane);
    if lane > 0u { return; }
    if atomicLoad(&fired) == 0u { atomicAdd(&counts[params.numbers], 1u); }
    atomicAdd(&counts[params.numbers + 1u], atomicLoad(&saturated));
    var all = 0u;
    for (var bin = 0u; bin < BINS; bin++) { all += atomicLoad(&bins[bin]); }
    atomicAdd(&counts[params.numbers + 2u], all);
}

/// counts[first + bin] += values in that bin, piece by piece
@compute @workgroup_size(WORKGROUP)
fn count_values(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let piece = group.x + group.y * groups.x;
    if piece >= params.groups { return; }
    begin(lane);
    let end = min((piece + 1u) * params.piece, params.len);
    for (var i = piece * params.piece + lane; i < end; i += WORKGROUP) {
        atomicAdd(&bins[bin_of(values[params.offset + i])], 1u);
    }
    publish(lane);
}

/// The same of the ratio of each weight's change by the step to what it was
@compute @workgroup_size(WORKGROUP)
fn count_ratios(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let piece = group.x + group.y * groups.x;
    if piece >= params.groups { return; }
    begin(lane);
    let end = min((piece + 1u) * params.piece, params.len);
    for (var i = piece * params.piece + lane; i < end; i += WORKGROUP) {
        let at = params.offset + i;
        atomicAdd(&bins[ratio_bin(before[at], values[at])], 1u);
    }
    publish(lane);
}

/// picture[series, bin, column] = log2(1 + 1023 · share of the bin) / 10, for one series and column
@compute @workgroup_size(WORKGROUP)
fn draw_strips(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    if index >= params.groups { return; }
    let series = index / COLUMNS;
    let column = index % COLUMNS;
    let place = order[column];
    let is_there = place != 0xffffffffu;
    let first = select(0u, place * params.len + series * BINS, is_there);
    var share = 0u;
    for (var bin = lane; bin < BINS; bin += WORKGROUP) { share += kept[first + bin]; }
    let all = f32(max(total(lane, share), 1u));
    for (var bin = lane; bin < BINS; bin += WORKGROUP) {
        let light = log2(1.0 + 1023.0 * f32(kept[first + bin]) / all) / 10.0;
        picture[(series * BINS + BINS - 1u - bin) * COLUMNS + column] = select(0.0, light, is_there);
    }
}
