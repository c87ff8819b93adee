// Indices beside the points of a layout, drawn as digits of 3 × 5 dots. Each instance draws one listed point. See
// src/view/scatter.rs.

#import PointStyleUniform
#import ScreenPoint
#import PointList
#import common/screen

@group(0) @binding(0) var<uniform> style: PointStyleUniform;
@group(0) @binding(1) var<storage, read> points: array<ScreenPoint>;
@group(0) @binding(2) var<storage, read> list: PointList;

struct Label {
    @builtin(position) position: vec4<f32>,
    // Pixels from the label's upper left corner.
    @location(0) at: vec2<f32>,
    @location(1) @interpolate(flat) number: u32,
    @location(2) @interpolate(flat) digits: u32,
    @location(3) @interpolate(flat) bright: f32,
}

fn digits_of(number: u32) -> u32 {
    if number < 10u { return 1u; }
    if number < 100u { return 2u; }
    if number < 1000u { return 3u; }
    if number < 10000u { return 4u; }
    if number < 100000u { return 5u; }
    return 6u;
}

/// The rectangle of a point's index, at most six digits, at its lower right corner
@vertex
fn label_vertex(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Label {
    if instance >= list.count { return Label(clip(vec2<f32>(-1e6), style.screen), vec2<f32>(0.0), 0u, 1u, 0.0); }
    let i = list.indices[instance];
    let digits = digits_of(i);
    let size = vec2<f32>(4.0 * f32(digits) + 1.0, 7.0) * style.font_pixel;
    let origin = floor(points[i].pixel + vec2<f32>(style.label.x - size.x, style.label.y));
    let bright = select(0.72, 1.0, i == style.marked);
    return Label(clip(origin + corner_of(index) * size, style.screen), corner_of(index) * size, i, digits, bright);
}

/// Five rows of 3 dots of a digit, the top row in the highest bits
fn glyph(digit: u32) -> u32 {
    switch digit {
        case 0u: { return 0x7b6fu; }
        case 1u: { return 0x2c97u; }
        case 2u: { return 0x73e7u; }
        case 3u: { return 0x73cfu; }
        case 4u: { return 0x5bc9u; }
        case 5u: { return 0x79cfu; }
        case 6u: { return 0x79efu; }
        case 7u: { return 0x7292u; }
        case 8u: { return 0x7befu; }
        default: { return 0x7bcfu; }
    }
}

/// Bright dots on a dark background
@fragment
fn label_fragment(in: Label) -> @location(0) vec4<f32> {
    let dot = vec2<u32>(in.at / style.font_pixel);
    let place = dot.x / 4u;
    var shift = in.digits - 1u - min(place, in.digits - 1u);
    var digit = in.number;
    while shift > 0u { digit /= 10u; shift--; }
    digit %= 10u;
    let column = dot.x % 4u;
    let row = dot.y;
    var lit = false;
    if column > 0u && row > 0u && row < 6u && place < in.digits {
        lit = ((glyph(digit) >> ((5u - row) * 3u + (3u - column))) & 1u) == 1u;
    }
    return select(vec4<f32>(0.0, 0.0, 0.0, 0.62), vec4<f32>(vec3<f32>(in.bright), 1.0), lit);
}
