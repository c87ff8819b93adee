// The weight gradient of a convolution, as partial sums. A thread holds OUTS filters × TAPS taps of one kernel
// row of one input channel, and walks over a share ("split") of the images' rows. See src/nn/convolution.rs.
const WORKGROUP: u32 = 64u;
const OUTS: u32 = 16u;
const TAPS: u32 = 5u;
// Loads that bring OUTS gradients into a subgroup of 8 lanes: OUTS / 8, rounded up.
const LOADS: u32 = 2u;
const SUBGROUPS: u32 = 0u;

struct Params {
    // Channels of one group; groups follow each other, one a workgroup in z.
    in_channels: u32,
    in_height: u32,
    in_width: u32,
    out_channels: u32,
    out_height: u32,
    out_width: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    quads: u32,
    train_quads: u32,
    // Kernel rows are cut into tiles of TAPS.
    tap_tiles: u32,
    // in_channels · kernel · tap_tiles, and that rounded up to a multiple of 8.
    lanes: u32,
    lanes_padded: u32,
    splits: u32,
    groups: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
// [split, group, out, in, ky, kx]
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

/// partials[s, o, c, ky, kx] = Σ_{n, y, x of split s} output_gradient[o, y, x, n] · input[c, y·stride + ky·dilation − padding, x·stride + kx·dilation − padding, n]; o and c of one group
@compute @workgroup_size(WORKGROUP)
fn weight_gradient(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
#if SUBGROUPS
    @builtin(subgroup_invocation_id) lane: u32,
#end
) {
    // Threads past the end repeat the last one's work, so that every lane of a subgroup stays alive; they write nothing.
    let place = min(id.x, params.lanes_padded * params.splits - 1u);
    let split = place / params.lanes_padded;
    let here = min(place % params.lanes_padded, params.lanes - 1u);
    let tile = here % params.tap_tiles;
    let ky = here / params.tap_tiles % params.kernel;
    let c = here / params.tap_tiles / params.kernel;
    let first = group.y * OUTS;
    let first_filter = group.z * params.out_channels;
    let in_height = i32(params.in_height);
    let in_width = i32(params.in_width);
    let filter_step = params.out_height * params.out_width * params.quads;
    let last = params.out_channels - 1u;
#for o in OUTS
    let filter_{o} = (first_filter + min(first + {o}u, last)) * filter_step;
#for t in TAPS
    var sum_{o}_{t} = vec4<f32>(0.0);
#end
#end
    let items = params.out_height * params.train_quads;
    let end = (split + 1u) * items / params.splits;
    for (var item = split * items / params.splits; item < end; item++) {
        let y = item / params.train_quads;
        let quad = item % params.train_quads;
        let in_y = i32(y * params.stride + ky * params.dilation) - i32(params.padding);
        let row_in = in_y >= 0 && in_y < in_height;
        let row = ((group.z * params.in_channels + c) * params.in_height + u32(clamp(in_y, 0, in_height - 1))) * params.in_width;
        for (var x = 0u; x < params.out_width; x++) {
            let in_x = i32(x * params.stride + tile * TAPS * params.dilation) - i32(params.padding);
#for t in TAPS
            let x_{t} = in_x + {t} * i32(params.dilation);
            let at_{t} = clamp(x_{t}, 0, in_width - 1);
            let value_{t} = select(
                vec4<f32>(0.0), input[(row + u32(at_{t})) * params.quads + quad], row_in && at_{t} == x_{t});
#end
            let pixel = (y * params.out_width + x) * params.quads + quad;
#if SUBGROUPS
#for g in LOADS
            let mine_{g} = output_gradient[
                pixel + (first_filter + min(first + min({g}u * 8u + lane, OUTS - 1u), last)) * filter_step];
#end
#end
#for o in OUTS
#if SUBGROUPS
            let gradient_{o} = subgroupBroadcast(mine_{o/8}, {o%8}u);
#else
            let gradient_{o} = output_gradient[pixel + filter_{o}];
#end
#for t in TAPS
            sum_{o}_{t} += gradient_{o} * value_{t};
#end
#end
        }
    }
    if id.x >= params.lanes_padded * params.splits || place % params.lanes_padded >= params.lanes { return; }
    let taps = params.kernel * params.kernel * params.in_channels;
    let tap = (c * params.kernel + ky) * params.kernel + tile * TAPS;
#for o in OUTS
    if first + {o}u <= last {
        let to = ((split * params.groups + group.z) * params.out_channels + first + {o}u) * taps + tap;
#for t in TAPS
        if tile * TAPS + {t}u < params.kernel { partials[to + {t}u] = dot(sum_{o}_{t}, vec4<f32>(1.0)); }
#end
    }
#end
}
