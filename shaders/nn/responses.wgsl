// Responses of filters to the images of an evaluation, one row per filter. See src/nn/features/responses.rs.
const WORKGROUP: u32 = 64u;

#import Clock
// first_row: that of the layer's first filter; images: of all passes; rows: of all layers.
#import ResponseParams

@group(0) @binding(0) var<uniform> params: ResponseParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
// [c, y, x, n / 4]: the batch is innermost.
@group(0) @binding(2) var<storage, read> activations: array<vec4<f32>>;
// [row, image]
@group(0) @binding(3) var<storage, read_write> responses: array<f32>;

/// responses[first_row + c, first + n] = mean over y, x of activations[c, y, x, n]
@compute @workgroup_size(WORKGROUP)
fn mean_responses(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let quads = (params.micro_batch + 3u) / 4u;
    let q = i % quads;
    let c = i / quads;
    if c >= params.channels || clock.eval_cursor <= params.begin { return; }
    let done = clock.eval_cursor - params.begin;
    let first = (done - 1u) / params.micro_batch * params.micro_batch;
    let end = (c + 1u) * params.pixels;
    var sum = vec4<f32>(0.0);
    var p = c * params.pixels;
    // Four pixels a round: the software adapter's driver ends a thread's loops after 65 535 rounds.
    for (; p + 4u <= end; p += 4u) {
        let at = p * params.quads + q;
        sum += activations[at] + activations[at + params.quads]
            + activations[at + 2u * params.quads] + activations[at + 3u * params.quads];
    }
    for (; p < end; p++) { sum += activations[p * params.quads + q]; }
    let mean = sum / f32(params.pixels);
    let row = (params.first_row + c) * params.images + first;
#for k in 4
    if 4u * q + {k}u < done - first { responses[row + 4u * q + {k}u] = mean[{k}u]; }
#end
}

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// r[i] = (r[i] − mean r) / |r − mean r| for each row; 0 for a filter that responds to all images alike
@compute @workgroup_size(WORKGROUP)
fn standardize(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row = min(group.x + group.y * groups.x, params.rows - 1u);
    let start = row * params.images;
    var sum = 0.0;
    for (var i = lane; i < params.images; i += WORKGROUP) { sum += responses[start + i]; }
    let mean = total(lane, sum) / f32(params.images);
    var square = 0.0;
    for (var i = lane; i < params.images; i += WORKGROUP) {
        let d = responses[start + i] - mean;
        square += d * d;
    }
    let spread = total(lane, square);
    // The spread of equal values is rounding alone.
    let flat = spread <= 1e-10 * (spread + f32(params.images) * mean * mean);
    let scale = select(inverseSqrt(spread), 0.0, flat);
    if group.x + group.y * groups.x >= params.rows { return; }
    for (var i = lane; i < params.images; i += WORKGROUP) {
        responses[start + i] = (responses[start + i] - mean) * scale;
    }
}
