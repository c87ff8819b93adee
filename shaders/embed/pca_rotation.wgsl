// Principal directions within a subspace: Jacobi's method on the small matrix of products, one workgroup. See src/embed/pca/mod.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;

#import RotationParams

@group(0) @binding(0) var<uniform> params: RotationParams;
// [d, c/4]: an orthonormal basis of the subspace.
@group(0) @binding(3) var<storage, read> directions_in: array<vec4<f32>>;
// [slice, a, b/4]: sums of products of the projected points.
@group(0) @binding(7) var<storage, read> partial_sums_in: array<vec4<f32>>;
// [a, b]: products of the projected points; diagonal after the sweeps.
@group(0) @binding(8) var<storage, read_write> products: array<f32>;
// [a, b]: eigenvectors of the products, as columns.
@group(0) @binding(9) var<storage, read_write> rotation: array<f32>;
@group(0) @binding(11) var<storage, read> rotation_in: array<f32>;
// [c]: column of `rotation`, by falling variance.
@group(0) @binding(10) var<storage, read_write> order: array<u32>;
@group(0) @binding(12) var<storage, read> order_in: array<u32>;
// [d, c/4]: principal directions.
@group(0) @binding(13) var<storage, read_write> rotated: array<vec4<f32>>;

/// products[a, b] = Σ_s partial_sums[s, a, b]; rotation = 1
@compute @workgroup_size(WORKGROUP)
fn begin_rotation(@builtin(global_invocation_id) id: vec3<u32>) {
    let at = id.x;
    let all = params.columns * params.columns;
    if at >= all { return; }
    var sum = 0.0;
    for (var s = 0u; s < params.slices + (id.x >> 31u); s++) { sum += partial_sums_in[(s * all + at) / 4u][at % 4u]; }
    products[at] = sum;
    rotation[at] = select(0.0, 1.0, at / params.columns == at % params.columns);
}

var<workgroup> pairs: array<vec2<u32>, 64>;
var<workgroup> rotations: array<vec2<f32>, 64>;

/// Each pair of directions rotated once so that its product vanishes: a sweep of Jacobi's method, pairs in tournament order
@compute @workgroup_size(LANES)
fn sweep(@builtin(local_invocation_index) lane: u32) {
    let n = params.columns;
    let half = n / 2u;
    for (var round = 0u; round + 1u < n; round++) {
        if lane < half {
            var a = (round + lane) % (n - 1u);
            var b = (round + n - 1u - lane) % (n - 1u);
            if lane == 0u { b = n - 1u; }
            let off = products[a * n + b];
            let apart = products[b * n + b] - products[a * n + a];
            var turn = vec2<f32>(1.0, 0.0);
            if abs(off) > 1e-36 {
                let tau = apart / (2.0 * off);
                let t = select(-1.0, 1.0, tau >= 0.0) / (abs(tau) + sqrt(1.0 + tau * tau));
                let c = inverseSqrt(1.0 + t * t);
                turn = vec2<f32>(c, t * c);
            }
            pairs[lane] = vec2<u32>(a, b);
            rotations[lane] = turn;
        }
        workgroupBarrier();
        for (var at = lane; at < half * n; at += LANES) {
            let pair = pairs[at / n];
            let turn = rotations[at / n];
            let x = products[pair.x * n + at % n];
            let y = products[pair.y * n + at % n];
            products[pair.x * n + at % n] = turn.x * x - turn.y * y;
            products[pair.y * n + at % n] = turn.y * x + turn.x * y;
        }
        storageBarrier();
        workgroupBarrier();
        for (var at = lane; at < half * n; at += LANES) {
            let pair = pairs[at / n];
            let turn = rotations[at / n];
            let row = at % n * n;
            let x = products[row + pair.x];
            let y = products[row + pair.y];
            products[row + pair.x] = turn.x * x - turn.y * y;
            products[row + pair.y] = turn.y * x + turn.x * y;
            let u = rotation[row + pair.x];
            let v = rotation[row + pair.y];
            rotation[row + pair.x] = turn.x * u - turn.y * v;
            rotation[row + pair.y] = turn.y * u + turn.x * v;
        }
        storageBarrier();
        workgroupBarrier();
    }
}

/// order[r] = the column of the r-th largest variance
@compute @workgroup_size(LANES)
fn rank_columns(@builtin(local_invocation_index) lane: u32) {
    let n = params.columns;
    if lane >= n { return; }
    let own = products[lane * n + lane];
    var rank = 0u;
    for (var other = 0u; other < n; other++) {
        let square = products[other * n + other];
        if square > own || (square == own && other < lane) { rank++; }
    }
    order[rank] = lane;
}

/// rotated[d, c] = Σ_a directions[d, a] · rotation[a, order[c]]
@compute @workgroup_size(WORKGROUP)
fn rotate_directions(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    let quads = params.columns / 4u;
    if at >= params.dims * quads { return; }
    let d = at / quads;
    let c = at % quads * 4u;
    var sum = vec4<f32>(0.0);
    for (var a = 0u; a < params.columns + (id.x >> 31u); a++) {
        let row = a * params.columns;
        let turn = vec4<f32>(
            rotation_in[row + order_in[c]], rotation_in[row + order_in[c + 1u]],
            rotation_in[row + order_in[c + 2u]], rotation_in[row + order_in[c + 3u]],
        );
        sum += directions_in[d * quads + a / 4u][a % 4u] * turn;
    }
    rotated[at] = sum;
}

alias Largest = vec4<f32>;
alias Places = vec4<u32>;
const SIGN_LANES = LANES;
#import common/signs

/// rotated[:, c] *= ±1 so that its largest component is positive, the first of equals
@compute @workgroup_size(LANES)
fn fix_signs(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let quads = params.columns / 4u;
    var most = vec4<f32>(0.0);
    var at = vec4<u32>(lane);
    for (var d = lane; d < params.dims; d += LANES) {
        let four = rotated[d * quads + group.x];
        let more = abs(four) > abs(most);
        most = select(most, four, more);
        at = select(at, vec4<u32>(d), more);
    }
    let signs = signs(lane, most, at);
    for (var d = lane; d < params.dims; d += LANES) { rotated[d * quads + group.x] *= signs; }
}
