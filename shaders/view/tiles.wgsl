// Tiles of a tensor view, drawn from the buffer that training writes. See src/view/tiles.rs.

struct Params {
    offset: u32,
    tiles: u32,
    channels: u32,
    height: u32,
    width: u32,
    tile_stride: u32,
    channel_stride: u32,
    row_stride: u32,
    column_stride: u32,
    // 0: signed values in a diverging map; 1: red, green, blue; 2: a bar from 0 to 1.
    style: u32,
    // Channels of a mosaic lie in rows of so many.
    mosaic_columns: u32,
    screen_width: f32,
    screen_height: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>,
    @location(1) @interpolate(flat) tile: u32,
    @location(2) @interpolate(flat) channel: u32,
}

/// position = rectangle's corner in pixels → clip space; place = the corner in the unit square
@vertex
fn corner(
    @builtin(vertex_index) index: u32,
    @location(0) rectangle: vec4<f32>,
    @location(1) tile: u32,
    @location(2) channel: u32,
) -> Corner {
    let place = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    let pixel = rectangle.xy + place * rectangle.zw;
    let clip = pixel / vec2<f32>(params.screen_width, params.screen_height) * 2.0 - 1.0;
    return Corner(vec4<f32>(clip.x, -clip.y, 0.0, 1.0), place, tile, channel);
}

fn element(tile: u32, channel: u32, y: u32, x: u32) -> f32 {
    return values[params.offset + tile * params.tile_stride + channel * params.channel_stride
        + y * params.row_stride + x * params.column_stride];
}

/// Zero is dark; below it blue, above it orange, both to nearly white: also different in brightness alone from zero,
/// and apart for every kind of colour vision.
fn diverging(t: f32) -> vec3<f32> {
    let zero = vec3<f32>(0.066, 0.075, 0.094);
    let middle = select(vec3<f32>(0.93, 0.50, 0.13), vec3<f32>(0.16, 0.49, 0.87), t < 0.0);
    let end = select(vec3<f32>(1.0, 0.92, 0.74), vec3<f32>(0.80, 0.92, 1.0), t < 0.0);
    let a = min(abs(t), 1.0);
    return select(mix(middle, end, (a - 0.6) / 0.4), mix(zero, middle, a / 0.6), a < 0.6);
}

/// colour = map(values[tile, channel, y, x] / scale) at the nearest texel
@fragment
fn colour(in: Corner) -> @location(0) vec4<f32> {
    let tile = min(in.tile, params.tiles - 1u);
    if params.style == 2u {
        let share = element(tile, 0u, 0u, 0u);
        let bar = select(vec3<f32>(0.13, 0.15, 0.19), vec3<f32>(0.93, 0.56, 0.20), in.place.x < share);
        return vec4<f32>(bar, 1.0);
    }
    let all = stats[params.tiles];
    if params.style == 1u {
        let own = stats[tile];
        let range = max(own.y - own.x, 1e-20);
        let y = min(u32(in.place.y * f32(params.height)), params.height - 1u);
        let x = min(u32(in.place.x * f32(params.width)), params.width - 1u);
        // A grey image has one channel for all three.
        let last = params.channels - 1u;
        let rgb = vec3<f32>(element(tile, 0u, y, x), element(tile, min(1u, last), y, x), element(tile, min(2u, last), y, x));
        return vec4<f32>((rgb - own.x) / range, 1.0);
    }
    // One channel alone, or a mosaic of all with a texel between.
    let columns = select(1u, params.mosaic_columns, in.channel == 0xffffffffu);
    let rows = select(1u, (params.channels + columns - 1u) / columns, in.channel == 0xffffffffu);
    let gap = select(0u, 1u, columns > 1u);
    let texels = vec2<u32>(columns * (params.width + gap) - gap, rows * (params.height + gap) - gap);
    let texel = min(vec2<u32>(in.place * vec2<f32>(texels)), texels - 1u);
    let cell = texel / vec2<u32>(params.width + gap, params.height + gap);
    let inside = texel - cell * vec2<u32>(params.width + gap, params.height + gap);
    var channel = cell.y * columns + cell.x;
    if in.channel != 0xffffffffu { channel = min(in.channel, params.channels - 1u); }
    if inside.x >= params.width || inside.y >= params.height || channel >= params.channels {
        return vec4<f32>(0.10, 0.11, 0.135, 1.0);
    }
    let value = element(tile, channel, inside.y, inside.x);
    // A value that is not a number is magenta, whatever the map.
    if (bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u { return vec4<f32>(1.0, 0.0, 1.0, 1.0); }
    return vec4<f32>(diverging(value / max(all.z, 1e-20)), 1.0);
}
