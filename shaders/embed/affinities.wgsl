// Conditional and joint probabilities from nearest neighbors. See src/embed/affinities.rs.
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;
// Entries name the slots of rows in the end.
#constant ORDERED = 0
// Rows of a block of the scan; its threads.
const BLOCK: u32 = 256u;

// A chunk has `count` rows from `first` on and room for `room` entries; the other chunk has `other_count` rows from `other_first` on.
// A dispatch covers the neighbors from `first_entry` to `end_entry`.
#import AffinitiesParams

#import Summary

@group(0) @binding(0) var<uniform> params: AffinitiesParams;
// [i, k]: in the order in which they were found first, then by index.
@group(0) @binding(1) var<storage, read> indices: array<u32>;
// [i, k]: squared distances first, in their place then p_{j|i}
@group(0) @binding(3) var<storage, read_write> conditional: array<f32>;
@group(0) @binding(4) var<storage, read> conditional_in: array<f32>;
@group(0) @binding(5) var<storage, read> other_indices: array<u32>;
@group(0) @binding(6) var<storage, read> other_conditional: array<f32>;
// [all rows]: entries that only the other row has; then the number of them written; in the end the slot of the row, where there are slots.
@group(0) @binding(7) var<storage, read_write> extra: array<atomic<u32>>;
// Compressed rows: row i has entries starts[i] to starts[i + 1].
@group(0) @binding(8) var<storage, read_write> starts: array<u32>;
@group(0) @binding(9) var<storage, read> starts_in: array<u32>;
@group(0) @binding(10) var<storage, read_write> sums: array<u32>;
@group(0) @binding(11) var<storage, read_write> targets: array<u32>;
@group(0) @binding(12) var<storage, read_write> values: array<f32>;
@group(0) @binding(13) var<storage, read> summary: Summary;
// Of all rows: Σ_j p_ij ln p_ij
@group(0) @binding(14) var<storage, read_write> entropies: array<f32>;
// Of all rows: the first of the rows that are equal to row i where its neighbors all are, else i
@group(0) @binding(15) var<storage, read_write> leaders: array<u32>;

/// conditional[i, k] = exp(−β δ_ik) / Σ exp(−β δ), δ = d² − min d², in place of d², with β so that its entropy is ln perplexity; leaders[i]
@compute @workgroup_size(WORKGROUP)
fn conditional_probabilities(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let row = params.first + i;
    atomicStore(&extra[row], 0u);
    var leader = row;
    let base = i * params.neighbors;
    // Those found come first, in any order.
    var found = 0u;
    var nearest = 3e38;
    var farthest = 0.0;
    while found < params.neighbors && indices[base + found] != NONE {
        nearest = min(nearest, conditional[base + found]);
        farthest = max(farthest, conditional[base + found]);
        leader = min(leader, indices[base + found]);
        found++;
    }
    leaders[row] = select(row, leader, found == params.neighbors && farthest == 0.0);
    if found == 0u { return; }
    let span = farthest - nearest;
    // A row with fewer than k neighbors cannot meet the perplexity.
    let wanted = select(max(f32(found) / 3.0, 1.0), params.perplexity, found == params.neighbors);
    let target_entropy = log(min(wanted, f32(found)));
    var beta = 0.0;
    if span > 0.0 {
        var low = -60.0;
        var high = 60.0;
        // The entropy depends on β · span alone; from there on its logarithm is searched.
        var t = 1.0;
        for (var round = 0u; round < 48u; round++) {
            beta = exp(t);
            var s = 0.0;
            var m = 0.0;
            var v = 0.0;
            for (var k = 0u; k < found; k += 4u) {
                // Four at a time: the software adapter's driver counts the rounds.
                let at = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
                let at_entry = vec4<u32>(base) + min(at, vec4<u32>(found - 1u));
                let far = vec4<f32>(conditional[at_entry.x], conditional[at_entry.y], conditional[at_entry.z], conditional[at_entry.w]);
                let d = (far - vec4<f32>(nearest)) / span;
                let e = select(vec4<f32>(0.0), exp(-beta * d), at < vec4<u32>(found));
                s += dot(e, vec4<f32>(1.0));
                m += dot(e, d);
                v += dot(e * d, d);
            }
            m /= s;
            v = v / s - m * m;
            let f = log(s) + beta * m - target_entropy;
            if abs(f) < 1e-5 { break; }
            if f > 0.0 { low = t; } else { high = t; }
            let slope = -beta * beta * v;
            let step = t - f / slope;
            t = select(0.5 * (low + high), step, slope < -1e-12 && step > low && step < high);
        }
        beta /= span;
    }
    var total = 0.0;
    for (var k = 0u; k < found; k++) {
        let p = exp(-beta * (conditional[base + k] - nearest));
        conditional[base + k] = p;
        total += p;
    }
    for (var k = 0u; k < found; k++) { conditional[base + k] /= total; }
}

/// Entry of `wanted` in row j of the other chunk, or NONE.
fn find_in(j: u32, wanted: u32) -> u32 {
    let base = j * params.neighbors;
    var low = 0u;
    var high = params.neighbors;
    while low < high {
        let middle = (low + high) / 2u;
        if other_indices[base + middle] < wanted { low = middle + 1u; } else { high = middle; }
    }
    if low < params.neighbors && other_indices[base + low] == wanted { return base + low; }
    return NONE;
}

