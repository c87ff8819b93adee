// Minimum, maximum, mean and standard deviation of each tile of a view, and of the whole set. See src/view/stats.rs.
const WORKGROUP: u32 = 64u;

#import TileStatsParams
#import ValueStats
#import SetStats

@group(0) @binding(0) var<uniform> params: TileStatsParams;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> stats: array<ValueStats>;
@group(0) @binding(3) var<storage, read_write> whole: SetStats;

// Minimum, maximum, sum, sum of squares.
var<workgroup> parts: array<vec4<f32>, WORKGROUP>;

fn join(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(min(a.x, b.x), max(a.y, b.y), a.z + b.z, a.w + b.w);
}

/// stats[t] = (min, max, mean, deviation) over c, y, x of values[t, c, y, x]
@compute @workgroup_size(WORKGROUP)
fn tile_stats(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let area = params.height * params.width;
    let count = params.channels * area;
    let tile = params.first_tile + group.x;
    let first = params.offset + tile * params.tile_stride;
    // The sums are of differences from the tile's first value, so that the variance keeps its digits.
    let shift = values[first];
    var part = vec4<f32>(shift, shift, 0.0, 0.0);
    for (var i = lane; i < count; i += WORKGROUP) {
        let c = i / area;
        let y = i % area / params.width;
        let x = i % params.width;
        let value = values[first + c * params.channel_stride + y * params.row_stride + x * params.column_stride];
        let difference = value - shift;
        part = join(part, vec4<f32>(value, value, difference, difference * difference));
    }
    parts[lane] = part;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half { parts[lane] = join(parts[lane], parts[lane + half]); }
        workgroupBarrier();
    }
    if lane == 0u {
        let all = parts[0];
        let mean = all.z / f32(count);
        let variance = max(all.w / f32(count) - mean * mean, 0.0);
        stats[tile] = ValueStats(all.x, all.y, shift + mean, sqrt(variance));
    }
}

fn bounds_of(tile: u32) -> vec4<f32> {
    return vec4<f32>(stats[tile].minimum, stats[tile].maximum, 0.0, 0.0);
}

/// whole = (min, max, max |value|) over all tiles
@compute @workgroup_size(WORKGROUP)
fn set_stats(@builtin(local_invocation_index) lane: u32) {
    var part = bounds_of(min(lane, params.tiles - 1u));
    for (var t = lane; t < params.tiles; t += WORKGROUP) { part = join(part, bounds_of(t)); }
    parts[lane] = part;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half { parts[lane] = join(parts[lane], parts[lane + half]); }
        workgroupBarrier();
    }
    if lane == 0u {
        let all = parts[0];
        whole = SetStats(all.x, all.y, max(abs(all.x), abs(all.y)), 0.0);
    }
}
