// Signs that a filter does little: counts of its activations, and the filter whose kernel is most like its own. See
// src/nn/filter_signs.rs.
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;

#import Sample
#import NearestKernel
#import FilterSignParams

@group(0) @binding(0) var<uniform> params: FilterSignParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
// [c, y, x, n / 4]: the batch is innermost.
@group(0) @binding(2) var<storage, read> activations: array<vec4<f32>>;
// Of each filter: activations above 0, and saturated ones.
@group(0) @binding(3) var<storage, read_write> counts: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> values: array<f32>;
// [filter, filter] of a layer
@group(0) @binding(5) var<storage, read_write> products: array<f32>;
@group(0) @binding(6) var<storage, read> products_in: array<f32>;
@group(0) @binding(7) var<storage, read_write> nearest: array<NearestKernel>;

alias Summand = vec2<u32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

fn is_saturated(value: f32) -> bool {
    if params.saturates == 1u { return value < 0.01 || value > 0.99; }
    return params.saturates == 2u && abs(value) > 0.99;
}

/// counts[first + c] += (activations of channel c above 0, saturated ones); padding is left out
@compute @workgroup_size(WORKGROUP)
fn count_channels(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    let c = min(index, params.rows - 1u);
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let quads = params.len + (lane >> 31u);
    var share = vec2<u32>(0u);
    for (var i = lane; i < quads; i += WORKGROUP) {
        let q = i % params.row_quads;
        let four = activations[c * params.len + i];
#for k in 4
        if samples[4u * q + {k}u].scale > 0.0 {
            share += vec2<u32>(u32(four[{k}u] > 0.0), u32(is_saturated(four[{k}u])));
        }
#end
    }
    let all = total(lane, share);
    if lane > 0u || index >= params.rows { return; }
    counts[params.first + c] += all;
}

/// products[i, j] = Σ_k w[i, k] · w[j, k] for the kernels i from `begin` to `end`
@compute @workgroup_size(WORKGROUP)
fn multiply_kernels(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let index = id.x + id.y * groups.x * WORKGROUP;
    let row = params.begin + index / params.rows;
    if row >= params.end { return; }
    let other = index % params.rows;
    let a = params.offset + row * params.len;
    let b = params.offset + other * params.len;
    let end = params.len + (index >> 31u);
    var sum = 0.0;
    var k = 0u;
    // Four a round: the software adapter's driver ends a thread's loops after 65 535 rounds.
    for (; k + 4u <= end; k += 4u) {
        sum += values[a + k] * values[b + k] + values[a + k + 1u] * values[b + k + 1u]
            + values[a + k + 2u] * values[b + k + 2u] + values[a + k + 3u] * values[b + k + 3u];
    }
    for (; k < end; k++) { sum += values[a + k] * values[b + k]; }
    products[row * params.rows + other] = sum;
}

/// nearest[first + i] = the largest cosine of kernel i and another one, the first of those that have it, and the norm of kernel i
@compute @workgroup_size(WORKGROUP)
fn find_nearest_kernels(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.x;
    if row >= params.rows { return; }
    let rows = params.rows + (row >> 31u);
    let own = products_in[row * params.rows + row];
    var best = NearestKernel(-1.0, NONE, sqrt(own));
    for (var other = 0u; other < rows; other++) {
        if other == row { continue; }
        let norms = sqrt(own) * sqrt(products_in[other * params.rows + other]);
        if norms <= 0.0 { continue; }
        let cosine = products_in[row * params.rows + other] / norms;
        if best.other == NONE || cosine > best.cosine {
            best.cosine = cosine;
            best.other = other;
        }
    }
    nearest[params.first + row] = best;
}
