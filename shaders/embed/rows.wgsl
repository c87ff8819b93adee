// Rows of a strided tensor: read, scaled and centered. See src/embed/rows.rs.
const WORKGROUP: u32 = 64u;

// Read are `rows` rows from `first` on, their values from `first_dim` on; `offset` is that of the first row.
#import RowsParams
#import common/floats

// Words of Summary, here atomic.
const LARGEST: u32 = 0u;
const KEPT: u32 = 1u;
const DIFFERS: u32 = 2u;
// A middle that lies this many mean distances off costs the others ten of their bits.
const LOST: f32 = 1024.0;
// And this many, nearly all of them, which counts once the values looked at are fewer than all.
const ALL_LOST: f32 = 1048576.0;
// Rounds in which far values are set aside.
const ROUNDS: u32 = 8u;

@group(0) @binding(0) var<uniform> params: RowsParams;
@group(0) @binding(1) var<storage, read> tensor: array<f32>;
// [d − first_dim, i]: value d of row i.
@group(0) @binding(2) var<storage, read_write> points: array<f32>;
// Bit 0: left out, because a value is not finite; bit 1: pinned.
@group(0) @binding(3) var<storage, read_write> flags: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> summary: array<atomic<u32>>;
// [d]: middle of most of the centered values.
@group(0) @binding(5) var<storage, read_write> middles: array<f32>;

/// flags[i] without bit 0; an empty summary
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i == 0u {
        atomicStore(&summary[LARGEST], 0u);
        atomicStore(&summary[KEPT], 0u);
        atomicStore(&summary[DIFFERS], 0u);
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

var<workgroup> moves: vec2<bool>;

/// Middle of most values of dimension d, scaled, and the one to center by. The first is the mean of those within twice the mean distance
/// from the last middle, as long as it moves by more than their own and they are half of all. The second is the mean of all, unless most
/// could hardly be told apart about it. At most 4096 rows are looked at.
fn middles_of(lane: u32, d: u32, scale: f32, mean: f32) -> vec2<f32> {
    var middle = mean;
    var center = mean;
    var centers = true;
    var spread = 3e38;
    var within = 3e38;
    var counted = 0.0;
    let step = (params.count + 4095u) / 4096u;
    for (var round = 0u; round < ROUNDS; round++) {
        var sum = vec2<f32>(0.0);
        for (var i = lane * step; i < params.count; i += WORKGROUP * step) {
            let apart = abs(points[d * params.stride + i] * scale - middle);
            if (atomicLoad(&flags[i]) & 1u) == 0u && apart <= within { sum += vec2<f32>(apart, 1.0); }
        }
        let all = total(lane, sum);
        let reach = 2.0 * all.x / max(all.y, 1.0);
        sum = vec2<f32>(0.0);
        for (var i = lane * step; i < params.count; i += WORKGROUP * step) {
            let value = points[d * params.stride + i] * scale;
            if (atomicLoad(&flags[i]) & 1u) == 0u && abs(value - middle) <= reach { sum += vec2<f32>(value, 1.0); }
        }
        let near = total(lane, sum);
        let other = near.x / max(near.y, 1.0);
        sum = vec2<f32>(0.0);
        for (var i = lane * step; i < params.count; i += WORKGROUP * step) {
            let value = points[d * params.stride + i] * scale;
            if (atomicLoad(&flags[i]) & 1u) == 0u && abs(value - middle) <= reach { sum.x += abs(value - other); }
        }
        let its_spread = total(lane, sum).x / max(near.y, 1.0);
        if round == 0u { counted = all.y; }
        let moved = abs(other - middle);
        // Where those near are alike, their distance from it is rounding.
        let lost = its_spread > 1e-6 * abs(other) && moved > LOST * its_spread;
        if lane == 0u { moves = vec2<bool>(moved > its_spread && 2.0 * near.y >= counted, lost); }
        let move_to = workgroupUniformLoad(&moves);
        if !move_to.x { break; }
        middle = other;
        centers = centers && move_to.y && round < 2u;
        if centers { center = other; }
        spread = its_spread;
        within = reach;
    }
    let lost = spread > 1e-6 * abs(middle) && abs(middle - center) > ALL_LOST * spread;
    return vec2<f32>(middle, select(center, middle, lost));
}

/// points[d, i] = points[d, i] / largest − center of the kept rows; 0 for rows left out; middles[d] = middle of most of them
@compute @workgroup_size(WORKGROUP)
fn center(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let d = group.x;
    let largest = bitcast<f32>(atomicLoad(&summary[LARGEST]));
    let scale = select(1.0, 1.0 / largest, largest > 0.0);
    var first = 0u;
    while first + 1u < params.count && (atomicLoad(&flags[first]) & 1u) == 1u { first++; }
    let other = points[d * params.stride + first];
    var sum = vec2<f32>(0.0);
    var differs = false;
    for (var i = lane; i < params.count; i += WORKGROUP) {
        let kept = (atomicLoad(&flags[i]) & 1u) == 0u;
        let value = points[d * params.stride + i];
        sum += f32(kept) * vec2<f32>(value * scale, 1.0);
        differs = differs || (kept && value != other);
    }
    if differs && atomicLoad(&summary[DIFFERS]) == 0u { atomicStore(&summary[DIFFERS], 1u); }
    let all = total(lane, sum);
    let counted = all.y;
    let found = middles_of(lane, d, scale, all.x / max(counted, 1.0));
    if lane == 0u { middles[params.first_dim + d] = found.x - found.y; }
    if d == 0u && lane == 0u { atomicStore(&summary[KEPT], u32(counted)); }
    for (var i = lane; i < params.count; i += WORKGROUP) {
        let at = d * params.stride + i;
        let left_out = (atomicLoad(&flags[i]) & 1u) == 1u;
        points[at] = select(points[at] * scale - found.y, 0.0, left_out);
    }
}
