// Convolution in mixed precision: products of 16-bit floats, sums in 32 bits. A subgroup makes 16 · CHANNEL_BLOCKS channels of
// 16 · IMAGE_BLOCKS images of one pixel, by the 16×16 products of a tap's weights [to, from] with the pixel that it meets [from,
// image]. Forward pass and input gradient alike. See src/nn/layers/conv2d/mixed/products.rs.
#if MATRIX
enable f16;
enable wgpu_cooperative_matrix;

#end
// 1 where the lanes of a subgroup multiply matrices together; 0 where each makes sums of its own of the same products.
#constant MATRIX = 0
#constant CHANNEL_BLOCKS = 1
// 1, 2 or 4.
#constant IMAGE_BLOCKS = 1
// 1 for the forward pass; 0 for the input gradient, which reads the weights across and takes back the scale.
#constant FORWARD = 1
// 1 where a relu of the result is fused.
#constant RECTIFIES = 0
const LANES: u32 = 32u;
// Subgroups of a workgroup, each with a pixel of its own.
const SUBGROUPS: u32 = 4u;

#import MixedProductParams
#import common/floats
#import common/half

@group(0) @binding(0) var<uniform> params: MixedProductParams;
// Copy of the source, [from, y, x, image].
#if MATRIX
@group(0) @binding(1) var<storage, read> source: array<f16>;
#else
@group(0) @binding(1) var<storage, read> source: array<vec2<u32>>;
#end
// [ky, kx, out, in] of the layer.
#if MATRIX
@group(0) @binding(2) var<storage, read> weights: array<f16>;
#else
@group(0) @binding(2) var<storage, read> weights: array<u32>;
#end
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
// relu of the same.
@group(0) @binding(4) var<storage, read_write> rectified: array<vec4<f32>>;
#if FORWARD
@group(0) @binding(5) var<storage, read> parameters: array<f32>;
#else
// Bits of the largest size of the gradient that the source was scaled by: of trained images, and of probes.
@group(0) @binding(5) var<storage, read> largest_in: array<u32, 2>;
#end

#if MATRIX
// 16 channels of the tile of each subgroup, [channel, image].
var<workgroup> tile: array<array<f32, 256u * IMAGE_BLOCKS>, SUBGROUPS>;
#else
fn weight(at: u32) -> f32 {
    return unpack2x16float(weights[at / 2u])[at % 2u];
}
#end

