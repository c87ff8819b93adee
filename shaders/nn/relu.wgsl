// Rectified linear unit, batch innermost. See src/nn/layers/relu.rs.
const WORKGROUP: u32 = 64u;

struct Params { count: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// output[i] = max(input[i], 0), NaN kept
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let x = input[i];
    // Not max(x, 0): that turns NaN into 0 and hides a fault.
    output[i] = select(x, vec4<f32>(0.0), x < vec4<f32>(0.0));
}

/// input_gradient[i] = output_gradient[i] where input[i] > 0, else 0
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    input_gradient[i] = select(vec4<f32>(0.0), output_gradient[i], input[i] > vec4<f32>(0.0));
}
