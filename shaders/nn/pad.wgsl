// Padding with zeros or mirrored pixels, batch innermost. See src/nn/layers/pad.rs.
const WORKGROUP: u32 = 64u;
// 1 where pixels outside the map mirror those inside.
#constant REFLECTS = 0

#import PadParams

@group(0) @binding(0) var<uniform> params: PadParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// Row or column of the input that `at` shows, counted from the map's edge.
fn mirrored(at: i32, length: u32) -> u32 {
    let last = i32(length) - 1;
    return u32(last - abs(last - abs(at)));
}

/// output[c, y, x, n] = input[c, y − top, x − left, n]; outside 0, or the pixel as far inside of the edge
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.out_width * params.quads { return; }
    let i = (id.z * params.out_height + id.y) * params.out_width * params.quads + id.x;
    let quad = id.x % params.quads;
    let y = i32(id.y) - i32(params.top);
    let x = i32(id.x / params.quads) - i32(params.left);
#if REFLECTS
    let source = vec2<u32>(mirrored(y, params.in_height), mirrored(x, params.in_width));
#else
    if y < 0 || x < 0 || y >= i32(params.in_height) || x >= i32(params.in_width) {
        output[i] = vec4<f32>(0.0);
        return;
    }
    let source = vec2<u32>(u32(y), u32(x));
#end
    output[i] = input[((id.z * params.in_height + source.x) * params.in_width + source.y) * params.quads + quad];
}

/// Rows or columns of the output that show `at`: the first, that beyond the upper edge and that beyond the lower; −1 where there is none.
fn shown(at: u32, before: u32, length: u32, out_length: u32) -> vec3<i32> {
    let first = i32(at + before);
    let upper = i32(before) - i32(at);
    let lower = 2 * (i32(length) - 1) - i32(at) + i32(before);
    return vec3<i32>(
        first,
        select(-1, upper, at > 0u && upper >= 0),
        select(-1, lower, at + 1u < length && lower < i32(out_length)),
    );
}

/// input_gradient[c, y, x, n] = Σ over the pixels that show (y, x) of output_gradient
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let i = (id.z * params.in_height + id.y) * params.in_width * params.quads + id.x;
    let quad = id.x % params.quads;
    let x = id.x / params.quads;
    let plane = id.z * params.out_height;
#if REFLECTS
    let rows = shown(id.y, params.top, params.in_height, params.out_height);
    let columns = shown(x, params.left, params.in_width, params.out_width);
    var sum = vec4<f32>(0.0);
    for (var a = 0u; a < 3u; a++) {
        for (var b = 0u; b < 3u; b++) {
            if rows[a] < 0 || columns[b] < 0 { continue; }
            sum += output_gradient[((plane + u32(rows[a])) * params.out_width + u32(columns[b])) * params.quads + quad];
        }
    }
    input_gradient[i] = sum;
#else
    input_gradient[i] = output_gradient[((plane + id.y + params.top) * params.out_width + x + params.left) * params.quads + quad];
#end
}
