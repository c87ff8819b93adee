// Labels and predictions of the images of an evaluation. See src/nn/features/extraction.rs.
const WORKGROUP: u32 = 64u;
const NONE: u32 = 0xffffffffu;

#import Clock
#import Sample
// The three classes that it gives most to, the first first, and their shares; NONE where there are no more.
#import TopK
#import PredictionParams
#import common/floats

@group(0) @binding(0) var<uniform> params: PredictionParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
@group(0) @binding(2) var<storage, read> samples: array<Sample>;
// [class, n]
@group(0) @binding(3) var<storage, read> outputs: array<f32>;
@group(0) @binding(4) var<storage, read> probabilities: array<f32>;
@group(0) @binding(5) var<storage, read_write> labels: array<u32>;
@group(0) @binding(6) var<storage, read_write> predictions: array<u32>;
@group(0) @binding(7) var<storage, read_write> best: array<TopK>;

fn share(c: u32, n: u32) -> f32 {
    if c == NONE { return 0.0; }
    return probabilities[c * params.slots + n];
}

/// labels[first + n] = the class; predictions[first + n] = argmax_c outputs[c, n]; best[first + n] = the first three, and their shares
@compute @workgroup_size(WORKGROUP)
fn copy_predictions(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.micro_batch || clock.eval_cursor <= params.begin { return; }
    let done = clock.eval_cursor - params.begin;
    let first = (done - 1u) / params.micro_batch * params.micro_batch;
    if n >= done - first { return; }
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let classes = params.classes + (n >> 31u);
    // Classes and outputs from the largest on, NaN left out; of equal ones the first.
    var chosen = vec3<u32>(NONE);
    var largest = vec3<f32>(0.0);
    for (var c = 0u; c < classes; c++) {
        let z = outputs[c * params.slots + n];
        if is_nan(z) { continue; }
        if chosen.x == NONE || z > largest.x {
            largest = vec3<f32>(z, largest.xy);
            chosen = vec3<u32>(c, chosen.xy);
        } else if chosen.y == NONE || z > largest.y {
            largest = vec3<f32>(largest.x, z, largest.y);
            chosen = vec3<u32>(chosen.x, c, chosen.y);
        } else if chosen.z == NONE || z > largest.z {
            largest.z = z;
            chosen.z = c;
        }
    }
    let at = first + n;
    labels[at] = samples[n].label;
    predictions[at] = chosen.x;
    best[at] = TopK(chosen.x, chosen.y, chosen.z, share(chosen.x, n), share(chosen.y, n), share(chosen.z, n));
}
