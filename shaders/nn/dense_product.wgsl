// A dense layer's products on GPUs, by tiles of a workgroup, with the inner dimension split: each split is summed by itself.
// A thread makes ROWS rows × 4 columns. See src/nn/layers/dense_products.rs.
// A multiple of 4.
#constant ROWS = 8
// Threads of a workgroup along the columns and the rows.
#constant ACROSS = 32
#constant DOWN = 8
// Steps of the inner dimension whose values lie in workgroup memory.
#constant DEPTH = 16
// 1 where the left matrix runs along the inner dimension in memory.
#constant LEFT_ALONG = 1
// 1 where the right one does; then its columns are single values, and so are the result's.
#constant RIGHT_ALONG = 0

// 1 where the sums begin with a bias, which lies by the left matrix.
#constant BIAS = 0
// 1 where a relu of the result is fused.
#constant RECTIFIES = 0

#import DenseProductParams
#import common/floats

@group(0) @binding(0) var<uniform> params: DenseProductParams;
@group(0) @binding(1) var<storage, read> left: array<f32>;
#if RIGHT_ALONG
@group(0) @binding(2) var<storage, read> right: array<f32>;
// [split, row, column]
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
#else
@group(0) @binding(2) var<storage, read> right: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
#end
#if RECTIFIES
// relu of the same.
@group(0) @binding(4) var<storage, read_write> rectified: array<vec4<f32>>;
#end

// By step of the inner dimension; an odd number of vec4 each, against conflicts of banks.
var<workgroup> left_tile: array<array<vec4<f32>, ROWS * DOWN / 4u + 1u>, DEPTH>;
var<workgroup> right_tile: array<array<vec4<f32>, ACROSS + 1u>, DEPTH>;

/// Four rows from `row` on, in step k; 0 past the end
fn left_values(row: u32, k: u32, end: u32) -> vec4<f32> {
    let rows = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.rows - 1u));
    let at = params.left_at + rows * params.left_row_step + min(k, end - 1u) * params.left_step;
    return select(vec4<f32>(0.0), vec4<f32>(left[at.x], left[at.y], left[at.z], left[at.w]), k < end);
}

/// Four columns from 4 · `quad` on, in step k; 0 past the end
fn right_values(quad: u32, k: u32, end: u32) -> vec4<f32> {
    let step = min(k, end - 1u);
#if RIGHT_ALONG
    let columns = min(vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let at = columns * params.right_step + step;
    return select(vec4<f32>(0.0), vec4<f32>(right[at.x], right[at.y], right[at.z], right[at.w]), k < end);
#else
    return select(vec4<f32>(0.0), right[step * params.right_step + min(quad, params.columns - 1u)], k < end);
#end
}

/// result[s, m, n] = bias[m] + Σ_{k, of split s} left[m, k] · right[k, n]
@compute @workgroup_size(ACROSS, DOWN)
fn dense_product(
    @builtin(local_invocation_id) place: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let first_row = group.y * ROWS * DOWN;
    let row = first_row + place.y * ROWS;
    let first_quad = group.x * ACROSS;
    let split = group.z;
    let end = (split + 1u) * params.depth / params.splits;
#for r in ROWS
#if BIAS
    var sum_{r} = vec4<f32>(left[params.bias_at + min(row + {r}u, params.rows - 1u)]);
#else
    var sum_{r} = vec4<f32>(0.0);
#end
#end
    for (var first = split * params.depth / params.splits; first < end; first += DEPTH) {
        // All loads are under way before the first is stored.
#for l in (DEPTH * ROWS / 4 + ACROSS - 1) / ACROSS
        let left_index_{l} = index + {l * ACROSS * DOWN}u;
#if LEFT_ALONG
        let left_step_{l} = left_index_{l} % DEPTH;
        let left_quad_{l} = left_index_{l} / DEPTH;
#else
        let left_step_{l} = left_index_{l} / {ROWS * DOWN / 4}u;
        let left_quad_{l} = left_index_{l} % {ROWS * DOWN / 4}u;
#end
        let left_{l} = left_values(first_row + 4u * left_quad_{l}, first + left_step_{l}, end);
#end
#for l in (DEPTH + DOWN - 1) / DOWN
        let right_index_{l} = index + {l * ACROSS * DOWN}u;
#if RIGHT_ALONG
        let right_step_{l} = right_index_{l} % DEPTH;
        let right_quad_{l} = right_index_{l} / DEPTH;
#else
        let right_step_{l} = right_index_{l} / ACROSS;
        let right_quad_{l} = right_index_{l} % ACROSS;
#end
        let right_{l} = right_values(first_quad + right_quad_{l}, first + right_step_{l}, end);
#end
        workgroupBarrier();
#for l in (DEPTH * ROWS / 4 + ACROSS - 1) / ACROSS
        if left_index_{l} < {DEPTH * ROWS * DOWN / 4}u { left_tile[left_step_{l}][left_quad_{l}] = left_{l}; }
#end
#for l in (DEPTH + DOWN - 1) / DOWN
        if right_index_{l} < {DEPTH * ACROSS}u { right_tile[right_step_{l}][right_quad_{l}] = right_{l}; }
#end
        workgroupBarrier();
#for k in DEPTH
        let column_{k} = right_tile[{k}][place.x];
#for q in ROWS / 4
        let row_{k}_{q} = left_tile[{k}][place.y * {ROWS / 4}u + {q}u];
#for r in 4
        sum_{4 * q + r} = fma(vec4<f32>(row_{k}_{q}[{r}u]), column_{k}, sum_{4 * q + r});
#end
#end
#end
    }
    let quad = first_quad + place.x;
#for r in ROWS
    if row + {r}u < params.rows {
        let to_{r} = (split * params.rows + row + {r}u) * params.columns;
#if RIGHT_ALONG
#for j in 4
        if 4u * quad + {j}u < params.columns { result[to_{r} + 4u * quad + {j}u] = sum_{r}[{j}u]; }
#end
#else
        if quad < params.columns {
            result[to_{r} + quad] = sum_{r};
#if RECTIFIES
            rectified[to_{r} + quad] = relu(sum_{r});
#end
        }
#end
    }
#end
}
