// The pixels of a layout's points: one by one, written into a pixel buffer, or tested against a lasso; and the point under the
// pointer. See src/view/projection.rs.
const WORKGROUP: u32 = 64u;
// Points at this coordinate and beyond are not drawn.
const APART: f32 = 1e14;
// Pixel of what is not drawn.
const FAR: f32 = -1e6;
// Groups of points that are not predicted, or rightly, or wrongly; below them are the classes.
const UNKNOWN_GROUP: u32 = 255u;
const RIGHT_GROUP: u32 = 256u;
const WRONG_GROUP: u32 = 257u;

#import Camera
#import ScatterParams
#import Fit
#import atomic PickRecord
#import ScreenPoint
#import atomic Pixel
#import common/floats
#import common/colors
#import common/group_color

@group(0) @binding(0) var<uniform> params: ScatterParams;
@group(0) @binding(1) var<uniform> camera: Camera;
@group(0) @binding(2) var<uniform> fit: Fit;
@group(0) @binding(3) var<storage, read> positions: array<vec2<f32>>;
// Bit 0: not drawn; bit 1: pinned.
@group(0) @binding(4) var<storage, read> flags: array<u32>;
@group(0) @binding(5) var<storage, read> change: array<f32>;
@group(0) @binding(6) var<storage, read> classes: array<u32>;
@group(0) @binding(7) var<storage, read> predictions: array<u32>;
// Bit i: point i is selected.
@group(0) @binding(8) var<storage, read> selected: array<u32>;
@group(0) @binding(9) var<storage, read_write> pick: PickRecord;
@group(0) @binding(10) var<storage, read_write> points: array<ScreenPoint>;
@group(0) @binding(11) var<storage, read_write> pixels: array<Pixel>;
// The same as `pixels`, to be cleared.
@group(0) @binding(12) var<storage, read_write> cleared: array<vec4<u32>>;
// Pixel of the highlighted point.
@group(0) @binding(13) var<storage, read_write> marked: vec2<f32>;
// Bit y · columns + x: pixel x, y of the rectangle is inside the lasso.
@group(0) @binding(14) var<storage, read> lasso: array<u32>;
// Bit i: point i is inside the lasso.
@group(0) @binding(15) var<storage, read_write> bits: array<u32>;

fn group_of(i: u32) -> u32 {
    if params.has_classes == 0u { return 0u; }
    let own = min(classes[i], UNKNOWN_GROUP);
    if camera.color_by == 0u { return own; }
    let predicted = min(predictions[i], UNKNOWN_GROUP);
    if camera.color_by == 1u || predicted == UNKNOWN_GROUP { return predicted; }
    return select(WRONG_GROUP, RIGHT_GROUP, own == predicted);
}

/// The mask holds the lowest eight bits of a group: 0 is right, 1 is wrong
fn is_hidden(group: u32) -> bool {
    let bit = group & 255u;
    return ((camera.hidden[bit >> 7u][(bit >> 5u) & 3u] >> (bit & 31u)) & 1u) == 1u;
}

fn is_selected(i: u32) -> u32 {
    return (selected[i >> 5u] >> (i & 31u)) & 1u;
}

/// Pixel of a point; FAR where it is not drawn, or nowhere
fn pixel_of(i: u32, group: u32) -> vec2<f32> {
    let p = positions[i];
    if !is_finite(p.x) || !is_finite(p.y) || abs(p.x) >= APART || (flags[i] & 1u) == 1u || is_hidden(group) { return vec2<f32>(FAR); }
    let middle = camera.origin + 0.5 * camera.size;
    return middle + camera.pan + (p - fit.center) * (fit.scale * camera.zoom);
}

fn pick_nearest(i: u32, at: vec2<f32>) {
    let away = abs(at - camera.pointer);
    if all(away <= camera.reach) {
        atomicMin(&pick.key, (min(u32(8.0 * length(away)), 4094u) << 20u) | (i & 0xfffffu));
    }
}

