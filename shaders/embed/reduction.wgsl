// The principal subspace of centred rows, and the rows in it. See src/embed/reduction.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Directions at most, in quads.
const MOST_QUADS: u32 = 32u;
const FAR: f32 = 3e38;

// `quads` of points a value, of which `sample` are taken; `columns` directions, a multiple of 16; `slices` of the sample are summed
// apart; directions from `first` to `end` are made orthonormal; `kept` rows of `projected` are written. `points` hold `dims` of the
// `all` values, from `first_dim` on. `pairs` pairs of quads are projected at once.
#import ReductionParams

@group(0) @binding(0) var<uniform> params: ReductionParams;
// [d − first_dim, i/4]
@group(0) @binding(1) var<storage, read> points: array<vec4<f32>>;
// [d, c/4]: the directions.
@group(0) @binding(2) var<storage, read_write> directions: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> known_directions: array<vec4<f32>>;
// [c, i/4]: the points along the directions.
@group(0) @binding(4) var<storage, read_write> projected: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> known_projected: array<vec4<f32>>;
// [slice, d, c/4]
@group(0) @binding(6) var<storage, read_write> parts: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> known_parts: array<vec4<f32>>;
// [a, b]: products of the projected points; a diagonal matrix in the end.
@group(0) @binding(8) var<storage, read_write> products: array<f32>;
// [a, b]: the directions that make it one, as columns.
@group(0) @binding(9) var<storage, read_write> turns: array<f32>;
// Columns of `turns` by falling variance.
@group(0) @binding(10) var<storage, read_write> order: array<u32>;
@group(0) @binding(11) var<storage, read> known_turns: array<f32>;
@group(0) @binding(12) var<storage, read> known_order: array<u32>;
@group(0) @binding(13) var<storage, read_write> turned: array<vec4<f32>>;

/// directions[d, c] = a number from −1 to 1 of d and c alone
@compute @workgroup_size(WORKGROUP)
fn begin(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    if at >= params.dims * params.columns / 4u { return; }
    var four = vec4<u32>(at * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    // PCG (Jarzynski and Olano 2020).
    four = four * 747796405u + vec4<u32>(2891336453u);
    four = ((four >> ((four >> vec4<u32>(28u)) + vec4<u32>(4u))) ^ four) * 277803737u;
    four = (four >> vec4<u32>(22u)) ^ four;
    directions[at] = vec4<f32>(four >> vec4<u32>(8u)) / 8388608.0 - vec4<f32>(1.0);
}

/// The quad of points that is number `at` of the sample.
fn sampled(at: u32) -> u32 {
    if params.sample == params.quads { return at; }
    return at * params.quads / params.sample;
}

/// projected[c, i] = Σ_d points[d, i] · directions[d, first + c] over the sample, added to what is there where first_dim > 0
@compute @workgroup_size(WORKGROUP)
fn project(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.pairs { return; }
    let pair = params.first_pair + id.x;
    let quad_0 = sampled(2u * pair);
    let quad_1 = sampled(2u * pair + 1u);
    let column = id.y * 4u;
#for c in 16
    var sum_{c}_0 = vec4<f32>(0.0);
    var sum_{c}_1 = vec4<f32>(0.0);
#end
    if params.first_dim > 0u {
#for c in 16
        if column * 4u + {c}u < params.kept {
            sum_{c}_0 = projected[(column * 4u + {c}u) * params.sample + 2u * pair];
            sum_{c}_1 = projected[(column * 4u + {c}u) * params.sample + 2u * pair + 1u];
        }
#end
    }
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let x_0 = points[d * params.quads + quad_0];
        let x_1 = points[d * params.quads + quad_1];
#for q in 4
        let v_{q} = known_directions[(params.first_dim + d) * (params.columns / 4u) + params.first / 4u + column + {q}u];
#end
#for c in 16
        sum_{c}_0 += x_0 * v_{c / 4}[{c % 4}u];
        sum_{c}_1 += x_1 * v_{c / 4}[{c % 4}u];
#end
    }
#for c in 16
    if column * 4u + {c}u < params.kept {
        projected[(column * 4u + {c}u) * params.sample + 2u * pair] = sum_{c}_0;
        projected[(column * 4u + {c}u) * params.sample + 2u * pair + 1u] = sum_{c}_1;
    }
#end
}

/// parts[s, d, c] = Σ_i points[d, i] · projected[c, i] over slice s of the sample
@compute @workgroup_size(WORKGROUP)
fn back_project(@builtin(global_invocation_id) id: vec3<u32>) {
    let d = id.x * 4u;
    if d >= params.dims { return; }
    let column = id.y * 8u;
    let slice = (params.sample + params.slices - 1u) / params.slices;
    let first = id.z * slice;
    let end = min(first + slice, params.sample);
#for r in 4
    let row_{r} = min(d + {r}u, params.dims - 1u) * params.quads;
#for c in 8
    var sum_{r}_{c} = 0.0;
#end
#end
    for (var at = first; at < end + (id.x >> 31u); at++) {
        let quad = sampled(at);
#for r in 4
        let x_{r} = points[row_{r} + quad];
#end
#for c in 8
        let y_{c} = known_projected[(column + {c}u) * params.sample + at];
#for r in 4
        sum_{r}_{c} += dot(x_{r}, y_{c});
#end
#end
    }
#for r in 4
    if d + {r}u < params.dims {
        let place_{r} = ((id.z * params.all + params.first_dim + d + {r}u) * params.columns + column) / 4u;
        parts[place_{r}] = vec4<f32>(sum_{r}_0, sum_{r}_1, sum_{r}_2, sum_{r}_3);
        parts[place_{r} + 1u] = vec4<f32>(sum_{r}_4, sum_{r}_5, sum_{r}_6, sum_{r}_7);
    }
#end
}