/// Row in the other chunk that entry e points to, or NONE.
fn other_row(e: u32) -> u32 {
    if e >= params.end_entry { return NONE; }
    let j = indices[e];
    if j == NONE || j < params.other_first || j - params.other_first >= params.other_count { return NONE; }
    return j - params.other_first;
}

/// extra[j] = the number of rows that have j as a neighbor and that j has not
@compute @workgroup_size(WORKGROUP)
fn count_reverse(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = params.first_entry + id.x + id.y * groups.x * WORKGROUP;
    let j = other_row(e);
    if j == NONE { return; }
    if find_in(j, params.first + e / params.neighbors) == NONE { atomicAdd(&extra[params.other_first + j], 1u); }
}

/// Number of neighbors of row i.
fn own_length(i: u32) -> u32 {
    let base = i * params.neighbors;
    var low = 0u;
    var high = params.neighbors;
    while low < high {
        let middle = (low + high) / 2u;
        if indices[base + middle] != NONE { low = middle + 1u; } else { high = middle; }
    }
    return low;
}

var<workgroup> lengths: array<u32, BLOCK>;

/// starts[i] = Σ_{i' < i, same block} length of row i'; sums[b] = the block's total
@compute @workgroup_size(BLOCK)
fn scan_block(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    let i = block * BLOCK + lane;
    var own = 0u;
    if i < params.count { own = own_length(i) + atomicLoad(&extra[params.first + i]); }
    lengths[lane] = own;
    workgroupBarrier();
    for (var step = 1u; step < BLOCK; step *= 2u) {
        var before = 0u;
        if lane >= step { before = lengths[lane - step]; }
        workgroupBarrier();
        lengths[lane] += before;
        workgroupBarrier();
    }
    if i < params.count {
        starts[i] = lengths[lane] - own;
        atomicStore(&extra[params.first + i], 0u);
    }
    if lane == BLOCK - 1u && block < params.blocks { sums[block] = lengths[lane]; }
}

/// sums[b] = Σ_{b' < b} sums[b'], one after the other
@compute @workgroup_size(1)
fn scan_sums(@builtin(global_invocation_id) id: vec3<u32>) {
    var total = 0u;
    for (var b = 0u; b < params.blocks + (id.x >> 31u); b++) {
        let own = sums[b];
        sums[b] = total;
        total += own;
    }
    starts[params.count] = min(total, params.room);
}

/// starts[i] += sums[i / BLOCK], within the room there is
@compute @workgroup_size(WORKGROUP)
fn add_sums(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    // A chunk may have less room than all its rows need where the same few are neighbors of all.
    if i < params.count { starts[i] = min(starts[i] + sums[i / BLOCK], params.room); }
}

/// values[i, j] = (p_{j|i} + p_{i|j}) / 2n for the neighbors j of row i in the other chunk
@compute @workgroup_size(WORKGROUP)
fn scatter_own(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = params.first_entry + id.x + id.y * groups.x * WORKGROUP;
    let j = other_row(e);
    if j == NONE { return; }
    let i = e / params.neighbors;
    let reverse = find_in(j, params.first + i);
    var p = conditional_in[e];
    if reverse != NONE { p += other_conditional[reverse]; }
    let own = starts_in[i] + e - i * params.neighbors;
    if own >= params.room { return; }
    targets[own] = params.other_first + j;
    values[own] = p / (2.0 * max(f32(summary.kept), 1.0));
}

/// values[j, i] = p_{j|i} / 2n in row j of the other chunk, where i is no neighbor of j
@compute @workgroup_size(WORKGROUP)
fn scatter_reverse(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = params.first_entry + id.x + id.y * groups.x * WORKGROUP;
    let j = other_row(e);
    if j == NONE { return; }
    let i = params.first + e / params.neighbors;
    if find_in(j, i) != NONE { return; }
    // The neighbors of row j end where the greatest index would be.
    var low = 0u;
    var high = params.neighbors;
    while low < high {
        let middle = (low + high) / 2u;
        if other_indices[j * params.neighbors + middle] != NONE { low = middle + 1u; } else { high = middle; }
    }
    let at_entry = starts_in[j] + low + atomicAdd(&extra[params.other_first + j], 1u);
    if at_entry >= params.room { return; }
    targets[at_entry] = i;
    values[at_entry] = conditional_in[e] / (2.0 * max(f32(summary.kept), 1.0));
}

/// entropies[i] = Σ_j p_ij ln p_ij; targets become slots where `extra` has them
@compute @workgroup_size(WORKGROUP)
fn row_entropies(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var entropy = 0.0;
    let end = starts_in[i + 1u];
    for (var e = starts_in[i]; e < end; e++) {
        let p = values[e];
        entropy += select(0.0, p * log(p), p > 1e-37);
#if ORDERED
        targets[e] = atomicLoad(&extra[targets[e]]);
#end
    }
    entropies[params.first + i] = entropy;
}
