// The gradients of all parameters out of the layers' partial sums, the squares of the whole ones, and the count of a pass's results.
// See src/nn/gradient_sums.rs.
// 1 where 16 rows of threads share the partial sums of 16 parameters, as a GPU wants it; 0 where a thread adds those of four in order.
#constant TREE = 0
const WORKGROUP: u32 = {64 + 192 * TREE}u;
// Workgroups that add, each of which leaves a sum of squares; one more counts.
const GROUPS: u32 = {64 + 960 * TREE}u;

#import Clock
#import SumRange
#import GradientSumsParams

@group(0) @binding(0) var<uniform> params: GradientSumsParams;
@group(0) @binding(1) var<storage, read> ranges: array<SumRange>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;
// One byte of flags per parameter; bit 1: it stays; bit 2: it is a running statistic, which has no gradient proper.
@group(0) @binding(3) var<storage, read> flags: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> gradients: array<vec4<f32>>;
// The gradients of the last whole step, and after them a sum of squares of each workgroup.
@group(0) @binding(5) var<storage, read_write> last_gradients: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> clock: Clock;
// Loss and correctness of each slot.
@group(0) @binding(7) var<storage, read> results: array<vec2<f32>>;

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// Adds a quad's sum of this pass to its gradient; the square of the whole, at the end of a step
fn take(i: u32, sum: vec4<f32>) -> f32 {
    var gradient = sum;
    if params.adds == 1u { gradient += gradients[i]; }
    gradients[i] = gradient;
    if params.publishes == 0u { return 0.0; }
    last_gradients[i] = gradient;
    let left_out = ((vec4<u32>(flags[i].x) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(6u)) != vec4<u32>(0u);
    let counted = select(gradient, vec4<f32>(0.0), left_out);
    return dot(counted, counted);
}

/// step_loss += Σ loss; step_correct += Σ correct; drawn += micro-batch
fn count(lane: u32) {
    var share = vec2<f32>(0.0);
    for (var n = lane; n < params.train_slots; n += WORKGROUP) { share += results[n]; }
    let sum = total(lane, share);
    if lane > 0u || params.counts == 0u { return; }
    clock.step_loss += sum.x;
    clock.step_correct += u32(sum.y);
    clock.drawn += params.micro_batch;
}

#if TREE
var<workgroup> tile: array<f32, 256>;

/// The range of a chunk of 16 parameters.
fn range_of(chunk: u32) -> u32 {
    var low = 0u;
    var end = params.ranges;
    while low + 1u < end {
        let middle = (low + end) / 2u;
        if ranges[middle].chunk <= chunk { low = middle; } else { end = middle; }
    }
    return low;
}

/// Σ of the squares of the chunks of a workgroup; of each thread its share
fn sums(group: u32, lane: u32) -> f32 {
    let column = lane % 16u;
    let row = lane / 16u;
    var share = 0.0;
    for (var chunk = group; chunk < params.chunks; chunk += GROUPS) {
        let range = ranges[range_of(chunk)];
        let first = 16u * (chunk - range.chunk);
        var sum = 0.0;
        if first + column < range.len {
            let source = range.first + first + column;
            var s = row;
            // Four loads at once, or each waits for the one before.
            for (; s + 48u < range.rows; s += 64u) {
                let a = partials[source + s * range.len];
                let b = partials[source + (s + 16u) * range.len];
                let c = partials[source + (s + 32u) * range.len];
                let d = partials[source + (s + 48u) * range.len];
                sum += (a + b) + (c + d);
            }
            for (; s < range.rows; s += 16u) { sum += partials[source + s * range.len]; }
        }
        workgroupBarrier();
        tile[lane] = sum;
        workgroupBarrier();
        for (var half = 128u; half >= 16u; half /= 2u) {
            if lane < half { tile[lane] += tile[lane + half]; }
            workgroupBarrier();
        }
        if lane < 4u && first + 4u * lane < range.len {
            let quad = vec4<f32>(tile[4u * lane], tile[4u * lane + 1u], tile[4u * lane + 2u], tile[4u * lane + 3u]);
            share += take(range.quad + first / 4u + lane, quad);
        }
    }
    return share;
}
#else

/// The same, in order: a thread adds the partial sums of four parameters
fn sums(group: u32, lane: u32) -> f32 {
    var share = 0.0;
    var r = 0u;
    for (var i = group * WORKGROUP + lane; i < params.quads; i += WORKGROUP * GROUPS) {
        while r + 1u < params.ranges && ranges[r + 1u].quad <= i { r++; }
        let range = ranges[r];
        // What fills up the last quad of a tensor has no partial sums.
        let at = vec4<u32>(4u * (i - range.quad)) + vec4<u32>(0u, 1u, 2u, 3u);
        var source = range.first + min(at, vec4<u32>(max(range.len, 1u) - 1u));
        var sum = vec4<f32>(0.0);
        for (var s = 0u; s < range.rows; s++) {
            sum += vec4<f32>(partials[source.x], partials[source.y], partials[source.z], partials[source.w]);
            source += range.len;
        }
        share += take(i, select(vec4<f32>(0.0), sum, at < vec4<u32>(range.len)));
    }
    return share;
}
#end

/// gradients[i] = Σ_s partials[s, i], added to those of the passes before; last_gradients and Σ gradient² of the whole; the pass is counted
@compute @workgroup_size(WORKGROUP)
fn gradient_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    if group.x == GROUPS {
        count(lane);
        return;
    }
    let squares = total(lane, vec2<f32>(sums(group.x, lane), 0.0)).x;
    if lane == 0u && params.publishes == 1u { last_gradients[params.squares + group.x] = vec4<f32>(squares, 0.0, 0.0, 0.0); }
}
