// Softmax, cross-entropy loss and the logits' gradient, one thread an image. See src/nn/loss.rs.
const WORKGROUP: u32 = 64u;

#import Sample

#import SoftmaxCrossEntropyParams
#import common/floats

@group(0) @binding(0) var<uniform> params: SoftmaxCrossEntropyParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read_write> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
// Loss, and 1 where the largest logit is the label's; zeros for slots that do not count.
@group(0) @binding(5) var<storage, read_write> results: array<vec2<f32>>;

/// p[c, n] = exp(z[c, n]) / Σ_k exp(z[k, n]); gradient[c, n] = scale[n] · (p[c, n] − t[c]); loss[n] = −Σ_c t[c] · ln p[c, n]
@compute @workgroup_size(WORKGROUP)
fn softmax_cross_entropy(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.slots { return; }
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let classes = params.classes + (n >> 31u);
    let sample = samples[n];
    var largest = outputs[n];
    var winner = 0u;
    for (var c = 1u; c < classes; c++) {
        let z = outputs[c * params.slots + n];
        if z > largest { largest = z; winner = c; }
    }
    var sum = 0.0;
    var mean = 0.0;
    for (var c = 0u; c < classes; c++) {
        let z = outputs[c * params.slots + n] - largest;
        let e = exp(z);
        probabilities[c * params.slots + n] = e;
        sum += e;
        mean += z / f32(params.classes);
    }
    let spread = params.label_smoothing / f32(params.classes);
    for (var c = 0u; c < classes; c++) {
        let at = c * params.slots + n;
        let p = probabilities[at] / sum;
        probabilities[at] = p;
        let wanted = select(spread, 1.0 - params.label_smoothing + spread, c == sample.label);
        gradient[at] = sample.scale * (p - wanted);
    }
    let counts = n < params.train_slots && sample.scale > 0.0;
    let of_label = outputs[sample.label * params.slots + n] - largest;
    let loss = log(sum) - (1.0 - params.label_smoothing) * of_label - params.label_smoothing * mean;
    results[n] = select(vec2<f32>(0.0), vec2<f32>(loss, f32(winner == sample.label && !is_nan(loss))), counts);
}
