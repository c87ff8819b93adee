// The pixel buffer of a layout with many points, drawn as one rectangle. See src/view/scatter.rs.

// Bits of a key; below them its group.
const IS_PINNED: u32 = 0x80000000u;
const IS_SELECTED: u32 = 0x40000000u;
const GROUP: u32 = 511u;

#import PointStyleUniform
#import Pixel
#import common/screen
#import common/colors
#import common/group_color

// Colors, 0xrrggbb, set from src/view/color_map.rs.
#constant PINNED = 0
#constant INK = 0

@group(0) @binding(0) var<uniform> style: PointStyleUniform;
@group(0) @binding(1) var<storage, read> pixels: array<Pixel>;
// Pixel of the highlighted point.
@group(0) @binding(2) var<storage, read> marked: vec2<f32>;

struct Splat {
    @builtin(position) position: vec4<f32>,
}

/// The rectangle of the pixel buffer
@vertex
fn splat_vertex(@builtin(vertex_index) index: u32) -> Splat {
    return Splat(clip(style.origin + corner_of(index) * style.size, style.screen));
}

/// The mean color of the dots: more opaque with more of them, and nearer to ink by the logarithm of their number. Where points are selected,
/// the color of the front one of these
@fragment
fn splat_fragment(in: Splat) -> @location(0) vec4<f32> {
    let away = abs(in.position.xy - marked);
    if max(away.x, away.y) < style.dot_radius + 3.0 {
        // A ring around the highlighted point.
        let from_mark = length(away) - style.dot_radius;
        let alpha = clamp(3.0 - from_mark, 0.0, 1.0);
        let ring = clamp(1.5 - abs(from_mark - 1.5), 0.0, 1.0);
        if alpha > 0.0 { return vec4<f32>(mix(vec3<f32>(1.0) - color_of(INK), color_of(INK), ring), 1.0) * alpha; }
    }
    let at = vec2<u32>(in.position.xy - style.origin);
    let pixel = pixels[at.y * style.columns + at.x];
    if pixel.dots == 0u { return vec4<f32>(0.0); }
    let count = f32(pixel.dots);
    var alpha = 1.0 - exp2(style.fade * count);
    var color = vec3<f32>(f32(pixel.red), f32(pixel.green), f32(pixel.blue)) / (255.0 * count);
    if (pixel.key & IS_SELECTED) != 0u || style.has_classes == 0u { color = group_color(pixel.key & GROUP); }
    color = mix(color, color_of(INK), clamp(0.09 * log2(count) - 0.18, 0.0, 0.5));
    if style.dim_unselected != 0u && (pixel.key & IS_SELECTED) == 0u { alpha *= 0.25; }
    if (pixel.key & IS_PINNED) != 0u { color = color_of(PINNED); }
    return vec4<f32>(color * alpha, alpha);
}
