// Points of a layout on their way to the screen: the frame that holds them all, their pixels, the one under the pointer, those
// that the rectangle shows, and those within a lasso. See src/view/scatter.rs.
const LANES: u32 = 256u;
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;
// What stands farther than this is left out.
const APART: f32 = 1e14;
const FAR: f32 = -1e6;
// Groups of points that are not predicted, or rightly, or wrongly; below them stand the classes.
const UNKNOWN: u32 = 255u;
const RIGHT: u32 = 256u;
const WRONG: u32 = 257u;

#import Camera

#import ScatterParams

@group(0) @binding(0) var<uniform> params: ScatterParams;
@group(0) @binding(1) var<uniform> camera: Camera;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
// Bit 0: left out; bit 1: pinned.
@group(0) @binding(3) var<storage, read> flags: array<u32>;
@group(0) @binding(4) var<storage, read> change: array<f32>;
// As bits: middle x, y; pixels a unit; the largest change. Then eighths of a pixel from the pointer to the nearest point · 2²⁰ +
// its index, or NONE. From word 8: the pixel of the point that is marked.
@group(0) @binding(5) var<storage, read_write> found: array<atomic<u32>>;
// [i]: pixel x, y; radius of the disc; bits 0 to 2: left out, pinned, selected, then the group.
@group(0) @binding(6) var<storage, read_write> places: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> classes: array<u32>;
@group(0) @binding(8) var<storage, read> predictions: array<u32>;
// Bit i: point i is selected.
@group(0) @binding(9) var<storage, read> selected: array<u32>;
// [2 · part]: the box of a part of the points, its far corner with signs turned; then its largest change.
@group(0) @binding(10) var<storage, read_write> parts: array<vec4<f32>>;
// [2 · pixel]: dots that cover it; the greatest of their keys.
@group(0) @binding(11) var<storage, read_write> pixels: array<atomic<u32>>;
// Bit i: of point i.
@group(0) @binding(12) var<storage, read_write> bits: array<u32>;
// How many bits are set; the indices of the first `most` of them; then numbers by class.
@group(0) @binding(13) var<storage, read_write> list: array<atomic<u32>>;

// Bit y · columns + x: pixel x, y of the rectangle lies within the lasso.
@group(0) @binding(14) var<storage, read> lasso: array<u32>;
// Middle x, y; pixels a unit; the largest change: as the first words of `found`. Written by the frame's last pass, then read.
@group(0) @binding(15) var<storage, read_write> fitted: array<vec4<f32>>;
@group(0) @binding(16) var<uniform> known: vec4<f32>;
// The same as `pixels`, to be cleared.
@group(0) @binding(17) var<storage, read_write> cleared: array<vec4<u32>>;

fn set_found(word: u32, value: f32) {
    atomicStore(&found[word], bitcast<u32>(value));
}

var<workgroup> bounds: array<vec4<f32>, LANES>;
var<workgroup> largest: array<f32, LANES>;

fn join_lanes(lane: u32) {
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            bounds[lane] = min(bounds[lane], bounds[lane + half]);
            largest[lane] = max(largest[lane], largest[lane + half]);
        }
        workgroupBarrier();
    }
}

/// parts[p] = the box and the largest change of the points p · LANES + lane, and so on, a round of all workgroups farther each time
@compute @workgroup_size(LANES)
fn fit_parts(@builtin(workgroup_id) part: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // Smallest x, y and largest x, y, the latter with their signs turned.
    var box = vec4<f32>(1e30);
    var most = 0.0;
    for (var i = part.x * LANES + lane; i < params.count; i += LANES * params.parts) {
        let p = positions[i];
        if params.change != 0u { most = max(most, change[i]); }
        if abs(p.x) < APART && (flags[i] & 1u) == 0u { box = min(box, vec4<f32>(p, -p)); }
    }
    bounds[lane] = box;
    largest[lane] = most;
    join_lanes(lane);
    if lane == 0u {
        parts[2u * part.x] = bounds[0];
        parts[2u * part.x + 1u] = vec4<f32>(largest[0], 0.0, 0.0, 0.0);
    }
}

