// The sum of a few maps. See src/nn/layers/add.rs.
const WORKGROUP: u32 = 64u;
#constant TERMS = 2

#import AddParams

@group(0) @binding(0) var<uniform> params: AddParams;
@group(0) @binding(1) var<storage, read_write> sum: array<vec4<f32>>;
#for t in TERMS
@group(0) @binding({t+2}) var<storage, read> term_{t}: array<vec4<f32>>;
#end

/// sum[i] = Σ_t term_t[i], in their order
@compute @workgroup_size(WORKGROUP)
fn add(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var total = term_0[i];
#for t in TERMS
#if t
    total += term_{t}[i];
#end
#end
    sum[i] = total;
}
