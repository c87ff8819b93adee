// Rows of a strided tensor: read, scaled and centered. See src/embed/rows.rs.
const WORKGROUP: u32 = 64u;

// Read are `rows` rows from `first` on, their values from `first_dim` on; `offset` is that of the first row.
#import RowsParams
#import common/floats

// Words of Summary, here atomic.
const LARGEST: u32 = 0u;
const KEPT: u32 = 1u;

@group(0) @binding(0) var<uniform> params: RowsParams;
@group(0) @binding(1) var<storage, read> tensor: array<f32>;
// [d − first_dim, i]: value d of row i.
@group(0) @binding(2) var<storage, read_write> points: array<f32>;
// Bit 0: left out, because a value is not finite; bit 1: pinned.
@group(0) @binding(3) var<storage, read_write> flags: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> summary: array<atomic<u32>>;

/// flags[i] without bit 0; an empty summary
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i == 0u {
        atomicStore(&summary[LARGEST], 0u);
        atomicStore(&summary[KEPT], 0u);
    }
    if i >= params.count { return; }
    atomicAnd(&flags[i], 0xfffffffeu);
}

/// points[d − first_dim, i] = tensor[i, d]; 0 where not finite and in the padding
@compute @workgroup_size(WORKGROUP)
fn read_rows(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = params.first + id.x;
    let d = params.first_dim + id.y;
    if id.x >= params.rows { return; }
    var value = 0.0;
    if i < params.count {
        let x = d % params.width;
        let y = d / params.width % params.height;
        let c = d / params.width / params.height;
        let given = tensor[params.offset + id.x * params.row_stride + c * params.channel_stride + y * params.y_stride + x * params.x_stride];
        if is_finite(given) {
            value = given;
            let bits = bitcast<u32>(given) & 0x7fffffffu;
            if bits > atomicLoad(&summary[LARGEST]) { atomicMax(&summary[LARGEST], bits); }
        } else {
            atomicOr(&flags[i], 1u);
        }
    }
    points[id.y * params.stride + i] = value;
}

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// points[d, i] = points[d, i] / largest − mean over the kept rows; 0 for rows left out
@compute @workgroup_size(WORKGROUP)
fn center(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let d = group.x;
    let largest = bitcast<f32>(atomicLoad(&summary[LARGEST]));
    let scale = select(1.0, 1.0 / largest, largest > 0.0);
    var sum = vec2<f32>(0.0);
    for (var i = lane; i < params.count; i += WORKGROUP) {
        let counts = f32(1u - (atomicLoad(&flags[i]) & 1u));
        sum += counts * vec2<f32>(points[d * params.stride + i] * scale, 1.0);
    }
    let all = total(lane, sum);
    let counted = all.y;
    let mean = all.x / max(counted, 1.0);
    if d == 0u && lane == 0u { atomicStore(&summary[KEPT], u32(counted)); }
    for (var i = lane; i < params.count; i += WORKGROUP) {
        let at = d * params.stride + i;
        let left_out = (atomicLoad(&flags[i]) & 1u) == 1u;
        points[at] = select(points[at] * scale - mean, 0.0, left_out);
    }
}