/// found = middle and scale of the box of all parts, the largest change; nothing is picked or marked
@compute @workgroup_size(LANES)
fn fit_frame(@builtin(local_invocation_index) lane: u32) {
    bounds[lane] = vec4<f32>(1e30);
    largest[lane] = 0.0;
    if lane < params.parts {
        bounds[lane] = parts[2u * lane];
        largest[lane] = parts[2u * lane + 1u].x;
    }
    join_lanes(lane);
    if lane > 0u { return; }
    atomicStore(&found[4], NONE);
    set_found(8u, FAR);
    set_found(9u, FAR);
    let all = bounds[0];
    if camera.hold != 0.0 || all.x > 1e29 { return; }
    let span = max(-all.zw - all.xy, vec2<f32>(1e-9));
    let room = max(vec2<f32>(camera.width, camera.height) - 2.0 * camera.margin, vec2<f32>(1.0));
    let scale = min(room.x / span.x, room.y / span.y);
    let frame = vec4<f32>(0.5 * (all.xy - all.zw), scale, largest[0]);
    fitted[0] = frame;
    set_found(0u, frame.x);
    set_found(1u, frame.y);
    set_found(2u, frame.z);
    set_found(3u, frame.w);
}

fn group_of(i: u32) -> u32 {
    if params.classes == 0u { return 0u; }
    let own = min(classes[i], UNKNOWN);
    if camera.colour == 0u { return own; }
    let predicted = min(predictions[i], UNKNOWN);
    if camera.colour == 1u || predicted == UNKNOWN { return predicted; }
    return select(WRONG, RIGHT, own == predicted);
}

/// Of a group the lowest eight bits count: 0 what is right, 1 what is wrong
fn is_hidden(group: u32) -> bool {
    let bit = group & 255u;
    return ((camera.hidden[bit >> 7u][(bit >> 5u) & 3u] >> (bit & 31u)) & 1u) == 1u;
}

/// Where a point lies that is shown; FAR where it is not
fn pixel_of(i: u32, group: u32) -> vec2<f32> {
    let p = positions[i];
    if abs(p.x) >= APART || (flags[i] & 1u) == 1u || is_hidden(group) { return vec2<f32>(FAR); }
    let middle = vec2<f32>(camera.left, camera.top) + 0.5 * vec2<f32>(camera.width, camera.height);
    let frame = known;
    return middle + vec2<f32>(camera.pan_x, camera.pan_y) + (p - frame.xy) * (frame.z * camera.zoom);
}

fn pick(i: u32, at: vec2<f32>) {
    let away = abs(at - vec2<f32>(camera.pointer_x, camera.pointer_y));
    if away.x <= camera.reach_x && away.y <= camera.reach_y {
        atomicMin(&found[4], (min(u32(8.0 * length(away)), 4094u) << 20u) | (i & 0xfffffu));
    }
}

/// places[i] = middle of the rectangle + pan + (positions[i] − middle) · scale · zoom; picked = the nearest to the pointer
@compute @workgroup_size(WORKGROUP)
fn project_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let group = group_of(i);
    let at = pixel_of(i, group);
    let what = (flags[i] & 3u) | (((selected[i >> 5u] >> (i & 31u)) & 1u) << 2u) | (group << 3u);
    if at.x == FAR {
        places[i] = vec4<f32>(at, 0.0, f32(what));
        return;
    }
    var radius = 0.0;
    let most = known.w;
    if most > 0.0 { radius = camera.disc * change[i] / most; }
    places[i] = vec4<f32>(at, radius, f32(what));
    pick(i, at);
}

/// pixels = 0, four of them a thread
@compute @workgroup_size(WORKGROUP)
fn clear_pixels(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let first = 2u * (id.x + id.y * groups.x * WORKGROUP);
    if 2u * first >= camera.columns * camera.rows { return; }
    cleared[first] = vec4<u32>(0u);
    cleared[first + 1u] = vec4<u32>(0u);
}

