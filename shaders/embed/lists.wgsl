// Rows in lists about centroids: k-means on a sample, rows by list, and the lists that each list searches. See src/embed/lists.rs.
const WORKGROUP: u32 = 64u;
const BLOCK: u32 = 256u;
// Rows of a tile of the search.
#constant TILE = 16
// Members of a list that its centroid is the mean of, at most.
const MEMBERS: u32 = 4096u;
// Buffers that the points lie in.
#constant PARTS = 1
const NONE: u32 = 0xffffffffu;
const FAR: f32 = 3e38;

// `count` rows in `quads` of places, of which a sample takes one every `step` and `rest` more in all; `blocks` of rows; `places` quads
// of rows by list, in `tiles` at most; `probes` lists and `budget` quads for each list. A buffer holds `part` values; those of `source`
// begin with `first_dim`. Lists are found for `pairs` pairs of quads at once.
#import ListParams

@group(0) @binding(0) var<uniform> params: ListParams;
// [d − first_dim, i]
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> source_flags: array<u32>;
@group(0) @binding(3) var<storage, read_write> sample: array<f32>;
@group(0) @binding(4) var<storage, read_write> sample_flags: array<u32>;
// [d − part of it, i/4]
#for p in PARTS
@group(0) @binding({20 + p}) var<storage, read> points_{p}: array<vec4<f32>>;
#end
// [i]: bit 0 where a row is left out.
@group(0) @binding(6) var<storage, read> flags: array<u32>;
// [d, list]
@group(0) @binding(7) var<storage, read_write> centroids: array<f32>;
@group(0) @binding(8) var<storage, read> known_centroids: array<vec4<f32>>;
// [i]: list of a row, NONE where it is left out.
@group(0) @binding(9) var<storage, read_write> list_of: array<u32>;
// [i]: rows before it in its block that are in its list.
@group(0) @binding(10) var<storage, read_write> ranks: array<u32>;
// [block, list]: rows of the list in the block; then those in the blocks before.
@group(0) @binding(11) var<storage, read_write> counts: array<u32>;
// [list]: first place, number of rows, first tile, 0.
@group(0) @binding(12) var<storage, read_write> bounds: array<vec4<u32>>;
// [place]: the row that lies there, or NONE.
@group(0) @binding(13) var<storage, read_write> names: array<u32>;
@group(0) @binding(14) var<storage, read> known_names: array<vec4<u32>>;
@group(0) @binding(15) var<storage, read_write> placed: array<vec4<f32>>;
// [tile]: first place, end of its list, the list, 0.
@group(0) @binding(16) var<storage, read_write> tiles: array<vec4<u32>>;
@group(0) @binding(17) var<storage, read_write> list_names: array<u32>;
// [list, probe]: lists, the nearest first, NONE beyond the last.
@group(0) @binding(18) var<storage, read> near: array<u32>;
// [list, budget]: quads to search.
@group(0) @binding(19) var<storage, read_write> candidates: array<u32>;

/// The row that is number `s` of the sample.
fn sampled(s: u32) -> u32 {
    return s * params.step + s * params.rest / params.count;
}

/// sample[first_dim + d, s] = source[d, row of s], and its flags
@compute @workgroup_size(WORKGROUP)
fn take_sample(@builtin(global_invocation_id) id: vec3<u32>) {
    let s = id.x;
    if s >= params.quads * 4u { return; }
    let there = s < params.count;
    let row = select(0u, sampled(s), there);
    if params.first_dim + id.y == 0u { sample_flags[s] = select(1u, source_flags[row] & 1u, there); }
    sample[(params.first_dim + id.y) * params.quads * 4u + s] = select(0.0, source[id.y * params.source_quads * 4u + row], there);
}