/// result[t, first + step·y, first + step·x, n] = bias[t] + Σ_{c, ky, kx} weights[tap, t, c] · source[c, stride·y + dilation·ky + shift, stride·x + dilation·kx + shift, n]; for the input gradient without bias, of weights[tap, c, t], over the scale
@compute @workgroup_size(LANES, SUBGROUPS)
fn mixed_product(
    @builtin(local_invocation_id) place: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let pixels = params.count_y * params.count_x;
    // Pixels and blocks past the last repeat its work, so that every lane reaches the barriers; they write nothing.
    let pixel = min(group.y * SUBGROUPS + place.y, pixels - 1u);
    let y = pixel / params.count_x;
    let x = pixel % params.count_x;
    // Of the lane: a quad of the tile's images, and rows of its channels.
    let column = place.x % {4 * IMAGE_BLOCKS}u;
    let row = place.x / {4 * IMAGE_BLOCKS}u;
    let plane = params.from_height * params.from_width * params.copy_quads;
#if MATRIX
#for j in IMAGE_BLOCKS
    let images_{j} = min(group.x * IMAGE_BLOCKS + {j}u, params.copy_quads / 4u - 1u) * 16u;
#end
#for i in CHANNEL_BLOCKS
    let channels_{i} = min(group.z * CHANNEL_BLOCKS + {i}u, params.to_padded / 16u - 1u) * 16u * params.to_step;
#for j in IMAGE_BLOCKS
    var sum_{i}_{j} = coop_mat16x16<f32, C>();
#end
#end
#else
    let quad = min(group.x * {4 * IMAGE_BLOCKS}u + column, params.copy_quads - 1u);
#for i in CHANNEL_BLOCKS
    let channels_{i} = min(group.z * CHANNEL_BLOCKS + {i}u, params.to_padded / 16u - 1u) * 16u;
#for k in 2 * IMAGE_BLOCKS
    let channel_{i}_{k} = (channels_{i} + row + {k * 8 / IMAGE_BLOCKS}u) * params.to_step;
    var sum_{i}_{k} = vec4<f32>(0.0);
#end
#end
#end
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let rows = params.rows + (group.x >> 31u);
    for (var ky = 0u; ky < rows; ky++) {
        let sy = i32(y) * params.stride + params.dilation_y * i32(ky) + params.shift_y;
        if sy < 0 || sy >= i32(params.from_height) { continue; }
        for (var kx = 0u; kx < params.columns; kx++) {
            let sx = i32(x) * params.stride + params.dilation_x * i32(kx) + params.shift_x;
            if sx < 0 || sx >= i32(params.from_width) { continue; }
            let tap = u32(params.first_tap + params.tap_row_step * i32(ky) + params.tap_column_step * i32(kx)) * params.tap_weights;
            let at = (u32(sy) * params.from_width + u32(sx)) * params.copy_quads;
#if MATRIX
            for (var c = 0u; c < params.from_padded; c += 16u) {
#for i in CHANNEL_BLOCKS
#if FORWARD
                let a_{i} = coopLoadT<coop_mat16x16<f16, A>>(&weights[tap + channels_{i} + c], params.in_padded);
#else
                let a_{i} = coopLoad<coop_mat16x16<f16, A>>(&weights[tap + channels_{i} + c * params.in_padded], params.in_padded);
#end
#end
#for j in IMAGE_BLOCKS
                let b_{j} = coopLoadT<coop_mat16x16<f16, B>>(&source[4u * (c * plane + at) + images_{j}], 4u * plane);
#end
#for i in CHANNEL_BLOCKS
#for j in IMAGE_BLOCKS
                sum_{i}_{j} = coopMultiplyAdd(a_{i}, b_{j}, sum_{i}_{j});
#end
#end
            }
#else
            for (var c = 0u; c < params.from_padded; c++) {
                let value = from_halves(source[c * plane + at + quad]);
#for i in CHANNEL_BLOCKS
#for k in 2 * IMAGE_BLOCKS
                sum_{i}_{k} += weight(tap + channel_{i}_{k} + c * params.from_step) * value;
#end
#end
            }
#end
        }
    }
    let copied = group.x * {4 * IMAGE_BLOCKS}u + column;
    let to_quad = quad_of_copy(copied, params.train_quads, params.quads);
    let is_there = group.y * SUBGROUPS + place.y < pixels && to_quad < params.quads;
    let to_pixel = (params.first_y + params.step * y) * params.to_width + params.first_x + params.step * x;
#if FORWARD
#else
    let size = select(largest_in[1], largest_in[0], is_trained(copied, params.train_quads));
    let unscaled = power_of_two(-scale_exponent(size));
#end
#for i in CHANNEL_BLOCKS
#if MATRIX
#if i
    workgroupBarrier();
#end
#for j in IMAGE_BLOCKS
    coopStoreT(sum_{i}_{j}, &tile[place.y][{16 * j}u], {16 * IMAGE_BLOCKS}u);
#end
    workgroupBarrier();
#end
#for k in 2 * IMAGE_BLOCKS
    let to_{i}_{k} = (group.z * CHANNEL_BLOCKS + {i}u) * 16u + row + {k * 8 / IMAGE_BLOCKS}u;
    if is_there && to_{i}_{k} < params.to_channels {
#if MATRIX
        let at = (row + {k * 8 / IMAGE_BLOCKS}u) * {16 * IMAGE_BLOCKS}u + 4u * column;
        let sum = vec4<f32>(tile[place.y][at], tile[place.y][at + 1u], tile[place.y][at + 2u], tile[place.y][at + 3u]);
#else
        let sum = sum_{i}_{k};
#end
        let to = (to_{i}_{k} * params.to_height * params.to_width + to_pixel) * params.quads + to_quad;
#if FORWARD
        let value = sum + vec4<f32>(parameters[params.bias_at + to_{i}_{k}]);
#else
        let value = sum * unscaled;
#end
        result[to] = value;
#if RECTIFIES
        rectified[to] = relu(value);
#end
    }
#end
#end
}
