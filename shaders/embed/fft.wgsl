// Passes of a Fourier transform along the slow axis of a grid, four neighboring columns a thread. See src/embed/fft/mod.rs.
#constant WORKGROUP = 16
// Values per thread, transformed in registers: 2, 4, 8, 16 or 32.
#constant RADIX = 32
// Input: 0 complex values; 1 the real `mesh`, left half as real and right half as imaginary parts; 2 the kernel q̃ of t-SNE.
#constant INPUT = 0
// 1: a pass of one transform. 3: the last pass forward, the products with K̂, and the first pass back of both fields.
#constant FIELDS = 1
// 1: the length says whether the 8 values of a thread are one butterfly of 8 or two of 4 (RADIX 8, FIELDS 1).
#constant EITHER = 0
// 1: a second grid is transformed as well, by the threads with z = 1 (FIELDS 1).
#constant BOTH = 0

// cos and sin of 2π k / 32.
const C_0: f32 = 1.000000000; const S_0: f32 = 0.000000000; const C_1: f32 = 0.980785280; const S_1: f32 = 0.195090322;
const C_2: f32 = 0.923879533; const S_2: f32 = 0.382683432; const C_3: f32 = 0.831469612; const S_3: f32 = 0.555570233;
const C_4: f32 = 0.707106781; const S_4: f32 = 0.707106781; const C_5: f32 = 0.555570233; const S_5: f32 = 0.831469612;
const C_6: f32 = 0.382683432; const S_6: f32 = 0.923879533; const C_7: f32 = 0.195090322; const S_7: f32 = 0.980785280;
const C_8: f32 = 0.000000000; const S_8: f32 = 1.000000000; const C_9: f32 = -0.195090322; const S_9: f32 = 0.980785280;
const C_10: f32 = -0.382683432; const S_10: f32 = 0.923879533; const C_11: f32 = -0.555570233; const S_11: f32 = 0.831469612;
const C_12: f32 = -0.707106781; const S_12: f32 = 0.707106781; const C_13: f32 = -0.831469612; const S_13: f32 = 0.555570233;
const C_14: f32 = -0.923879533; const S_14: f32 = 0.382683432; const C_15: f32 = -0.980785280; const S_15: f32 = 0.195090322;

#import FftParams
#import Grid

@group(0) @binding(0) var<uniform> params: FftParams;
@group(0) @binding(1) var<storage, read> grid: Grid;
// cos and sin of 2π t / (number of twiddle factors).
@group(0) @binding(2) var<storage, read> twiddles: array<vec2<f32>>;
// [row, quad] of real parts, then imaginary parts.
@group(0) @binding(3) var<storage, read> spectrum_in: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> spectrum_out: array<vec4<f32>>;
// [y, x / 4]
@group(0) @binding(5) var<storage, read> mesh: array<vec4<u32>>;
// [kx, ky / 4] for kx up to half the length: K̂ / (B² length²) of q̃.
@group(0) @binding(6) var<storage, read> influence: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> second_out: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> second_in: array<vec4<f32>>;
// Σ |Ŵ|² K̂ of each thread.
@group(0) @binding(8) var<storage, read_write> parts: array<f32>;

fn load(field: u32, at: u32) -> vec4<f32> {
#if BOTH
    if field == 1u { return second_in[at]; }
#end
    return spectrum_in[at];
}

fn store(field: u32, at: u32, value: vec4<f32>) {
#if BOTH
    if field == 1u {
        second_out[at] = value;
        return;
    }
#end
    spectrum_out[at] = value;
}