/// directions[d, c] = Σ_s parts[s, d, c]
@compute @workgroup_size(WORKGROUP)
fn sum_parts(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    let all = params.dims * params.columns / 4u;
    if at >= all { return; }
    var sum = vec4<f32>(0.0);
    for (var s = 0u; s < params.slices + (id.x >> 31u); s++) { sum += known_parts[s * all + at]; }
    directions[at] = sum;
}

var<workgroup> sums: array<vec4<f32>, LANES>;
var<workgroup> along: array<vec4<f32>, MOST_QUADS>;
var<workgroup> scale: f32;

/// directions[:, j] for j from first to end: at right angles to those before it and of length 1; zero stays zero. Three times over,
/// since one leaves what rounding left (Giraud, Langou and Rozložník 2005: twice is enough, once the first did not cancel all)
@compute @workgroup_size(LANES)
fn orthonormalise(@builtin(local_invocation_index) lane: u32) {
    let quads = params.columns / 4u;
    let slices = LANES / quads;
    let quad = lane % quads;
    let slice = lane / quads;
    for (var j = params.first; j < params.end; j++) {
        for (var turn = 0u; turn < 3u; turn++) {
            var sum = vec4<f32>(0.0);
            if slice < slices && quad <= j / 4u {
                for (var d = slice; d < params.dims; d += slices) {
                    sum += directions[d * quads + quad] * directions[d * quads + j / 4u][j % 4u];
                }
            }
            sums[lane] = sum;
            workgroupBarrier();
            if lane < quads {
                var total = vec4<f32>(0.0);
                for (var s = 0u; s < slices; s++) { total += sums[s * quads + lane]; }
                if lane == j / 4u {
                    let square = total[j % 4u];
                    scale = select(0.0, inverseSqrt(square), square > 1e-36);
                }
                let column = vec4<u32>(lane * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
                along[lane] = select(vec4<f32>(0.0), total, column < vec4<u32>(j));
            }
            workgroupBarrier();
            for (var d = lane; d < params.dims; d += LANES) {
                var covered = 0.0;
                for (var q = 0u; q <= j / 4u; q++) { covered += dot(directions[d * quads + q], along[q]); }
                let own = directions[d * quads + j / 4u][j % 4u];
                directions[d * quads + j / 4u][j % 4u] = (own - covered) * scale;
            }
            storageBarrier();
            workgroupBarrier();
        }
    }
}

/// products[a, b] = Σ_s parts[s, a, b]; turns = 1
@compute @workgroup_size(WORKGROUP)
fn begin_turning(@builtin(global_invocation_id) id: vec3<u32>) {
    let at = id.x;
    let all = params.columns * params.columns;
    if at >= all { return; }
    var sum = 0.0;
    for (var s = 0u; s < params.slices + (id.x >> 31u); s++) { sum += known_parts[(s * all + at) / 4u][at % 4u]; }
    products[at] = sum;
    turns[at] = select(0.0, 1.0, at / params.columns == at % params.columns);
}

var<workgroup> pairs: array<vec2<u32>, 64>;
var<workgroup> rotations: array<vec2<f32>, 64>;

/// Every pair of directions once turned so that their product vanishes: a sweep of Jacobi's method, pairs as in a tournament
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
            let u = turns[row + pair.x];
            let v = turns[row + pair.y];
            turns[row + pair.x] = turn.x * u - turn.y * v;
            turns[row + pair.y] = turn.y * u + turn.x * v;
        }
        storageBarrier();
        workgroupBarrier();
    }
}

/// order[r] = the column of the r-th largest variance
@compute @workgroup_size(LANES)
fn rank(@builtin(local_invocation_index) lane: u32) {
    let n = params.columns;
    if lane >= n { return; }
    let own = products[lane * n + lane];
    var place = 0u;
    for (var other = 0u; other < n; other++) {
        let square = products[other * n + other];
        if square > own || (square == own && other < lane) { place++; }
    }
    order[place] = lane;
}

/// turned[d, c] = Σ_a directions[d, a] · turns[a, order[c]]
@compute @workgroup_size(WORKGROUP)
fn turn_directions(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    let quads = params.columns / 4u;
    if at >= params.dims * quads { return; }
    let d = at / quads;
    let c = at % quads * 4u;
    var sum = vec4<f32>(0.0);
    for (var a = 0u; a < params.columns + (id.x >> 31u); a++) {
        let row = a * params.columns;
        let turn = vec4<f32>(
            known_turns[row + known_order[c]], known_turns[row + known_order[c + 1u]],
            known_turns[row + known_order[c + 2u]], known_turns[row + known_order[c + 3u]],
        );
        sum += known_directions[d * quads + a / 4u][a % 4u] * turn;
    }
    turned[at] = sum;
}

/// Turns each direction so that its largest component is positive
@compute @workgroup_size(WORKGROUP)
fn fix_signs(@builtin(global_invocation_id) id: vec3<u32>) {
    let quads = params.columns / 4u;
    if id.x >= quads { return; }
    var most = vec4<f32>(0.0);
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) {
        let four = turned[d * quads + id.x];
        most = select(most, four, abs(four) > abs(most));
    }
    let signs = select(vec4<f32>(1.0), vec4<f32>(-1.0), most < vec4<f32>(0.0));
    for (var d = 0u; d < params.dims + (id.x >> 31u); d++) { turned[d * quads + id.x] *= signs; }
}
