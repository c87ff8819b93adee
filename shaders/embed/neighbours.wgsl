// Nearest neighbours: squared distances of a tile of rows to many, then the least of each row. See src/embed/search.rs.
const WORKGROUP: u32 = 64u;
// Rows of a tile, a multiple of 4.
#constant ROWS = 16
// Whether candidates are named by lists; else they are all rows in order.
#constant LISTS = 0
// Values of a row that a round takes: 1, 2 or 4.
#constant DEPTH = 4
// Buffers that the points lie in.
#constant PARTS = 1
const NONE: u32 = 0xffffffffu;
// Farther than anything.
const FAR: f32 = 3e38;
// Roundings of a bound in search of the least.
const ROUNDS: u32 = 24u;

// Places are where points lie: rows in their own order, or by list. A segment is `width` quads of candidates from the quad `first_quad`
// on; `quads` is all there are, `tile` the first tile of the block, `tiles` how many it has. Found are the neighbours of `count` rows
// from `first` on. A buffer holds `part` values of the points.
#import SearchParams

@group(0) @binding(0) var<uniform> params: SearchParams;
// [d − part of it, place/4] of vec4: four points; part and dims are multiples of 4.
#for p in PARTS
@group(0) @binding({20 + p}) var<storage, read> points_{p}: array<vec4<f32>>;
#end
// [place/4]: the rows that lie there, or NONE.
@group(0) @binding(2) var<storage, read> names: array<vec4<u32>>;
// [row of the block, quad of the segment]
@group(0) @binding(3) var<storage, read_write> made: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> squares: array<vec4<f32>>;
// [row of the block, two quads of the segment]: the least of each eight.
@group(0) @binding(5) var<storage, read_write> least: array<f32>;
@group(0) @binding(6) var<storage, read> least_fours: array<vec4<f32>>;
// [i − first, k]
@group(0) @binding(7) var<storage, read_write> indices: array<u32>;
@group(0) @binding(8) var<storage, read_write> distances: array<f32>;
// [i]: neighbours that row i has so far.
@group(0) @binding(9) var<storage, read_write> filled: array<u32>;
// [i]: bit 0 where a row is left out.
@group(0) @binding(10) var<storage, read> flags: array<u32>;
@group(0) @binding(11) var<storage, read_write> named: array<u32>;
#if LISTS
// [tile]: its first place, the end of its list, the list; the list is NONE beyond the last tile.
@group(0) @binding(12) var<storage, read> tiles: array<vec4<u32>>;
// [list, budget]: the quads that are searched, NONE beyond the last.
@group(0) @binding(13) var<storage, read> candidates: array<u32>;
#end

/// named[i] = i where row i is there and not left out, else NONE
@compute @workgroup_size(WORKGROUP)
fn name_rows(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.quads * 4u { return; }
    var name = NONE;
    if i < params.count && (flags[i] & 1u) == 0u { name = i; }
    named[i] = name;
}

/// filled[i] = 0
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i < params.count { filled[i] = 0u; }
}

/// The first place of a tile of the block and the end of its places.
fn places(tile: u32) -> vec2<u32> {
#if LISTS
    return tiles[params.tile + tile].xy;
#else
    return vec2<u32>((params.tile + tile) * ROWS, params.quads * 4u);
#end
}

/// The quad at `at` of the segment, NONE where there is none.
fn candidate(tile: u32, at: u32) -> u32 {
    let quad = params.first_quad + at;
#if LISTS
    let list = tiles[params.tile + tile].z;
    if list == NONE || quad >= params.budget { return NONE; }
    return candidates[list * params.budget + quad];
#else
    return select(NONE, quad, quad < params.quads);
#end
}

