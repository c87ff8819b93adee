// Rows far beyond most others, pulled in so that the others keep their digits. See src/embed/far_rows.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Rows this many times as long as usual ones are far.
const FAR: f32 = 1024.0;
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
// [i]: largest absolute value of row i.
@group(0) @binding(4) var<storage, read_write> lengths: array<f32>;

/// lengths[i] = max_d |points[d, i]|, and what it was where first_dim > 0
@compute @workgroup_size(WORKGROUP)
fn measure(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var most = 0.0;
    if params.first_dim > 0u { most = lengths[i]; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) { most = max(most, abs(points[d * params.stride + i])); }
    lengths[i] = most;
}

alias Summand = vec2<f32>;
const TOTAL_LANES = LANES;
#import common/total

/// summary: the usual length, a mean of those up to twice itself; the reach, beyond which rows are far, none where more than an eighth are
@compute @workgroup_size(LANES)
fn find_far(@builtin(local_invocation_index) lane: u32) {
    let step = (params.count + SAMPLE - 1u) / SAMPLE;
    var usual = 1e38;
    for (var round = 0u; round < ROUNDS; round++) {
        var sum = vec2<f32>(0.0);
        for (var i = lane * step; i < params.count; i += LANES * step) {
            if (flags[i] & 1u) == 0u && lengths[i] <= 2.0 * usual { sum += vec2<f32>(lengths[i], 1.0); }
        }
        let all = total(lane, sum);
        usual = all.x / max(all.y, 1.0);
    }
    let reach = FAR * usual;
    var far = vec2<f32>(0.0);
    for (var i = lane; i < params.count; i += LANES) {
        if (flags[i] & 1u) == 0u { far += vec2<f32>(f32(lengths[i] > reach), 1.0); }
    }
    let counted = total(lane, far);
    if lane > 0u { return; }
    let few = usual > 0.0 && counted.x > 0.0 && 8.0 * counted.x <= counted.y;
    summary.usual = usual;
    summary.reach = select(3e38, reach, few);
}

/// points[:, i] in units of the usual length where there are far rows; theirs is 1024 (1 + ln(length / reach))
@compute @workgroup_size(WORKGROUP)
fn pull_in(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count || summary.reach >= 3e38 { return; }
    let length = lengths[i];
    var factor = 1.0 / summary.usual;
    if length > summary.reach { factor = FAR * (1.0 + log(length / summary.reach)) / length; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) { points[d * params.stride + i] *= factor; }
}
