// Two principal components by simultaneous power iteration. See src/embed/pca_init.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// A first component this many times as large as the second leaves its rounding in it.
const RATIO: f32 = 256.0;

// `dims` values from `first_dim` on.
#import PcaInitParams
#import Summary

@group(0) @binding(0) var<uniform> params: PcaInitParams;
// [d − first_dim, i], centered.
@group(0) @binding(1) var<storage, read> points: array<f32>;
// [d]: the two directions.
@group(0) @binding(2) var<storage, read_write> directions: array<vec2<f32>>;
// [i]: the points along them.
@group(0) @binding(3) var<storage, read_write> components: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> directions_in: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> components_in: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> flags: array<u32>;
@group(0) @binding(7) var<storage, read> summary: Summary;
// [i]: largest absolute value of row i.
@group(0) @binding(8) var<storage, read> lengths: array<f32>;

var<workgroup> sums: array<vec2<f32>, WORKGROUP>;

/// directions[d] = two fixed vectors, not parallel
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let d = id.x + id.y * groups.x * WORKGROUP;
    if d >= params.dims { return; }
    let turn = f32(d) * 2.3999632;
    directions[d] = vec2<f32>(1.0 + 0.5 * sin(turn), cos(turn) + 0.25 * sin(3.0 * turn));
}

/// components[i] = Σ_d points[d, i] · directions[d], accumulated where first_dim > 0
@compute @workgroup_size(WORKGROUP)
fn project(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var sum = vec2<f32>(0.0);
    if params.first_dim > 0u { sum = components[i]; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        sum += points[d * params.stride + i] * directions_in[params.first_dim + d];
    }
    components[i] = sum;
}

/// directions[d] = Σ_i points[d, i] · components[i]
@compute @workgroup_size(WORKGROUP)
fn back_project(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let d = group.x;
    var sum = vec2<f32>(0.0);
    for (var i = lane; i < params.count; i += WORKGROUP) {
        sum += points[d * params.stride + i] * components_in[i];
    }
    sums[lane] = sum;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half { sums[lane] += sums[lane + half]; }
        workgroupBarrier();
    }
    if lane == 0u { directions[params.first_dim + d] = sums[0]; }
}

alias Summand = vec4<f32>;
const TOTAL_LANES = LANES;
#import common/total

fn inverse_root(square: f32) -> f32 {
    return select(0.0, 1.0 / sqrt(square), square > 1e-30);
}

/// Both directions of length 1, the second orthogonal to the first
@compute @workgroup_size(LANES)
fn orthonormalize(@builtin(local_invocation_index) lane: u32) {
    var square = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) { square += vec4<f32>(directions[d].x * directions[d].x, 0.0, 0.0, 0.0); }
    let first = inverse_root(total(lane, square).x);
    var product = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) { product += vec4<f32>(directions[d].x * first * directions[d].y, 0.0, 0.0, 0.0); }
    let along = total(lane, product).x;
    var rest = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) {
        let left = directions[d].y - along * directions[d].x * first;
        rest += vec4<f32>(left * left, 0.0, 0.0, 0.0);
    }
    let second = inverse_root(total(lane, rest).x);
    for (var d = lane; d < params.dims; d += LANES) {
        let v = directions[d];
        directions[d] = vec2<f32>(v.x * first, (v.y - along * v.x * first) * second);
    }
}

/// Rows that count in the directions: not left out, and not far from most.
fn counts(i: u32) -> bool {
    return (flags[i] & 1u) == 0u && lengths[i] <= summary.apart;
}

/// components − their mean where it is not negligible; the second without its share of the first where that is far larger, whose rounding
/// it would hold otherwise; 0 for rows that do not count, except in the last round
@compute @workgroup_size(LANES)
fn purify(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4<f32>(0.0);
    for (var i = lane; i < params.count; i += LANES) {
        if counts(i) { sum += vec4<f32>(components[i], 1.0, 0.0); }
    }
    let sums = total(lane, sum);
    var mean = sums.xy / max(sums.z, 1.0);
    sum = vec4<f32>(0.0);
    for (var i = lane; i < params.count; i += LANES) {
        let apart = components[i] - mean;
        if counts(i) { sum += vec4<f32>(apart * apart, apart.x * apart.y, 0.0); }
    }
    let squares = total(lane, sum);
    mean = select(mean, vec2<f32>(0.0), mean * mean * sums.z <= 1e-6 * squares.xy);
    var share = 0.0;
    if squares.x > RATIO * RATIO * squares.y { share = squares.z / squares.x; }
    let tells = summary.apart < 3e38 && params.last == 0u;
    if share == 0.0 && all(mean == vec2<f32>(0.0)) && !tells { return; }
    for (var i = lane; i < params.count; i += LANES) {
        let apart = components[i] - mean;
        let pure = vec2<f32>(apart.x, apart.y - share * apart.x);
        components[i] = select(pure, vec2<f32>(0.0), tells && !counts(i));
    }
}

alias Largest = vec2<f32>;
alias Places = vec2<u32>;
const SIGN_LANES = LANES;
#import common/signs

/// Each direction *= ±1 so that its largest component is positive, the first of equals
@compute @workgroup_size(LANES)
fn fix_signs(@builtin(local_invocation_index) lane: u32) {
    var most = vec2<f32>(0.0);
    var at = vec2<u32>(lane);
    for (var d = lane; d < params.dims; d += LANES) {
        let more = abs(directions[d]) > abs(most);
        most = select(most, directions[d], more);
        at = select(at, vec2<u32>(d), more);
    }
    let signs = signs(lane, most, at);
    for (var d = lane; d < params.dims; d += LANES) { directions[d] *= signs; }
}
