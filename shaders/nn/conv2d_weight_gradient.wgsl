// The weight gradient of a convolution, as partial sums. A thread holds OUTS filters × PLANES input channels × TAPS
// taps of one kernel row, and walks over a share ("split") of the images' rows, PIXELS pixels at a time: each value
// that is loaded serves several taps. See src/nn/layers/conv2d/weight_gradient.rs.
const WORKGROUP: u32 = 64u;
#constant OUTS = 16
#constant TAPS = 5
#constant PLANES = 1
#constant PIXELS = 1
// Input pixels from one of PIXELS to the next.
#constant STRIDE = 1
// 1 where the 8 lanes of a subgroup load the output's gradient together.
#constant SUBGROUPS = 0

// 1 where the partial sums are those of a transposed convolution. (With steps of both kinds as parameters the kernel takes a third longer
// on the software adapter.)
#constant TURNED = 0

#import WeightGradientParams

@group(0) @binding(0) var<uniform> params: WeightGradientParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> output_gradient: array<vec4<f32>>;
// [split, group, out, in, ky, kx], or of a transposed convolution [split, group, in, out, ky, kx]
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
    let thread = min(id.x, params.lanes_padded * params.splits - 1u);
    let split = thread / params.lanes_padded;
    let here = min(thread % params.lanes_padded, params.lanes - 1u);
    let tile = here % params.tap_tiles;
    let ky = here / params.tap_tiles % params.kernel;
    let c = here / params.tap_tiles / params.kernel * PLANES;
    let first = group.y * OUTS;
    let first_filter = group.z * params.out_channels;
    let in_height = i32(params.in_height);
    let in_width = i32(params.in_width);
    let dilation = i32(params.dilation);
    let filter_step = params.out_height * params.out_width * params.quads;
    let last = params.out_channels - 1u;
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let out_width = params.out_width + (id.x >> 31u);
#if SUBGROUPS
#for l in (OUTS + 7) / 8
    let filter_{l} = (first_filter + min(first + min({l * 8}u + lane, OUTS - 1u), last)) * filter_step;
#end
#else
#for o in OUTS
    let filter_{o} = (first_filter + min(first + {o}u, last)) * filter_step;
#end
#end
#for o in OUTS
#for u in PLANES
#for t in TAPS
    var sum_{o}_{u}_{t} = vec4<f32>(0.0);
#end
#end
#end
    let items = params.out_height * params.train_quads;
    let end = (split + 1u) * items / params.splits;
    for (var item = split * items / params.splits; item < end; item++) {
        let y = item / params.train_quads;
        let quad = item % params.train_quads;
        let in_y = i32(y * params.stride + ky * params.dilation) - i32(params.padding);
        let row_in = in_y >= 0 && in_y < in_height;
        let row = u32(clamp(in_y, 0, in_height - 1));
#for u in PLANES
        let plane_{u} = group.z * params.in_channels + min(c + {u}u, params.in_channels - 1u);
        let row_{u} = (plane_{u} * params.in_height + row) * params.in_width;
#end
        for (var x = 0u; x < out_width; x += PIXELS) {
            let in_x = i32(x * params.stride + tile * TAPS * params.dilation) - i32(params.padding);
#for v in (PIXELS - 1) * STRIDE + TAPS
            let x_{v} = in_x + {v} * dilation;
            let at_{v} = clamp(x_{v}, 0, in_width - 1);
#for u in PLANES
            let value_{u}_{v} = select(
                vec4<f32>(0.0), input[(row_{u} + u32(at_{v})) * params.quads + quad], row_in && at_{v} == x_{v});
#end
#end
#for p in PIXELS
            let pixel_{p} = (y * params.out_width + min(x + {p}u, params.out_width - 1u)) * params.quads + quad;
#if SUBGROUPS
#for l in (OUTS + 7) / 8
#if p
            let mine_{l}_{p} = select(
                vec4<f32>(0.0), output_gradient[pixel_{p} + filter_{l}], x + {p}u < params.out_width);
#else
            let mine_{l}_{p} = output_gradient[pixel_{p} + filter_{l}];
#end
#end
#end
#end
#for o in OUTS
#for p in PIXELS
#if SUBGROUPS
            let gradient_{o}_{p} = subgroupBroadcast(mine_{o / 8}_{p}, {o % 8}u);
#else
#if p
            let gradient_{o}_{p} = select(
                vec4<f32>(0.0), output_gradient[pixel_{p} + filter_{o}], x + {p}u < params.out_width);
#else
            let gradient_{o}_{p} = output_gradient[pixel_{p} + filter_{o}];
#end
#end
#end
#for u in PLANES
#for t in TAPS
#for p in PIXELS
            sum_{o}_{u}_{t} += gradient_{o}_{p} * value_{u}_{p * STRIDE + t};
#end
#end
#end
#end
        }
    }
    if id.x >= params.lanes_padded * params.splits || thread % params.lanes_padded >= params.lanes { return; }
#for u in PLANES
    if c + {u}u < params.in_channels {
#if TURNED
        let tap = (c + {u}u) * params.in_step + ky * params.kernel + tile * TAPS;
#else
        let tap = ((c + {u}u) * params.kernel + ky) * params.kernel + tile * TAPS;
#end
#for o in OUTS
        if first + {o}u <= last {
#if TURNED
            let group_at = (split * params.groups + group.z) * params.in_channels * params.in_step;
            let to = group_at + (first + {o}u) * params.out_step + tap;
#else
            let filter_at = (split * params.groups + group.z) * params.out_channels + first + {o}u;
            let to = filter_at * params.kernel * params.kernel * params.in_channels + tap;
#end
#for t in TAPS
            if tile * TAPS + {t}u < params.kernel { partials[to + {t}u] = dot(sum_{o}_{u}_{t}, vec4<f32>(1.0)); }
#end
        }
#end
    }
#end
}
