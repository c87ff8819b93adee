// Minimum, maximum, mean and standard deviation of each tile of a view, mean magnitude and share of zeros; and of the whole set. See src/view/stats.rs.
const WORKGROUP: u32 = 64u;

#import TileStatsParams
#import common/floats
#import ValueStats
#import SetStats

@group(0) @binding(0) var<uniform> params: TileStatsParams;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> stats: array<ValueStats>;
@group(0) @binding(3) var<storage, read_write> whole: SetStats;
// Mean magnitude and share of zeros of each tile.
@group(0) @binding(4) var<storage, read_write> activity: array<vec2<f32>>;

// Minimum and maximum of what is finite, sum and sum of squares of all.
var<workgroup> parts: array<vec4<f32>, WORKGROUP>;
// Sum of magnitudes and number of zeros.
var<workgroup> active_parts: array<vec2<f32>, WORKGROUP>;

const NOTHING = vec4<f32>(3.4028234e38, -3.4028234e38, 0.0, 0.0);

fn join(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(min(a.x, b.x), max(a.y, b.y), a.z + b.z, a.w + b.w);
}

/// stats[t] = (min, max, mean, deviation) over c, y, x of values[t, c, y, x]; min and max of those that are finite, the first value where none is; activity[t] = (mean of |value|, share of zeros)
@compute @workgroup_size(WORKGROUP)
fn tile_stats(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let area = params.height * params.width;
    let count = params.channels * area;
    let tile = params.first_tile + group.x + group.y * groups.x;
    if tile >= params.tiles { return; }
    let first = params.offset + tile * params.tile_stride;
    // The sums are of differences from the tile's first value, so that the variance keeps its digits.
    let shift = values[first];
    var part = NOTHING;
    var active_part = vec2<f32>(0.0);
    for (var i = lane; i < count; i += WORKGROUP) {
        let c = i / area;
        let y = i % area / params.width;
        let x = i % params.width;
        let value = values[first + c * params.channel_stride + y * params.row_stride + x * params.column_stride];
        let difference = value - shift;
        if is_finite(value) { part = join(part, vec4<f32>(value, value, 0.0, 0.0)); }
        part += vec4<f32>(0.0, 0.0, difference, difference * difference);
        active_part += vec2<f32>(abs(value), select(0.0, 1.0, value == 0.0));
    }
    parts[lane] = part;
    active_parts[lane] = active_part;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            parts[lane] = join(parts[lane], parts[lane + half]);
            active_parts[lane] += active_parts[lane + half];
        }
        workgroupBarrier();
    }
    if lane == 0u {
        let all = parts[0];
        activity[tile] = active_parts[0] / f32(count);
        let mean = all.z / f32(count);
        let variance = max(all.w / f32(count) - mean * mean, 0.0);
        let range = select(all.xy, vec2<f32>(shift), all.x > all.y);
        stats[tile] = ValueStats(range.x, range.y, shift + mean, sqrt(variance));
    }
}

fn bounds_of(tile: u32) -> vec4<f32> {
    if !is_finite(stats[tile].minimum) { return NOTHING; }
    return vec4<f32>(stats[tile].minimum, stats[tile].maximum, 0.0, 0.0);
}

/// whole = (min, max, max |value|, max of the tiles' mean magnitudes) over all tiles; 0 where nothing is finite
@compute @workgroup_size(WORKGROUP)
fn set_stats(@builtin(local_invocation_index) lane: u32) {
    var part = bounds_of(min(lane, params.tiles - 1u));
    var mean = 0.0;
    for (var t = lane; t < params.tiles; t += WORKGROUP) {
        part = join(part, bounds_of(t));
        if is_finite(activity[t].x) { mean = max(mean, activity[t].x); }
    }
    parts[lane] = part;
    active_parts[lane] = vec2<f32>(mean, 0.0);
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            parts[lane] = join(parts[lane], parts[lane + half]);
            active_parts[lane] = max(active_parts[lane], active_parts[lane + half]);
        }
        workgroupBarrier();
    }
    if lane == 0u {
        let all = select(parts[0], vec4<f32>(0.0), parts[0].x > parts[0].y);
        whole = SetStats(all.x, all.y, max(abs(all.x), abs(all.y)), active_parts[0].x);
    }
}
