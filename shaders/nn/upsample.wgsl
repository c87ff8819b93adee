// Upsampling by nearest neighbors or bilinear, batch innermost. See src/nn/layers/upsample.rs.
const WORKGROUP: u32 = 64u;
// 1 where pixels blend into each other.
#constant BILINEAR = 0

#import UpsampleParams

@group(0) @binding(0) var<uniform> params: UpsampleParams;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> output_gradient: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> input_gradient: array<vec4<f32>>;

#if BILINEAR
/// Output pixel `at` lies this number of halves of its own pixels behind the center of the first input pixel, or at it.
fn halves(at: u32) -> u32 {
    return max(2u * at + 1u, params.factor) - params.factor;
}

/// The input pixel at whose center an output pixel lies, or behind it.
fn first(at: u32) -> u32 {
    return halves(at) / (2u * params.factor);
}

/// Share of the next input pixel in an output pixel.
fn share(at: u32) -> f32 {
    return f32(halves(at) % (2u * params.factor)) / f32(2u * params.factor);
}

/// Share of input pixel `read` of `count` in output pixel `at`.
fn part(at: u32, read: u32, count: u32) -> f32 {
    let before = first(at);
    let next = min(before + 1u, count - 1u);
    return select(0.0, 1.0 - share(at), before == read) + select(0.0, share(at), next == read);
}

#end
/// Nearest: output[c, y, x, n] = input[c, y / factor, x / factor, n]. Bilinear: the mean of the two rows and columns next to it, by their distances
@compute @workgroup_size(WORKGROUP)
fn forward(@builtin(global_invocation_id) id: vec3<u32>) {
    let width = params.in_width * params.factor;
    if id.x >= width * params.quads { return; }
    let quad = id.x % params.quads;
    let to = (id.z * params.in_height * params.factor + id.y) * width * params.quads + id.x;
#if BILINEAR
    let x = id.x / params.quads;
    let left = first(x);
    let right = min(left + 1u, params.in_width - 1u);
    let top = (id.z * params.in_height + first(id.y)) * params.in_width;
    let bottom = (id.z * params.in_height + min(first(id.y) + 1u, params.in_height - 1u)) * params.in_width;
    let above = mix(input[(top + left) * params.quads + quad], input[(top + right) * params.quads + quad], share(x));
    let below = mix(input[(bottom + left) * params.quads + quad], input[(bottom + right) * params.quads + quad], share(x));
    output[to] = mix(above, below, share(id.y));
#else
    let x = id.x / params.quads / params.factor;
    let source = ((id.z * params.in_height + id.y / params.factor) * params.in_width + x) * params.quads + quad;
    output[to] = input[source];
#end
}

/// Nearest: input_gradient[c, y, x, n] = Σ_{dy, dx < factor} output_gradient[c, y·factor + dy, x·factor + dx, n]. Bilinear: of each output pixel that reads it, its share
@compute @workgroup_size(WORKGROUP)
fn backward(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.in_width * params.quads { return; }
    let quad = id.x % params.quads;
    let width = params.in_width * params.factor;
    var sum = vec4<f32>(0.0);
#if BILINEAR
    let x = id.x / params.quads;
    let height = params.in_height * params.factor;
    // An input pixel is read within one and a half of its sides around its center.
    let end_y = min((id.y + 2u) * params.factor, height);
    let end_x = min((x + 2u) * params.factor, width);
    for (var to_y = max(id.y, 1u) * params.factor - params.factor; to_y < end_y; to_y++) {
        let down = part(to_y, id.y, params.in_height);
        let row = (id.z * height + to_y) * width;
        for (var to_x = max(x, 1u) * params.factor - params.factor; to_x < end_x; to_x++) {
            sum += down * part(to_x, x, params.in_width) * output_gradient[(row + to_x) * params.quads + quad];
        }
    }
#else
    let x = id.x / params.quads * params.factor;
    let y = (id.z * params.in_height + id.y) * params.factor;
    for (var dy = 0u; dy < params.factor; dy++) {
        for (var dx = 0u; dx < params.factor; dx++) {
            sum += output_gradient[((y + dy) * width + x + dx) * params.quads + quad];
        }
    }
#end
    input_gradient[(id.z * params.in_height + id.y) * params.in_width * params.quads + id.x] = sum;
}
