// k-means of an IVF index: centroids of the lists by Lloyd's algorithm on a sample of the rows. See src/embed/ivf/mod.rs.
const WORKGROUP: u32 = 64u;
// Members of a list averaged at most.
const MEMBERS: u32 = 4096u;
// Buffers that the points are split over.
#constant PARTS = 1
const NONE: u32 = 0xffffffffu;
const FAR: f32 = 3e38;

// `count` rows in `quads`; the sample has one row every `step`, and `rest` more spread over it. A buffer holds `part` dimensions; those of
// `source` begin with `first_dim`. Lists are assigned to `pairs` pairs of quads per dispatch.
#import IvfParams

@group(0) @binding(0) var<uniform> params: IvfParams;
// [d − first_dim, i]
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read> source_flags: array<u32>;
@group(0) @binding(3) var<storage, read_write> sample: array<f32>;
@group(0) @binding(4) var<storage, read_write> sample_flags: array<u32>;
// [d − first of the part, i/4]
#for p in PARTS
@group(0) @binding({20 + p}) var<storage, read> points_{p}: array<vec4<f32>>;
#end
// [i]: bit 0 where row i is left out.
@group(0) @binding(6) var<storage, read> flags: array<u32>;
// [d, list]
@group(0) @binding(7) var<storage, read_write> centroids: array<f32>;
@group(0) @binding(8) var<storage, read> centroids_in: array<vec4<f32>>;
// [i]: list of row i, NONE where it is left out.
@group(0) @binding(9) var<storage, read_write> list_of: array<u32>;
// [list]: first slot, number of rows, first tile, 0.
@group(0) @binding(12) var<storage, read> bounds_in: array<vec4<u32>>;
// [slot/4]: row in each slot, or NONE.
@group(0) @binding(14) var<storage, read> row_ids_in: array<vec4<u32>>;

/// Row at index `s` of the sample.
fn sampled(s: u32) -> u32 {
    return s * params.step + s * params.rest / params.count;
}

/// sample[first_dim + d, s] = source[d, row of s], and its flags
@compute @workgroup_size(WORKGROUP)
fn sample_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    let s = id.x;
    if s >= params.quads * 4u { return; }
    let there = s < params.count;
    let row = select(0u, sampled(s), there);
    if params.first_dim + id.y == 0u { sample_flags[s] = select(1u, source_flags[row] & 1u, there); }
    sample[(params.first_dim + id.y) * params.quads * 4u + s] = select(0.0, source[id.y * params.source_quads * 4u + row], there);
}

/// centroids[d, c] = source[d, row c of `lists` rows spread evenly]; 0 past the last list
@compute @workgroup_size(WORKGROUP)
fn init_centroids(@builtin(global_invocation_id) id: vec3<u32>) {
    let c = id.x;
    if c >= params.list_quads * 4u { return; }
    let row = c * (params.count / params.lists) + c * (params.count % params.lists) / params.lists;
    let at = (params.first_dim + id.y) * params.list_quads * 4u + c;
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
            let y_{i}_0 = centroids_in[({p}u * params.part + d + {i}u) * params.list_quads + c];
            let y_{i}_1 = centroids_in[({p}u * params.part + d + {i}u) * params.list_quads + c + 1u];
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

/// centroids[d, c] = the mean of source[d, i] over the rows of list c; as before where it has none
@compute @workgroup_size(WORKGROUP)
fn average(@builtin(global_invocation_id) id: vec3<u32>) {
    let list = id.x;
    if list >= params.lists { return; }
    let first = bounds_in[list].x;
    let members = min(bounds_in[list].y, MEMBERS);
    if members == 0u { return; }
    var sum = 0.0;
    for (var at = first; at < first + members; at++) {
        sum += source[id.y * params.source_quads * 4u + row_ids_in[at / 4u][at % 4u]];
    }
    centroids[(params.first_dim + id.y) * params.list_quads * 4u + list] = sum / f32(members);
}
