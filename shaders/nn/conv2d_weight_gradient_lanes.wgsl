// The weight gradient of a convolution for GPUs, as partial sums. The 32 lanes of a row of threads take quads of images
// side by side, so that their loads are one piece of memory, and hold the same OUTS filters × PLANES input channels ×
// TAPS taps of one kernel row, in scalars. At the end the lanes are added in order.
// See src/nn/layers/conv2d/lanes.rs.
const LANES: u32 = 32u;
// Tiles of a workgroup: all with the same filters, so that they find the output's gradient in the cache.
const TILES: u32 = 4u;
#constant OUTS = 10
#constant PLANES = 2
#constant TAPS = 5
#constant PIXELS = 4
// Input pixels from one of PIXELS to the next.
#constant STRIDE = 1
// 1 where PIXELS do not divide a row.
#constant TAIL = 0
// Sums that a lane hands over at a time.
#constant ROUND = 16
const SUMS: u32 = OUTS * PLANES * TAPS;

#import WeightGradientParams

@group(0) @binding(0) var<uniform> params: WeightGradientParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
// [share, group, out, in, ky, kx], or of a transposed convolution [share, group, in, out, ky, kx]
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

// One more than LANES: then the threads that add up rows read from different banks.
var<workgroup> handed_over: array<array<f32, LANES + 1u>, TILES * ROUND>;

/// partials[s, o, c, ky, kx] = Σ_{n, y, x of share s} output_gradient[o, y, x, n] · input[c, y·stride + ky·dilation − padding, x·stride + kx·dilation − padding, n]; o and c of one group
@compute @workgroup_size(LANES, TILES)
fn weight_gradient_by_lanes(
    @builtin(local_invocation_id) place: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(workgroup_id) group: vec3<u32>,
) {
    let lane = place.x;
    let rows_of_tiles = params.lanes_padded / TILES;
    let share = group.x / rows_of_tiles;
    let first_tile = group.x % rows_of_tiles * TILES;
    // Tiles past the last repeat its work, so that every thread reaches the barriers; they write nothing.
    let here = min(first_tile + place.y, params.lanes - 1u);
    let tap_tile = here % params.tap_tiles;
    let ky = here / params.tap_tiles % params.kernel;
    let c = here / params.tap_tiles / params.kernel * PLANES;
    let in_height = i32(params.in_height);
    let in_width = i32(params.in_width);
    let dilation = i32(params.dilation);
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let out_width = params.out_width + (group.x >> 31u);
    let filter_step = params.out_height * params.out_width * params.quads;
#for o in OUTS
    let filter_{o} = (group.z * params.out_channels + min(group.y * OUTS + {o}u, params.out_channels - 1u)) * filter_step;
#end
#for u in PLANES
    let plane_{u} = (group.z * params.in_channels + min(c + {u}u, params.in_channels - 1u)) * params.in_height;
#end
#for s in OUTS * PLANES * TAPS
    var sum_{s} = 0.0;
#end
    let items = params.out_height * params.train_quads;
    let rounds = (items + LANES - 1u) / LANES;
    let end = min((share + 1u) * rounds / params.splits * LANES, items);
    for (var item = share * rounds / params.splits * LANES + lane; item < end; item += LANES) {
        let y = item / params.train_quads;
        let quad = item % params.train_quads;
        let in_y = i32(y * params.stride + ky * params.dilation) - i32(params.padding);
        if in_y < 0 || in_y >= in_height { continue; }
#for u in PLANES
        let row_{u} = (plane_{u} + u32(in_y)) * params.in_width * params.quads + quad;
#end
        let out_row = y * params.out_width * params.quads + quad;
        for (var x = 0u; x < out_width; x += PIXELS) {
            let in_x = i32(x * params.stride + tap_tile * TAPS * params.dilation) - i32(params.padding);
#for v in (PIXELS - 1) * STRIDE + TAPS
            let x_{v} = in_x + {v} * dilation;
            let in_{v} = x_{v} >= 0 && x_{v} < in_width;
            let at_{v} = u32(clamp(x_{v}, 0, in_width - 1)) * params.quads;
#for u in PLANES
            let value_{u}_{v} = select(vec4<f32>(0.0), input[row_{u} + at_{v}], in_{v});
#end
#end
#for p in PIXELS
#if p * TAIL
            let pixel_{p} = out_row + min(x + {p}u, params.out_width - 1u) * params.quads;
#else
            let pixel_{p} = out_row + (x + {p}u) * params.quads;
#end
#end
#for o in OUTS
#for p in PIXELS
#if p * TAIL
            let gradient_{o}_{p} = select(
                vec4<f32>(0.0), output_gradient[filter_{o} + pixel_{p}], x + {p}u < params.out_width);
#else
            let gradient_{o}_{p} = output_gradient[filter_{o} + pixel_{p}];
#end
#for e in 4
#for u in PLANES
#for t in TAPS
            sum_{(o * PLANES + u) * TAPS + t} = fma(gradient_{o}_{p}[{e}u], value_{u}_{p * STRIDE + t}[{e}u], sum_{(o * PLANES + u) * TAPS + t});
#end
#end
#end
#end
#end
        }
    }
#for r in (OUTS * PLANES * TAPS + ROUND - 1) / ROUND
#if r
    workgroupBarrier();
#end
#for i in ROUND
#if OUTS * PLANES * TAPS / (r * ROUND + i + 1)
    handed_over[place.y * ROUND + {i}u][lane] = sum_{r * ROUND + i};
#end
#end
    workgroupBarrier();
    if index < TILES * ROUND { add_lanes(group, share, first_tile + index / ROUND, {r}u * ROUND + index % ROUND, index); }
#end
}

/// Writes sum `s` of a tile, which lies in `row`.
fn add_lanes(group: vec3<u32>, share: u32, tile: u32, s: u32, row: u32) {
    let o = group.y * OUTS + s / (PLANES * TAPS);
    let c = tile / params.tap_tiles / params.kernel * PLANES + s / TAPS % PLANES;
    let ky = tile / params.tap_tiles % params.kernel;
    let kx = tile % params.tap_tiles * TAPS + s % TAPS;
    if s >= SUMS || tile >= params.lanes || o >= params.out_channels || c >= params.in_channels || kx >= params.kernel {
        return;
    }
    var sum = 0.0;
    for (var l = 0u; l < LANES; l++) { sum += handed_over[row][l]; }
    let each = params.out_channels * params.in_channels * params.kernel * params.kernel;
    let first = (share * params.groups + group.z) * each;
    partials[first + o * params.out_step + c * params.in_step + ky * params.kernel + kx] = sum;
}
