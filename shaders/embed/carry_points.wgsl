// Points of a layout whose rows are others now. See src/embed/tsne/carried.rs.
const WORKGROUP: u32 = 64u;
// Coordinates of points that are left out and of padding: so far away that they exert no force.
const APART: f32 = 1e15;
// Origin of a row that is new, and bit of one that is a second copy.
const NEW: u32 = 0xffffffffu;
const COPY: u32 = 0x80000000u;
// Distance of a new point from its origin, as a share of the standard distance of the points from their center.
const ASIDE: f32 = 0.02;

#import CarryPointsParams

@group(0) @binding(0) var<uniform> params: CarryPointsParams;
// [i]: row that there was before, with COPY where another row continues it already; or NEW.
@group(0) @binding(1) var<storage, read> origins: array<u32>;
@group(0) @binding(2) var<storage, read> positions_in: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> velocity_gains_in: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> flags_in: array<u32>;
@group(0) @binding(5) var<storage, read_write> positions: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> velocity_gains: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> flags: array<u32>;

/// A row that stays keeps position, velocity, gain and pin; a copy begins beside its origin, a new row beside the center, at rest
@compute @workgroup_size(WORKGROUP)
fn carry_points(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.stride { return; }
    if i >= params.count {
        positions[i] = vec2<f32>(APART);
        return;
    }
    let origin = origins[i];
    if (origin & COPY) == 0u {
        positions[i] = positions_in[origin];
        velocity_gains[i] = velocity_gains_in[origin];
        flags[i] = flags_in[origin] & 2u;
        return;
    }
    var sum = vec4<f32>(0.0);
    for (var j = 0u; j < params.old_count + (id.x >> 31u); j++) {
        let y = positions_in[j];
        if abs(y.x) < 0.5 * APART { sum += vec4<f32>(y, dot(y, y), 1.0); }
    }
    sum /= max(sum.w, 1.0);
    var start = sum.xy;
    if origin != NEW && abs(positions_in[origin ^ COPY].x) < 0.5 * APART { start = positions_in[origin ^ COPY]; }
    let reach = ASIDE * sqrt(max(sum.z - dot(sum.xy, sum.xy), 0.0));
    let angle = 2.3999632 * f32(i);
    positions[i] = start + reach * vec2<f32>(cos(angle), sin(angle));
    velocity_gains[i] = vec4<f32>(0.0, 0.0, 1.0, 1.0);
    flags[i] = 0u;
}