/// points[i] = middle of the rectangle + pan + (positions[i] − center) · scale · zoom; pick = the nearest to the pointer
@compute @workgroup_size(WORKGROUP)
fn project_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let group = group_of(i);
    let at = pixel_of(i, group);
    let state = (flags[i] & 3u) | (is_selected(i) << 2u) | (group << 3u);
    if at.x == FAR {
        points[i] = ScreenPoint(at, 0.0, state);
        return;
    }
    var radius = 0.0;
    let most = fit.largest_change;
    if most > 0.0 && is_finite(change[i]) { radius = camera.disc * change[i] / most; }
    points[i] = ScreenPoint(at, radius, state);
    pick_nearest(i, at);
}

/// pixels = 0, four of 20 bytes per thread
@compute @workgroup_size(WORKGROUP)
fn clear_pixels(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let four = id.x + id.y * groups.x * WORKGROUP;
    if 4u * four >= camera.columns * camera.rows { return; }
    for (var i = 0u; i < 5u; i++) { cleared[5u * four + i] = vec4<u32>(0u); }
}

/// pixels[p].dots += 1, red, green and blue += those of the group, and pixels[p].key = max(itself, key) for the pixels p under the dot of
/// each point. Pinned and selected points have the greatest keys; among equals a shuffled order decides
@compute @workgroup_size(WORKGROUP)
fn splat_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let group = group_of(i);
    let at = pixel_of(i, group);
    if at.x == FAR { return; }
    if i == camera.marked { marked = at; }
    pick_nearest(i, at);
    let pinned = (flags[i] >> 1u) & 1u;
    let chosen = is_selected(i);
    let key = (pinned << 31u) | (chosen << 30u) | (((i * 2654435761u) >> 11u) << 9u) | group;
    let color = packed_group_color(group);
    let side = i32(camera.splat_side + 3u * pinned + chosen);
    let away = at - floor(camera.origin);
    if any(away < vec2<f32>(-32.0)) || any(away > camera.size + 32.0) { return; }
    let corner = vec2<i32>(floor(away - 0.5 * f32(side) + 0.5));
    // Dots of three pixels and more are round.
    let reach = select(1e9, 0.25 * f32(side * side) + 0.3, side > 2);
    let middle = 0.5 * f32(side - 1);
    for (var y = 0; y < side; y++) {
        for (var x = 0; x < side; x++) {
            let d = vec2<f32>(f32(x), f32(y)) - middle;
            let pixel = corner + vec2<i32>(x, y);
            if dot(d, d) <= reach && all(pixel >= vec2<i32>(0)) && pixel.x < i32(camera.columns) && pixel.y < i32(camera.rows) {
                let index = u32(pixel.y) * camera.columns + u32(pixel.x);
                atomicAdd(&pixels[index].dots, 1u);
                atomicMax(&pixels[index].key, key);
                if params.has_classes != 0u {
                    atomicAdd(&pixels[index].red, color >> 16u);
                    atomicAdd(&pixels[index].green, (color >> 8u) & 255u);
                    atomicAdd(&pixels[index].blue, color & 255u);
                }
            }
        }
    }
}

fn is_inside(at: vec2<f32>) -> bool {
    let cell = floor(at) - floor(camera.origin);
    if any(cell < vec2<f32>(0.0)) || any(cell >= vec2<f32>(f32(camera.columns), f32(camera.rows))) { return false; }
    let bit = u32(cell.y) * camera.columns + u32(cell.x);
    return ((lasso[bit >> 5u] >> (bit & 31u)) & 1u) == 1u;
}

/// bit i of bits = point i is drawn, on a pixel inside the lasso
@compute @workgroup_size(WORKGROUP)
fn select_points(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = 32u * id.x;
    if first >= params.count { return; }
    var word = 0u;
    for (var b = 0u; b < min(32u, params.count - first); b++) {
        let at = pixel_of(first + b, group_of(first + b));
        if at.x != FAR && is_inside(at) { word |= 1u << b; }
    }
    bits[id.x] = word;
}
