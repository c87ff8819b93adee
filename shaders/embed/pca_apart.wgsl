// Rows far apart from most: they take no principal direction from the others, and stay as far when they are projected.
// See src/embed/pca/apart.rs.
const WORKGROUP: u32 = 64u;

// `quads` of points per dimension, of which `sample` are projected. `points` hold `dims` values, from `first_dim` on; sums of squares
// are added up in component `which`.
#import ApartParams
#import Summary

@group(0) @binding(0) var<uniform> params: ApartParams;
// [d − first_dim, i]
@group(0) @binding(1) var<storage, read_write> points: array<f32>;
// [c, i/4]: the sample projected on the directions.
@group(0) @binding(2) var<storage, read_write> projected: array<vec4<f32>>;
// Bit 0: left out.
@group(0) @binding(3) var<storage, read> flags: array<u32>;
@group(0) @binding(4) var<storage, read> summary: Summary;
// [i]: largest absolute value of row i about the middles.
@group(0) @binding(5) var<storage, read> lengths: array<f32>;
// [i]: squared lengths of row i, and of its projection.
@group(0) @binding(6) var<storage, read_write> squares: array<vec2<f32>>;

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// 1 for rows of a quad that count in the directions: not left out, and not far apart from most.
fn counted(at: u32) -> vec4<f32> {
    var quad = at;
    if params.sample != params.quads { quad = at * params.quads / params.sample; }
    var counts = vec4<f32>(0.0);
    for (var k = 0u; k < 4u; k++) {
        let i = quad * 4u + k;
        counts[k] = f32(i < params.count && (flags[i] & 1u) == 0u && lengths[i] <= summary.apart);
    }
    return counts;
}

/// projected[c, i] − the mean of those that count; 0 for the others. Nothing where no row is far apart
@compute @workgroup_size(WORKGROUP)
fn leave_out(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if summary.apart >= 3e38 { return; }
    let column = group.x * params.sample;
    var sum = vec2<f32>(0.0);
    for (var at = lane; at < params.sample; at += WORKGROUP) {
        let counts = counted(at);
        sum += vec2<f32>(dot(counts, projected[column + at]), dot(counts, counts));
    }
    let all = total(lane, sum);
    let mean = all.x / max(all.y, 1.0);
    for (var at = lane; at < params.sample; at += WORKGROUP) {
        projected[column + at] = counted(at) * (projected[column + at] - vec4<f32>(mean));
    }
}

/// True for a row that is far apart from most.
fn is_apart(i: u32) -> bool {
    return i < params.count && (flags[i] & 1u) == 0u && lengths[i] > summary.apart;
}

/// squares[i][which] = Σ_d points[d, i]², accumulated where first_dim > 0, of rows that are far apart
@compute @workgroup_size(WORKGROUP)
fn add_squares(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if !is_apart(i) { return; }
    var sum = 0.0;
    if params.first_dim > 0u { sum = squares[i][params.which]; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let value = points[d * params.quads * 4u + i];
        sum += value * value;
    }
    squares[i][params.which] = sum;
}

/// points[:, i], the projection of a row that is far apart, as long as the row; along the first component where nothing is left of it
@compute @workgroup_size(WORKGROUP)
fn lengthen(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if !is_apart(i) { return; }
    let square = squares[i];
    let lost = square.y <= 1e-12 * square.x;
    let factor = select(sqrt(square.x / square.y), 0.0, lost);
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let at = d * params.quads * 4u + i;
        points[at] = select(points[at] * factor, sqrt(square.x), lost && params.first_dim + d == 0u);
    }
}
