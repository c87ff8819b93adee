// Squared distances from a tile of points to their candidates. See src/embed/knn/mod.rs.
const WORKGROUP: u32 = 64u;
// Rows of a tile, a multiple of 4.
#constant ROWS = 16
// 1: candidates come from the lists of an IVF index; 0: all slots in order.
#constant IVF = 0
// Dimensions per iteration: 1, 2 or 4.
#constant DEPTH = 4
// Buffers that the points are split over.
#constant PARTS = 1
const NONE: u32 = 0xffffffffu;
// Farther than any distance.
const FAR: f32 = 3e38;

// Points lie in slots: rows in their own order, or by IVF list. A segment is `width` quads of candidates from `first_quad` on, of
// `quads` in all. The block has `tiles` tiles from `tile` on. A buffer holds `part` dimensions.
// Summed are those from `first_dim` to `dims`, added to what is there where first_dim > 0.
#import KnnParams

@group(0) @binding(0) var<uniform> params: KnnParams;
// [d − first of the part, slot/4]: four points; part and dims are multiples of 4.
#for p in PARTS
@group(0) @binding({20 + p}) var<storage, read> points_{p}: array<vec4<f32>>;
#end
// [slot/4]: row in each slot, or NONE.
@group(0) @binding(2) var<storage, read> row_ids_in: array<vec4<u32>>;
@group(0) @binding(11) var<storage, read_write> row_ids: array<u32>;
// [row of the block, quad of the segment]
@group(0) @binding(3) var<storage, read_write> squares: array<vec4<f32>>;
// [row of the block, pair of quads of the segment]: smallest of eight squared distances.
@group(0) @binding(5) var<storage, read_write> least: array<f32>;
// [i]: bit 0 where row i is left out.
@group(0) @binding(10) var<storage, read> flags: array<u32>;

/// row_ids[i] = i where row i is kept, else NONE
@compute @workgroup_size(WORKGROUP)
fn identify_rows(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.quads * 4u { return; }
    var row = NONE;
    if i < params.count && (flags[i] & 1u) == 0u { row = i; }
    row_ids[i] = row;
}

#import common/candidates

/// squares[r, j] = Σ_d (points[d, r] − points[d, j])², FAR for the row itself and past the candidates; least[r, j/8] = the least of 8
@compute @workgroup_size(WORKGROUP)
fn squared_distances(@builtin(global_invocation_id) id: vec3<u32>) {
    let pair = id.x;
    if 2u * pair >= params.width { return; }
    let first = slots_of(id.y).x / 4u;
    let found_0 = candidate(id.y, 2u * pair);
    let found_1 = candidate(id.y, 2u * pair + 1u);
    let quad_0 = min(found_0, params.quads - 1u);
    let quad_1 = min(found_1, params.quads - 1u);
#for r in ROWS
    var sum_{r}_0 = vec4<f32>(0.0);
    var sum_{r}_1 = vec4<f32>(0.0);
#end
    if params.first_dim > 0u {
#for r in ROWS
        sum_{r}_0 = squares[(id.y * ROWS + {r}u) * params.width + 2u * pair];
        sum_{r}_1 = squares[(id.y * ROWS + {r}u) * params.width + 2u * pair + 1u];
#end
    }
    let all = select(params.dims + (id.x >> 31u), 0u, found_0 == NONE && found_1 == NONE);
#for p in PARTS
    let dims_{p} = min(max(all, {p}u * params.part) - {p}u * params.part, params.part);
    for (var d = min(max(params.first_dim, {p}u * params.part) - {p}u * params.part, params.part); d < dims_{p}; d += {DEPTH}u) {
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
    let ids_0 = select(vec4<u32>(NONE), row_ids_in[quad_0], vec4<bool>(found_0 != NONE));
    let ids_1 = select(vec4<u32>(NONE), row_ids_in[quad_1], vec4<bool>(found_1 != NONE));
    let out_0 = ids_0 == vec4<u32>(NONE);
    let out_1 = ids_1 == vec4<u32>(NONE);
    let row = id.y * ROWS;
#for q in ROWS / 4
    let own_{q} = row_ids_in[first + {q}u];
#end
#for r in ROWS
    let four_{r}_0 = select(sum_{r}_0, vec4<f32>(FAR), out_0 | ids_0 == vec4<u32>(own_{r / 4}[{r % 4}u]));
    let four_{r}_1 = select(sum_{r}_1, vec4<f32>(FAR), out_1 | ids_1 == vec4<u32>(own_{r / 4}[{r % 4}u]));
    squares[(row + {r}u) * params.width + 2u * pair] = four_{r}_0;
    squares[(row + {r}u) * params.width + 2u * pair + 1u] = four_{r}_1;
    let both_{r} = min(four_{r}_0, four_{r}_1);
    let two_{r} = min(both_{r}.xy, both_{r}.zw);
    least[(row + {r}u) * (params.width / 2u) + pair] = min(two_{r}.x, two_{r}.y);
#end
}
