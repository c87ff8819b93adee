// Lists of points: the visible ones, and the selected ones with their numbers by class. See src/view/projection.rs and
// src/view/selection.rs.
const LANES: u32 = 256u;
const WORKGROUP: u32 = 64u;
// The last class counter.
const UNKNOWN: u32 = 255u;

#import Camera
#import ScatterParams
#import ScreenPoint
#import PointList

@group(0) @binding(0) var<uniform> params: ScatterParams;
@group(0) @binding(1) var<uniform> camera: Camera;
@group(0) @binding(2) var<storage, read> points: array<ScreenPoint>;
@group(0) @binding(3) var<storage, read> classes: array<u32>;
// Bit i: point i is in the list.
@group(0) @binding(4) var<storage, read_write> bits: array<u32>;
@group(0) @binding(5) var<storage, read_write> list: PointList;
@group(0) @binding(6) var<storage, read_write> class_counts: array<atomic<u32>>;

/// bit i of bits = a part of point i's tile or disc may be inside the rectangle
@compute @workgroup_size(WORKGROUP)
fn mark_visible(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = 32u * id.x;
    if first >= params.count { return; }
    let half = 0.5 * camera.size;
    let middle = camera.origin + half;
    var word = 0u;
    for (var b = 0u; b < min(32u, params.count - first); b++) {
        let away = abs(points[first + b].pixel - middle);
        if all(away <= half + camera.margin) { word |= 1u << b; }
    }
    bits[id.x] = word;
}

var<workgroup> sums: array<u32, LANES>;

/// list = number of set bits, and the first `max_listed` of their indices in ascending order
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
    if lane == 0u { list.count = sums[LANES - 1u]; }
    var rank = sums[lane] - own;
    for (var w = first; w < end; w++) {
        var word = bits[w];
        while word != 0u && rank < params.max_listed {
            list.indices[rank] = 32u * w + countTrailingZeros(word);
            word &= word - 1u;
            rank++;
        }
    }
}

/// class_counts = 0
@compute @workgroup_size(WORKGROUP)
fn clear_class_counts(@builtin(global_invocation_id) id: vec3<u32>) {
    atomicStore(&class_counts[id.x], 0u);
}

/// class_counts[c] = number of points of class c whose bit is set
@compute @workgroup_size(WORKGROUP)
fn count_by_class(@builtin(global_invocation_id) id: vec3<u32>) {
    if 32u * id.x >= params.count { return; }
    var word = bits[id.x];
    while word != 0u {
        atomicAdd(&class_counts[min(classes[32u * id.x + countTrailingZeros(word)], UNKNOWN)], 1u);
        word &= word - 1u;
    }
}