/// centroids[d, c] = source[d, c-th of as many rows as lists, spread evenly]; 0 beyond the last list
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if c >= params.list_quads * 4u { return; }
    let row = c * (params.count / params.lists) + c * (params.count % params.lists) / params.lists;
    let at = id.y * params.list_quads * 4u + c;
    centroids[at] = select(0.0, source[id.y * params.source_quads * 4u + min(row, params.count - 1u)], c < params.lists);
}

/// list_of[i] = argmin_c Σ_d (points[d, i] − centroids[d, c])², the first of equals
@compute @workgroup_size(WORKGROUP)
fn assign(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let own = id.x + id.y * groups.x * WORKGROUP;
    if own >= params.pairs { return; }
    let pair = params.first_pair + own;
    var best_0 = vec4<f32>(FAR);
    var best_1 = vec4<f32>(FAR);
    var list_0 = vec4<u32>(0u);
    var list_1 = vec4<u32>(0u);
    for (var c = 0u; c < params.list_quads + (id.x >> 31u); c += 2u) {
#for k in 8
        var sum_{k}_0 = vec4<f32>(0.0);
        var sum_{k}_1 = vec4<f32>(0.0);
#end
#for p in PARTS
        let dims_{p} = min(max(params.dims, {p}u * params.part) - {p}u * params.part, params.part);
        for (var d = 0u; d < dims_{p} + (id.x >> 31u); d += 2u) {
#for i in 2
            let x_{i}_0 = points_{p}[(d + {i}u) * params.quads + 2u * pair];
            let x_{i}_1 = points_{p}[(d + {i}u) * params.quads + 2u * pair + 1u];
            let y_{i}_0 = known_centroids[({p}u * params.part + d + {i}u) * params.list_quads + c];
            let y_{i}_1 = known_centroids[({p}u * params.part + d + {i}u) * params.list_quads + c + 1u];
#end
#for k in 8
#for i in 2
            let apart_{k}_{i}_0 = x_{i}_0 - vec4<f32>(y_{i}_{k / 4}[{k % 4}u]);
            let apart_{k}_{i}_1 = x_{i}_1 - vec4<f32>(y_{i}_{k / 4}[{k % 4}u]);
            sum_{k}_0 += apart_{k}_{i}_0 * apart_{k}_{i}_0;
            sum_{k}_1 += apart_{k}_{i}_1 * apart_{k}_{i}_1;
#end
#end
        }
#end
#for k in 8
        if c * 4u + {k}u < params.lists {
            list_0 = select(list_0, vec4<u32>(c * 4u + {k}u), sum_{k}_0 < best_0);
            list_1 = select(list_1, vec4<u32>(c * 4u + {k}u), sum_{k}_1 < best_1);
            best_0 = min(best_0, sum_{k}_0);
            best_1 = min(best_1, sum_{k}_1);
        }
#end
    }
#for k in 8
    let i_{k} = pair * 8u + {k}u;
    if i_{k} < params.count {
        list_of[i_{k}] = select(list_{k / 4}[{k % 4}u], NONE, (flags[i_{k}] & 1u) == 1u);
    }
#end
}

var<workgroup> block_lists: array<u32, BLOCK>;

/// ranks[i] = the rows before i in its block and list; counts[b, l] = the rows of block b in list l
@compute @workgroup_size(BLOCK)
fn count_block(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    let i = block * BLOCK + lane;
    var own = NONE;
    if i < params.count { own = list_of[i]; }
    block_lists[lane] = own;
    if block < params.blocks {
        for (var l = lane; l < params.lists; l += BLOCK) { counts[block * params.lists + l] = 0u; }
    }
    storageBarrier();
    workgroupBarrier();
    var rank = 0u;
    var last = true;
    for (var other = 0u; other < BLOCK + (group.x >> 31u); other++) {
        let same = block_lists[other] == own;
        if same && other < lane { rank++; }
        if same && other > lane { last = false; }
    }
    if own == NONE { return; }
    ranks[i] = rank;
    if last { counts[block * params.lists + own] = rank + 1u; }
}

