// Randomized PCA: block power iteration on a sample of centered rows, and rows projected on directions. See src/embed/pca/mod.rs.
const WORKGROUP: u32 = 64u;
const LANES: u32 = 256u;
// Directions at most, in quads.
const MAX_QUADS: u32 = 32u;

// `quads` of points per dimension, of which `sample` are used; `columns` directions, a multiple of 16; the sample is summed in `slices`;
// directions from `first` to `end` are orthonormalized; `kept` rows of `projected` are written. `points` hold `dims` of the
// `all` dimensions, from `first_dim` on. `pairs` pairs of quads are projected per dispatch.
#import PcaParams

@group(0) @binding(0) var<uniform> params: PcaParams;
// [d − first_dim, i/4]
@group(0) @binding(1) var<storage, read> points: array<vec4<f32>>;
// [d, c/4]: directions.
@group(0) @binding(2) var<storage, read_write> directions: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> directions_in: array<vec4<f32>>;
// [c, i/4]: points projected on the directions.
@group(0) @binding(4) var<storage, read_write> projected: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> projected_in: array<vec4<f32>>;
// [slice, d, c/4]
@group(0) @binding(6) var<storage, read_write> partial_sums: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> partial_sums_in: array<vec4<f32>>;

/// directions[d, c] = a hash of d and c in −1 to 1
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

/// Quad of points at index `at` of the sample.
fn sampled(at: u32) -> u32 {
    if params.sample == params.quads { return at; }
    return at * params.quads / params.sample;
}

/// projected[c, i] = Σ_d points[d, i] · directions[d, first + c] over the sample, accumulated where first_dim > 0
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
        let v_{q} = directions_in[(params.first_dim + d) * (params.columns / 4u) + params.first / 4u + column + {q}u];
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

/// partial_sums[s, d, c] = Σ_i points[d, i] · projected[c, i] over slice s of the sample
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
        let y_{c} = projected_in[(column + {c}u) * params.sample + at];
#for r in 4
        sum_{r}_{c} += dot(x_{r}, y_{c});
#end
#end
    }
#for r in 4
    if d + {r}u < params.dims {
        let at_{r} = ((id.z * params.all + params.first_dim + d + {r}u) * params.columns + column) / 4u;
        partial_sums[at_{r}] = vec4<f32>(sum_{r}_0, sum_{r}_1, sum_{r}_2, sum_{r}_3);
        partial_sums[at_{r} + 1u] = vec4<f32>(sum_{r}_4, sum_{r}_5, sum_{r}_6, sum_{r}_7);
    }
#end
}

/// directions[d, c] = Σ_s partial_sums[s, d, c]
@compute @workgroup_size(WORKGROUP)
fn sum_parts(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let at = id.x + id.y * groups.x * WORKGROUP;
    let all = params.dims * params.columns / 4u;
    if at >= all { return; }
    var sum = vec4<f32>(0.0);
    for (var s = 0u; s < params.slices + (id.x >> 31u); s++) { sum += partial_sums_in[s * all + at]; }
    directions[at] = sum;
}

var<workgroup> sums: array<vec4<f32>, LANES>;
var<workgroup> along: array<vec4<f32>, MAX_QUADS>;
var<workgroup> scale: f32;

/// directions[:, j] for j from first to end: orthogonal to those before it and of length 1; zero stays zero. `passes` Gram-Schmidt
/// passes, three in all, against rounding (Giraud, Langou and Rozložník 2005: two are enough unless the first cancels everything)
@compute @workgroup_size(LANES)
fn orthonormalize(@builtin(local_invocation_index) lane: u32) {
    let quads = params.columns / 4u;
    let slices = LANES / quads;
    let quad = lane % quads;
    let slice = lane / quads;
    for (var j = params.first; j < params.end; j++) {
        for (var turn = 0u; turn < params.passes; turn++) {
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
