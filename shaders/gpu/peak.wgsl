// What the adapter can do at best: multiply-adds without memory, and a plain copy. See src/gpu/peak.rs.
const WORKGROUP: u32 = 64u;
// Chains of vec4 that do not wait for each other.
#constant CHAINS = 12
#constant UNROLLED = 16

#import PeakParams

@group(0) @binding(0) var<uniform> params: PeakParams;
@group(0) @binding(1) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec4<f32>>;

/// CHAINS chains of x ← x · a + b in registers, written as the other kernels write it
@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= arrayLength(&result) { return; }
    let a = vec4<f32>(0.999 + f32(i % 7u) * 1e-6);
    let b = vec4<f32>(1e-3);
#for c in CHAINS
    var x_{c} = vec4<f32>(f32(i + {c}u));
#end
    // Unrolled, so that the loop itself costs nothing.
    for (var round = 0u; round < params.rounds; round++) {
#for r in UNROLLED
#for c in CHAINS
        x_{c} = x_{c} * a + b;
#end
#end
    }
    var sum = vec4<f32>(0.0);
#for c in CHAINS
    sum += x_{c};
#end
    result[i] = sum;
}

/// result[i] = source[i]
@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= arrayLength(&result) || i >= arrayLength(&source) { return; }
    result[i] = source[i];
}