/// made[r, j] = Σ_d (points[d, r] − points[d, j])², FAR for the row itself and where there is none; least[r, j/8] = the least of 8
@compute @workgroup_size(WORKGROUP)
fn squared_distances(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    if 2u * pair >= params.width { return; }
    let first = places(id.y).x / 4u;
    let found_0 = candidate(id.y, 2u * pair);
    let found_1 = candidate(id.y, 2u * pair + 1u);
    let quad_0 = min(found_0, params.quads - 1u);
    let quad_1 = min(found_1, params.quads - 1u);
#for r in ROWS
    var sum_{r}_0 = vec4<f32>(0.0);
    var sum_{r}_1 = vec4<f32>(0.0);
#end
    let all = select(params.dims + (id.x >> 31u), 0u, found_0 == NONE && found_1 == NONE);
#for p in PARTS
    let dims_{p} = min(max(all, {p}u * params.part) - {p}u * params.part, params.part);
    for (var d = 0u; d < dims_{p}; d += {DEPTH}u) {
#for i in DEPTH
        let at_{i} = (d + {i}u) * params.quads;
        let to_{i}_0 = points_{p}[at_{i} + quad_0];
        let to_{i}_1 = points_{p}[at_{i} + quad_1];
#for q in ROWS / 4
        let of_{i}_{q} = points_{p}[at_{i} + first + {q}u];
#end
#end
#for r in ROWS
#for i in DEPTH
        let own_{r}_{i} = vec4<f32>(of_{i}_{r / 4}[{r % 4}u]);
        let apart_{r}_{i}_0 = to_{i}_0 - own_{r}_{i};
        let apart_{r}_{i}_1 = to_{i}_1 - own_{r}_{i};
        sum_{r}_0 += apart_{r}_{i}_0 * apart_{r}_{i}_0;
        sum_{r}_1 += apart_{r}_{i}_1 * apart_{r}_{i}_1;
#end
#end
    }
#end
    let names_0 = select(vec4<u32>(NONE), names[quad_0], vec4<bool>(found_0 != NONE));
    let names_1 = select(vec4<u32>(NONE), names[quad_1], vec4<bool>(found_1 != NONE));
    let out_0 = names_0 == vec4<u32>(NONE);
    let out_1 = names_1 == vec4<u32>(NONE);
    let row = id.y * ROWS;
#for q in ROWS / 4
    let own_{q} = names[first + {q}u];
#end
#for r in ROWS
    let four_{r}_0 = select(sum_{r}_0, vec4<f32>(FAR), out_0 | names_0 == vec4<u32>(own_{r / 4}[{r % 4}u]));
    let four_{r}_1 = select(sum_{r}_1, vec4<f32>(FAR), out_1 | names_1 == vec4<u32>(own_{r / 4}[{r % 4}u]));
    made[(row + {r}u) * params.width + 2u * pair] = four_{r}_0;
    made[(row + {r}u) * params.width + 2u * pair + 1u] = four_{r}_1;
    let both_{r} = min(four_{r}_0, four_{r}_1);
    let two_{r} = min(both_{r}.xy, both_{r}.zw);
    least[(row + {r}u) * (params.width / 2u) + pair] = min(two_{r}.x, two_{r}.y);
#end
}

/// Whether a comes before b: nearer, or as near with a lower index.
fn before(square_a: f32, index_a: u32, square_b: f32, index_b: u32) -> bool {
    return square_a < square_b || (square_a == square_b && index_a < index_b);
}

/// Puts an entry at the root of the heap of row `base`, whose first `size` places are in use, and lets it sink.
fn sink(base: u32, size: u32, square: f32, index: u32) {
    var at = 0u;
    loop {
        var child = 2u * at + 1u;
        if child >= size { break; }
        if child + 1u < size && before(distances[base + child], indices[base + child], distances[base + child + 1u], indices[base + child + 1u]) {
            child++;
        }
        if !before(square, index, distances[base + child], indices[base + child]) { break; }
        distances[base + at] = distances[base + child];
        indices[base + at] = indices[base + child];
        at = child;
    }
    distances[base + at] = square;
    indices[base + at] = index;
}

/// Adds an entry to the heap of row `base`, whose first `size` places are in use.
fn push(base: u32, size: u32, square: f32, index: u32) {
    var at = size;
    while at > 0u {
        let above = (at - 1u) / 2u;
        if !before(distances[base + above], indices[base + above], square, index) { break; }
        distances[base + at] = distances[base + above];
        indices[base + at] = indices[base + above];
        at = above;
    }
    distances[base + at] = square;
    indices[base + at] = index;
}

