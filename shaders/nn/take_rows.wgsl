// The activations of a batch as rows, an image a row. See src/nn/rows.rs.
const WORKGROUP: u32 = 64u;

struct Params { dims: u32, columns: u32, first: u32, images: u32 }

@group(0) @binding(0) var<uniform> params: Params;
// [d, n]: the batch is innermost.
@group(0) @binding(1) var<storage, read> activations: array<f32>;
// [i, d]
@group(0) @binding(2) var<storage, read_write> rows: array<f32>;

/// rows[first + n, d] = activations[d, n]
@compute @workgroup_size(WORKGROUP)
fn take_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    let d = id.y;
    if n >= params.images || d >= params.dims { return; }
    rows[(params.first + n) * params.dims + d] = activations[d * params.columns + n];
}
