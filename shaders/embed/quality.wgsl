// Ranks of rows by their distance from a few sampled ones. See src/embed/quality/mod.rs.
const WORKGROUP: u32 = 256u;
// Sampled rows that are judged at once.
#constant SAMPLES = 8
// Rows that each lane looks at in a chunk.
const TURNS: u32 = 64u;
const CHUNK: u32 = 16384u;
// Rows whose ranks a workgroup counts at once.
#constant TARGETS = 16
const NONE: u32 = 0xffffffffu;
// Farther than any distance.
const FAR: f32 = 3e38;
// Values farther apart count as this far, so that no sum of squares overflows.
const MAX_APART: f32 = 1e16;

// Value d of row first + i is at offset + i · row_stride + (d − first_dim) · dim_stride, `rows` rows and `dims` values of it.
#import QualityParams

@group(0) @binding(0) var<uniform> params: QualityParams;
@group(0) @binding(1) var<storage, read> tensor: array<f32>;
// [s]: sampled row, or NONE.
@group(0) @binding(2) var<storage, read> samples: array<u32>;
// [d, s]: value d of each sampled row.
@group(0) @binding(3) var<storage, read_write> sampled: array<f32>;
@group(0) @binding(4) var<storage, read> sampled_in: array<f32>;
// [i]: bit 0 where row i is left out.
@group(0) @binding(5) var<storage, read> flags: array<u32>;
// [s, i]: squared distance of row i from sampled row s; FAR for itself and for what is left out.
@group(0) @binding(6) var<storage, read_write> squares: array<f32>;
@group(0) @binding(7) var<storage, read> squares_in: array<f32>;
// [s, chunk, t]: row and bits of the squared distance; NONE past the last.
@group(0) @binding(8) var<storage, read_write> nearest: array<vec2<u32>>;
// [s, t]: row, or NONE.
@group(0) @binding(9) var<storage, read> targets: array<u32>;
// [s, t]: rows nearer than the target.
@group(0) @binding(10) var<storage, read_write> ranks: array<atomic<u32>>;

/// sampled[d, s] = value d of the row samples[s], where it is one of these rows
@compute @workgroup_size(WORKGROUP)
fn take_samples(@builtin(global_invocation_id) id: vec3<u32>) {
    let d = id.x / SAMPLES;
    let s = id.x % SAMPLES;
    if d >= params.dims { return; }
    let row = samples[s];
    if row == NONE || row < params.first || row - params.first >= params.rows { return; }
    let at = params.offset + (row - params.first) * params.row_stride + d * params.dim_stride;
    sampled[(params.first_dim + d) * SAMPLES + s] = tensor[at];
}

/// squares[s, i] = Σ_d ((tensor[i, d] − sampled[d, s]) · unit)², added to what is there of the dimensions before
@compute @workgroup_size(WORKGROUP)
fn measure(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.rows { return; }
    let row = params.first + i;
#for s in SAMPLES
    var sum_{s} = 0.0;
#end
    if params.first_dim > 0u {
#for s in SAMPLES
        sum_{s} = squares[{s}u * params.count + row];
#end
    }
    for (var d = 0u; d < params.dims; d++) {
        let value = tensor[params.offset + i * params.row_stride + d * params.dim_stride];
        let at = (params.first_dim + d) * SAMPLES;
#for s in SAMPLES
        let apart_{s} = clamp((value - sampled_in[at + {s}u]) * params.unit, -MAX_APART, MAX_APART);
        sum_{s} += apart_{s} * apart_{s};
#end
    }
    let left_out = (flags[row] & 1u) != 0u;
#for s in SAMPLES
    squares[{s}u * params.count + row] = select(sum_{s}, FAR, left_out || samples[{s}u] == row);
#end
}

/// Order of rows by distance, equal ones by index.
fn before(square_a: f32, a: u32, square_b: f32, b: u32) -> bool {
    return square_a < square_b || (square_a == square_b && a < b);
}

/// The first row of a lane's after the given one: index, and bits of the squared distance.
fn next(s: u32, begin: u32, square: f32, index: u32) -> vec2<u32> {
    var best = FAR;
    var found = NONE;
    for (var turn = 0u; turn < TURNS; turn++) {
        let i = begin + turn * WORKGROUP;
        if i >= params.count { break; }
        let other = squares_in[s * params.count + i];
        if before(square, index, other, i) && before(other, i, best, found) {
            best = other;
            found = i;
        }
    }
    // FAR itself is no neighbor.
    if best >= 0.999 * FAR { found = NONE; }
    return vec2<u32>(found, bitcast<u32>(best));
}

var<workgroup> bests: array<vec2<u32>, WORKGROUP>;

/// nearest[s, chunk, t] = the t-th nearest of the chunk's rows
@compute @workgroup_size(WORKGROUP)
fn nearest_of_chunk(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = group.y;
    let begin = group.x * CHUNK + lane;
    // No distance is below 0.
    var own = next(s, begin, -1.0, NONE);
    for (var t = 0u; t < params.wanted; t++) {
        bests[lane] = own;
        workgroupBarrier();
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            if lane < half {
                let other = bests[lane + half];
                let mine = bests[lane];
                if before(bitcast<f32>(other.y), other.x, bitcast<f32>(mine.y), mine.x) { bests[lane] = other; }
            }
            workgroupBarrier();
        }
        let best = bests[0];
        workgroupBarrier();
        if lane == 0u { nearest[(s * groups.x + group.x) * params.wanted + t] = best; }
        // Only the lane whose row it was has another one.
        if own.x != NONE && own.x == best.x { own = next(s, begin, bitcast<f32>(own.y), own.x); }
    }
}

var<workgroup> counts: array<atomic<u32>, TARGETS>;

/// ranks[s, t] = the number of rows i of squares[s, i] · slack < squares[s, target]; of equal ones, where slack is 1, those of smaller index
@compute @workgroup_size(WORKGROUP)
fn rank(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let s = group.y;
    let first = (s * groups.z + group.z) * TARGETS;
    if lane < TARGETS { atomicStore(&counts[lane], 0u); }
    workgroupBarrier();
#for t in TARGETS
    let target_{t} = targets[first + {t}u];
    var square_{t} = -1.0;
    if target_{t} != NONE { square_{t} = squares_in[s * params.count + target_{t}]; }
    var nearer_{t} = 0u;
#end
    for (var turn = 0u; turn < TURNS; turn++) {
        let i = group.x * CHUNK + turn * WORKGROUP + lane;
        if i >= params.count { break; }
        let square = squares_in[s * params.count + i] * params.slack;
#for t in TARGETS
        nearer_{t} += u32(square < square_{t} || (square == square_{t} && params.slack == 1.0 && i < target_{t}));
#end
    }
#for t in TARGETS
    atomicAdd(&counts[{t}], nearer_{t});
#end
    workgroupBarrier();
    if lane < TARGETS { atomicAdd(&ranks[first + lane], atomicLoad(&counts[lane])); }
}
