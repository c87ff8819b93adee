// Rows far beyond most others, pulled in so that the others keep their digits. See src/embed/far_rows.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Rows this many times as long as usual ones are far.
const FAR: f32 = 1024.0;
// Rows this many times as long would take a principal component for themselves.
const APART: f32 = 32.0;
// Of more rows than this a sample says what is usual.
const SAMPLE: u32 = 16384u;
// Rounds in which far rows are set aside.
const ROUNDS: u32 = 16u;

// `dims` values from `first_dim` on.
#import FarParams
#import Summary

@group(0) @binding(0) var<uniform> params: FarParams;
// [d − first_dim, i], centered.
@group(0) @binding(1) var<storage, read_write> points: array<f32>;
// Bit 0: left out.
@group(0) @binding(2) var<storage, read> flags: array<u32>;
@group(0) @binding(3) var<storage, read_write> summary: Summary;
// [i]: largest absolute value of row i about the middles.
@group(0) @binding(4) var<storage, read_write> lengths: array<f32>;
// [d]: middle of most of the centered values.
@group(0) @binding(5) var<storage, read> middles: array<f32>;

/// lengths[i] = max_d |points[d, i] − middles[d]|, and what it was where first_dim > 0
@compute @workgroup_size(WORKGROUP)
fn measure(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var most = 0.0;
    if params.first_dim > 0u { most = lengths[i]; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        most = max(most, abs(points[d * params.stride + i] - middles[params.first_dim + d]));
    }
    lengths[i] = most;
}

alias Summand = vec4<f32>;
const TOTAL_LANES = LANES;
#import common/total

/// summary: the usual length, a mean of those up to twice itself; lengths beyond which rows are far, and apart; none where more than an
/// eighth are
@compute @workgroup_size(LANES)
fn find_far(@builtin(local_invocation_index) lane: u32) {
    let step = (params.count + SAMPLE - 1u) / SAMPLE;
    var usual = 1e38;
    for (var round = 0u; round < ROUNDS; round++) {
        var sum = vec4<f32>(0.0);
        for (var i = lane * step; i < params.count; i += LANES * step) {
            if (flags[i] & 1u) == 0u && lengths[i] <= 2.0 * usual { sum += vec4<f32>(lengths[i], 1.0, 0.0, 0.0); }
        }
        let all = total(lane, sum);
        usual = all.x / max(all.y, 1.0);
    }
    let reach = FAR * usual;
    var far = vec3<f32>(0.0);
    for (var i = lane; i < params.count; i += LANES) {
        let length = lengths[i];
        if (flags[i] & 1u) == 0u { far += vec3<f32>(f32(length > reach), f32(length > APART * usual), 1.0); }
    }
    let counted = total(lane, vec4<f32>(far, 0.0));
    if lane > 0u { return; }
    let few = (counted.xy > vec2<f32>(0.0)) & (8.0 * counted.xy <= vec2<f32>(counted.z)) & vec2<bool>(usual > 0.0);
    summary.usual = usual;
    summary.reach = select(3e38, reach, few.x);
    summary.apart = select(summary.reach, APART * usual, few.y);
}

/// points[:, i] about the middles, in units of the usual length, where there are far rows; theirs is 1024 (1 + ln(length / reach))
@compute @workgroup_size(WORKGROUP)
fn pull_in(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count || (flags[i] & 1u) == 1u || summary.reach >= 3e38 { return; }
    let length = lengths[i];
    var factor = 1.0 / summary.usual;
    if length > summary.reach { factor = FAR * (1.0 + log(length / summary.reach)) / length; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let at = d * params.stride + i;
        points[at] = (points[at] - middles[params.first_dim + d]) * factor;
    }
}
