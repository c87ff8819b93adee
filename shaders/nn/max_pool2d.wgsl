// Max pooling, batch innermost. The index of each maximum in its window is kept, one byte an image. See src/nn/layers/max_pool2d.rs.
const WORKGROUP: u32 = 64u;
// Constants, not parameters: on the software adapter a division by a variable costs as much as the rest.
#constant SIZE_Y = 2
#constant SIZE_X = 2
#constant STRIDE_Y = 2
#constant STRIDE_X = 2
#constant PADDING_Y = 0
#constant PADDING_X = 0
// 1 where the last windows may reach beyond the map without padding, too.
#constant CEIL = 0

#import WindowParams
#import common/floats

@group(0) @binding(0) var<uniform> params: WindowParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
// Index y·size + x of the maximum in its window, one byte an image.
@group(0) @binding(3) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4<f32>>;
// The output once more, and the gradient of what a relu made the input of.
@group(0) @binding(6) var<storage, read> pooled: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> rectified_gradient: array<vec4<f32>>;

/// output[c, y, x, n] = max_{dy, dx < size} input[c, y·stride + dy − padding, x·stride + dx − padding, n], the first of equals; NaN wins
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.out_width * params.quads { return; }
    let quad = id.x % params.quads;
    let x = id.x / params.quads;
    let y = id.y;
    let c = id.z;
    let i = (c * params.out_height + y) * params.out_width * params.quads + id.x;
    let plane = c * params.in_height;
    // The first pixel inside the map; every window has one.
    let inside_y = max(y * STRIDE_Y, PADDING_Y) - y * STRIDE_Y;
    let inside_x = max(x * STRIDE_X, PADDING_X) - x * STRIDE_X;
    let corner_y = y * STRIDE_Y + inside_y - PADDING_Y;
    let corner_x = x * STRIDE_X + inside_x - PADDING_X;
    var best = input[((plane + corner_y) * params.in_width + corner_x) * params.quads + quad];
    var index = vec4<u32>(inside_y * SIZE_X + inside_x);
    var was_nan = are_nan(best);
    for (var dy = inside_y; dy < SIZE_Y; dy++) {
        let sy = y * STRIDE_Y + dy - PADDING_Y;
#if PADDING_Y + CEIL
        if sy >= params.in_height { break; }
#end
        for (var dx = inside_x; dx < SIZE_X; dx++) {
            let sx = x * STRIDE_X + dx - PADDING_X;
#if PADDING_X + CEIL
            if sx >= params.in_width { break; }
#end
            let value = input[((plane + sy) * params.in_width + sx) * params.quads + quad];
            let is_nan = are_nan(value);
            let wins = ((value > best) & !was_nan) | is_nan;
            was_nan |= is_nan;
            best = select(best, value, wins);
            index = select(index, vec4<u32>(dy * SIZE_X + dx), wins);
        }
    }
    output[i] = best;
    argmax[i] = index.x | (index.y << 8u) | (index.z << 16u) | (index.w << 24u);
}

/// input_gradient[c, y, x, n] = Σ over the windows whose maximum is (y, x) of output_gradient
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let quad = id.x % params.quads;
    let x = id.x / params.quads;
    let y = id.y;
    let c = id.z;
    let i = (c * params.in_height + y) * params.in_width * params.quads + id.x;
    // Counted from the padding's edge, windows that cover y begin from (y − size + 1) / stride, rounded up, to y / stride.
    let padded_y = y + PADDING_Y;
    let padded_x = x + PADDING_X;
    let first_y = (max(padded_y + 1u, SIZE_Y) - SIZE_Y + STRIDE_Y - 1u) / STRIDE_Y;
    let first_x = (max(padded_x + 1u, SIZE_X) - SIZE_X + STRIDE_X - 1u) / STRIDE_X;
    let end_y = min(padded_y / STRIDE_Y + 1u, params.out_height);
    let end_x = min(padded_x / STRIDE_X + 1u, params.out_width);
    var sum = vec4<f32>(0.0);
    for (var oy = first_y; oy < end_y; oy++) {
        for (var ox = first_x; ox < end_x; ox++) {
            let at = ((c * params.out_height + oy) * params.out_width + ox) * params.quads + quad;
            let packed = argmax[at];
            let index = vec4<u32>(packed, packed >> 8u, packed >> 16u, packed >> 24u) & vec4<u32>(255u);
            let mine = vec4<u32>((padded_y - oy * STRIDE_Y) * SIZE_X + padded_x - ox * STRIDE_X);
            sum += select(vec4<f32>(0.0), output_gradient[at], index == mine);
        }
    }
    input_gradient[i] = sum;
}

