// The fixed second half of a weight gradient: partial sums, added in order, join the gradient.
const WORKGROUP: u32 = 64u;

#import SumPartialsParams

@group(0) @binding(0) var<uniform> params: SumPartialsParams;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;

/// gradients[offset + i] += Σ_s partials[s, i]
@compute @workgroup_size(WORKGROUP)
fn sum_partials(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var sum = 0.0;
    for (var s = 0u; s < params.splits; s++) { sum += partials[s * params.count + i]; }
    gradients[params.offset + i] += sum;
}
