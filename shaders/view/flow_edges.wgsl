// What flows along the edges between two columns of tiles, and the list of the strongest. See src/view/flow/mod.rs.
const WORKGROUP: u32 = 64u;
// Lanes of the one workgroup that ranks edges, and bins of its histogram.
const LANES: u32 = 256u;

#import FlowEdgesParams
#import EdgeRanking
#import common/floats

@group(0) @binding(0) var<uniform> params: FlowEdgesParams;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> flows: array<f32>;
@group(0) @binding(4) var<storage, read_write> ranking: EdgeRanking;
@group(0) @binding(5) var<storage, read_write> histogram: array<u32>;
@group(0) @binding(6) var<storage, read_write> listed: array<u32>;

/// flows[i] = Σ_{m, tap} weights[target, source·channels + m, tap] · sums[the same channel of the target's group, tap], or sums[i] without weights
@compute @workgroup_size(WORKGROUP)
fn edge_sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = params.first + id.x + id.y * groups.x * WORKGROUP;
    if i >= params.last { return; }
    if params.taps == 0u {
        flows[i] = sums[i];
        return;
    }
    let terms = params.channels * params.taps;
    let target_tile = i / params.sources;
    let source = i % params.sources + target_tile / params.group_targets * params.sources;
    let weight = params.weight_offset + target_tile * params.weight_stride + i % params.sources * terms;
    var sum = 0.0;
    for (var t = 0u; t < terms; t++) { sum += weights[weight + t] * sums[source * terms + t]; }
    flows[i] = sum;
}

/// A number that grows with the magnitude of a flow; 0 for none, NaN and infinity
fn key_of(edge: u32) -> u32 {
    let flow = flows[edge];
    return select(0u, bitcast<u32>(flow) & 0x7fffffffu, is_finite(flow));
}

var<workgroup> bins: array<atomic<u32>, LANES>;
var<workgroup> largest: atomic<u32>;

/// ranking = the key of the flow of rank `wanted`, found eight bits a pass from the highest on: a histogram of those bits over the keys that begin alike
@compute @workgroup_size(LANES)
fn rank_edges(@builtin(local_invocation_index) lane: u32) {
    let begins = params.begins != 0u;
    let is_first = params.shift == 24u;
    let prefix = select(ranking.key, 0u, is_first);
    atomicStore(&bins[lane], select(histogram[lane], 0u, begins));
    if lane == 0u { atomicStore(&largest, select(ranking.largest, 0u, is_first && begins)); }
    workgroupBarrier();
    for (var i = params.first + lane; i < params.last; i += LANES) {
        let key = key_of(i);
        if is_first { atomicMax(&largest, key); }
        if is_first || (key >> params.shift) >> 8u == (prefix >> params.shift) >> 8u {
            atomicAdd(&bins[(key >> params.shift) & 255u], 1u);
        }
    }
    workgroupBarrier();
    histogram[lane] = atomicLoad(&bins[lane]);
    if lane != 0u { return; }
    ranking.largest = atomicLoad(&largest);
    if params.ends == 0u { return; }
    var rank = select(ranking.ties_wanted, params.wanted, is_first);
    var bin = 255u;
    for (; bin > 0u; bin--) {
        let count = atomicLoad(&bins[bin]);
        if rank <= count { break; }
        rank -= count;
    }
    ranking.key = prefix | (bin << params.shift);
    ranking.ties_wanted = rank;
}

// Flows above the ranked key, and equal ones, in the parts of the lanes up to each.
var<workgroup> counts: array<vec2<u32>, LANES>;

/// listed = the edges with a key above the ranked one, and as many equal ones as are wanted, by index; none that is 0
@compute @workgroup_size(LANES)
fn list_edges(@builtin(local_invocation_index) lane: u32) {
    let part = (params.last - params.first + LANES - 1u) / LANES;
    let first = min(params.first + lane * part, params.last);
    let last = min(first + part, params.last);
    let key = ranking.key;
    let ties = select(0u, ranking.ties_wanted, key > 0u);
    let before = select(vec2<u32>(ranking.above, ranking.ties), vec2<u32>(0u), params.begins != 0u);
    var count = vec2<u32>(0u);
    for (var i = first; i < last; i++) {
        let own = key_of(i);
        count += vec2<u32>(u32(own > key), u32(own == key));
    }
    counts[lane] = count;
    workgroupBarrier();
    for (var reach = 1u; reach < LANES; reach *= 2u) {
        var sum = counts[lane];
        if lane >= reach { sum += counts[lane - reach]; }
        workgroupBarrier();
        counts[lane] = sum;
        workgroupBarrier();
    }
    var at = before + counts[lane] - count;
    for (var i = first; i < last; i++) {
        let own = key_of(i);
        if own > key || (own == key && at.y < ties) {
            let place = at.x + min(at.y, ties);
            if place < params.wanted { listed[place] = i; }
        }
        at += vec2<u32>(u32(own > key), u32(own == key));
    }
    if lane == LANES - 1u {
        ranking.above = at.x;
        ranking.ties = at.y;
        if params.ends != 0u { ranking.listed = at.x + min(at.y, ties); }
    }
}
