// Nearest-neighbour upsampling, batch innermost. See src/nn/layers/upsample.rs.
const WORKGROUP: u32 = 64u;

#import UpsampleParams

@group(0) @binding(0) var<uniform> params: UpsampleParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// output[c, y, x, n] = input[c, y / factor, x / factor, n]
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    let width = params.in_width * params.factor;
    if id.x >= width * params.quads { return; }
    let quad = id.x % params.quads;
    let x = id.x / params.quads / params.factor;
    let source = ((id.z * params.in_height + id.y / params.factor) * params.in_width + x) * params.quads + quad;
    output[(id.z * params.in_height * params.factor + id.y) * width * params.quads + id.x] = input[source];
}

/// input_gradient[c, y, x, n] = Σ_{dy, dx < factor} output_gradient[c, y·factor + dy, x·factor + dx, n]
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let quad = id.x % params.quads;
    let x = id.x / params.quads * params.factor;
    let y = (id.z * params.in_height + id.y) * params.factor;
    var sum = vec4<f32>(0.0);
    for (var dy = 0u; dy < params.factor; dy++) {
        for (var dx = 0u; dx < params.factor; dx++) {
            sum += output_gradient[((y + dy) * params.in_width * params.factor + x + dx) * params.quads + quad];
        }
    }
    input_gradient[(id.z * params.in_height + id.y) * params.in_width * params.quads + id.x] = sum;
}
