// Fills a buffer with zeros.
const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> values: array<vec4<f32>>;

/// values[i] = 0
@compute @workgroup_size(WORKGROUP)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= arrayLength(&values) { return; }
    values[i] = vec4<f32>(0.0);
}
