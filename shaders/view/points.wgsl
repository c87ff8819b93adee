// Discs behind the points of a layout, and their indices beside them. See src/view/scatter.rs.

// 0xrrggbb; src/view/scatter.rs sets them.
#constant CLASS_0 = 0
#constant CLASS_1 = 0
#constant CLASS_2 = 0
#constant CLASS_3 = 0
#constant CLASS_4 = 0
#constant CLASS_5 = 0
#constant CLASS_6 = 0
#constant CLASS_7 = 0
#constant CLASS_8 = 0
#constant CLASS_9 = 0

// What is not predicted, or rightly, or wrongly.
#constant UNKNOWN = 0
#constant RIGHT = 0
#constant WRONG = 0

#import Look

@group(0) @binding(0) var<uniform> look: Look;
// [i]: pixel x, y; radius of the disc; bits 0 to 2: left out, pinned, selected, then the group.
@group(0) @binding(1) var<storage, read> places: array<vec4<f32>>;
// How many points are shown; their indices, as far as there is room.
@group(0) @binding(2) var<storage, read> list: array<u32>;
// [2 · pixel]: dots that cover it; the greatest of their keys: bit 31: pinned, bit 30: selected, bits 0 to 8: the group.
@group(0) @binding(3) var<storage, read> pixels: array<vec2<u32>>;
// From word 8: the pixel of the point that is marked.
@group(0) @binding(4) var<storage, read> found: array<f32>;

/// The point that is drawn as instance `index`, and whether there is one
fn listed(index: u32) -> vec2<u32> {
    return vec2<u32>(list[1u + index], select(0u, 1u, index < list[0]));
}

/// Its place; far away where there is none
fn place_of(entry: vec2<u32>) -> vec4<f32> {
    if entry.y == 0u { return vec4<f32>(-1e6, -1e6, 0.0, 0.0); }
    return places[entry.x];
}

struct Disc {
    @builtin(position) position: vec4<f32>,
    // Pixels from the middle.
    @location(0) away: vec2<f32>,
    @location(1) @interpolate(flat) radius: f32,
}

fn clip(pixel: vec2<f32>) -> vec4<f32> {
    let at = pixel / vec2<f32>(look.screen_width, look.screen_height) * 2.0 - 1.0;
    return vec4<f32>(at.x, -at.y, 0.0, 1.0);
}

fn corner_of(index: u32) -> vec2<f32> {
    return vec2<f32>(f32(index & 1u), f32(index >> 1u));
}

/// The square around a point's disc
@vertex
fn disc_corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Disc {
    let place = place_of(listed(instance));
    let reach = select(0.0, place.z + 1.0, place.z > 0.0);
    let away = (corner_of(index) * 2.0 - 1.0) * reach;
    return Disc(clip(place.xy + away), away, place.z);
}

/// A translucent disc with a soft edge and a brighter rim
@fragment
fn disc_colour(in: Disc) -> @location(0) vec4<f32> {
    let inside = clamp(in.radius + 0.5 - length(in.away), 0.0, 1.0);
    let rim = clamp(1.5 - abs(in.radius - 1.0 - length(in.away)), 0.0, 1.0);
    let alpha = inside * (0.22 + 0.35 * rim);
    return vec4<f32>(vec3<f32>(look.red, look.green, look.blue) * alpha, alpha);
}

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

/// The rectangle of a point's index, six digits at most, beside its lower right corner
@vertex
fn label_corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Label {
    let entry = listed(instance);
    let point = entry.x;
    let place = place_of(entry);
    let digits = digits_of(point);
    let size = vec2<f32>(4.0 * f32(digits) + 1.0, 7.0) * look.dot;
    let origin = floor(place.xy + vec2<f32>(look.label_x - size.x, look.label_y));
    let bright = select(0.72, 1.0, f32(point) == look.marked);
    return Label(clip(origin + corner_of(index) * size), corner_of(index) * size, point, digits, bright);
}

/// Rows of 3 dots of a digit, the top row in the highest bits.
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

/// Bright dots on a dark ground
@fragment
fn label_colour(in: Label) -> @location(0) vec4<f32> {
    let dot = vec2<u32>(in.at / look.dot);
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
    let colour = select(vec4<f32>(0.0, 0.0, 0.0, 0.62), vec4<f32>(vec3<f32>(in.bright), 1.0), lit);
    return colour;
}

struct Dot {
    @builtin(position) position: vec4<f32>,
    @location(0) away: vec2<f32>,
    @location(1) @interpolate(flat) radius: f32,
    @location(2) @interpolate(flat) colour: vec3<f32>,
}

