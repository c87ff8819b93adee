// The points by list, in tiles, and the lists that each list is compared with. See src/embed/ivf/mod.rs.
const WORKGROUP: u32 = 64u;
// Rows of a tile of the search.
const TILE: u32 = 16u;
const NONE: u32 = 0xffffffffu;

// `slot_quads` quads of slots; at most `tiles` tiles; each list is compared with `probes` lists, in at most `budget` quads.
#import IvfParams

@group(0) @binding(0) var<uniform> params: IvfParams;
// [d − first_dim, i]
@group(0) @binding(1) var<storage, read> source: array<f32>;
// [list]: first slot, number of rows, first tile, 0.
@group(0) @binding(12) var<storage, read> bounds_in: array<vec4<u32>>;
// [slot/4]: row in each slot, or NONE.
@group(0) @binding(14) var<storage, read> row_ids_in: array<vec4<u32>>;
// [d − first_dim, slot/4]: points by list.
@group(0) @binding(15) var<storage, read_write> slot_points: array<vec4<f32>>;
// [tile]: first slot, end of its list, list, 0.
@group(0) @binding(16) var<storage, read_write> tiles: array<vec4<u32>>;
// [list]: itself, NONE where it has no rows.
@group(0) @binding(17) var<storage, read_write> list_ids: array<u32>;
// [list, probe]: lists, nearest first, NONE past the last.
@group(0) @binding(18) var<storage, read> near: array<u32>;
// [list, budget]: candidate quads, NONE past the last.
@group(0) @binding(19) var<storage, read_write> candidates: array<u32>;

/// slot_points[d, slot] = source[d, row_ids[slot]], 0 where there is no row
@compute @workgroup_size(WORKGROUP)
fn copy_points(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.slot_quads { return; }
    let base = id.y * params.source_quads * 4u;
    let four = row_ids_in[id.x];
    let row = min(four, vec4<u32>(params.count - 1u));
    let values = vec4<f32>(source[base + row.x], source[base + row.y], source[base + row.z], source[base + row.w]);
    slot_points[id.y * params.slot_quads + id.x] = select(values, vec4<f32>(0.0), four == vec4<u32>(NONE));
}

/// tiles[t] = (first slot, end of its list, list); list_ids[l] = l where list l has rows
@compute @workgroup_size(WORKGROUP)
fn make_tiles(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.list_quads * 4u { return; }
    list_ids[list] = NONE;
    if list >= params.lists { return; }
    let own = bounds_in[list];
    if own.y > 0u { list_ids[list] = list; }
    for (var t = 0u; t * TILE < own.y; t++) {
        if own.z + t < params.tiles { tiles[own.z + t] = vec4<u32>(own.x + t * TILE, own.x + own.y, list, 0u); }
    }
}

/// candidates[l, :] = quads of list l, of its nearest list, and so on, up to the budget
@compute @workgroup_size(WORKGROUP)
fn choose_candidates(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.lists { return; }
    var at = 0u;
    for (var probe = 0u; probe <= params.probes && at < params.budget; probe++) {
        var other = list;
        if probe > 0u { other = near[list * params.probes + probe - 1u]; }
        if other == NONE { break; }
        let first = bounds_in[other].x / 4u;
        let quads = min((bounds_in[other].y + 3u) / 4u, params.budget - at);
        for (var quad = 0u; quad < quads; quad++) { candidates[list * params.budget + at + quad] = first + quad; }
        at += quads;
    }
    for (; at < params.budget; at++) { candidates[list * params.budget + at] = NONE; }
}
