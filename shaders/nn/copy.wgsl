// A stretch of one buffer copied into another. See src/nn/layers/copy.rs.
const WORKGROUP: u32 = 64u;

#import CopyParams

@group(0) @binding(0) var<uniform> params: CopyParams;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<vec4<f32>>;

/// result[to + i] = source[first + i]
@compute @workgroup_size(WORKGROUP)
fn copy(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    result[params.to + i] = source[params.first + i];
}
