// Rows sorted by list without atomics: a counting sort in blocks. See src/embed/ivf/mod.rs.
const WORKGROUP: u32 = 64u;
const BLOCK: u32 = 256u;
// Rows of a tile of the search.
const TILE: u32 = 16u;
const NONE: u32 = 0xffffffffu;

// `count` rows in `blocks` of `rounds` · BLOCK; `slot_quads` quads of slots and at most `tiles` tiles for the rows by list.
#import IvfParams

@group(0) @binding(0) var<uniform> params: IvfParams;
// [i]: list of row i, NONE where it is left out.
@group(0) @binding(9) var<storage, read> list_of_in: array<u32>;
// [i]: rows before i in its block and list.
@group(0) @binding(10) var<storage, read_write> ranks: array<u32>;
// [block, list]: rows of the list in the block; after the scan, in the blocks before.
@group(0) @binding(11) var<storage, read_write> counts: array<u32>;
// [list]: first slot, number of rows, first tile, 0.
@group(0) @binding(12) var<storage, read_write> bounds: array<vec4<u32>>;
// [slot]: row in it, or NONE.
@group(0) @binding(13) var<storage, read_write> row_ids: array<u32>;
// [tile]: first slot, end of its list, list, 0.
@group(0) @binding(16) var<storage, read_write> tiles: array<vec4<u32>>;

var<workgroup> block_lists: array<u32, BLOCK>;

/// ranks[i] = the rows before i in its block and list; counts[b, l] = the rows of block b in list l
@compute @workgroup_size(BLOCK)
fn count_block(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group.x + group.y * groups.x;
    if block < params.blocks {
        for (var l = lane; l < params.lists; l += BLOCK) { counts[block * params.lists + l] = 0u; }
    }
    storageBarrier();
    workgroupBarrier();
    for (var round = 0u; round < params.rounds; round++) {
        let i = (block * params.rounds + round) * BLOCK + lane;
        var own = NONE;
        if i < params.count { own = list_of_in[i]; }
        block_lists[lane] = own;
        workgroupBarrier();
        var rank = 0u;
        var last = true;
        for (var other = 0u; other < BLOCK + (group.x >> 31u); other++) {
            let same = block_lists[other] == own;
            if same && other < lane { rank++; }
            if same && other > lane { last = false; }
        }
        if own != NONE {
            rank += counts[block * params.lists + own];
            ranks[i] = rank;
        }
        // All have read what the rounds before counted.
        storageBarrier();
        workgroupBarrier();
        if own != NONE && last { counts[block * params.lists + own] = rank + 1u; }
        storageBarrier();
        workgroupBarrier();
    }
}

/// counts[b, l] = Σ_{b' < b} counts[b', l]; bounds[l].y = the total
@compute @workgroup_size(WORKGROUP)
fn scan_blocks(@builtin(global_invocation_id) id: vec3<u32>) {
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

/// bounds[l]: slots and tiles before list l, which starts a quad
@compute @workgroup_size(1)
fn scan_lists(@builtin(global_invocation_id) id: vec3<u32>) {
    var slot = 0u;
    var tile = 0u;
    for (var list = 0u; list < params.lists + (id.x >> 31u); list++) {
        let size = bounds[list].y;
        bounds[list] = vec4<u32>(slot, size, tile, 0u);
        slot += (size + 3u) / 4u * 4u;
        tile += (size + TILE - 1u) / TILE;
    }
}

/// row_ids = NONE, tiles = empty
@compute @workgroup_size(WORKGROUP)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    if at < params.slot_quads * 4u { row_ids[at] = NONE; }
    if at < params.tiles { tiles[at] = vec4<u32>(0u, 0u, NONE, 0u); }
}

/// row_ids[slot] = i, rows of a list by index
@compute @workgroup_size(WORKGROUP)
fn place_rows(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let list = list_of_in[i];
    if list == NONE { return; }
    row_ids[bounds[list].x + counts[i / (params.rounds * BLOCK) * params.lists + list] + ranks[i]] = i;
}
