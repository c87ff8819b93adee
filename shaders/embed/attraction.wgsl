// Attraction by the neighbors, and each row's terms of the divergence. See src/embed/attraction.rs.
const WORKGROUP: u32 = 64u;
// Threads of a row, which read its entries side by side.
#constant LANES = 1

// `count` rows from row `begin` of a chunk on, whose own first row is `first`.
#import AttractionParams

@group(0) @binding(0) var<uniform> params: AttractionParams;
@group(0) @binding(1) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read_write> attraction: array<vec4<f32>>;

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
    let i = params.begin + min(at, params.count - 1u);
    let own = positions[params.first + i];
    var sum = vec4<f32>(0.0);
    let end = starts[i + 1u];
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
    if lane == 0u && at < params.count { attraction[params.first + i] = sum; }
}
