// Tiles of a tensor view, drawn from the buffer that training writes. See src/view/tiles.rs.

#import TilesParams
#import ValueStats
#import SetStats
#import ScreenPoint
#import PointList
#import common/screen
#import common/floats
#import common/colors

// Colors, 0xrrggbb, set from src/view/color_map.rs.
#constant ZERO = 0
#constant NEGATIVE = 0
#constant NEGATIVE_END = 0
#constant POSITIVE = 0
#constant POSITIVE_END = 0
#constant SELECTED = 0
#constant PINNED = 0
#constant GAP = 0
#constant TROUGH = 0

@group(0) @binding(0) var<uniform> params: TilesParams;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read> stats: array<ValueStats>;
@group(0) @binding(3) var<storage, read> whole: SetStats;
// The points on which tiles are centered.
@group(0) @binding(4) var<storage, read> points: array<ScreenPoint>;
@group(0) @binding(5) var<storage, read> list: PointList;
// Mean magnitude and share of zeros of each tile.
@group(0) @binding(6) var<storage, read> activity: array<vec2<f32>>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    // Texels from the tile's upper left corner.
    @location(0) texel: vec2<f32>,
    // Element of the tile's first value.
    @location(1) @interpolate(flat) first: u32,
    // Offset subtracted from a value, then its factor.
    @location(2) @interpolate(flat) range: vec2<f32>,
}

/// Corner `index` of a tile in a rectangle (x, y, width, height): position in clip space, and the corner in texels
fn tile_corner(index: u32, rectangle: vec4<f32>, tile: u32) -> Corner {
    var pixel = rectangle.xy + corner_of(index) * rectangle.zw;
    let shown = min(tile, params.tiles - 1u);
    var range = vec2<f32>(0.0, 1.0 / max(whole.magnitude, 1e-20));
    if params.style == 1u {
        let own = stats[shown];
        range = vec2<f32>(own.minimum, 1.0 / max(own.maximum - own.minimum, 1e-20));
    }
    // The value of a bar or a glow of activity, in place of the tile's.
    let activity_of = select(params.style, params.style - 3u, params.style >= 6u);
    let scale = 1.0 / max(whole.mean_magnitude, 1e-20);
    if activity_of == 3u { range = vec2<f32>(stats[shown].mean * scale, 0.0); }
    if activity_of == 4u { range = vec2<f32>(activity[shown].x * scale, 0.0); }
    if activity_of == 5u { range = vec2<f32>(activity[shown].y, 0.0); }
    if params.tremble != 0.0 && is_finite(range.x) {
        let phase = 2.4 * f32(tile);
        let way = vec2<f32>(sin(23.0 * params.tremble + phase), cos(19.0 * params.tremble + 2.0 * phase));
        pixel += 0.07 * min(abs(range.x), 1.0) * rectangle.zw * way;
    }
    let texels = vec2<f32>(f32(params.texel_columns), f32(params.texel_rows));
    return Corner(
        clip(pixel, params.screen), corner_of(index) * texels, params.offset + shown * params.tile_stride, range);
}

/// A tile in the rectangle of its instance
@vertex
fn tile_in_rectangle(@builtin(vertex_index) index: u32, @location(0) rectangle: vec4<f32>, @location(1) tile: u32) -> Corner {
    return tile_corner(index, rectangle, tile);
}

/// A tile centered on its listed point
@vertex
fn tile_at_point(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Corner {
    let tile = list.indices[instance];
    let size = params.point_size * select(0.0, 1.0, instance < list.count);
    return tile_corner(index, vec4<f32>(floor(points[tile].pixel - 0.5 * size), size), tile);
}

/// Diverging map of `t` from −1 to 1, as `Palette::diverging` in src/view/color_map.rs
fn diverging(t: f32) -> vec3<f32> {
    let middle = select(color_of(POSITIVE), color_of(NEGATIVE), t < 0.0);
    let end = select(color_of(POSITIVE_END), color_of(NEGATIVE_END), t < 0.0);
    let a = min(abs(t), 1.0);
    return select(mix(middle, end, (a - 0.6) / 0.4), mix(color_of(ZERO), middle, a / 0.6), a < 0.6);
}

/// Color of NaN and infinity.
const MAGENTA = vec4<f32>(1.0, 0.0, 1.0, 1.0);

fn signed_color(value: f32, scale: f32) -> vec4<f32> {
    if !is_finite(value) { return MAGENTA; }
    return vec4<f32>(diverging(value * scale), 1.0);
}

/// color = map((values[tile, channel, y, x] − range.x) · range.y) at the nearest texel
@fragment
fn tile_fragment(in: Corner) -> @location(0) vec4<f32> {
    let most = vec2<u32>(params.texel_columns - 1u, params.texel_rows - 1u);
    let texel = min(vec2<u32>(in.texel), most);
    if params.style == 0u && params.channels == 1u {
        return signed_color(values[in.first + texel.y * params.row_stride + texel.x * params.column_stride], in.range.y);
    }
    if params.style == 2u {
        if !is_finite(values[in.first]) { return MAGENTA; }
        let bar = select(color_of(TROUGH), color_of(PINNED), in.texel.x < values[in.first]);
        return vec4<f32>(bar, 1.0);
    }
    if params.style >= 3u {
        let value = in.range.x;
        if !is_finite(value) { return MAGENTA; }
        let color = select(color_of(PINNED), color_of(SELECTED), value < 0.0);
        if params.style >= 6u { return vec4<f32>(mix(color_of(ZERO), color, min(abs(value), 1.0)), 1.0); }
        let share = in.texel.x / f32(params.texel_columns);
        return vec4<f32>(select(color_of(TROUGH), color, share < abs(value)), 1.0);
    }
    if params.style == 1u {
        let at = in.first + texel.y * params.row_stride + texel.x * params.column_stride;
        // A gray image has one channel for all three.
        let green = select(0u, params.channel_stride, params.channels > 1u);
        let blue = select(0u, 2u * params.channel_stride, params.channels > 2u);
        let rgb = vec3<f32>(values[at], values[at + green], values[at + blue]);
        if !is_finite(rgb.x) || !is_finite(rgb.y) || !is_finite(rgb.z) { return MAGENTA; }
        return vec4<f32>((rgb - in.range.x) * in.range.y, 1.0);
    }
    // A mosaic of all channels, one texel apart.
    let pitch = vec2<u32>(params.width + 1u, params.height + 1u);
    let cell = vec2<u32>(vec2<f32>(texel) * params.inverse_pitch + 0.5 * params.inverse_pitch);
    let inside = texel - cell * pitch;
    let channel = cell.y * params.mosaic_columns + cell.x;
    if inside.x >= params.width || inside.y >= params.height || channel >= params.channels {
        return vec4<f32>(color_of(GAP), 1.0);
    }
    let at = in.first + channel * params.channel_stride + inside.y * params.row_stride + inside.x * params.column_stride;
    return signed_color(values[at], in.range.y);
}
