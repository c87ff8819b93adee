// Layers of which a unit fired. See src/nn/features/fired.rs.
const WORKGROUP: u32 = 64u;

// quads: vectors of four values; layer: index of the layer's mark.
#import FiredParams

@group(0) @binding(0) var<uniform> params: FiredParams;
@group(0) @binding(1) var<storage, read> activations: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> fired: array<u32>;

/// fired[layer] = 1 if any activation is above 0; every thread that writes, writes the same
@compute @workgroup_size(WORKGROUP)
fn mark_fired(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let threads = groups.x * groups.y * WORKGROUP;
    var largest = vec4<f32>(0.0);
    for (var i = id.x + id.y * groups.x * WORKGROUP; i < params.quads; i += threads) {
        largest = max(largest, activations[i]);
    }
    if any(largest > vec4<f32>(0.0)) { fired[params.layer] = 1u; }
}
