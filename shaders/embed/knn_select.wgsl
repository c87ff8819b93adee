// The k nearest of each row of a block: a heap a row, fed segment by segment. See src/embed/knn/mod.rs.
const WORKGROUP: u32 = 64u;
// Rows of a tile, a multiple of 4.
const ROWS: u32 = 16u;
// 1: candidates come from the lists of an IVF index; 0: all slots in order.
#constant IVF = 0
const NONE: u32 = 0xffffffffu;
// Farther than any distance.
const FAR: f32 = 3e38;
// Bisections of the bound at most.
const ROUNDS: u32 = 24u;

// As in knn_distances.wgsl; results are those of `count` rows from `first` on.
#import KnnParams

@group(0) @binding(0) var<uniform> params: KnnParams;
// [slot/4]: row in each slot, or NONE.
@group(0) @binding(2) var<storage, read> row_ids_in: array<vec4<u32>>;
// [row of the block, quad of the segment]
@group(0) @binding(4) var<storage, read> squares_in: array<vec4<f32>>;
// [row of the block, 8 quads of the segment]: smallest of each eight squared distances.
@group(0) @binding(6) var<storage, read> least_in: array<vec4<f32>>;
// [i − first, k]
@group(0) @binding(7) var<storage, read_write> indices: array<u32>;
@group(0) @binding(8) var<storage, read_write> distances: array<f32>;
// [i]: neighbors found so far.
@group(0) @binding(9) var<storage, read_write> filled: array<u32>;

/// filled[i] = 0
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i < params.count { filled[i] = 0u; }
}

#import common/candidates

/// Order of entries: by distance, then by index.
fn before(square_a: f32, index_a: u32, square_b: f32, index_b: u32) -> bool {
    return square_a < square_b || (square_a == square_b && index_a < index_b);
}

/// Replaces the root of the heap of row `base`, of `size` entries, and sifts it down.
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

/// Adds an entry to the heap of row `base`, of `size` entries.
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

/// Upper bound of the k-th smallest distance of the segment: k of the eights hold a distance no larger.
fn bound(row: u32, most: f32) -> f32 {
    let fours = params.width / 8u + (row >> 31u);
    var low = FAR;
    var high = 0.0;
    var there = 0u;
    for (var at = 0u; at < fours; at++) {
        let four = least_in[row * (params.width / 8u) + at];
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
    let wanted = params.neighbors;
    if there < wanted { return most; }
    for (var round = 0u; round < ROUNDS; round++) {
        if there <= wanted + wanted / 8u { break; }
        let middle = 0.5 * low + 0.5 * high;
        if middle <= low || middle >= high { break; }
        var ones = vec4<u32>(0u);
        for (var at = 0u; at < fours; at++) {
            ones += select(vec4<u32>(0u), vec4<u32>(1u), least_in[row * (params.width / 8u) + at] <= vec4<f32>(middle));
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

/// Bit mask of the four values not above `most`.
fn bits(four: vec4<f32>, most: f32) -> u32 {
    let ones = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), four <= vec4<f32>(most));
    return ones.x | ones.y | ones.z | ones.w;
}

/// Heap, farthest first, of the k nearest of each row of the block in this segment and those before
@compute @workgroup_size(WORKGROUP)
fn nearest(@builtin(global_invocation_id) id: vec3<u32>) {
    let tile = id.x / ROWS;
    if tile >= params.tiles { return; }
    let span = slots_of(tile);
    let slot = span.x + id.x % ROWS;
    if slot >= span.y { return; }
    let i = row_ids_in[slot / 4u][slot % 4u];
    if i == NONE || i < params.first || i - params.first >= params.count { return; }
    let k = params.neighbors;
    let base = (i - params.first) * k;
    var size = filled[i];
    // FAR itself is no neighbor.
    var most = 0.999 * FAR;
    if size == k { most = distances[base]; }
    most = bound(id.x, most);
    let fours = params.width / 8u + (id.x >> 31u);
    for (var at = 0u; at < fours; at++) {
        var eights = bits(least_in[id.x * (params.width / 8u) + at], most);
        while eights != 0u {
            let eight = 4u * at + firstTrailingBit(eights);
            eights &= eights - 1u;
            let start = id.x * params.width + 2u * eight;
            let near_0 = squares_in[start];
            let near_1 = squares_in[start + 1u];
            var left = bits(near_0, most) | (bits(near_1, most) << 4u);
            while left != 0u {
                let lane = firstTrailingBit(left);
                left &= left - 1u;
                let square = select(near_0, near_1, lane >= 4u)[lane % 4u];
                let index = row_ids_in[candidate(tile, 2u * eight + lane / 4u)][lane % 4u];
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

/// indices[i, at] = NONE past the neighbors of row first + i
@compute @workgroup_size(WORKGROUP)
fn finish(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let base = i * params.neighbors;
    for (var at = filled[params.first + i]; at < params.neighbors; at++) {
        indices[base + at] = NONE;
        distances[base + at] = FAR;
    }
}

/// The heap of row first + i sorted, nearest first
@compute @workgroup_size(WORKGROUP)
fn sort_nearest(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let base = i * params.neighbors;
    for (var end = filled[params.first + i]; end > 1u; end--) {
        let last = base + end - 1u;
        let square = distances[last];
        let index = indices[last];
        distances[last] = distances[base];
        indices[last] = indices[base];
        sink(base, end - 1u, square, index);
    }
}
