// The fit of a layout into a rectangle: the bounding box of its points, its center and its scale. See src/view/projection.rs.
const LANES: u32 = 256u;
const NONE: u32 = 0xffffffffu;
// Points at this coordinate and beyond are not drawn.
const APART: f32 = 1e14;
// Pixel of what is not drawn.
const FAR: f32 = -1e6;

#import Camera
#import ScatterParams
#import Fit
#import PickRecord
#import FitPart
#import common/floats

@group(0) @binding(0) var<uniform> params: ScatterParams;
@group(0) @binding(1) var<uniform> camera: Camera;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
// Bit 0: not drawn; bit 1: pinned.
@group(0) @binding(3) var<storage, read> flags: array<u32>;
@group(0) @binding(4) var<storage, read> change: array<f32>;
@group(0) @binding(5) var<storage, read_write> parts: array<FitPart>;
@group(0) @binding(6) var<storage, read_write> fit_out: Fit;
@group(0) @binding(7) var<storage, read_write> pick: PickRecord;
// Pixel of the highlighted point.
@group(0) @binding(8) var<storage, read_write> marked: vec2<f32>;

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

/// parts[p] = bounding box and largest change of the points p · LANES + lane + k · LANES · parts
@compute @workgroup_size(LANES)
fn fit_parts(@builtin(workgroup_id) part: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var box = vec4<f32>(1e30);
    var most = 0.0;
    for (var i = part.x * LANES + lane; i < params.count; i += LANES * params.parts) {
        let p = positions[i];
        if params.has_change != 0u && is_finite(change[i]) { most = max(most, change[i]); }
        if is_finite(p.x) && is_finite(p.y) && abs(p.x) < APART && (flags[i] & 1u) == 0u { box = min(box, vec4<f32>(p, -p)); }
    }
    bounds[lane] = box;
    largest[lane] = most;
    join_lanes(lane);
    if lane == 0u { parts[part.x] = FitPart(bounds[0], largest[0], 0.0, vec2<f32>(0.0)); }
}

/// fit = center and scale of the box of all parts, and the largest change; no point is picked or marked yet
@compute @workgroup_size(LANES)
fn fit_frame(@builtin(local_invocation_index) lane: u32) {
    bounds[lane] = vec4<f32>(1e30);
    largest[lane] = 0.0;
    if lane < params.parts {
        bounds[lane] = parts[lane].bounds;
        largest[lane] = parts[lane].largest_change;
    }
    join_lanes(lane);
    if lane > 0u { return; }
    pick.key = NONE;
    marked = vec2<f32>(FAR);
    let all = bounds[0];
    if camera.hold != 0u || all.x > 1e29 { return; }
    let span = max(-all.zw - all.xy, vec2<f32>(1e-9));
    let room = max(camera.size - 2.0 * camera.margin, vec2<f32>(1.0));
    let scale = min(room.x / span.x, room.y / span.y);
    let center = 0.5 * (all.xy - all.zw);
    fit_out = Fit(center, scale, largest[0]);
    pick.center = center;
    pick.scale = scale;
    pick.largest_change = largest[0];
}
