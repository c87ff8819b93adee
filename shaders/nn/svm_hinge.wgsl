// The multi-class hinge loss and its gradient, one thread an image. See src/nn/loss.rs.
const WORKGROUP: u32 = 64u;

#import Sample

#import SvmHingeParams
#import common/floats

@group(0) @binding(0) var<uniform> params: SvmHingeParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
// The softmax of the scores, to be looked at.
@group(0) @binding(3) var<storage, read_write> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
// Loss, and 1 where the largest score is the label's; zeros for slots that do not count.
@group(0) @binding(5) var<storage, read_write> results: array<vec2<f32>>;

/// loss[n] = Σ_{c ≠ label} max(0, z[c] − z[label] + margin); gradient[c] = scale · [its term > 0], of the label minus their sum
@compute @workgroup_size(WORKGROUP)
fn svm_hinge(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.slots { return; }
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let classes = params.classes + (n >> 31u);
    let sample = samples[n];
    let of_label = outputs[sample.label * params.slots + n];
    var largest = outputs[n];
    var winner = 0u;
    var loss = 0.0;
    var violated = 0.0;
    for (var c = 0u; c < classes; c++) {
        let at = c * params.slots + n;
        let z = outputs[at];
        if z > largest { largest = z; winner = c; }
        let excess = z - of_label + params.margin;
        // NaN counts: it must not hide.
        let violates = c != sample.label && (excess > 0.0 || is_nan(excess));
        if violates { loss += excess; }
        violated += f32(violates);
        gradient[at] = sample.scale * f32(violates);
    }
    gradient[sample.label * params.slots + n] = -sample.scale * violated;
    var sum = 0.0;
    for (var c = 0u; c < classes; c++) { sum += exp(outputs[c * params.slots + n] - largest); }
    for (var c = 0u; c < classes; c++) {
        let at = c * params.slots + n;
        probabilities[at] = exp(outputs[at] - largest) / sum;
    }
    let counts = n < params.train_slots && sample.scale > 0.0;
    results[n] = select(vec2<f32>(0.0), vec2<f32>(loss, f32(winner == sample.label && !is_nan(loss))), counts);
}
