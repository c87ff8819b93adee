// Exact nearest neighbours, a block of rows at a time. See src/embed/neighbours.rs.
const WORKGROUP: u32 = 64u;
const ROWS: u32 = 8u;
const NONE: u32 = 0xffffffffu;
// Farther than anything.
const FAR: f32 = 3e38;

struct Params { count: u32, quads: u32, dims: u32, first: u32, rows: u32, neighbours: u32, first_quad: u32, end_quad: u32 }

@group(0) @binding(0) var<uniform> params: Params;
// [d, i/4] of vec4: four points.
@group(0) @binding(1) var<storage, read> points: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> flags: array<vec4<u32>>;
// [row of the block, j/4]
@group(0) @binding(3) var<storage, read_write> made: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> squares: array<vec4<f32>>;
// [i, k]
@group(0) @binding(5) var<storage, read_write> indices: array<u32>;
@group(0) @binding(6) var<storage, read_write> distances: array<f32>;
// Neighbours that row i has so far.
@group(0) @binding(7) var<storage, read_write> filled: array<u32>;

/// made[r, j] = Σ_d (points[d, first + r] − points[d, j])²; FAR for the row itself and for what is left out
@compute @workgroup_size(WORKGROUP)
fn squared_distances(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x;
    if quad >= params.quads { return; }
    let row = id.y * ROWS;
    let start = (params.first + row) / 4u;
#for r in ROWS
    var sum_{r} = vec4<f32>(0.0);
#end
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let to = points[d * params.quads + quad];
        let a = points[d * params.quads + start];
        let b = points[d * params.quads + start + 1u];
#for r in 4
        let apart_{r} = to - vec4<f32>(a[{r}u]);
        sum_{r} += apart_{r} * apart_{r};
#end
#for r in 4
        let further_{r} = to - vec4<f32>(b[{r}u]);
        sum_{r+4} += further_{r} * further_{r};
#end
    }
    let j = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let out = (flags[quad] & vec4<u32>(1u)) == vec4<u32>(1u) | j >= vec4<u32>(params.count);
#for r in ROWS
    if row + {r}u < params.rows {
        let own = j == vec4<u32>(params.first + row + {r}u);
        made[(row + {r}u) * params.quads + quad] = select(sum_{r}, vec4<f32>(FAR), out | own);
    }
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

/// Row i's heap, the farthest first, of the nearest among the quads from first_quad to end_quad and those before
@compute @workgroup_size(WORKGROUP)
fn nearest(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.rows { return; }
    let i = params.first + id.x;
    if i >= params.count { return; }
    let k = params.neighbours;
    let base = i * k;
    var size = select(filled[i], 0u, params.first_quad == 0u);
    var worst = FAR;
    if size == k { worst = distances[base]; }
    let left_out = (flags[i / 4u][i % 4u] & 1u) == 1u;
    let end = select(params.end_quad, 0u, left_out);
    for (var quad = params.first_quad; quad < end; quad++) {
        let four = squares[id.x * params.quads + quad];
        if all(four >= vec4<f32>(worst)) { continue; }
        for (var lane = 0u; lane < 4u; lane++) {
            let square = four[lane];
            if square >= worst { continue; }
            let index = quad * 4u + lane;
            if size == k {
                sink(base, size, square, index);
            } else {
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
                size++;
            }
            if size == k { worst = distances[base]; }
        }
    }
    filled[i] = size;
}

/// Row i's heap in order, the nearest first; NONE where there are no more
@compute @workgroup_size(WORKGROUP)
fn sort_nearest(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let base = i * params.neighbours;
    let size = filled[i];
    for (var end = size; end > 1u; end--) {
        let last = base + end - 1u;
        let square = distances[last];
        let index = indices[last];
        distances[last] = distances[base];
        indices[last] = indices[base];
        sink(base, end - 1u, square, index);
    }
    for (var at = size; at < params.neighbours; at++) {
        indices[base + at] = NONE;
        distances[base + at] = FAR;
    }
}
