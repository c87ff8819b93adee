// The bias gradient of a convolution: one workgroup a filter, a fixed tree.
const WORKGROUP: u32 = 64u;

#import BiasGradientParams

@group(0) @binding(0) var<uniform> params: BiasGradientParams;
@group(0) @binding(1) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

alias Summand = f32;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// partials[o] = Σ_{y, x, n} output_gradient[o, y, x, n]
@compute @workgroup_size(WORKGROUP)
fn bias_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let o = group.x + group.y * groups.x;
    if o >= params.channels { return; }
    let items = params.pixels * params.train_quads;
    var sum = vec4<f32>(0.0);
    for (var i = lane; i < items; i += WORKGROUP) {
        let pixel = o * params.pixels + i / params.train_quads;
        sum += output_gradient[pixel * params.quads + i % params.train_quads];
    }
    let all = total(lane, dot(sum, vec4<f32>(1.0)));
    if lane == 0u { partials[o] = all; }
}
