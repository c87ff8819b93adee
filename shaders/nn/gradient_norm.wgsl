// The norm of all gradients, and whether it and the loss are finite, in two fixed stages. See src/nn/optimizer.rs.
const WORKGROUP: u32 = 64u;
// Workgroups of the first stage; the second adds their sums.
const GROUPS: u32 = 64u;

#import Clock
#import common/floats

@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
// One byte of flags per parameter; bit 1: it stays; bit 2: it is a running statistic, which has no gradient proper.
@group(0) @binding(3) var<storage, read> flags: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> clock: Clock;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// partials[group] = Σ of its share of gradients²
@compute @workgroup_size(WORKGROUP)
fn squares(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var share = 0.0;
    for (var i = group.x * WORKGROUP + lane; i < min(arrayLength(&gradients), arrayLength(&flags)); i += WORKGROUP * GROUPS) {
        let left_out = ((vec4<u32>(flags[i].x) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(6u)) != vec4<u32>(0u);
        let gradient = select(gradients[i], vec4<f32>(0.0), left_out);
        share += dot(gradient, gradient);
    }
    let sum = total(lane, share);
    if lane == 0u { partials[group.x] = sum; }
}

/// gradient_norm = √ Σ partials; halted = 1 where it or the loss is not finite
@compute @workgroup_size(WORKGROUP)
fn norm(@builtin(local_invocation_index) lane: u32) {
    let sum = total(lane, partials[lane]);
    if lane > 0u { return; }
    clock.gradient_norm = sqrt(sum);
    if !is_finite(sum) || !is_finite(clock.step_loss) { clock.halted = 1u; }
}
