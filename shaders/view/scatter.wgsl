// Points of a layout on their way to the screen: the frame that holds them all, their pixels, the one under the pointer.
// See src/view/scatter.rs.
const LANES: u32 = 256u;
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;
// What stands farther than this is left out.
const APART: f32 = 1e14;

// The struct `Camera` of src/view/scatter.rs, in pixels.
struct Camera {
    left: f32, top: f32, width: f32, height: f32,
    // The user's: how far the middle is shifted, and how many times the whole is enlarged.
    pan_x: f32, pan_y: f32, zoom: f32,
    pointer_x: f32, pointer_y: f32,
    // Half the width and height of what can be hit.
    reach_x: f32, reach_y: f32,
    // Room around the points, and the radius of the largest disc.
    margin: f32, disc: f32,
    // Not 0: the frame stays as it is.
    hold: f32,
}

struct Params { count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> camera: Camera;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> flags: array<u32>;
@group(0) @binding(4) var<storage, read> change: array<f32>;
// As bits: middle x, y; pixels a unit; the largest change. Then eighths of a pixel from the pointer to the nearest point · 2²⁰ +
// its index, or NONE.
@group(0) @binding(5) var<storage, read_write> found: array<atomic<u32>>;
// [i]: pixel x, y; radius of the disc; flags.
@group(0) @binding(6) var<storage, read_write> places: array<vec4<f32>>;

fn set_found(word: u32, value: f32) {
    atomicStore(&found[word], bitcast<u32>(value));
}

fn get_found(word: u32) -> f32 {
    return bitcast<f32>(atomicLoad(&found[word]));
}

var<workgroup> bounds: array<vec4<f32>, LANES>;
var<workgroup> largest: array<f32, LANES>;

/// found = middle and scale of the box of all positions, the largest change; nothing is picked
@compute @workgroup_size(LANES)
fn fit_frame(@builtin(local_invocation_index) lane: u32) {
    // Smallest x, y and largest x, y, the latter with their signs turned.
    var box = vec4<f32>(1e30);
    var most = 0.0;
    for (var i = lane; i < params.count; i += LANES) {
        let p = positions[i];
        most = max(most, change[i]);
        if abs(p.x) < APART && (flags[i] & 1u) == 0u { box = min(box, vec4<f32>(p, -p)); }
    }
    bounds[lane] = box;
    largest[lane] = most;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half {
            bounds[lane] = min(bounds[lane], bounds[lane + half]);
            largest[lane] = max(largest[lane], largest[lane + half]);
        }
        workgroupBarrier();
    }
    if lane > 0u { return; }
    atomicStore(&found[4], NONE);
    let all = bounds[0];
    if camera.hold != 0.0 || all.x > 1e29 { return; }
    let span = max(-all.zw - all.xy, vec2<f32>(1e-9));
    let room = max(vec2<f32>(camera.width, camera.height) - 2.0 * camera.margin, vec2<f32>(1.0));
    let scale = min(room.x / span.x, room.y / span.y);
    set_found(0u, 0.5 * (all.x - all.z));
    set_found(1u, 0.5 * (all.y - all.w));
    set_found(2u, scale);
    set_found(3u, largest[0]);
}

/// places[i] = middle of the rectangle + pan + (positions[i] − middle) · scale · zoom; picked = the nearest to the pointer
@compute @workgroup_size(WORKGROUP)
fn project_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let p = positions[i];
    let known = vec4<f32>(get_found(0u), get_found(1u), get_found(2u), get_found(3u));
    if abs(p.x) >= APART || (flags[i] & 1u) == 1u {
        places[i] = vec4<f32>(-1e6, -1e6, 0.0, f32(flags[i]));
        return;
    }
    let middle = vec2<f32>(camera.left, camera.top) + 0.5 * vec2<f32>(camera.width, camera.height);
    let at = middle + vec2<f32>(camera.pan_x, camera.pan_y) + (p - known.xy) * (known.z * camera.zoom);
    var radius = 0.0;
    if known.w > 0.0 { radius = camera.disc * change[i] / known.w; }
    places[i] = vec4<f32>(at, radius, f32(flags[i]));
    let away = abs(at - vec2<f32>(camera.pointer_x, camera.pointer_y));
    if away.x <= camera.reach_x && away.y <= camera.reach_y {
        atomicMin(&found[4], (min(u32(8.0 * length(away)), 4094u) << 20u) | (i & 0xfffffu));
    }
}