/// to[k] = Σ_j from[j] exp(∓2πi jk / RADIX · ...): a pass of Stockham's transform, `before` = product of the radices before; or
/// to = F⁻¹(−i s Ŵ) of both fields' slopes s and parts = Σ |Ŵ|² K̂
@compute @workgroup_size(WORKGROUP)
fn transform(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Quads of columns; product of the radices before this one; 2π / (that · radix) in steps of the twiddle factors; log2 of the radix.
    let chosen = params.lengths[grid.level - params.lowest];
    let quads = chosen.x;
    let before = chosen.y;
    let quad = group.x * WORKGROUP + lane;
    let j = group.y;
    if quad >= quads { return; }
    // Rows lie an odd number of quads apart, since powers of two would share cache lines.
    let pitch = quads | 1u;
    let length = 1u << grid.level;
#if EITHER
    let is_8 = chosen.w == 3u;
    let apart = select(length / 4u, length / 8u, is_8);
#for h in 2
    let j_{h} = select(2u * j + {h}u, j, is_8);
    let k_{h} = j_{h} % before;
#end
#for r in RADIX
    let row_{r} = j_{r / 4} + {r % 4}u * apart + select(0u, {r / 4}u * length / 2u, is_8);
    let turn_{r} = ({r % 4}u + select(0u, {r / 4 * 4}u, is_8)) * k_{r / 4} * chosen.z;
#end
#else
    let apart = length / RADIX;
    let k = j % before;
#for r in RADIX
    let row_{r} = j + {r}u * apart;
    let turn_{r} = {r}u * k * chosen.z;
#end
#end
#for r in RADIX
    var re_0_{r} = vec4<f32>(0.0);
    var im_0_{r} = vec4<f32>(0.0);
#end
#if INPUT / 2
    let x = grid.spacing * (f32(quad * 4u) + vec4<f32>(0.0, 1.0, 2.0, 3.0));
#for r in RADIX
    let y_{r} = grid.spacing * f32(min(row_{r}, length - row_{r}));
    re_0_{r} = vec4<f32>(1.0) / (vec4<f32>(1.0 + y_{r} * y_{r}) + x * x);
#end
#else
#if INPUT % 2
    // Only the first half of the rows is there.
#for r in RADIX / 2 * (1 + EITHER)
    if EITHER == 0u || row_{r} < length / 2u {
        re_0_{r} = vec4<f32>(mesh[row_{r} * 2u * quads + quad]);
        im_0_{r} = vec4<f32>(mesh[(row_{r} * 2u + 1u) * quads + quad]);
    }
#end
#else
    let given = select(length, length / 2u, params.zeros == 1u);
#for r in RADIX / 2 * (1 + EITHER)
    if EITHER == 0u || row_{r} < given {
        re_0_{r} = load(group.z, (row_{r} * pitch + quad) * 2u + params.inverse);
        im_0_{r} = load(group.z, (row_{r} * pitch + quad) * 2u + 1u - params.inverse);
    }
#end
#if EITHER
#else
#if FIELDS % 3
    if params.zeros == 0u {
#else
    {
#end
#for r in RADIX / 2
        re_0_{r + RADIX / 2} = load(group.z, (row_{r + RADIX / 2} * pitch + quad) * 2u + params.inverse);
        im_0_{r + RADIX / 2} = load(group.z, (row_{r + RADIX / 2} * pitch + quad) * 2u + 1u - params.inverse);
#end
    }
#end
#end
#end
#if FIELDS % 3
    if before > 1u {
#else
    {
#end
#for s in RADIX - 1
        let twiddle_{s + 1} = twiddles[turn_{s + 1}];
        let real_{s + 1} = re_0_{s + 1};
        re_0_{s + 1} = real_{s + 1} * twiddle_{s + 1}.x + im_0_{s + 1} * twiddle_{s + 1}.y;
        im_0_{s + 1} = im_0_{s + 1} * twiddle_{s + 1}.x - real_{s + 1} * twiddle_{s + 1}.y;
#end
    }
#if FIELDS / 3
    var part = vec4<f32>(0.0);
    let slope = 3.14159265 / (f32(length) * grid.spacing);
    let ky = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let is_middle = 2u * ky == vec4<u32>(length);
    let slopes = select(slope * vec4<f32>(ky), vec4<f32>(0.0), is_middle);
#end
#for f in FIELDS
#if f % 2
#for r in RADIX
    // Beyond the middle kx is negative; of the middle itself a slope has no part.
    let near_{r} = min(row_{r}, length - row_{r});
    let sign_{r} = select(select(1.0, -1.0, row_{r} > near_{r}), 0.0, 2u * row_{r} == length);
    let a_{r} = re_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    let b_{r} = im_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    let weight_{r} = influence[near_{r} * quads + quad];
    part += weight_{r} * (a_{r} * a_{r} + b_{r} * b_{r});
    // x q̃² = −½ ∂q̃/∂x, whose transform is −i π kx / (length · spacing) that of q̃.
    let along_x_{r} = weight_{r} * (sign_{r} * f32(near_{r}) * slope);
    let along_y_{r} = weight_{r} * slopes;
    // The product with −i s, real and imaginary parts changed for the way back.
    var re_1_{r} = -along_x_{r} * a_{r};
    var im_1_{r} = along_x_{r} * b_{r};
    var re_2_{r} = -along_y_{r} * a_{r};
    var im_2_{r} = along_y_{r} * b_{r};
#end
#end
    // Butterflies of values 16, 8, 4, 2 and 1 apart.
#for i in 16
#if 16 % (16 - i)
#else
#if RADIX / (32 - 2 * i)
#if EITHER
    if is_8 || {16 - i}u < 4u {
#else
    {
#end
#for g in RADIX / (32 - 2 * i)
#for b in 16 - i
    let re_apart_{g}_{b} = re_{f}_{g * (32 - 2 * i) + b} - re_{f}_{g * (32 - 2 * i) + b + 16 - i};
    let im_apart_{g}_{b} = im_{f}_{g * (32 - 2 * i) + b} - im_{f}_{g * (32 - 2 * i) + b + 16 - i};
    re_{f}_{g * (32 - 2 * i) + b} += re_{f}_{g * (32 - 2 * i) + b + 16 - i};
    im_{f}_{g * (32 - 2 * i) + b} += im_{f}_{g * (32 - 2 * i) + b + 16 - i};
#if b
    re_{f}_{g * (32 - 2 * i) + b + 16 - i} = re_apart_{g}_{b} * C_{b * 16 / (16 - i)} + im_apart_{g}_{b} * S_{b * 16 / (16 - i)};
    im_{f}_{g * (32 - 2 * i) + b + 16 - i} = im_apart_{g}_{b} * C_{b * 16 / (16 - i)} - re_apart_{g}_{b} * S_{b * 16 / (16 - i)};
#else
    re_{f}_{g * (32 - 2 * i) + b + 16 - i} = re_apart_{g}_{b};
    im_{f}_{g * (32 - 2 * i) + b + 16 - i} = im_apart_{g}_{b};
#end
#end
#end
    }
#end
#end
#end
#end
#if FIELDS / 3
    let first = (j * RADIX * pitch + quad) * 2u;
#for r in RADIX
    let to_{r} = first + {2 * r}u * pitch;
    spectrum_out[to_{r} + 1u] = re_1_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    spectrum_out[to_{r}] = im_1_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    second_out[to_{r} + 1u] = re_2_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    second_out[to_{r}] = im_2_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
#end
    // A value that stands for both signs of ky counts twice.
    part *= select(vec4<f32>(2.0), vec4<f32>(1.0), is_middle | (ky == vec4<u32>(0u)));
    parts[j * quads + quad] = part.x + part.y + part.z + part.w;
#else
#if EITHER
    let stride = select(before, 2u * before, is_8);
    let first_0 = select((j_0 - k_0) * 4u, (j_0 - k_0) * 8u, is_8) + k_0;
    let first_1 = select((j_1 - k_1) * 4u + k_1, first_0 + before, is_8);
#for r in RADIX / 2
    let near_{r} = ((first_{r / 2} + {r % 2}u * stride) * pitch + quad) * 2u;
    store(group.z, near_{r} + params.inverse, re_0_{r * 2});
    store(group.z, near_{r} + 1u - params.inverse, im_0_{r * 2});
#end
    if params.keeps == 0u {
#for q in RADIX / 2
        let far_{q} = ((first_{q / 2} + {q % 2 + 2}u * stride) * pitch + quad) * 2u;
        store(group.z, far_{q} + params.inverse, re_0_{q * 2 + 1});
        store(group.z, far_{q} + 1u - params.inverse, im_0_{q * 2 + 1});
#end
    }
#else
    let first = ((j - k) * RADIX + k) * pitch + quad;
    let stride = before * pitch;
#for r in RADIX / 2
    let near_{r} = (first + {r}u * stride) * 2u;
    store(group.z, near_{r} + params.inverse, re_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)});
    store(group.z, near_{r} + 1u - params.inverse, im_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)});
#end
    if params.keeps == 0u {
#for q in RADIX / 2
        let far_{q} = (first + {q + RADIX / 2}u * stride) * 2u;
        store(group.z, far_{q} + params.inverse, re_0_{(((q + RADIX / 2) % 2) * 16 + ((q + RADIX / 2) / 2 % 2) * 8 + ((q + RADIX / 2) / 4 % 2) * 4 + ((q + RADIX / 2) / 8 % 2) * 2 + (q + RADIX / 2) / 16) / (32 / RADIX)});
        store(group.z, far_{q} + 1u - params.inverse, im_0_{(((q + RADIX / 2) % 2) * 16 + ((q + RADIX / 2) / 2 % 2) * 8 + ((q + RADIX / 2) / 4 % 2) * 4 + ((q + RADIX / 2) / 8 % 2) * 2 + (q + RADIX / 2) / 16) / (32 / RADIX)});
#end
    }
#end
#end
}
