// The gather: drawn images, augmented and normalized, as the network's input. See src/data/gather.rs.
const WORKGROUP: u32 = 64u;
// A constant, not a branch: on the software adapter both sides of a branch cost their time.
#constant DISTORTS = 0

#import Sample
#import Sampling
#import GatherParams

@group(0) @binding(0) var<uniform> params: GatherParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
// Mean and 1 / standard deviation of each channel, for pixels from 0 to 1.
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
// Images [n, c, y, x], one byte a value, in up to four buffers because of the binding limit.
@group(0) @binding(3) var<storage, read> images_0: array<u32>;
@group(0) @binding(4) var<storage, read> images_1: array<u32>;
@group(0) @binding(5) var<storage, read> images_2: array<u32>;
@group(0) @binding(6) var<storage, read> images_3: array<u32>;
@group(0) @binding(7) var<storage, read_write> input: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> sampling: Sampling;

fn pixel(image: u32, offset: u32) -> f32 {
    let chunk = image / params.images_a_chunk;
    let at = image % params.images_a_chunk * params.image_stride + offset;
    var word = 0u;
    switch chunk {
        case 0u: { word = images_0[at / 4u]; }
        case 1u: { word = images_1[at / 4u]; }
        case 2u: { word = images_2[at / 4u]; }
        default: { word = images_3[at / 4u]; }
    }
    return f32((word >> (8u * (at % 4u))) & 255u) / 255.0;
}

/// A pixel of the image, normalized; 0 (the mean) outside.
fn normalized(image: u32, c: u32, y: i32, x: i32) -> f32 {
    if x < 0 || y < 0 || x >= i32(params.width) || y >= i32(params.height) { return 0.0; }
    let normal = statistics[c];
    return (pixel(image, (c * params.height + u32(y)) * params.width + u32(x)) - normal.x) * normal.y;
}

#if DISTORTS
#import common/hash

/// The k-th number from 0 to 1 of a sample's random word.
fn uniform_of(random: u32, k: u32) -> f32 {
    return f32(mix_bits(random + k * 0x9e3779b9u) >> 8u) / 16777216.0;
}

/// The k-th number from −most to most.
fn within(random: u32, k: u32, most: f32) -> f32 {
    return most * (2.0 * uniform_of(random, k) - 1.0);
}

/// The image at a point between pixels, interpolated.
fn between(image: u32, c: u32, y: f32, x: f32) -> f32 {
    let corner = floor(vec2<f32>(y, x));
    let share = vec2<f32>(y, x) - corner;
    let at = vec2<i32>(clamp(corner, vec2<f32>(-1e6), vec2<f32>(1e6)));
    let above = mix(normalized(image, c, at.x, at.y), normalized(image, c, at.x, at.y + 1), share.y);
    let below = mix(normalized(image, c, at.x + 1, at.y), normalized(image, c, at.x + 1, at.y + 1), share.y);
    return mix(above, below, share.x);
}

#end
fn value(n: u32, c: u32, y: u32, x: u32) -> f32 {
    let drawn = samples[n];
    if drawn.scale == 0.0 { return 0.0; }
    let turned = select(x, params.width - 1u - x, (drawn.change & 1u) == 1u);
    let dx = i32((drawn.change >> 8u) & 255u) - 128;
    let dy = i32((drawn.change >> 16u) & 255u) - 128;
#if DISTORTS
    if drawn.random == 0u { return normalized(drawn.image, c, i32(y) + dy, i32(turned) + dx); }
    if sampling.cutout > 0u {
        let first_y = i32(uniform_of(drawn.random, 5u) * f32(params.height)) - i32(sampling.cutout / 2u);
        let first_x = i32(uniform_of(drawn.random, 6u) * f32(params.width)) - i32(sampling.cutout / 2u);
        let side = i32(sampling.cutout);
        let row_in = i32(y) >= first_y && i32(y) < first_y + side;
        if row_in && i32(x) >= first_x && i32(x) < first_x + side { return 0.0; }
    }
    var seen = 0.0;
    if sampling.rotation > 0.0 || sampling.scale > 0.0 {
        let angle = within(drawn.random, 1u, sampling.rotation);
        let factor = 1.0 + within(drawn.random, 2u, sampling.scale);
        let middle = vec2<f32>(f32(params.height - 1u), f32(params.width - 1u)) / 2.0;
        let off = (vec2<f32>(f32(y), f32(turned)) - middle) / factor;
        let from_y = middle.x + cos(angle) * off.x - sin(angle) * off.y + f32(dy);
        let from_x = middle.y + sin(angle) * off.x + cos(angle) * off.y + f32(dx);
        seen = between(drawn.image, c, from_y, from_x);
    } else {
        seen = normalized(drawn.image, c, i32(y) + dy, i32(turned) + dx);
    }
    let contrast = 1.0 + within(drawn.random, 4u, sampling.contrast);
    return contrast * seen + within(drawn.random, 3u, sampling.brightness) * statistics[c].y;
#else
    return normalized(drawn.image, c, i32(y) + dy, i32(turned) + dx);
#end
}

/// input[c, y, x, n] = (image[c, y + dy, flipped x + dx] / 255 − mean[c]) / deviation[c], then contrast · it + brightness / deviation[c];
/// rotated and scaled about the middle; 0 (the mean) outside the image and where it is cut out
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.width * params.quads { return; }
    let n = id.x % params.quads * 4u;
    let x = id.x / params.quads;
    let i = (id.z * params.height + id.y) * params.width * params.quads + id.x;
    input[i] = vec4<f32>(
        value(n, id.z, id.y, x), value(n + 1u, id.z, id.y, x), value(n + 2u, id.z, id.y, x), value(n + 3u, id.z, id.y, x));
}
