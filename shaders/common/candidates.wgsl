// Slots and candidates of a tile of rows. The importing file has `params: KnnParams`, ROWS, NONE and IVF.

#if IVF
// [tile]: first slot, end of its list, list, 0; the list is NONE past the last tile.
@group(0) @binding(12) var<storage, read> tiles: array<vec4<u32>>;
// [list, budget]: candidate quads, NONE past the last.
@group(0) @binding(13) var<storage, read> candidates: array<u32>;
#end

/// First slot of a tile of the block, and the end of its slots.
fn slots_of(tile: u32) -> vec2<u32> {
#if IVF
    return tiles[params.tile + tile].xy;
#else
    return vec2<u32>((params.tile + tile) * ROWS, params.quads * 4u);
#end
}

/// Quad `at` of the segment; NONE past the last candidate.
fn candidate(tile: u32, at: u32) -> u32 {
    let quad = params.first_quad + at;
#if IVF
    let list = tiles[params.tile + tile].z;
    if list == NONE || quad >= params.budget { return NONE; }
    return candidates[list * params.budget + quad];
#else
    return select(NONE, quad, quad < params.quads);
#end
}
