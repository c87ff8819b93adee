// Repulsion by all other points, pair by pair. See src/embed/repulsion.rs.
const WORKGROUP: u32 = 64u;
// Points of one thread: each pair of others that is loaded serves them all.
#constant POINTS = 4

#import RepulsionParams

@group(0) @binding(0) var<uniform> params: RepulsionParams;
// Two points each.
@group(0) @binding(1) var<storage, read> positions: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> repulsion: array<vec4<f32>>;

/// repulsion[i] = (Σ_j q̃_ij² (y_i − y_j), Σ_{j≠i} q̃_ij, 0), q̃ = 1 / (1 + |y_i − y_j|²)
@compute @workgroup_size(WORKGROUP)
fn repel(@builtin(global_invocation_id) id: vec3<u32>) {
    let first = id.x * POINTS / 2u;
    if first >= params.pairs { return; }
#for p in POINTS / 2
    let two_{p} = positions[first + {p}u];
    let own_{2 * p} = two_{p}.xyxy;
    let own_{2 * p + 1} = two_{p}.zwzw;
#end
#for p in POINTS
    var force_{p} = vec4<f32>(0.0);
    var sum_{p} = vec2<f32>(0.0);
#end
    for (var j = 0u; j < params.pairs + (id.x >> 31u); j++) {
        let others = positions[j];
#for p in POINTS
        let apart_{p} = own_{p} - others;
        let square_{p} = apart_{p} * apart_{p};
        let near_{p} = vec2<f32>(1.0) / (vec2<f32>(1.0) + square_{p}.xz + square_{p}.yw);
        sum_{p} += near_{p};
        force_{p} += (near_{p} * near_{p}).xxyy * apart_{p};
#end
    }
#for p in POINTS
    repulsion[id.x * POINTS + {p}u] = vec4<f32>(force_{p}.xy + force_{p}.zw, sum_{p}.x + sum_{p}.y - 1.0, 0.0);
#end
}
