// Copies of maps in 16-bit floats, for products in mixed precision: [channel, y, x, image], channels and images filled up
// with zeros to 16, trained images and probes apart. See src/nn/layers/conv2d/mixed/copies.rs.
const WORKGROUP: u32 = 256u;
// Quads that a thread of largest_gradient reads.
const TURNS: u32 = 8u;

#import ToHalfParams
#import common/half

@group(0) @binding(0) var<uniform> params: ToHalfParams;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
// Of a quad of images, two words.
@group(0) @binding(2) var<storage, read_write> copy: array<vec2<u32>>;
// Bits of the largest size of an output gradient: of trained images, and of probes.
@group(0) @binding(3) var<storage, read_write> largest: array<atomic<u32>, 2>;
@group(0) @binding(4) var<storage, read> largest_in: array<u32, 2>;

var<workgroup> found: array<vec2<u32>, WORKGROUP>;

/// Four values of the map for place i of the copy.
fn value_at(i: u32) -> vec4<f32> {
    let quad = quad_of_copy(i % params.copy_quads, params.train_quads, params.quads);
    let row = i / params.copy_quads;
    if row >= params.rows || quad == params.quads { return vec4<f32>(0.0); }
    return source[row * params.quads + quad];
}

/// copy = source in 16-bit floats; largest = 0
@compute @workgroup_size(WORKGROUP)
fn input_to_half(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i < 2u { atomicStore(&largest[i], 0u); }
    if i >= params.copy_rows * params.copy_quads { return; }
    copy[i] = to_halves(value_at(i));
}

/// largest = max |source|, of trained images and of probes
@compute @workgroup_size(WORKGROUP)
fn largest_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let count = params.rows * params.quads;
    let first = (workgroup.x + workgroup.y * groups.x) * (WORKGROUP * TURNS) + lane;
    var most = vec2<u32>(0u);
    for (var turn = 0u; turn < TURNS; turn++) {
        let i = first + turn * WORKGROUP;
        if i < count {
            let sizes = bitcast<vec4<u32>>(source[i]) & vec4<u32>(0x7fffffffu);
            let size = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
            most = max(most, select(vec2<u32>(0u, size), vec2<u32>(size, 0u), i % params.quads < params.train_quads));
        }
    }
    found[lane] = most;
    for (var reach = WORKGROUP / 2u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if lane < reach { found[lane] = max(found[lane], found[lane + reach]); }
    }
    if lane == 0u {
        atomicMax(&largest[0], found[0].x);
        atomicMax(&largest[1], found[0].y);
    }
}

/// copy = source · 2ˢ in 16-bit floats, s of largest: trained images and probes each have their own
@compute @workgroup_size(WORKGROUP)
fn gradient_to_half(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.copy_rows * params.copy_quads { return; }
    let trained = is_trained(i % params.copy_quads, params.train_quads);
    let size = select(largest_in[1], largest_in[0], trained);
    copy[i] = to_halves(value_at(i) * power_of_two(scale_exponent(size)));
}
