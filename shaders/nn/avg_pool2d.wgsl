// Average pooling, batch innermost. See src/nn/layers/avg_pool2d.rs.
const WORKGROUP: u32 = 64u;
#constant SIZE = 2
#constant STRIDE = 2
#constant PADDING = 0
// 1 where pixels outside the map count, as zeros.
#constant COUNT_PADDING = 1

#import WindowParams

@group(0) @binding(0) var<uniform> params: WindowParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// First and one past the last row of window o, of `length` rows.
fn rows(o: u32, length: u32) -> vec2<u32> {
    return vec2<u32>(max(o * STRIDE, PADDING) - PADDING, min(o * STRIDE + SIZE - PADDING, length));
}

fn share(y: vec2<u32>, x: vec2<u32>) -> f32 {
#if COUNT_PADDING
    return 1.0 / f32(SIZE * SIZE);
#else
    return 1.0 / f32((y.y - y.x) * (x.y - x.x));
#end
}

/// output[c, y, x, n] = 1/m · Σ_{dy, dx < size} input[c, y·stride + dy − padding, x·stride + dx − padding, n]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.out_width * params.quads { return; }
    let quad = id.x % params.quads;
    let in_y = rows(id.y, params.in_height);
    let in_x = rows(id.x / params.quads, params.in_width);
    var sum = vec4<f32>(0.0);
    for (var y = in_y.x; y < in_y.y; y++) {
        let row = (id.z * params.in_height + y) * params.in_width;
        for (var x = in_x.x; x < in_x.y; x++) { sum += input[(row + x) * params.quads + quad]; }
    }
    output[(id.z * params.out_height + id.y) * params.out_width * params.quads + id.x] = sum * share(in_y, in_x);
}

/// input_gradient[c, y, x, n] = Σ over the windows that cover (y, x) of output_gradient / m
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let quad = id.x % params.quads;
    // Counted from the padding's edge, windows that cover y begin from (y − size + 1) / stride, rounded up, to y / stride.
    let y = id.y + PADDING;
    let x = id.x / params.quads + PADDING;
    let first_y = (max(y + 1u, SIZE) - SIZE + STRIDE - 1u) / STRIDE;
    let first_x = (max(x + 1u, SIZE) - SIZE + STRIDE - 1u) / STRIDE;
    let end_y = min(y / STRIDE + 1u, params.out_height);
    let end_x = min(x / STRIDE + 1u, params.out_width);
    var sum = vec4<f32>(0.0);
    for (var oy = first_y; oy < end_y; oy++) {
        let row = (id.z * params.out_height + oy) * params.out_width;
        for (var ox = first_x; ox < end_x; ox++) {
            let gradient = output_gradient[(row + ox) * params.quads + quad];
            sum += gradient * share(rows(oy, params.in_height), rows(ox, params.in_width));
        }
    }
    input_gradient[(id.z * params.in_height + id.y) * params.in_width * params.quads + id.x] = sum;
}
