// Movement of each row since a snapshot. See src/embed/drift.rs.
const WORKGROUP: u32 = 64u;

#import DriftParams

@group(0) @binding(0) var<uniform> params: DriftParams;
@group(0) @binding(1) var<storage, read> tensor: array<f32>;
// [i, d]: snapshot of the rows.
@group(0) @binding(2) var<storage, read_write> kept: array<f32>;
@group(0) @binding(3) var<storage, read_write> drift: array<f32>;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// drift[i] = Σ_d |tensor[i, d] − kept[i, d]|
@compute @workgroup_size(WORKGROUP)
fn measure(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = group.x + group.y * groups.x;
    if row >= params.rows { return; }
    var sum = 0.0;
    for (var d = lane; d < params.dims; d += WORKGROUP) {
        sum += abs(tensor[params.offset + row * params.row_stride + d] - kept[row * params.dims + d]);
    }
    let all = total(lane, sum);
    if lane == 0u { drift[row] = all; }
}

/// kept[i, d] = tensor[i, d]
@compute @workgroup_size(WORKGROUP)
fn keep(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let e = id.x + id.y * groups.x * WORKGROUP;
    if e >= params.rows * params.dims { return; }
    let row = e / params.dims;
    kept[e] = tensor[params.offset + row * params.row_stride + e - row * params.dims];
}
