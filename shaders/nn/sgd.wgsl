// Stochastic gradient descent over all parameters at once. See src/nn/optimizer.rs.
const WORKGROUP: u32 = 64u;

struct Hyper { learning_rate: f32, momentum: f32, weight_decay: f32, nesterov: u32 }

@group(0) @binding(0) var<storage, read> hyper: Hyper;
@group(0) @binding(1) var<storage, read> gradients: array<vec4<f32>>;
// One byte of flags per parameter; bit 0: L2 decay applies.
@group(0) @binding(2) var<storage, read> flags: array<u32>;
@group(0) @binding(3) var<storage, read_write> moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4<f32>>;
// The gradients of the last whole step: a frame may be drawn in the middle of the next.
@group(0) @binding(5) var<storage, read_write> last_gradients: array<vec4<f32>>;

/// g = gradient + decay · w;  v ← momentum · v + g;  w ← w − rate · (nesterov ? g + momentum · v : v)
@compute @workgroup_size(WORKGROUP)
fn sgd(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= arrayLength(&flags) || i >= arrayLength(&values) { return; }
    let decays = (vec4<u32>(flags[i]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(1u);
    let w = values[i];
    let g = gradients[i] + hyper.weight_decay * vec4<f32>(decays) * w;
    let v = hyper.momentum * moments[i] + g;
    moments[i] = v;
    last_gradients[i] = gradients[i];
    values[i] = w - hyper.learning_rate * select(v, g + hyper.momentum * v, hyper.nesterov == 1u);
}
