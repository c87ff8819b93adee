// Max pooling, batch innermost. The place of each maximum is kept, one byte an image. See src/nn/layers/max_pool2d.rs.
const WORKGROUP: u32 = 64u;

struct Params {
    channels: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    size: u32,
    stride: u32,
    quads: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
// The window's place y·size + x of the maximum, one byte an image.
@group(0) @binding(3) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(4) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> input_gradient: array<vec4<f32>>;

/// output[c, y, x, n] = max_{dy, dx < size} input[c, y·stride + dy, x·stride + dx, n], the first of equals; NaN wins
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.out_height * params.out_width * params.quads { return; }
    let quad = i % params.quads;
    let x = i / params.quads % params.out_width;
    let y = i / params.quads / params.out_width % params.out_height;
    let c = i / params.quads / params.out_width / params.out_height;
    let corner = ((c * params.in_height + y * params.stride) * params.in_width + x * params.stride) * params.quads + quad;
    var best = input[corner];
    var place = vec4<u32>(0u);
    for (var dy = 0u; dy < params.size; dy++) {
        for (var dx = 0u; dx < params.size; dx++) {
            let value = input[corner + (dy * params.in_width + dx) * params.quads];
            // By its bits: a compiler may take value != value for false.
            let is_nan = (bitcast<vec4<u32>>(value) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
            let wins = (value > best) | is_nan;
            best = select(best, value, wins);
            place = select(place, vec4<u32>(dy * params.size + dx), wins);
        }
    }
    output[i] = best;
    argmax[i] = place.x | (place.y << 8u) | (place.z << 16u) | (place.w << 24u);
}

/// input_gradient[c, y, x, n] = Σ over the windows whose maximum is (y, x) of output_gradient
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.channels * params.in_height * params.in_width * params.quads { return; }
    let quad = i % params.quads;
    let x = i / params.quads % params.in_width;
    let y = i / params.quads / params.in_width % params.in_height;
    let c = i / params.quads / params.in_width / params.in_height;
    // Windows that cover y begin at rows from (y − size + 1) / stride, rounded up, to y / stride.
    let first_y = (max(y + 1u, params.size) - params.size + params.stride - 1u) / params.stride;
    let first_x = (max(x + 1u, params.size) - params.size + params.stride - 1u) / params.stride;
    let end_y = min(y / params.stride + 1u, params.out_height);
    let end_x = min(x / params.stride + 1u, params.out_width);
    var sum = vec4<f32>(0.0);
    for (var oy = first_y; oy < end_y; oy++) {
        for (var ox = first_x; ox < end_x; ox++) {
            let at = ((c * params.out_height + oy) * params.out_width + ox) * params.quads + quad;
            let packed = argmax[at];
            let place = vec4<u32>(packed, packed >> 8u, packed >> 16u, packed >> 24u) & vec4<u32>(255u);
            let mine = vec4<u32>((y - oy * params.stride) * params.size + x - ox * params.stride);
            sum += select(vec4<f32>(0.0), output_gradient[at], place == mine);
        }
    }
    input_gradient[i] = sum;
}
