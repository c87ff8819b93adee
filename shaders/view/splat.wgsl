// The pixel buffer of a layout with many points, drawn as one rectangle. See src/view/scatter.rs.

// Bits of a key; below them its group.
const PINNED: u32 = 0x80000000u;
const SELECTED: u32 = 0x40000000u;
const GROUP: u32 = 511u;

#import PointStyleUniform
#import Pixel
#import common/screen
#import common/group_color

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

/// The color of the front dot: more opaque with more dots, and brighter from some number on
@fragment
fn splat_fragment(in: Splat) -> @location(0) vec4<f32> {
    let away = abs(in.position.xy - marked);
    if max(away.x, away.y) < style.dot_radius + 3.0 {
        // A white ring around the highlighted point.
        let from_mark = length(away) - style.dot_radius;
        let alpha = clamp(3.0 - from_mark, 0.0, 1.0);
        let white = clamp(1.5 - abs(from_mark - 1.5), 0.0, 1.0);
        if alpha > 0.0 { return vec4<f32>(vec3<f32>(white), 1.0) * alpha; }
    }
    let at = vec2<u32>(in.position.xy - style.origin);
    let pixel = pixels[at.y * style.columns + at.x];
    if pixel.dots == 0u { return vec4<f32>(0.0); }
    let count = f32(pixel.dots);
    var alpha = 1.0 - exp2(style.fade * count);
    var color = mix(group_color(pixel.key & GROUP), vec3<f32>(1.0), clamp(0.09 * log2(count) - 0.18, 0.0, 0.5));
    if style.dim_unselected != 0u && (pixel.key & SELECTED) == 0u { alpha *= 0.25; }
    if (pixel.key & PINNED) != 0u { color = vec3<f32>(1.0, 0.45, 0.1); }
    return vec4<f32>(color * alpha, alpha);
}
