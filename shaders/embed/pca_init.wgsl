// Two principal components by simultaneous power iteration. See src/embed/pca_init.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;

// `dims` values from `first_dim` on.
#import PcaInitParams

@group(0) @binding(0) var<uniform> params: PcaInitParams;
// [d − first_dim, i], centered.
@group(0) @binding(1) var<storage, read> points: array<f32>;
// [d]: the two directions.
@group(0) @binding(2) var<storage, read_write> directions: array<vec2<f32>>;
// [i]: the points along them.
@group(0) @binding(3) var<storage, read_write> components: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> directions_in: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read> components_in: array<vec2<f32>>;

var<workgroup> sums: array<vec2<f32>, WORKGROUP>;

/// directions[d] = two fixed vectors, not parallel
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>) {
    let d = id.x;
    if d >= params.dims { return; }
    let turn = f32(d) * 2.3999632;
    directions[d] = vec2<f32>(1.0 + 0.5 * sin(turn), cos(turn) + 0.25 * sin(3.0 * turn));
}

/// components[i] = Σ_d points[d, i] · directions[d], accumulated where first_dim > 0
@compute @workgroup_size(WORKGROUP)
fn project(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    var sum = vec2<f32>(0.0);
    if params.first_dim > 0u { sum = components[i]; }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        sum += points[d * params.stride + i] * directions_in[params.first_dim + d];
    }
    components[i] = sum;
}

/// directions[d] = Σ_i points[d, i] · components[i]
@compute @workgroup_size(WORKGROUP)
fn back_project(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let d = group.x;
    var sum = vec2<f32>(0.0);
    for (var i = lane; i < params.count; i += WORKGROUP) {
        sum += points[d * params.stride + i] * components_in[i];
    }
    sums[lane] = sum;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half { sums[lane] += sums[lane + half]; }
        workgroupBarrier();
    }
    if lane == 0u { directions[params.first_dim + d] = sums[0]; }
}

alias Summand = vec4<f32>;
const TOTAL_LANES = LANES;
#import common/total

fn inverse_root(square: f32) -> f32 {
    return select(0.0, 1.0 / sqrt(square), square > 1e-30);
}

/// Both directions of length 1, the second orthogonal to the first
@compute @workgroup_size(LANES)
fn orthonormalize(@builtin(local_invocation_index) lane: u32) {
    var square = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) { square += vec4<f32>(directions[d].x * directions[d].x, 0.0, 0.0, 0.0); }
    let first = inverse_root(total(lane, square).x);
    var product = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) { product += vec4<f32>(directions[d].x * first * directions[d].y, 0.0, 0.0, 0.0); }
    let along = total(lane, product).x;
    var rest = vec4<f32>(0.0);
    for (var d = lane; d < params.dims; d += LANES) {
        let left = directions[d].y - along * directions[d].x * first;
        rest += vec4<f32>(left * left, 0.0, 0.0, 0.0);
    }
    let second = inverse_root(total(lane, rest).x);
    for (var d = lane; d < params.dims; d += LANES) {
        let v = directions[d];
        directions[d] = vec2<f32>(v.x * first, (v.y - along * v.x * first) * second);
    }
}

/// Each direction *= ±1 so that its largest component is positive
@compute @workgroup_size(1)
fn fix_signs(@builtin(global_invocation_id) id: vec3<u32>) {
    var most = vec2<f32>(0.0);
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        most = select(most, directions[d], abs(directions[d]) > abs(most));
    }
    let signs = select(vec2<f32>(1.0), vec2<f32>(-1.0), most < vec2<f32>(0.0));
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) { directions[d] *= signs; }
}
