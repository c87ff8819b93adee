// The mesh's geometry: bounds of the points, level, spacing and center, and the dispatches of that level. See src/embed/mesh/mod.rs.
const LANES: u32 = 256u;
// Coordinates of points that are left out.
const APART: f32 = 1e15;
// Nodes between the points and the mesh's edges, both sides together.
const MARGIN: f32 = 10.0;
// Finest and coarsest spacing chosen, and the room for growth of a new one.
const FINEST: f32 = 0.1;
const COARSEST: f32 = 0.33;
const ROOM: f32 = 1.05;

#import GridParams
#import Grid

@group(0) @binding(0) var<uniform> params: GridParams;
@group(0) @binding(1) var<storage, read_write> grid: Grid;
@group(0) @binding(2) var<storage, read> positions: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> flags: array<u32>;
// [block]: smallest x, y, and largest x, y negated.
@group(0) @binding(4) var<storage, read_write> bounds: array<vec4<f32>>;
// [row]: workgroups in x, y and z of a dispatch, and when: at a level, or 0 for every level, and 256 more where only when the kernel is
// rebuilt; 65536 · the dispatch. Of a dispatch's rows one holds at most.
@group(0) @binding(12) var<storage, read> conditions: array<vec4<u32>>;
@group(0) @binding(13) var<storage, read_write> counts: array<u32>;

fn is_there(i: u32) -> bool {
    return (flags[i] & 1u) == 0u && abs(positions[i].x) < 0.5 * APART;
}

var<workgroup> boxes: array<vec4<f32>, LANES>;

fn box_of_all(lane: u32, box: vec4<f32>) -> vec4<f32> {
    boxes[lane] = box;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        if lane < half { boxes[lane] = min(boxes[lane], boxes[lane + half]); }
        workgroupBarrier();
    }
    return boxes[0];
}

/// bounds[b] = min over the block's points of (y_i, −y_i)
@compute @workgroup_size(LANES)
fn bound(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var box = vec4<f32>(1e30);
    for (var i = group.x * LANES + lane; i < params.count; i += params.blocks * LANES) {
        if is_there(i) { box = min(box, vec4<f32>(positions[i], -positions[i])); }
    }
    let all = box_of_all(lane, box);
    if lane == 0u { bounds[group.x] = all; }
}

/// Width of the points that fit on nodes `spacing` apart, at a level.
fn room(level: u32, spacing: f32) -> f32 {
    return spacing * (f32(1u << (level - 1u)) - MARGIN);
}

/// level = the least whose mesh has room for all points; spacing = width of the points / nodes; sets the conditions of that level
@compute @workgroup_size(LANES)
fn fit_grid(@builtin(local_invocation_index) lane: u32) {
    var box = vec4<f32>(1e30);
    for (var b = lane; b < params.blocks; b += LANES) { box = min(box, bounds[b]); }
    let all = box_of_all(lane, box);
    if lane == 0u { choose_grid(all); }
    for (var i = lane; i < arrayLength(&counts); i += LANES) { counts[i] = 0u; }
    storageBarrier();
    workgroupBarrier();
    for (var row = lane; row < arrayLength(&conditions); row += LANES) {
        let condition = conditions[row];
        let level = condition.w % 256u;
        let fits = level == grid.level || (level == 0u && grid.level <= params.highest);
        let opens = condition.x > 0u && fits && ((condition.w & 256u) == 0u || grid.rebuild == 1u);
        if opens {
            let dispatch = condition.w >> 16u;
            counts[3u * dispatch] = condition.x;
            counts[3u * dispatch + 1u] = condition.y;
            counts[3u * dispatch + 2u] = condition.z;
        }
    }
}

/// Chooses the grid for points in a box.
fn choose_grid(box: vec4<f32>) {
    var all = box;
    if all.x > 1e29 { all = vec4<f32>(0.0); }
    let width = max(-all.z - all.x, -all.w - all.y);
    var level = params.lowest;
    // Past the highest level: pairs, or else a coarser spacing.
    while level < params.highest + params.pairs && width > room(level, COARSEST) { level++; }
    // Hysteresis: one level down only well below its limit.
    let before = grid.level;
    if before == level + 1u && before <= params.highest + params.pairs && width > 0.8 * room(level, COARSEST) { level = before; }
    grid.rebuild = 0u;
    grid.level = level;
    grid.width = width;
    grid.parts = 0u;
    if level > params.highest { return; }
    let needed = width / room(level, 1.0);
    if grid.kept != level || grid.spacing < needed || grid.spacing > max(FINEST, 1.15 * needed) {
        grid.spacing = max(FINEST, min(ROOM * needed, max(needed, COARSEST)));
        grid.rebuild = 1u;
        // An iteration that is dropped halfway may leave the transform half made: it is there once the iteration ends.
        grid.kept = 0u;
    }
    // The mesh stays while the points fit: if it moved every step, its small error would change sign each time, and gains would
    // fall that should rise.
    let reach = 0.5 * room(level, grid.spacing);
    let beyond = max(max(grid.center_x - all.x, -all.z - grid.center_x), max(grid.center_y - all.y, -all.w - grid.center_y));
    if grid.rebuild == 1u || beyond > reach {
        grid.center_x = 0.5 * (all.x - all.z);
        grid.center_y = 0.5 * (all.y - all.w);
    }
    let radix_bits = (params.radices >> (4u * (level - params.lowest))) & 15u;
    grid.parts = ((1u << level) >> radix_bits) * ((1u << level) / 8u + 1u);
}
