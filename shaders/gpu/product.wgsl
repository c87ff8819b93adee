// The product of two matrices, as fast as we know to make it: what convolutions are judged against. A thread makes 16
// rows × 8 columns in registers; the lanes of a subgroup that run in step load the left matrix together. See src/gpu/peak.rs.
const WORKGROUP: u32 = 8u;
#constant ROWS = 16
#constant SUBGROUPS = 0

// Rows, columns and depth of the product, each a multiple of 64.
#import ProductParams

@group(0) @binding(0) var<uniform> params: ProductParams;
@group(0) @binding(1) var<storage, read> left: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> right: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;

/// result[m, n] = Σ_k left[m, k] · right[k, n]
@compute @workgroup_size(WORKGROUP)
fn product(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
#if SUBGROUPS
    @builtin(subgroup_invocation_id) lane: u32,
#end
) {
    let quads = params.size / 4u;
    let column = id.x * 2u;
    let row = group.y * ROWS;
#for r in ROWS
    var sum_{r}_0 = vec4<f32>(0.0);
    var sum_{r}_1 = vec4<f32>(0.0);
#end
    for (var k = 0u; k < quads; k++) {
#for i in 4
        let b_{i}_0 = right[(k * 4u + {i}u) * quads + column];
        let b_{i}_1 = right[(k * 4u + {i}u) * quads + column + 1u];
#end
#if SUBGROUPS
#for l in ROWS / 8
        let mine_{l} = left[(row + {l * 8}u + lane) * quads + k];
#end
#end
#for r in ROWS
#if SUBGROUPS
        let a_{r} = subgroupBroadcast(mine_{r / 8}, {r % 8}u);
#else
        let a_{r} = left[(row + {r}u) * quads + k];
#end
#for i in 4
        sum_{r}_0 += a_{r}[{i}u] * b_{i}_0;
        sum_{r}_1 += a_{r}[{i}u] * b_{i}_1;
#end
#end
    }
#for r in ROWS
    result[(row + {r}u) * quads + column] = sum_{r}_0;
    result[(row + {r}u) * quads + column + 1u] = sum_{r}_1;
#end
}
