// Passes of a Fourier transform along the slow axis of a grid, four neighboring columns a thread. See src/embed/fft/mod.rs.
#constant WORKGROUP = 16
// Values per thread, transformed in registers: 2, 4, 8, 16 or 32.
#constant RADIX = 32
// Input: 0 complex values; 1 the real `mesh`, left half as real and right half as imaginary parts; 2 the kernel q̃ of t-SNE.
#constant INPUT = 0
// 1: a pass of one transform. 3: the last pass forward, the products with K̂, and the first pass back of both fields.
#constant FIELDS = 1

// cos and sin of 2π k / 32.
const C_0: f32 = 1.000000000; const S_0: f32 = 0.000000000;
const C_1: f32 = 0.980785280; const S_1: f32 = 0.195090322;
const C_2: f32 = 0.923879533; const S_2: f32 = 0.382683432;
const C_3: f32 = 0.831469612; const S_3: f32 = 0.555570233;
const C_4: f32 = 0.707106781; const S_4: f32 = 0.707106781;
const C_5: f32 = 0.555570233; const S_5: f32 = 0.831469612;
const C_6: f32 = 0.382683432; const S_6: f32 = 0.923879533;
const C_7: f32 = 0.195090322; const S_7: f32 = 0.980785280;
const C_8: f32 = 0.000000000; const S_8: f32 = 1.000000000;
const C_9: f32 = -0.195090322; const S_9: f32 = 0.980785280;
const C_10: f32 = -0.382683432; const S_10: f32 = 0.923879533;
const C_11: f32 = -0.555570233; const S_11: f32 = 0.831469612;
const C_12: f32 = -0.707106781; const S_12: f32 = 0.707106781;
const C_13: f32 = -0.831469612; const S_13: f32 = 0.555570233;
const C_14: f32 = -0.923879533; const S_14: f32 = 0.382683432;
const C_15: f32 = -0.980785280; const S_15: f32 = 0.195090322;

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
@group(0) @binding(5) var<storage, read> mesh: array<vec4<i32>>;
// [kx, ky / 4] for kx up to half the length: K̂ / (B² length²) of q̃.
@group(0) @binding(6) var<storage, read> influence: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> second_out: array<vec4<f32>>;
// Σ |Ŵ|² K̂ of each thread.
@group(0) @binding(8) var<storage, read_write> parts: array<f32>;