/// The same where windows lie apart (size ≤ stride, no padding): a thread a window writes all the pixels from it to the next
@compute @workgroup_size(WORKGROUP)
fn backward_apart(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x % params.quads;
    let ox = id.x / params.quads;
    if ox * STRIDE_X >= params.in_width { return; }
    var gradient = vec4<f32>(0.0);
    var packed = 0u;
    // Beyond the last window are pixels that none covers.
    if ox < params.out_width && id.y < params.out_height {
        let at = ((id.z * params.out_height + id.y) * params.out_width + ox) * params.quads + quad;
        gradient = output_gradient[at];
        packed = argmax[at];
    }
    let index = vec4<u32>(packed, packed >> 8u, packed >> 16u, packed >> 24u) & vec4<u32>(255u);
    let corner = ((id.z * params.in_height + id.y * STRIDE_Y) * params.in_width + ox * STRIDE_X) * params.quads + quad;
#for dy in STRIDE_Y
#for dx in STRIDE_X
    if id.y * STRIDE_Y + {dy}u < params.in_height && ox * STRIDE_X + {dx}u < params.in_width {
        let mine = {dy}u < SIZE_Y && {dx}u < SIZE_X;
        input_gradient[corner + ({dy}u * params.in_width + {dx}u) * params.quads] =
            select(vec4<f32>(0.0), gradient, (index == vec4<u32>({dy}u * SIZE_X + {dx}u)) & vec4<bool>(mine));
    }
#end
#end
}

/// The same where windows lie apart, of an input that is a relu: rectified_gradient = relu'(..) · what input_gradient would be, which is
/// written for the probes alone. A window's maximum says whether the relu cut it.
@compute @workgroup_size(WORKGROUP)
fn backward_rectified(@builtin(global_invocation_id) id: vec3<u32>) {
    let quad = id.x % params.quads;
    let ox = id.x / params.quads;
    if ox * STRIDE_X >= params.in_width { return; }
    var gradient = vec4<f32>(0.0);
    var slope = vec4<f32>(0.0);
    var packed = 0u;
    if ox < params.out_width && id.y < params.out_height {
        let at = ((id.z * params.out_height + id.y) * params.out_width + ox) * params.quads + quad;
        gradient = output_gradient[at];
        slope = select(vec4<f32>(1.0), vec4<f32>(0.0), are_not_positive(pooled[at]));
        packed = argmax[at];
    }
    let index = vec4<u32>(packed, packed >> 8u, packed >> 16u, packed >> 24u) & vec4<u32>(255u);
    let corner = ((id.z * params.in_height + id.y * STRIDE_Y) * params.in_width + ox * STRIDE_X) * params.quads + quad;
#for dy in STRIDE_Y
#for dx in STRIDE_X
    if id.y * STRIDE_Y + {dy}u < params.in_height && ox * STRIDE_X + {dx}u < params.in_width {
        let at_{dy}_{dx} = corner + ({dy}u * params.in_width + {dx}u) * params.quads;
        let mine_{dy}_{dx} = (index == vec4<u32>({dy}u * SIZE_X + {dx}u)) & vec4<bool>({dy}u < SIZE_Y && {dx}u < SIZE_X);
        let unpooled_{dy}_{dx} = select(vec4<f32>(0.0), gradient, mine_{dy}_{dx});
        rectified_gradient[at_{dy}_{dx}] = slope * unpooled_{dy}_{dx};
        if quad >= params.train_quads { input_gradient[at_{dy}_{dx}] = unpooled_{dy}_{dx}; }
    }
#end
#end
}
