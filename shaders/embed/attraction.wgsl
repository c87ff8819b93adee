// Attraction by the neighbors, and each row's terms of the divergence. See src/embed/attraction.rs.
#constant WORKGROUP = 64
const NONE: u32 = 0xffffffffu;
// Threads of a row, which read its entries side by side.
#constant LANES = 1
// Points lie by list, and targets are their slots.
#constant ORDERED = 0

// `count` points from `begin` on; a chunk's entries are of `rows` rows from `first` on.
#import AttractionParams

@group(0) @binding(0) var<uniform> params: AttractionParams;
@group(0) @binding(1) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read_write> attraction: array<vec4<f32>>;
#if ORDERED
// [slot]: row of the point, or NONE.
@group(0) @binding(6) var<storage, read> row_ids: array<u32>;
#end

#if LANES - 1
var<workgroup> sums: array<vec4<f32>, WORKGROUP>;

#end
/// attraction[i] = (Σ_j p_ij q̃_ij (y_i − y_j), Σ_j p_ij ln(1 + |y_i − y_j|²), Σ_j p_ij)
@compute @workgroup_size(WORKGROUP)
fn attract(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let at = (id.x + id.y * groups.x * WORKGROUP) / LANES;
    let lane = thread % LANES;
#if ORDERED
    let point = params.begin + min(at, params.count - 1u);
    let row = row_ids[point];
    // Others are of another chunk, or none.
    let is_own = row != NONE && row - params.first < params.rows;
    let i = select(0u, row - params.first, is_own);
#else
    let i = params.begin + min(at, params.count - 1u);
    let point = params.first + i;
    let row = point;
    let is_own = true;
#end
    let own = positions[point];
    var sum = vec4<f32>(0.0);
    let end = select(0u, starts[i + 1u], is_own);
    for (var e = starts[i] + lane; e < end; e += LANES) {
        let apart = own - positions[targets[e]];
        let far = 1.0 + dot(apart, apart);
        let p = values[e];
        sum += vec4<f32>(p / far * apart, p * log(far), p);
    }
#if LANES - 1
    sums[thread] = sum;
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half { sums[thread] += sums[thread + half]; }
    }
    sum = sums[thread];
#end
    if lane == 0u && at < params.count && is_own { attraction[row] = sum; }
}
