// The drawn images, shifted, flipped and normalised, as the network's input. See src/data/feed.rs.
const WORKGROUP: u32 = 64u;

struct Column { image: u32, label: u32, change: u32, scale: f32 }
struct Params { channels: u32, height: u32, width: u32, quads: u32, images_a_chunk: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> columns: array<Column>;
// Mean and 1 / standard deviation of each channel, for pixels from 0 to 1.
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
// Images [n, c, y, x], one byte a value, in up to four buffers because of the binding limit.
@group(0) @binding(3) var<storage, read> images_0: array<u32>;
@group(0) @binding(4) var<storage, read> images_1: array<u32>;
@group(0) @binding(5) var<storage, read> images_2: array<u32>;
@group(0) @binding(6) var<storage, read> images_3: array<u32>;
@group(0) @binding(7) var<storage, read_write> input: array<vec4<f32>>;

fn pixel(image: u32, offset: u32) -> f32 {
    let chunk = image / params.images_a_chunk;
    let at = image % params.images_a_chunk * params.channels * params.height * params.width + offset;
    var word = 0u;
    switch chunk {
        case 0u: { word = images_0[at / 4u]; }
        case 1u: { word = images_1[at / 4u]; }
        case 2u: { word = images_2[at / 4u]; }
        default: { word = images_3[at / 4u]; }
    }
    return f32((word >> (8u * (at % 4u))) & 255u) / 255.0;
}

fn value(n: u32, c: u32, y: u32, x: u32) -> f32 {
    let drawn = columns[n];
    let turned = select(x, params.width - 1u - x, (drawn.change & 1u) == 1u);
    let sx = i32(turned) + i32((drawn.change >> 8u) & 255u) - 128;
    let sy = i32(y) + i32((drawn.change >> 16u) & 255u) - 128;
    if drawn.scale == 0.0 || sx < 0 || sy < 0 || sx >= i32(params.width) || sy >= i32(params.height) { return 0.0; }
    let normal = statistics[c];
    return (pixel(drawn.image, (c * params.height + u32(sy)) * params.width + u32(sx)) - normal.x) * normal.y;
}

/// input[c, y, x, n] = (image[c, y + dy, flipped x + dx] / 255 − mean[c]) / deviation[c]; 0 (the mean) outside the image
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.width * params.quads { return; }
    let n = id.x % params.quads * 4u;
    let x = id.x / params.quads;
    let i = (id.z * params.height + id.y) * params.width * params.quads + id.x;
    input[i] = vec4<f32>(
        value(n, id.z, id.y, x), value(n + 1u, id.z, id.y, x), value(n + 2u, id.z, id.y, x), value(n + 3u, id.z, id.y, x));
}
