// The gather by tiles in workgroup memory, for GPUs: a few rows of 64 images at a time. See src/data/gather.rs.
const WORKGROUP: u32 = 256u;
// Images of a tile.
const IMAGES: u32 = 64u;
// Words that a thread loads at once.
#constant BATCH = 4
// 1 where it draws the samples too, of images that lie in one buffer and have 4 channels at most.
#constant DRAWS = 0
// 1 where only a window of the images is on the GPU.
#constant STREAMS = 0

#import Clock
#import Sample
#import Sampling
#import GatherTilesParams

@group(0) @binding(0) var<uniform> params: GatherTilesParams;
// Images [n, c, y, x], one byte a value.
@group(0) @binding(1) var<storage, read> images_0: array<u32>;
#if DRAWS
@group(0) @binding(2) var<storage, read_write> samples: array<Sample>;
@group(0) @binding(3) var<storage, read> clock: Clock;
@group(0) @binding(4) var<storage, read> sampling: Sampling;
// Image indices by position: training, validation, test.
@group(0) @binding(5) var<storage, read> order: array<u32>;
@group(0) @binding(6) var<storage, read> labels: array<u32>;
@group(0) @binding(8) var<storage, read> probes: array<u32>;
#import common/sampling
#else
@group(0) @binding(2) var<storage, read> samples: array<Sample>;
// Mean and 1 / standard deviation of each channel, for pixels from 0 to 1.
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
// More images: there are up to four buffers because of the binding limit.
@group(0) @binding(4) var<storage, read> images_1: array<u32>;
@group(0) @binding(5) var<storage, read> images_2: array<u32>;
@group(0) @binding(6) var<storage, read> images_3: array<u32>;
#end
@group(0) @binding(7) var<storage, read_write> input: array<vec4<f32>>;

// A slot without an image.
const NOTHING: u32 = 0xffffffffu;

var<workgroup> changes: array<u32, IMAGES>;
var<workgroup> indices: array<u32, IMAGES>;
// [word, image], 24 words at most, with one image more so that neighbors lie in different banks.
var<workgroup> tile: array<u32, 1560>;

fn word_of(chunk: u32, at: u32) -> u32 {
#if DRAWS
    return images_0[at];
#else
    switch chunk {
        case 0u: { return images_0[at]; }
        case 1u: { return images_1[at]; }
        case 2u: { return images_2[at]; }
        default: { return images_3[at]; }
    }
#end
}

/// Mean and 1 / standard deviation of a channel.
fn normal_of(c: u32) -> vec2<f32> {
#if DRAWS
    let two = select(params.normal_0, params.normal_1, c >= 2u);
    return select(two.xy, two.zw, c % 2u == 1u);
#else
    return statistics[c];
#end
}

/// The sample of a slot.
fn sample_of(n: u32, writes: bool) -> Sample {
#if DRAWS
    let drawn = draw(n);
    if writes { samples[n] = drawn; }
    return drawn;
#else
    return samples[n];
#end
}

/// Row of the image that a row of the input shows; outside where it is not below the height.
fn row_of(change: u32, y: u32) -> u32 {
    return y + ((change >> 16u) & 255u) - 128u;
}

/// First byte of a row of an image in its chunk.
fn byte_of(image: u32, c: u32, row: u32) -> u32 {
    return image % params.images_a_chunk * params.image_stride + (c * params.height + row) * params.width;
}

/// Word i of the tile: words of a row first, then rows, then images.
fn load(i: u32, c: u32, y: u32) -> u32 {
    let image = i / (params.row_words * params.rows);
    if image >= IMAGES { return 0u; }
    let row = row_of(changes[image], y + i / params.row_words % params.rows);
    if changes[image] == NOTHING || row >= params.height { return 0u; }
    let at = byte_of(indices[image], c, row) / 4u + i % params.row_words;
    return word_of(indices[image] / params.images_a_chunk, at);
}

fn keep(i: u32, word: u32) {
    let image = i / (params.row_words * params.rows);
    if image < IMAGES { tile[i % (params.row_words * params.rows) * (IMAGES + 1u) + image] = word; }
}

/// A pixel, normalized; 0 (the mean) outside and where there is no image.
fn value(image: u32, c: u32, y: u32, r: u32, x: u32, normal: vec2<f32>) -> f32 {
    let change = changes[image];
    let row = row_of(change, y + r);
    let turned = select(x, params.width - 1u - x, (change & 1u) == 1u);
    let column = turned + ((change >> 8u) & 255u) - 128u;
    if change == NOTHING || row >= params.height || column >= params.width { return 0.0; }
    let at = byte_of(indices[image], c, row) % 4u + column;
    let word = tile[(r * params.row_words + at / 4u) * (IMAGES + 1u) + image];
    return (f32((word >> (8u * (at % 4u))) & 255u) / 255.0 - normal.x) * normal.y;
}

/// samples drawn where DRAWS; input[c, y, x, n] = (image[c, y + dy, flipped x + dx] / 255 − mean[c]) / deviation[c]; 0 (the mean) outside the image
@compute @workgroup_size(WORKGROUP)
fn gather_tiles(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let y = group.y * params.rows;
    let c = group.z;
    if lane < IMAGES {
        let n = group.x * IMAGES + lane;
        changes[lane] = NOTHING;
        if n < 4u * params.quads {
            // Each workgroup of the same images draws them; one tells the others of the step.
            let drawn = sample_of(n, group.y + group.z == 0u);
            if drawn.scale != 0.0 { changes[lane] = drawn.change; }
            indices[lane] = drawn.image;
        }
    }
    workgroupBarrier();
    let words = IMAGES * params.row_words * params.rows;
    for (var i = lane; i < words; i += BATCH * WORKGROUP) {
        // All loads before the first store, or each waits for the one before.
#for b in BATCH
        let word_{b} = load(i + {b}u * WORKGROUP, c, y);
#end
#for b in BATCH
        keep(i + {b}u * WORKGROUP, word_{b});
#end
    }
    workgroupBarrier();
    let normal = normal_of(c);
    for (var i = lane; i < params.rows * params.width * (IMAGES / 4u); i += WORKGROUP) {
        let quad = group.x * (IMAGES / 4u) + i % (IMAGES / 4u);
        let pixel = i / (IMAGES / 4u);
        let x = pixel % params.width;
        let r = pixel / params.width;
        if quad >= params.quads || y + r >= params.height { continue; }
        let image = 4u * (i % (IMAGES / 4u));
        input[((c * params.height + y + r) * params.width + x) * params.quads + quad] = vec4<f32>(
            value(image, c, y, r, x, normal), value(image + 1u, c, y, r, x, normal),
            value(image + 2u, c, y, r, x, normal), value(image + 3u, c, y, r, x, normal));
    }
}
