// The pixel buffer of a layout with many points, drawn as one rectangle. See src/view/scatter.rs.

// The struct `PointStyleUniform` of src/view/uniforms.rs.
struct PointStyleUniform {
    screen: vec2<f32>, label: vec2<f32>, half_tile: vec2<f32>, origin: vec2<f32>, size: vec2<f32>,
    red: f32, green: f32, blue: f32, font_pixel: f32, marked: u32, dot_radius: f32, columns: u32, dim_unselected: u32,
    has_classes: u32, fade: f32,
}

// Number of dots that cover a pixel; the greatest of their keys. Bit 31: pinned, bit 30: selected, bits 0 to 8: the group.
struct Pixel { dots: u32, key: u32 }

@group(0) @binding(0) var<uniform> style: PointStyleUniform;
@group(0) @binding(1) var<storage, read> pixels: array<Pixel>;
// Pixel of the highlighted point.
@group(0) @binding(2) var<storage, read> marked: vec2<f32>;

/// Clip-space position of a pixel on a target of `screen` pixels
fn clip(pixel: vec2<f32>, screen: vec2<f32>) -> vec4<f32> {
    let at = pixel / screen * 2.0 - 1.0;
    return vec4<f32>(at.x, -at.y, 0.0, 1.0);
}

/// Corner `index` of the unit square, as a triangle strip visits them
fn corner_of(index: u32) -> vec2<f32> {
    return vec2<f32>(f32(index & 1u), f32(index >> 1u));
}

// 0xrrggbb, set from src/view/color_map.rs.
const CLASS_0: u32 = 0u;
const CLASS_1: u32 = 0u;
const CLASS_2: u32 = 0u;
const CLASS_3: u32 = 0u;
const CLASS_4: u32 = 0u;
const CLASS_5: u32 = 0u;
const CLASS_6: u32 = 0u;
const CLASS_7: u32 = 0u;
const CLASS_8: u32 = 0u;
const CLASS_9: u32 = 0u;
const UNKNOWN: u32 = 0u;
const RIGHT: u32 = 0u;
const WRONG: u32 = 0u;

/// Color of a group: a class, 255 for unknown, 256 for right and 257 for wrong predictions
fn group_color(group: u32) -> vec3<f32> {
    var packed = 0u;
    switch group % 10u {
#for c in 10
        case {c}u: { packed = CLASS_{c}; }
#end
        default: { }
    }
    if group == 255u { packed = UNKNOWN; }
    if group == 256u { packed = RIGHT; }
    if group == 257u { packed = WRONG; }
    return vec3<f32>(f32(packed >> 16u), f32((packed >> 8u) & 255u), f32(packed & 255u)) / 255.0;
}

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
    var color = mix(group_color(pixel.key & 511u), vec3<f32>(1.0), clamp(0.09 * log2(count) - 0.18, 0.0, 0.5));
    if style.dim_unselected != 0u && (pixel.key & 0x40000000u) == 0u { alpha *= 0.25; }
    if pixel.key >= 0x80000000u { color = vec3<f32>(1.0, 0.45, 0.1); }
    return vec4<f32>(color * alpha, alpha);
}
