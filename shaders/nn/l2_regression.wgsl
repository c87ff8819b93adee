// The mean squared error and its gradient, one thread an image. See src/nn/loss.rs.
const WORKGROUP: u32 = 64u;

#import Sample

#import L2RegressionParams
#import common/floats

@group(0) @binding(0) var<uniform> params: L2RegressionParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
// The outputs cut to 0..1, to be looked at; zeros where there are no classes.
@group(0) @binding(3) var<storage, read_write> probabilities: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
// Loss, and 1 where the largest output is the label's; zeros for slots that do not count.
@group(0) @binding(5) var<storage, read_write> results: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read> images: array<f32>;

fn counts(n: u32) -> bool {
    return n < params.train_slots && samples[n].scale > 0.0;
}

/// loss[n] = 1/K · Σ_c (z[c] − [c = label])²; gradient[c] = scale · 2/K · (z[c] − [c = label])
@compute @workgroup_size(WORKGROUP)
fn toward_class(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.slots { return; }
    // More than the params say, for all the driver knows: see "Loop bounds" in src/gpu/kernel.rs.
    let count = params.outputs + (n >> 31u);
    let sample = samples[n];
    var largest = outputs[n];
    var winner = 0u;
    var sum = 0.0;
    for (var c = 0u; c < count; c++) {
        let at = c * params.slots + n;
        let z = outputs[at];
        if z > largest { largest = z; winner = c; }
        let off = z - f32(c == sample.label);
        sum += off * off;
        gradient[at] = sample.scale * 2.0 / f32(params.outputs) * off;
        probabilities[at] = handing_on_nan(vec4<f32>(z), vec4<f32>(clamp(z, 0.0, 1.0))).x;
    }
    let result = vec2<f32>(sum / f32(params.outputs), f32(winner == sample.label && !is_nan(sum)));
    results[n] = select(vec2<f32>(0.0), result, counts(n));
}

/// loss[n] = 1/K · Σ_i (z[i] − image[i])²; gradient[i] = scale · 2/K · (z[i] − image[i])
@compute @workgroup_size(WORKGROUP)
fn toward_image(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.slots { return; }
    let scale = samples[n].scale * 2.0 / f32(params.outputs);
    var sum = 0.0;
    for (var i = 0u; i < params.outputs; i++) {
        let at = i * params.slots + n;
        let off = outputs[at] - images[at];
        sum += off * off;
        gradient[at] = scale * off;
    }
    for (var c = 0u; c < params.classes; c++) { probabilities[c * params.slots + n] = 0.0; }
    results[n] = select(vec2<f32>(0.0), vec2<f32>(sum / f32(params.outputs), 0.0), counts(n));
}
