// The points of a layout drawn one by one: discs (entry points disc_*), frames around tiles (ring_*) and dots (dot_*). Each instance
// draws one listed point. See src/view/scatter.rs.

// Bits of a point's state; above them is its group.
const IS_PINNED: u32 = 2u;
const IS_SELECTED: u32 = 4u;
const GROUP_SHIFT: u32 = 3u;

#import PointStyleUniform
#import ScreenPoint
#import PointList
#import common/screen
#import common/colors
#import common/group_color

// Colors, 0xrrggbb, set from src/view/color_map.rs.
#constant ZERO = 0
#constant SELECTED = 0
#constant PINNED = 0
#constant INK = 0

@group(0) @binding(0) var<uniform> style: PointStyleUniform;
@group(0) @binding(1) var<storage, read> points: array<ScreenPoint>;
@group(0) @binding(2) var<storage, read> list: PointList;

struct Disc {
    @builtin(position) position: vec4<f32>,
    // Pixels from the center.
    @location(0) away: vec2<f32>,
    @location(1) @interpolate(flat) radius: f32,
}

/// The square around a point's disc
@vertex
fn disc_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Disc {
    if instance >= list.count { return Disc(clip(vec2<f32>(-1e6), style.screen), vec2<f32>(0.0), 0.0); }
    let point = points[list.indices[instance]];
    let reach = select(0.0, point.radius + 1.0, point.radius > 0.0);
    let away = (corner_of(index) * 2.0 - 1.0) * reach;
    return Disc(clip(point.pixel + away, style.screen), away, point.radius);
}

/// A translucent disc with a soft edge and a brighter rim
@fragment
fn disc_fragment(in: Disc) -> @location(0) vec4<f32> {
    let inside = clamp(in.radius + 0.5 - length(in.away), 0.0, 1.0);
    let rim = clamp(1.5 - abs(in.radius - 1.0 - length(in.away)), 0.0, 1.0);
    let alpha = inside * (0.22 + 0.35 * rim);
    return vec4<f32>(color_of(SELECTED) * alpha, alpha);
}

struct Dot {
    @builtin(position) position: vec4<f32>,
    @location(0) away: vec2<f32>,
    @location(1) @interpolate(flat) radius: f32,
    @location(2) @interpolate(flat) color: vec3<f32>,
}

/// The frame around a tile: in ink where it is marked, blue where it is selected, orange where it is pinned, else thinner in the color
/// of its group, if it has one
@vertex
fn ring_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Dot {
    if instance >= list.count { return Dot(clip(vec2<f32>(-1e6), style.screen), vec2<f32>(0.0), 0.0, vec3<f32>(0.0)); }
    let i = list.indices[instance];
    let point = points[i];
    var width = select(0.0, 1.0, style.has_classes != 0u);
    var color = mix(color_of(ZERO), group_color(point.state >> GROUP_SHIFT), select(0.8, 0.35, style.dim_unselected != 0u));
    if (point.state & IS_PINNED) != 0u { color = color_of(PINNED); width = 2.0; }
    if (point.state & IS_SELECTED) != 0u { color = color_of(SELECTED); width = 2.0; }
    if i == style.marked { color = color_of(INK); width = 2.0; }
    let half = style.half_tile + width;
    let away = (corner_of(index) * 2.0 - 1.0) * select(vec2<f32>(0.0), half, width > 0.0);
    return Dot(clip(point.pixel + away, style.screen), away, 0.0, color);
}

/// A filled rectangle; the tile covers its inside
@fragment
fn ring_fragment(in: Dot) -> @location(0) vec4<f32> {
    return vec4<f32>(in.color, 1.0);
}

/// The square around a point's dot
@vertex
fn dot_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Dot {
    if instance >= list.count { return Dot(clip(vec2<f32>(-1e6), style.screen), vec2<f32>(0.0), 0.0, vec3<f32>(0.0)); }
    let i = list.indices[instance];
    let point = points[i];
    let marked = i == style.marked;
    let radius = style.dot_radius * select(select(1.0, 1.3, (point.state & (IS_PINNED | IS_SELECTED)) != 0u), 2.0, marked);
    let away = (corner_of(index) * 2.0 - 1.0) * (radius + 1.0);
    var color = group_color(point.state >> GROUP_SHIFT);
    if (point.state & IS_PINNED) != 0u { color = color_of(PINNED); }
    if style.dim_unselected != 0u && (point.state & IS_SELECTED) == 0u { color = mix(color_of(ZERO), color, 0.3); }
    return Dot(clip(point.pixel + away, style.screen), away, radius, select(color, color_of(INK), marked));
}

/// A disc in the color of its group
@fragment
fn dot_fragment(in: Dot) -> @location(0) vec4<f32> {
    let alpha = 0.9 * clamp(in.radius + 0.5 - length(in.away), 0.0, 1.0);
    return vec4<f32>(in.color * alpha, alpha);
}
