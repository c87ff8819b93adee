// Average pooling, batch innermost. See src/nn/layers/avg_pool2d.rs.
const WORKGROUP: u32 = 64u;
#constant SIZE_Y = 2
#constant SIZE_X = 2
#constant STRIDE_Y = 2
#constant STRIDE_X = 2
#constant PADDING_Y = 0
#constant PADDING_X = 0
// 1 where the last windows may reach beyond the map and its padding.
#constant CEIL = 0
// 1 where pixels outside the map count, as zeros.
#constant COUNT_PADDING = 1

#import WindowParams

@group(0) @binding(0) var<uniform> params: WindowParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// First and one past the last row of window o.
fn rows(o: u32) -> vec2<u32> {
    return vec2<u32>(max(o * STRIDE_Y, PADDING_Y) - PADDING_Y, min(o * STRIDE_Y + SIZE_Y - PADDING_Y, params.in_height));
}

/// First and one past the last column of window o.
fn columns(o: u32) -> vec2<u32> {
    return vec2<u32>(max(o * STRIDE_X, PADDING_X) - PADDING_X, min(o * STRIDE_X + SIZE_X - PADDING_X, params.in_width));
}

/// 1 by the number of pixels that count in window (oy, ox).
fn share(oy: u32, ox: u32) -> f32 {
#if COUNT_PADDING
#if CEIL
    let height = min(oy * STRIDE_Y + SIZE_Y, params.in_height + 2u * PADDING_Y) - oy * STRIDE_Y;
    let width = min(ox * STRIDE_X + SIZE_X, params.in_width + 2u * PADDING_X) - ox * STRIDE_X;
    return 1.0 / f32(height * width);
#else
    return 1.0 / f32(SIZE_Y * SIZE_X);
#end
#else
    let y = rows(oy);
    let x = columns(ox);
    return 1.0 / f32((y.y - y.x) * (x.y - x.x));
#end
}

/// output[c, y, x, n] = 1/m · Σ_{dy, dx < size} input[c, y·stride + dy − padding, x·stride + dx − padding, n]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.out_width * params.quads { return; }
    let quad = id.x % params.quads;
    let in_y = rows(id.y);
    let in_x = columns(id.x / params.quads);
    var sum = vec4<f32>(0.0);
    for (var y = in_y.x; y < in_y.y; y++) {
        let row = (id.z * params.in_height + y) * params.in_width;
        for (var x = in_x.x; x < in_x.y; x++) { sum += input[(row + x) * params.quads + quad]; }
    }
    output[(id.z * params.out_height + id.y) * params.out_width * params.quads + id.x] = sum * share(id.y, id.x / params.quads);
}

/// input_gradient[c, y, x, n] = Σ over the windows that cover (y, x) of output_gradient / m
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let quad = id.x % params.quads;
    // Counted from the padding's edge, windows that cover y begin from (y − size + 1) / stride, rounded up, to y / stride.
    let y = id.y + PADDING_Y;
    let x = id.x / params.quads + PADDING_X;
    let first_y = (max(y + 1u, SIZE_Y) - SIZE_Y + STRIDE_Y - 1u) / STRIDE_Y;
    let first_x = (max(x + 1u, SIZE_X) - SIZE_X + STRIDE_X - 1u) / STRIDE_X;
    let end_y = min(y / STRIDE_Y + 1u, params.out_height);
    let end_x = min(x / STRIDE_X + 1u, params.out_width);
    var sum = vec4<f32>(0.0);
    for (var oy = first_y; oy < end_y; oy++) {
        let row = (id.z * params.out_height + oy) * params.out_width;
        for (var ox = first_x; ox < end_x; ox++) {
            let gradient = output_gradient[(row + ox) * params.quads + quad];
            sum += gradient * share(oy, ox);
        }
    }
    input_gradient[(id.z * params.in_height + id.y) * params.in_width * params.quads + id.x] = sum;
}