/// A distance that at least k of the segment have, and not many more: each of k eights holds one that is no farther than it.
fn bound(row: u32, most: f32) -> f32 {
    let fours = params.width / 8u + (row >> 31u);
    var low = FAR;
    var high = 0.0;
    var there = 0u;
    for (var at = 0u; at < fours; at++) {
        let four = least_fours[row * (params.width / 8u) + at];
        let near = four <= vec4<f32>(most);
        let lowest = select(vec4<f32>(FAR), four, near);
        let highest = select(vec4<f32>(0.0), four, near);
        let two = min(lowest.xy, lowest.zw);
        let other = max(highest.xy, highest.zw);
        low = min(low, min(two.x, two.y));
        high = max(high, max(other.x, other.y));
        let ones = select(vec4<u32>(0u), vec4<u32>(1u), near);
        there += ones.x + ones.y + ones.z + ones.w;
    }
    let wanted = params.neighbours;
    if there < wanted { return most; }
    for (var round = 0u; round < ROUNDS; round++) {
        if there <= wanted + wanted / 8u { break; }
        let middle = 0.5 * low + 0.5 * high;
        if middle <= low || middle >= high { break; }
        var ones = vec4<u32>(0u);
        for (var at = 0u; at < fours; at++) {
            ones += select(vec4<u32>(0u), vec4<u32>(1u), least_fours[row * (params.width / 8u) + at] <= vec4<f32>(middle));
        }
        let count = ones.x + ones.y + ones.z + ones.w;
        if count >= wanted {
            high = middle;
            there = count;
        } else {
            low = middle;
        }
    }
    return high;
}

/// One bit for each of four that is not above `most`.
fn bits(four: vec4<f32>, most: f32) -> u32 {
    let ones = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), four <= vec4<f32>(most));
    return ones.x | ones.y | ones.z | ones.w;
}

/// The heap, the farthest first, of the nearest of each row of the block among this segment and those before
@compute @workgroup_size(WORKGROUP)
fn nearest(@builtin(global_invocation_id) id: vec3<u32>) {
    let tile = id.x / ROWS;
    if tile >= params.tiles { return; }
    let span = places(tile);
    let place = span.x + id.x % ROWS;
    if place >= span.y { return; }
    let i = names[place / 4u][place % 4u];
    if i == NONE || i < params.first || i - params.first >= params.count { return; }
    let k = params.neighbours;
    let base = (i - params.first) * k;
    var size = filled[i];
    // FAR itself is no neighbour.
    var most = 0.999 * FAR;
    if size == k { most = distances[base]; }
    most = bound(id.x, most);
    let fours = params.width / 8u + (id.x >> 31u);
    for (var at = 0u; at < fours; at++) {
        var eights = bits(least_fours[id.x * (params.width / 8u) + at], most);
        while eights != 0u {
            let eight = 4u * at + firstTrailingBit(eights);
            eights &= eights - 1u;
            let start = id.x * params.width + 2u * eight;
            let near_0 = squares[start];
            let near_1 = squares[start + 1u];
            var left = bits(near_0, most) | (bits(near_1, most) << 4u);
            while left != 0u {
                let lane = firstTrailingBit(left);
                left &= left - 1u;
                let square = select(near_0, near_1, lane >= 4u)[lane % 4u];
                let index = names[candidate(tile, 2u * eight + lane / 4u)][lane % 4u];
                if size < k {
                    push(base, size, square, index);
                    size++;
                } else if before(square, index, distances[base], indices[base]) {
                    sink(base, k, square, index);
                } else {
                    continue;
                }
                if size == k { most = min(most, distances[base]); }
            }
        }
    }
    filled[i] = size;
}

/// NONE where row first + i has no more neighbours
@compute @workgroup_size(WORKGROUP)
fn finish(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let base = i * params.neighbours;
    for (var at = filled[params.first + i]; at < params.neighbours; at++) {
        indices[base + at] = NONE;
        distances[base + at] = FAR;
    }
}

/// The heap of row first + i in order, the nearest first
@compute @workgroup_size(WORKGROUP)
fn sort_nearest(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let base = i * params.neighbours;
    for (var end = filled[params.first + i]; end > 1u; end--) {
        let last = base + end - 1u;
        let square = distances[last];
        let index = indices[last];
        distances[last] = distances[base];
        indices[last] = indices[base];
        sink(base, end - 1u, square, index);
    }
}
