// Points in the order of their rows' lists. See src/embed/order.rs.
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;
// Coordinates of points that are left out.
const APART: f32 = 1e15;

// There are `slots` slots.
#import OrderParams

@group(0) @binding(0) var<uniform> params: OrderParams;
// [slot]: row in it, or NONE.
@group(0) @binding(1) var<storage, read> row_ids: array<u32>;
// [i]
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
// [slot]
@group(0) @binding(3) var<storage, read_write> ordered: array<vec2<f32>>;
// [i]
@group(0) @binding(4) var<storage, read_write> slot_of: array<u32>;

/// ordered[s] = positions[row_ids[s]], far away where there is no row
@compute @workgroup_size(WORKGROUP)
fn by_list(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let slot = id.x + id.y * groups.x * WORKGROUP;
    if slot >= params.slots { return; }
    let row = row_ids[slot];
    if row == NONE {
        ordered[slot] = vec2<f32>(APART);
        return;
    }
    ordered[slot] = positions[row];
}

/// slot_of[row_ids[s]] = s
@compute @workgroup_size(WORKGROUP)
fn invert(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let slot = id.x + id.y * groups.x * WORKGROUP;
    if slot >= params.slots { return; }
    let row = row_ids[slot];
    if row != NONE { slot_of[row] = slot; }
}
