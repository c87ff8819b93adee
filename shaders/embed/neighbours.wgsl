// Exact nearest neighbours, a block of rows at a time. See src/embed/neighbours.rs.
const WORKGROUP: u32 = 64u;
const ROWS: u32 = 8u;
const NONE: u32 = 0xffffffffu;
// Farther than anything.
const FAR: f32 = 3e38;

struct Params { count: u32, quads: u32, dims: u32, first: u32, rows: u32, neighbours: u32 }

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

/// indices[i, ·], distances[i, ·] = the nearest of row i, by distance and then by index; NONE where there are no more
@compute @workgroup_size(WORKGROUP)
fn nearest(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.rows { return; }
    let i = params.first + id.x;
    if i >= params.count { return; }
    let k = params.neighbours;
    let base = i * k;
    var found = 0u;
    var worst = FAR;
    let left_out = (flags[i / 4u][i % 4u] & 1u) == 1u;
    let quads = select(params.quads, 0u, left_out);
    for (var quad = 0u; quad < quads; quad++) {
        let four = squares[id.x * params.quads + quad];
        if all(four >= vec4<f32>(worst)) { continue; }
        for (var lane = 0u; lane < 4u; lane++) {
            let square = four[lane];
            if square >= worst { continue; }
            var at = min(found, k - 1u);
            while at > 0u && distances[base + at - 1u] > square {
                distances[base + at] = distances[base + at - 1u];
                indices[base + at] = indices[base + at - 1u];
                at--;
            }
            distances[base + at] = square;
            indices[base + at] = quad * 4u + lane;
            found = min(found + 1u, k);
            if found == k { worst = distances[base + k - 1u]; }
        }
    }
    for (var at = found; at < k; at++) {
        indices[base + at] = NONE;
        distances[base + at] = FAR;
    }
}