/// counts[b, l] = Σ_{b' < b} counts[b', l]; bounds[l].y = the total
@compute @workgroup_size(WORKGROUP)
fn sum_blocks(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.lists { return; }
    var total = 0u;
    for (var b = 0u; b < params.blocks + (id.x >> 31u); b++) {
        let at = b * params.lists + list;
        let own = counts[at];
        counts[at] = total;
        total += own;
    }
    bounds[list] = vec4<u32>(0u, total, 0u, 0u);
}

/// bounds[l]: the places and tiles before list l, which begins a quad
@compute @workgroup_size(1)
fn sum_lists(@builtin(global_invocation_id) id: vec3<u32>) {
    var place = 0u;
    var tile = 0u;
    for (var list = 0u; list < params.lists + (id.x >> 31u); list++) {
        let size = bounds[list].y;
        bounds[list] = vec4<u32>(place, size, tile, 0u);
        place += (size + 3u) / 4u * 4u;
        tile += (size + TILE - 1u) / TILE;
    }
}

/// names = NONE, tiles = none
@compute @workgroup_size(WORKGROUP)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    if at < params.places * 4u { names[at] = NONE; }
    if at < params.tiles { tiles[at] = vec4<u32>(0u, 0u, NONE, 0u); }
}

/// names[place] = i, rows of a list by index
@compute @workgroup_size(WORKGROUP)
fn place_rows(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let list = list_of[i];
    if list == NONE { return; }
    names[bounds[list].x + counts[i / BLOCK * params.lists + list] + ranks[i]] = i;
}

/// centroids[d, c] = the mean of source[d, i] over the rows of list c; as before where it has none
@compute @workgroup_size(WORKGROUP)
fn average(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.lists { return; }
    let first = bounds[list].x;
    let members = min(bounds[list].y, MEMBERS);
    if members == 0u { return; }
    var sum = 0.0;
    for (var at = first; at < first + members; at++) {
        sum += source[id.y * params.source_quads * 4u + known_names[at / 4u][at % 4u]];
    }
    centroids[id.y * params.list_quads * 4u + list] = sum / f32(members);
}

/// placed[d, place] = source[d, names[place]], 0 where there is no row
@compute @workgroup_size(WORKGROUP)
fn place_points(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.places { return; }
    let base = id.y * params.source_quads * 4u;
    let four = known_names[id.x];
    let row = min(four, vec4<u32>(params.count - 1u));
    let values = vec4<f32>(source[base + row.x], source[base + row.y], source[base + row.z], source[base + row.w]);
    placed[id.y * params.places + id.x] = select(values, vec4<f32>(0.0), four == vec4<u32>(NONE));
}

/// tiles[t] = its first place, the end of its list, the list; list_names[l] = l where list l has rows
@compute @workgroup_size(WORKGROUP)
fn make_tiles(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.list_quads * 4u { return; }
    list_names[list] = NONE;
    if list >= params.lists { return; }
    let own = bounds[list];
    if own.y > 0u { list_names[list] = list; }
    for (var t = 0u; t * TILE < own.y; t++) {
        if own.z + t < params.tiles { tiles[own.z + t] = vec4<u32>(own.x + t * TILE, own.x + own.y, list, 0u); }
    }
}

/// candidates[l, :] = the quads of list l, of the list nearest to it, and so on, as many as the budget has
@compute @workgroup_size(WORKGROUP)
fn choose_candidates(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.lists { return; }
    var at = 0u;
    for (var probe = 0u; probe <= params.probes && at < params.budget; probe++) {
        var other = list;
        if probe > 0u { other = near[list * params.probes + probe - 1u]; }
        if other == NONE { break; }
        let first = bounds[other].x / 4u;
        let quads = min((bounds[other].y + 3u) / 4u, params.budget - at);
        for (var quad = 0u; quad < quads; quad++) { candidates[list * params.budget + at + quad] = first + quad; }
        at += quads;
    }
    for (; at < params.budget; at++) { candidates[list * params.budget + at] = NONE; }
}
