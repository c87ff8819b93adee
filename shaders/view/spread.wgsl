// A layout spread onto a grid: its points are sorted into halves of halves until each has a cell. See src/view/spread/mod.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Points at this coordinate and beyond are not drawn.
const APART: f32 = 1e14;
// Share of the way to its cell that a point glides in a frame.
const STEP: f32 = 0.3;

#import SpreadParams
#import Camera
#import Fit
#import common/floats

@group(0) @binding(0) var<uniform> params: SpreadParams;
@group(0) @binding(1) var<uniform> camera: Camera;
@group(0) @binding(2) var<uniform> fit: Fit;
@group(0) @binding(3) var<storage, read> positions: array<vec2<f32>>;
// Bit 0: not drawn; bit 1: pinned.
@group(0) @binding(4) var<storage, read> flags: array<u32>;
// First place and the one after the last; bit 31 of that: sorted along y.
@group(0) @binding(5) var<storage, read> spans: array<vec2<u32>>;
// The cell of each place: its column and its row.
@group(0) @binding(6) var<storage, read> place_cells: array<vec2<u32>>;
// The point at each place.
@group(0) @binding(7) var<storage, read_write> order: array<u32>;
@group(0) @binding(8) var<storage, read> order_in: array<u32>;
// Middle of each point's cell, from −0.5 to 0.5 along each side of the grid.
@group(0) @binding(9) var<storage, read_write> cells: array<vec2<f32>>;
@group(0) @binding(10) var<storage, read> cells_in: array<vec2<f32>>;
// Where each point is on the way to its cell; z is 0 before its first frame.
@group(0) @binding(11) var<storage, read_write> gliding: array<vec4<f32>>;
@group(0) @binding(12) var<storage, read_write> shown: array<vec2<f32>>;

fn is_drawn(i: u32) -> bool {
    let p = positions[i];
    return is_finite(p.x) && is_finite(p.y) && abs(p.x) < APART && (flags[i] & 1u) == 0u;
}

/// Points that are not drawn come last
fn key(i: u32, along_y: bool) -> f32 {
    let p = positions[i];
    return select(3e38, select(p.x, p.y, along_y), is_drawn(i));
}

/// Among equals the number decides
fn is_before(a: u32, b: u32, along_y: bool) -> bool {
    let left = key(a, along_y);
    let right = key(b, along_y);
    return left < right || (left == right && a < b);
}

/// order[place] = place
@compute @workgroup_size(WORKGROUP)
fn begin_order(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.count { order[id.x] = id.x; }
}

fn put_in_order(low: u32, high: u32, along_y: bool) {
    let a = order[low];
    let b = order[high];
    if is_before(b, a, along_y) {
        order[low] = b;
        order[high] = a;
    }
}

/// The places of each span by coordinate, a workgroup each: a bitonic sort in which places past the end count as last
@compute @workgroup_size(LANES)
fn sort_spans(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let span = spans[params.first + group.x];
    let along_y = (span.y >> 31u) == 1u;
    let first = span.x;
    let length = (span.y & 0x7fffffffu) - first;
    for (var block = 2u; block < 2u * length; block *= 2u) {
        // The first of each block with its last, the second with the last but one, and so on.
        let half = block / 2u;
        for (var pair = lane; pair / half * block + pair % half < length; pair += LANES) {
            let start = pair / half * block;
            let high = start + block - 1u - pair % half;
            if high < length { put_in_order(first + start + pair % half, first + high, along_y); }
        }
        storageBarrier();
        for (var step = half / 2u; step > 0u; step /= 2u) {
            for (var pair = lane; pair / step * 2u * step + pair % step + step < length; pair += LANES) {
                let low = first + pair / step * 2u * step + pair % step;
                put_in_order(low, low + step, along_y);
            }
            storageBarrier();
        }
    }
}

/// Each place's point to the place in its span that it has by coordinate
@compute @workgroup_size(WORKGROUP)
fn rank_places(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.count { return; }
    let span = spans[params.first + id.x];
    let along_y = (span.y >> 31u) == 1u;
    let own = order_in[id.x];
    var rank = span.x;
    for (var place = span.x; place < (span.y & 0x7fffffffu); place++) {
        if is_before(order_in[place], own, along_y) { rank++; }
    }
    order[rank] = own;
}

/// cells[point] = middle of the cell of its place
@compute @workgroup_size(WORKGROUP)
fn place_points(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.count { return; }
    cells[order_in[id.x]] = (vec2<f32>(place_cells[id.x]) + 0.5) / params.grid - 0.5;
}

/// shown = between the point's position and its cell in the rectangle, as far as the camera says; cells are glided to
@compute @workgroup_size(WORKGROUP)
fn glide(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
    if i >= params.count { return; }
    let goal = cells_in[i];
    let before = gliding[i];
    let at = select(goal, mix(before.xy, goal, STEP), before.z != 0.0);
    gliding[i] = vec4<f32>(at, 1.0, 0.0);
    let position = positions[i];
    if camera.spread == 0.0 || !is_drawn(i) {
        shown[i] = position;
        return;
    }
    let room = max(camera.size - 2.0 * camera.margin, vec2<f32>(1.0));
    let cell = fit.center + at * room / max(fit.scale, 1e-30);
    shown[i] = mix(position, cell, camera.spread);
}