/// to[k] = Σ_j from[j] exp(∓2πi jk / RADIX · ...): a pass of Stockham's transform, `before` = product of the radices before; or
/// to = F⁻¹(−i s Ŵ) of both fields' slopes s and parts = Σ |Ŵ|² K̂
@compute @workgroup_size(WORKGROUP)
fn transform(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quad = group.x * WORKGROUP + lane;
    let j = group.y;
    if quad >= params.quads { return; }
    let pitch = params.quads | 1u;
    let length = 1u << params.level;
    let apart = length / RADIX;
    let k = j % params.before;
#for r in RADIX
    var re_0_{r} = vec4<f32>(0.0);
    var im_0_{r} = vec4<f32>(0.0);
#end
#if INPUT % 2
    // Only the first half of the rows is there.
#for r in RADIX / 2
    let row_{r} = (j + {r}u * apart) * 2u * params.quads + quad;
    re_0_{r} = vec4<f32>(mesh[row_{r}]);
    im_0_{r} = vec4<f32>(mesh[row_{r} + params.quads]);
#end
#else
#if INPUT / 2
    let x = grid.spacing * (f32(quad * 4u) + vec4<f32>(0.0, 1.0, 2.0, 3.0));
#for r in RADIX
    let row_{r} = j + {r}u * apart;
    let y_{r} = grid.spacing * f32(min(row_{r}, length - row_{r}));
    re_0_{r} = vec4<f32>(1.0) / (vec4<f32>(1.0 + y_{r} * y_{r}) + x * x);
#end
#else
#for r in RADIX / 2
    let low_{r} = ((j + {r}u * apart) * pitch + quad) * 2u;
    re_0_{r} = spectrum_in[low_{r} + params.inverse];
    im_0_{r} = spectrum_in[low_{r} + 1u - params.inverse];
#end
#if FIELDS % 3
    if params.zeros == 0u {
#else
    {
#end
#for r in RADIX / 2
        let high_{r} = ((j + {r + RADIX / 2}u * apart) * pitch + quad) * 2u;
        re_0_{r + RADIX / 2} = spectrum_in[high_{r} + params.inverse];
        im_0_{r + RADIX / 2} = spectrum_in[high_{r} + 1u - params.inverse];
#end
    }
#end
#end
#if FIELDS % 3
    if params.before > 1u {
#else
    {
#end
#for s in RADIX - 1
        let twiddle_{s + 1} = twiddles[{s + 1}u * k * params.step];
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
    let kx_{r} = j + {r}u * apart;
    let near_{r} = min(kx_{r}, length - kx_{r});
    let sign_{r} = select(select(1.0, -1.0, kx_{r} > near_{r}), 0.0, 2u * kx_{r} == length);
    let a_{r} = re_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    let b_{r} = im_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    let weight_{r} = influence[near_{r} * params.quads + quad];
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
#if RADIX / 32
#for g in RADIX / 32
#for b in 16
    let re_{f}_apart_16_{g * 32 + b} = re_{f}_{g * 32 + b} - re_{f}_{g * 32 + b + 16};
    let im_{f}_apart_16_{g * 32 + b} = im_{f}_{g * 32 + b} - im_{f}_{g * 32 + b + 16};
    re_{f}_{g * 32 + b} += re_{f}_{g * 32 + b + 16};
    im_{f}_{g * 32 + b} += im_{f}_{g * 32 + b + 16};
#if b
    re_{f}_{g * 32 + b + 16} = re_{f}_apart_16_{g * 32 + b} * C_{b * 1} + im_{f}_apart_16_{g * 32 + b} * S_{b * 1};
    im_{f}_{g * 32 + b + 16} = im_{f}_apart_16_{g * 32 + b} * C_{b * 1} - re_{f}_apart_16_{g * 32 + b} * S_{b * 1};
#else
    re_{f}_{g * 32 + b + 16} = re_{f}_apart_16_{g * 32 + b};
    im_{f}_{g * 32 + b + 16} = im_{f}_apart_16_{g * 32 + b};
#end
#end
#end
#end
#if RADIX / 16
#for g in RADIX / 16
#for b in 8
    let re_{f}_apart_8_{g * 16 + b} = re_{f}_{g * 16 + b} - re_{f}_{g * 16 + b + 8};
    let im_{f}_apart_8_{g * 16 + b} = im_{f}_{g * 16 + b} - im_{f}_{g * 16 + b + 8};
    re_{f}_{g * 16 + b} += re_{f}_{g * 16 + b + 8};
    im_{f}_{g * 16 + b} += im_{f}_{g * 16 + b + 8};
#if b
    re_{f}_{g * 16 + b + 8} = re_{f}_apart_8_{g * 16 + b} * C_{b * 2} + im_{f}_apart_8_{g * 16 + b} * S_{b * 2};
    im_{f}_{g * 16 + b + 8} = im_{f}_apart_8_{g * 16 + b} * C_{b * 2} - re_{f}_apart_8_{g * 16 + b} * S_{b * 2};
#else
    re_{f}_{g * 16 + b + 8} = re_{f}_apart_8_{g * 16 + b};
    im_{f}_{g * 16 + b + 8} = im_{f}_apart_8_{g * 16 + b};
#end
#end
#end
#end
#if RADIX / 8
#for g in RADIX / 8
#for b in 4
    let re_{f}_apart_4_{g * 8 + b} = re_{f}_{g * 8 + b} - re_{f}_{g * 8 + b + 4};
    let im_{f}_apart_4_{g * 8 + b} = im_{f}_{g * 8 + b} - im_{f}_{g * 8 + b + 4};
    re_{f}_{g * 8 + b} += re_{f}_{g * 8 + b + 4};
    im_{f}_{g * 8 + b} += im_{f}_{g * 8 + b + 4};
#if b
    re_{f}_{g * 8 + b + 4} = re_{f}_apart_4_{g * 8 + b} * C_{b * 4} + im_{f}_apart_4_{g * 8 + b} * S_{b * 4};
    im_{f}_{g * 8 + b + 4} = im_{f}_apart_4_{g * 8 + b} * C_{b * 4} - re_{f}_apart_4_{g * 8 + b} * S_{b * 4};
#else
    re_{f}_{g * 8 + b + 4} = re_{f}_apart_4_{g * 8 + b};
    im_{f}_{g * 8 + b + 4} = im_{f}_apart_4_{g * 8 + b};
#end
#end
#end
#end
#if RADIX / 4
#for g in RADIX / 4
#for b in 2
    let re_{f}_apart_2_{g * 4 + b} = re_{f}_{g * 4 + b} - re_{f}_{g * 4 + b + 2};
    let im_{f}_apart_2_{g * 4 + b} = im_{f}_{g * 4 + b} - im_{f}_{g * 4 + b + 2};
    re_{f}_{g * 4 + b} += re_{f}_{g * 4 + b + 2};
    im_{f}_{g * 4 + b} += im_{f}_{g * 4 + b + 2};
#if b
    re_{f}_{g * 4 + b + 2} = re_{f}_apart_2_{g * 4 + b} * C_{b * 8} + im_{f}_apart_2_{g * 4 + b} * S_{b * 8};
    im_{f}_{g * 4 + b + 2} = im_{f}_apart_2_{g * 4 + b} * C_{b * 8} - re_{f}_apart_2_{g * 4 + b} * S_{b * 8};
#else
    re_{f}_{g * 4 + b + 2} = re_{f}_apart_2_{g * 4 + b};
    im_{f}_{g * 4 + b + 2} = im_{f}_apart_2_{g * 4 + b};
#end
#end
#end
#end
#if RADIX / 2
#for g in RADIX / 2
#for b in 1
    let re_{f}_apart_1_{g * 2 + b} = re_{f}_{g * 2 + b} - re_{f}_{g * 2 + b + 1};
    let im_{f}_apart_1_{g * 2 + b} = im_{f}_{g * 2 + b} - im_{f}_{g * 2 + b + 1};
    re_{f}_{g * 2 + b} += re_{f}_{g * 2 + b + 1};
    im_{f}_{g * 2 + b} += im_{f}_{g * 2 + b + 1};
#if b
    re_{f}_{g * 2 + b + 1} = re_{f}_apart_1_{g * 2 + b} * C_{b * 16} + im_{f}_apart_1_{g * 2 + b} * S_{b * 16};
    im_{f}_{g * 2 + b + 1} = im_{f}_apart_1_{g * 2 + b} * C_{b * 16} - re_{f}_apart_1_{g * 2 + b} * S_{b * 16};
#else
    re_{f}_{g * 2 + b + 1} = re_{f}_apart_1_{g * 2 + b};
    im_{f}_{g * 2 + b + 1} = im_{f}_apart_1_{g * 2 + b};
#end
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
    parts[j * params.quads + quad] = part.x + part.y + part.z + part.w;
#else
    let first = ((j - k) * RADIX + k) * pitch + quad;
    let stride = params.before * pitch;
#for r in RADIX / 2
    let near_{r} = (first + {r}u * stride) * 2u;
    spectrum_out[near_{r} + params.inverse] = re_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
    spectrum_out[near_{r} + 1u - params.inverse] = im_0_{((r % 2) * 16 + (r / 2 % 2) * 8 + (r / 4 % 2) * 4 + (r / 8 % 2) * 2 + r / 16) / (32 / RADIX)};
#end
    if params.keeps == 0u {
#for q in RADIX / 2
        let far_{q} = (first + {q + RADIX / 2}u * stride) * 2u;
        spectrum_out[far_{q} + params.inverse] = re_0_{(((q + RADIX / 2) % 2) * 16 + ((q + RADIX / 2) / 2 % 2) * 8 + ((q + RADIX / 2) / 4 % 2) * 4 + ((q + RADIX / 2) / 8 % 2) * 2 + (q + RADIX / 2) / 16) / (32 / RADIX)};
        spectrum_out[far_{q} + 1u - params.inverse] = im_0_{(((q + RADIX / 2) % 2) * 16 + ((q + RADIX / 2) / 2 % 2) * 8 + ((q + RADIX / 2) / 4 % 2) * 4 + ((q + RADIX / 2) / 8 % 2) * 2 + (q + RADIX / 2) / 16) / (32 / RADIX)};
#end
    }
#end
}
