// The weight gradient of a convolution in mixed precision, as partial sums. A subgroup makes 16 · OUT_BLOCKS filters × 16 ·
// IN_BLOCKS input channels of one tap, over a share of the trained images' pixels, by the products of the output's gradient
// [out, image] with the input [image, in], 16 images at a time. See src/nn/layers/conv2d/mixed/weight_gradient.rs.
#if MATRIX
enable f16;
enable wgpu_cooperative_matrix;

#end
// 1 where the lanes of a subgroup multiply matrices together; 0 where each makes sums of its own of the same products.
#constant MATRIX = 0
#constant OUT_BLOCKS = 1
// 1, 2 or 4.
#constant IN_BLOCKS = 1
// Subgroups of a workgroup, each with a tap and a share of its own.
#constant SUBGROUPS = 4
const LANES: u32 = 32u;

#import MixedWeightGradientParams
#import common/half

@group(0) @binding(0) var<uniform> params: MixedWeightGradientParams;
// Copies of the input, [in, y, x, image], and of the output's gradient.
#if MATRIX
@group(0) @binding(1) var<storage, read> input: array<f16>;
@group(0) @binding(2) var<storage, read> output_gradient: array<f16>;
#else
@group(0) @binding(1) var<storage, read> input: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec2<u32>>;
#end
// Bits of the largest size that the gradient was scaled by: of trained images, and of probes.
@group(0) @binding(3) var<storage, read> largest_in: array<u32, 2>;
// [share, out, in, ky, kx]
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

#if MATRIX
// 16 filters of the tile of each subgroup, [out, in].
var<workgroup> tile: array<array<f32, 256u * IN_BLOCKS>, SUBGROUPS>;
#end

/// partials[s, o, c, ky, kx] = Σ_{n, y, x of share s} output_gradient[o, y, x, n] · input[c, y·stride + ky·dilation − padding, x·stride + kx·dilation − padding, n], over the scale
@compute @workgroup_size(LANES, SUBGROUPS)
fn mixed_weight_gradient(
    @builtin(local_invocation_id) place: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let taps = params.kernel * params.kernel;
    // Items and blocks past the last repeat its work, so that every lane reaches the barriers; they write nothing.
    let item = min(group.x * SUBGROUPS + place.y, taps * params.shares - 1u);
    let tap = item % taps;
    let share = item / taps;
    // Of the lane: a quad of the tile's input channels, and rows of its filters.
    let column = place.x % {4 * IN_BLOCKS}u;
    let row = place.x / {4 * IN_BLOCKS}u;
    let in_plane = params.in_height * params.in_width * params.copy_quads;
    let out_plane = params.out_height * params.out_width * params.copy_quads;
#if MATRIX
#for j in IN_BLOCKS
    let in_{j} = min(group.z * IN_BLOCKS + {j}u, (params.in_channels - 1u) / 16u) * 64u * in_plane;
#end
#for i in OUT_BLOCKS
    let out_{i} = min(group.y * OUT_BLOCKS + {i}u, (params.out_channels - 1u) / 16u) * 64u * out_plane;
#for j in IN_BLOCKS
    var sum_{i}_{j} = coop_mat16x16<f32, C>();
#end
#end
#else
#for e in 4
    let in_{e} = min((group.z * {4 * IN_BLOCKS}u + column) * 4u + {e}u, params.in_channels - 1u) * in_plane;
#end
#for i in OUT_BLOCKS
#for k in 2 * IN_BLOCKS
    let out_{i}_{k} = min((group.y * OUT_BLOCKS + {i}u) * 16u + row + {k * 8 / IN_BLOCKS}u, params.out_channels - 1u) * out_plane;
    var sum_{i}_{k} = vec4<f32>(0.0);
#end
#end
#end
    // Steps of 16 images of a pixel.
    let blocks = (params.train_quads + 3u) / 4u;
    let first = share * params.share_steps;
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let end = min(first + params.share_steps, params.out_height * params.out_width * blocks) + (group.x >> 31u);
    for (var step = first; step < end; step++) {
        let pixel = step / blocks;
        let block = step % blocks;
        let sy = i32(pixel / params.out_width * params.stride + tap / params.kernel * params.dilation) - i32(params.padding);
        let sx = i32(pixel % params.out_width * params.stride + tap % params.kernel * params.dilation) - i32(params.padding);
        if sy < 0 || sx < 0 || sy >= i32(params.in_height) || sx >= i32(params.in_width) { continue; }
        let in_at = (u32(sy) * params.in_width + u32(sx)) * params.copy_quads + 4u * block;
        let out_at = pixel * params.copy_quads + 4u * block;
#if MATRIX
#for i in OUT_BLOCKS
        let a_{i} = coopLoadT<coop_mat16x16<f16, A>>(&output_gradient[out_{i} + 4u * out_at], 4u * out_plane);
#end
#for j in IN_BLOCKS
        let b_{j} = coopLoad<coop_mat16x16<f16, B>>(&input[in_{j} + 4u * in_at], 4u * in_plane);
#end
#for i in OUT_BLOCKS
#for j in IN_BLOCKS
        sum_{i}_{j} = coopMultiplyAdd(a_{i}, b_{j}, sum_{i}_{j});
#end
#end
#else
        for (var q = 0u; q < 4u; q++) {
            let values = mat4x4<f32>(
#for e in 4
                from_halves(input[in_{e} + in_at + q]),
#end
            );
#for i in OUT_BLOCKS
#for k in 2 * IN_BLOCKS
            sum_{i}_{k} += from_halves(output_gradient[out_{i}_{k} + out_at + q]) * values;
#end
#end
        }
#end
    }
    let is_there = group.x * SUBGROUPS + place.y < taps * params.shares;
    let unscaled = power_of_two(-scale_exponent(largest_in[0]));
    let c = (group.z * {4 * IN_BLOCKS}u + column) * 4u;
#for i in OUT_BLOCKS
#if MATRIX
#if i
    workgroupBarrier();
#end
#for j in IN_BLOCKS
    coopStoreT(sum_{i}_{j}, &tile[place.y][{16 * j}u], {16 * IN_BLOCKS}u);
#end
    workgroupBarrier();
#end
#for k in 2 * IN_BLOCKS
    let o_{i}_{k} = (group.y * OUT_BLOCKS + {i}u) * 16u + row + {k * 8 / IN_BLOCKS}u;
    if is_there && o_{i}_{k} < params.out_channels {
#if MATRIX
        let at = (row + {k * 8 / IN_BLOCKS}u) * {16 * IN_BLOCKS}u + 4u * column;
#end
        let to = (share * params.out_channels + o_{i}_{k}) * params.in_channels + c;
#for e in 4
#if MATRIX
        if c + {e}u < params.in_channels { partials[(to + {e}u) * taps + tap] = tile[place.y][at + {e}u] * unscaled; }
#else
        if c + {e}u < params.in_channels { partials[(to + {e}u) * taps + tap] = sum_{i}_{k}[{e}] * unscaled; }
#end
#end
    }
#end
#end
}
