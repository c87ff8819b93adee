// A convolution's output without one input channel: that channel's part, taken from the whole output. Batch innermost. One thread
// makes FILTERS channels of PIXELS neighbouring pixels of a row for four images. See src/nn/layers/conv2d/without.rs.
const WORKGROUP: u32 = 64u;
#constant FILTERS = 4
// Above 1 only where taps and pixels follow each other.
#constant PIXELS = 4
// Kernel rows and columns.
#constant KERNEL = 3
// 1 where a relu of the result is made, too.
#constant RECTIFIES = 0

#import WithoutChannelParams
#import common/floats

@group(0) @binding(0) var<uniform> params: WithoutChannelParams;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
// All weights of the network; those of the layer are [t, c, ky, kx] from params.offset on.
@group(0) @binding(2) var<storage, read> weights: array<f32>;
// The output with the channel.
@group(0) @binding(3) var<storage, read> whole: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<f32>>;
// relu of the same.
@group(0) @binding(5) var<storage, read_write> rectified: array<vec4<f32>>;

/// result[t, y, x, n] = whole[t, y, x, n] − Σ_{ky, kx} weights[t, channel, ky, kx] · source[channel, stride·y + dilation·ky − padding, stride·x + dilation·kx − padding, n]
@compute @workgroup_size(WORKGROUP)
fn without_channel(@builtin(global_invocation_id) id: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
    let columns = (params.to_width + PIXELS - 1u) / PIXELS;
    if id.x >= params.quads * columns * params.to_height { return; }
    let quad = id.x % params.quads;
    let x = id.x / params.quads % columns * PIXELS;
    let y = id.x / params.quads / columns;
    let first = group.y * FILTERS;
    let from_x = i32(x * params.stride) - i32(params.padding);
    let from_y = i32(y * params.stride) - i32(params.padding);
    let width = i32(params.from_width);
    let height = i32(params.from_height);
#for v in PIXELS - 1 + KERNEL
    let x_{v} = from_x + {v} * i32(params.dilation);
    let at_{v} = u32(clamp(x_{v}, 0, width - 1)) * params.quads + quad;
#end
#for f in FILTERS
    // A filter past the last repeats it, and is not stored.
    let row_{f} = (min(first + {f}u, params.to_channels - 1u) * params.from_channels + params.channel) * {KERNEL * KERNEL}u;
#for p in PIXELS
    var sum_{f}_{p} = vec4<f32>(0.0);
#end
#end
    for (var ky = 0u; ky < KERNEL; ky++) {
        let sy = from_y + i32(ky * params.dilation);
        let row_in = sy >= 0 && sy < height;
        let row = (params.channel * params.from_height + u32(clamp(sy, 0, height - 1))) * params.from_width * params.quads;
#for v in PIXELS - 1 + KERNEL
        let value_{v} = select(vec4<f32>(0.0), source[row + at_{v}], row_in && x_{v} >= 0 && x_{v} < width);
#end
#for f in FILTERS
#for k in KERNEL
        let w_{f}_{k} = weights[params.offset + row_{f} + ky * KERNEL + {k}u];
#for p in PIXELS
        sum_{f}_{p} += w_{f}_{k} * value_{p + k};
#end
#end
#end
    }
#for f in FILTERS
    if first + {f}u < params.to_channels {
        let to = ((first + {f}u) * params.to_height + y) * params.to_width + x;
#for p in PIXELS
        if x + {p}u < params.to_width {
            let at = (to + {p}u) * params.quads + quad;
            let value = whole[at] - sum_{f}_{p};
            result[at] = value;
#if RECTIFIES
            rectified[at] = relu(value);
#end
        }
#end
    }
#end
}