/// pixels[2p] += 1; pixels[2p + 1] = max(itself, key) for the pixels p under the dot of each point: a point that is pinned or
/// selected comes before all others, and among equals a shuffled order decides, so that colours mix where points are dense
@compute @workgroup_size(WORKGROUP)
fn splat_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let group = group_of(i);
    let at = pixel_of(i, group);
    if at.x == FAR { return; }
    if i == camera.marked {
        set_found(8u, at.x);
        set_found(9u, at.y);
    }
    pick(i, at);
    let pinned = (flags[i] >> 1u) & 1u;
    let chosen = (selected[i >> 5u] >> (i & 31u)) & 1u;
    let key = (pinned << 31u) | (chosen << 30u) | (((i * 2654435761u) >> 11u) << 9u) | group;
    let side = i32(camera.stamp + 3u * pinned + chosen);
    let away = at - floor(vec2<f32>(camera.left, camera.top));
    if any(away < vec2<f32>(-32.0)) || any(away > vec2<f32>(camera.width, camera.height) + 32.0) { return; }
    let corner = vec2<i32>(floor(away - 0.5 * f32(side) + 0.5));
    // Dots of three pixels and more are round.
    let reach = select(1e9, 0.25 * f32(side * side) + 0.3, side > 2);
    let middle = 0.5 * f32(side - 1);
    for (var y = 0; y < side; y++) {
        for (var x = 0; x < side; x++) {
            let d = vec2<f32>(f32(x), f32(y)) - middle;
            let pixel = corner + vec2<i32>(x, y);
            if dot(d, d) <= reach && all(pixel >= vec2<i32>(0)) && pixel.x < i32(camera.columns) && pixel.y < i32(camera.rows) {
                let place = 2u * (u32(pixel.y) * camera.columns + u32(pixel.x));
                atomicAdd(&pixels[place], 1u);
                atomicMax(&pixels[place + 1u], key);
            }
        }
    }
}

/// bit i of bits = whether any of point i's tile or disc may lie within the rectangle
@compute @workgroup_size(WORKGROUP)
fn mark_shown(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = 32u * id.x;
    if first >= params.count { return; }
    let half = 0.5 * vec2<f32>(camera.width, camera.height);
    let middle = vec2<f32>(camera.left, camera.top) + half;
    var word = 0u;
    for (var b = 0u; b < min(32u, params.count - first); b++) {
        let away = abs(places[first + b].xy - middle);
        if all(away <= half + camera.margin) { word |= 1u << b; }
    }
    bits[id.x] = word;
}

var<workgroup> sums: array<u32, LANES>;

/// list = how many bits are set, and the first `most` indices that are, in their order; numbers by class begin at 0
@compute @workgroup_size(LANES)
fn list_bits(@builtin(local_invocation_index) lane: u32) {
    let words = (params.count + 31u) / 32u;
    let each = (words + LANES - 1u) / LANES;
    let first = min(lane * each, words);
    let end = min(first + each, words);
    var own = 0u;
    for (var w = first; w < end; w++) { own += countOneBits(bits[w]); }
    sums[lane] = own;
    workgroupBarrier();
    for (var step = 1u; step < LANES; step *= 2u) {
        var before = 0u;
        if lane >= step { before = sums[lane - step]; }
        workgroupBarrier();
        sums[lane] += before;
        workgroupBarrier();
    }
    if lane == 0u { atomicStore(&list[0], sums[LANES - 1u]); }
    if params.tally != 0u { atomicStore(&list[1u + params.most + lane], 0u); }
    var rank = sums[lane] - own;
    for (var w = first; w < end; w++) {
        var word = bits[w];
        while word != 0u && rank < params.most {
            atomicStore(&list[1u + rank], 32u * w + countTrailingZeros(word));
            word &= word - 1u;
            rank++;
        }
    }
}

fn is_inside(at: vec2<f32>) -> bool {
    let cell = floor(at) - floor(vec2<f32>(camera.left, camera.top));
    if any(cell < vec2<f32>(0.0)) || any(cell >= vec2<f32>(f32(camera.columns), f32(camera.rows))) { return false; }
    let bit = u32(cell.y) * camera.columns + u32(cell.x);
    return ((lasso[bit >> 5u] >> (bit & 31u)) & 1u) == 1u;
}

/// bit i of bits = whether point i is shown, on a pixel within the lasso
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

/// list[1 + most + c] = number of points of class c whose bit is set
@compute @workgroup_size(WORKGROUP)
fn count_by_class(@builtin(global_invocation_id) id: vec3<u32>) {
    if 32u * id.x >= params.count || params.classes == 0u { return; }
    var word = bits[id.x];
    while word != 0u {
        atomicAdd(&list[1u + params.most + min(classes[32u * id.x + countTrailingZeros(word)], UNKNOWN)], 1u);
        word &= word - 1u;
    }
}
