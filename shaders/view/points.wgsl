// The points of a layout drawn one by one: discs (entry points disc_*), frames around tiles (ring_*) and dots (dot_*). Each instance
// draws one listed point. See src/view/scatter.rs.

// Bits of a point's state; above them is its group.
const PINNED: u32 = 2u;
const SELECTED: u32 = 4u;
const GROUP_SHIFT: u32 = 3u;

#import PointStyleUniform
#import ScreenPoint
#import PointList
#import common/screen
#import common/group_color

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
    return vec4<f32>(vec3<f32>(style.red, style.green, style.blue) * alpha, alpha);
}

struct Dot {
    @builtin(position) position: vec4<f32>,
    @location(0) away: vec2<f32>,
    @location(1) @interpolate(flat) radius: f32,
    @location(2) @interpolate(flat) color: vec3<f32>,
}

/// The frame around a tile: white where it is marked, blue where it is selected, orange where it is pinned, else thinner in the color
/// of its group, if it has one
@vertex
fn ring_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Dot {
    if instance >= list.count { return Dot(clip(vec2<f32>(-1e6), style.screen), vec2<f32>(0.0), 0.0, vec3<f32>(0.0)); }
    let i = list.indices[instance];
    let point = points[i];
    var width = select(0.0, 1.0, style.has_classes != 0u);
    var color = group_color(point.state >> GROUP_SHIFT) * select(0.8, 0.35, style.dim_unselected != 0u);
    if (point.state & PINNED) != 0u { color = vec3<f32>(0.94, 0.57, 0.2); width = 2.0; }
    if (point.state & SELECTED) != 0u { color = vec3<f32>(style.red, style.green, style.blue); width = 2.0; }
    if i == style.marked { color = vec3<f32>(0.86, 0.88, 0.92); width = 2.0; }
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
    let radius = style.dot_radius * select(select(1.0, 1.3, (point.state & (PINNED | SELECTED)) != 0u), 2.0, marked);
    let away = (corner_of(index) * 2.0 - 1.0) * (radius + 1.0);
    var color = group_color(point.state >> GROUP_SHIFT);
    if (point.state & PINNED) != 0u { color = vec3<f32>(1.0, 0.45, 0.1); }
    if style.dim_unselected != 0u && (point.state & SELECTED) == 0u { color *= 0.3; }
    return Dot(clip(point.pixel + away, style.screen), away, radius, select(color, vec3<f32>(1.0), marked));
}

/// A disc in the color of its group
@fragment
fn dot_fragment(in: Dot) -> @location(0) vec4<f32> {
    let alpha = 0.9 * clamp(in.radius + 0.5 - length(in.away), 0.0, 1.0);
    return vec4<f32>(in.color * alpha, alpha);
}
