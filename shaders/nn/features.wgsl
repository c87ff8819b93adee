// Features: activations of the images of an evaluation, one row per image. See src/nn/features/extraction.rs.
const WORKGROUP: u32 = 64u;

#import Clock
// shrink: side of the squares of pixels that are averaged; begin: first position of the evaluation.
#import FeatureParams

@group(0) @binding(0) var<uniform> params: FeatureParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
// [c, y, x, n]: the batch is innermost.
@group(0) @binding(2) var<storage, read> activations: array<f32>;
// [i, c, y, x]
@group(0) @binding(3) var<storage, read_write> features: array<f32>;

/// The images of the pass that was just counted: the first, counted from `begin`, and how many.
fn images_of_pass() -> vec2<u32> {
    if clock.eval_cursor <= params.begin { return vec2<u32>(0u); }
    let done = clock.eval_cursor - params.begin;
    let first = (done - 1u) / params.micro_batch * params.micro_batch;
    return vec2<u32>(first, done - first);
}

/// features[first + n, c, y, x] = mean of activations[c, y·s + j, x·s + k, n] over the j, k < s that lie inside
@compute @workgroup_size(WORKGROUP)
fn copy_features(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    let size = vec2<u32>(params.height, params.width);
    let s = params.shrink;
    let small = (size + s - 1u) / s;
    let n = i % params.micro_batch;
    let d = i / params.micro_batch;
    let dims = params.channels * small.x * small.y;
    let images = images_of_pass();
    if d >= dims || n >= images.y { return; }
    let c = d / (small.x * small.y);
    let start = s * vec2<u32>(d / small.y % small.x, d % small.y);
    let end = min(start + s, size);
    var sum = 0.0;
    for (var y = start.x; y < end.x; y++) {
        for (var x = start.y; x < end.y; x++) {
            sum += activations[((c * size.x + y) * size.y + x) * params.slots + n];
        }
    }
    let pixels = (end - start).x * (end - start).y;
    features[(images.x + n) * dims + d] = sum / f32(pixels);
}
