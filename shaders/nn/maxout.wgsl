// Maxout, batch innermost. See src/nn/layers/maxout.rs.
const WORKGROUP: u32 = 64u;

// plane: quads of one channel's map over all columns.
#import MaxoutParams
#import common/floats

@group(0) @binding(0) var<uniform> params: MaxoutParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

struct Winner { value: vec4<f32>, index: vec4<u32> }

fn winner(first: u32) -> Winner {
    var best = Winner(input[first], vec4<u32>(0u));
    var was_nan = are_nan(best.value);
    for (var j = 1u; j < params.group; j++) {
        let value = input[first + j * params.plane];
        let is_nan = are_nan(value);
        let wins = ((value > best.value) & !was_nan) | is_nan;
        was_nan |= is_nan;
        best.value = select(best.value, value, wins);
        best.index = select(best.index, vec4<u32>(j), wins);
    }
    return best;
}

/// output[c, p] = max_{j < group} input[c·group + j, p], the first of equals; NaN wins
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    output[i] = winner(i / params.plane * params.group * params.plane + i % params.plane).value;
}

/// input_gradient[c·group + j, p] = output_gradient[c, p] for the winner, 0 for the others
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let first = i / params.plane * params.group * params.plane + i % params.plane;
    let index = winner(first).index;
    let gradient = output_gradient[i];
    for (var j = 0u; j < params.group; j++) {
        input_gradient[first + j * params.plane] = select(vec4<f32>(0.0), gradient, index == vec4<u32>(j));
    }
}
