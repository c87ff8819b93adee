// The gradients of soft goals, added up by filter. See src/nn/goal.rs and src/nn/goal_gradients.rs.
const WORKGROUP: u32 = 64u;
const ATTRACT: u32 = 0u;
const BECOME: u32 = 2u;

#import GoalRow
#import GoalTerm
#import GoalGradientsParams

@group(0) @binding(0) var<uniform> params: GoalGradientsParams;
@group(0) @binding(1) var<storage, read> rows: array<GoalRow>;
@group(0) @binding(2) var<storage, read> terms: array<GoalTerm>;
// The kernels that filters are to become.
@group(0) @binding(3) var<storage, read> kernels: array<f32>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;

alias Summand = vec3<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// A weight of the other filter, or of the kernel.
fn other(term: GoalTerm, i: u32) -> f32 {
    if term.pull == BECOME { return kernels[term.other + i]; }
    return values[term.other + i];
}

/// The factors of w and of the other, by w·w, w·o and o·o
fn factors(term: GoalTerm, sums: vec3<f32>) -> vec2<f32> {
    if term.pull == BECOME { return term.strength * vec2<f32>(1.0, -1.0); }
    if sums.x < params.least_square || sums.z < params.least_square { return vec2<f32>(0.0); }
    let length = sqrt(sums.x) * sqrt(sums.z);
    let cosine = sums.y / length;
    var slope = -term.strength;
    if term.pull != ATTRACT { slope = 2.0 * term.strength * max(cosine, 0.0); }
    return slope * vec2<f32>(-cosine / sums.x, 1.0 / length);
}

/// gradients[filter] = Σ over its goals ∂ term / ∂ w, in their order
@compute @workgroup_size(WORKGROUP)
fn goal_gradients(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    if index >= params.rows { return; }
    let row = rows[index];
    for (var t = row.term; t < row.end; t++) {
        let term = terms[t];
        var share = vec3<f32>(0.0);
        for (var i = lane; i < row.len; i += WORKGROUP) {
            let w = values[row.first + i];
            let o = other(term, i);
            share += vec3<f32>(w * w, w * o, o * o);
        }
        let by = factors(term, total(lane, share));
        for (var i = lane; i < row.len; i += WORKGROUP) {
            var gradient = by.x * values[row.first + i] + by.y * other(term, i);
            if t > row.term { gradient += gradients[row.to + i]; }
            gradients[row.to + i] = gradient;
        }
    }
}