/// The colour of a group, as src/view/color_map.rs has it
fn group_colour(group: u32) -> vec3<f32> {
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

/// The frame around a tile: white where it is marked, blue where it is selected, orange where it is pinned, else thinner in the colour
/// of its group, if it has one
@vertex
fn ring_corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Dot {
    let entry = listed(instance);
    let place = place_of(entry);
    let known = u32(place.w);
    var width = select(0.0, 1.0, look.groups != 0u);
    var colour = group_colour(known >> 3u) * select(0.8, 0.35, look.dims != 0u);
    if (known & 2u) != 0u { colour = vec3<f32>(0.94, 0.57, 0.2); width = 2.0; }
    if (known & 4u) != 0u { colour = vec3<f32>(look.red, look.green, look.blue); width = 2.0; }
    if f32(entry.x) == look.marked { colour = vec3<f32>(0.86, 0.88, 0.92); width = 2.0; }
    if entry.y == 0u { width = 0.0; }
    let half = vec2<f32>(look.half_width, look.half_height) + width;
    let away = (corner_of(index) * 2.0 - 1.0) * select(vec2<f32>(0.0), half, width > 0.0);
    return Dot(clip(place.xy + away), away, 0.0, colour);
}

/// The tile covers its inside
@fragment
fn ring_colour(in: Dot) -> @location(0) vec4<f32> {
    return vec4<f32>(in.colour, 1.0);
}

/// The square around a point's dot
@vertex
fn dot_corner(@builtin(vertex_index) index: u32, @builtin(instance_index) instance: u32) -> Dot {
    let entry = listed(instance);
    let place = place_of(entry);
    let known = u32(place.w);
    let marked = f32(entry.x) == look.marked;
    let radius = look.dot_radius * select(select(1.0, 1.3, (known & 6u) != 0u), 2.0, marked);
    let away = (corner_of(index) * 2.0 - 1.0) * (radius + 1.0) * f32(entry.y);
    var colour = group_colour(known >> 3u);
    if (known & 2u) != 0u { colour = vec3<f32>(1.0, 0.45, 0.1); }
    if look.dims != 0u && (known & 4u) == 0u { colour *= 0.3; }
    return Dot(clip(place.xy + away), away, radius, select(colour, vec3<f32>(1.0), marked));
}

/// A disc in the colour of its group
@fragment
fn dot_colour(in: Dot) -> @location(0) vec4<f32> {
    let alpha = 0.9 * clamp(in.radius + 0.5 - length(in.away), 0.0, 1.0);
    return vec4<f32>(in.colour * alpha, alpha);
}

/// The rectangle of the pixels
@vertex
fn splat_corner(@builtin(vertex_index) index: u32) -> Dot {
    let pixel = vec2<f32>(look.left, look.top) + corner_of(index) * vec2<f32>(look.width, look.height);
    return Dot(clip(pixel), pixel, 0.0, vec3<f32>(0.0));
}

/// The colour of the dot that comes first; the more dots, the less shines through, and from some on the brighter
@fragment
fn splat_colour(in: Dot) -> @location(0) vec4<f32> {
    let away = abs(in.position.xy - vec2<f32>(found[8], found[9]));
    if max(away.x, away.y) < look.dot_radius + 3.0 {
        // A white ring around the point that is marked.
        let from_mark = length(away) - look.dot_radius;
        let alpha = clamp(3.0 - from_mark, 0.0, 1.0);
        let white = clamp(1.5 - abs(from_mark - 1.5), 0.0, 1.0);
        if alpha > 0.0 { return vec4<f32>(vec3<f32>(white), 1.0) * alpha; }
    }
    let at = vec2<u32>(in.position.xy - vec2<f32>(look.left, look.top));
    let pixel = pixels[at.y * look.columns + at.x];
    if pixel.x == 0u { return vec4<f32>(0.0); }
    let count = f32(pixel.x);
    var alpha = 1.0 - exp2(look.fade * count);
    var colour = mix(group_colour(pixel.y & 511u), vec3<f32>(1.0), clamp(0.09 * log2(count) - 0.18, 0.0, 0.5));
    if look.dims != 0u && (pixel.y & 0x40000000u) == 0u { alpha *= 0.25; }
    if pixel.y >= 0x80000000u { colour = vec3<f32>(1.0, 0.45, 0.1); }
    return vec4<f32>(colour * alpha, alpha);
}
