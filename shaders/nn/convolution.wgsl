// Convolution, batch innermost: activations [c, y, x, n/4] of vec4 (four images), weights packed so that the
// channels a thread makes lie side by side. One thread makes OUT_BLOCKS × 4 channels of one pixel for QUADS × 4
// images. See src/nn/convolution.rs.
const WORKGROUP: u32 = 64u;
const OUT_BLOCKS: u32 = 4u;
const QUADS: u32 = 1u;
const SUBGROUPS: u32 = 0u;
// A knob, not a parameter: integer division in the innermost loop is dear.
const DIVIDE: u32 = 1u;

struct Params {
    // Channels of one group; groups follow each other, one a workgroup in z.
    from_channels: u32,
    from_height: u32,
    from_width: u32,
    to_channels: u32,
    to_height: u32,
    to_width: u32,
    kernel: u32,
    // The source row of destination row t under tap k is (t · multiply + tap_step · k + shift) / DIVIDE, if whole.
    multiply: i32,
    tap_step: i32,
    shift: i32,
    quads: u32,
    to_padded: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;
// Of each group: [from, ky, kx, to/4], then one row [to/4] of biases.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;

/// result[t, y, x, n] = bias[t] + Σ_{c, ky, kx} weights[c, ky, kx, t] · source[c, (y·m + s·ky + h)/d, (x·m + s·kx + h)/d, n]; c and t of one group
@compute @workgroup_size(WORKGROUP)
fn gather(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
#if SUBGROUPS
    @builtin(subgroup_invocation_id) lane: u32,
#end
) {
    let groups_of_quads = params.quads / QUADS;
    let pixels = params.to_height * params.to_width;
    // Threads past the end repeat the last one's work, so that every lane of a subgroup stays alive; they write nothing.
    let place = min(id.x, groups_of_quads * pixels - 1u);
    let quad = place % groups_of_quads * QUADS;
    let pixel = place / groups_of_quads;
    let y = i32(pixel / params.to_width);
    let x = i32(pixel % params.to_width);
    let first_block = group.y * OUT_BLOCKS;
    let blocks = params.to_padded / 4u;
    let rows = params.from_channels * params.kernel * params.kernel;
    let group_weights = group.z * (rows + 1u) * blocks + first_block;
    let bias = group_weights + rows * blocks;
#for b in OUT_BLOCKS
    let bias_{b} = weights[bias + {b}u];
#for c in 4
#for q in QUADS
    var sum_{b}_{c}_{q} = vec4<f32>(bias_{b}[{c}u]);
#end
#end
#end
    let from_height = i32(params.from_height);
    let from_width = i32(params.from_width);
    for (var c = 0u; c < params.from_channels; c++) {
        let channel_rows = (group.z * params.from_channels + c) * params.from_height;
        for (var ky = 0u; ky < params.kernel; ky++) {
            let sy = y * params.multiply + params.tap_step * i32(ky) + params.shift;
            let from_y = sy / i32(DIVIDE);
            let row_in = sy >= 0 && from_y < from_height && from_y * i32(DIVIDE) == sy;
            let row = (channel_rows + u32(clamp(from_y, 0, from_height - 1))) * params.from_width;
            for (var kx = 0u; kx < params.kernel; kx++) {
                let sx = x * params.multiply + params.tap_step * i32(kx) + params.shift;
                let from_x = sx / i32(DIVIDE);
                let inside = row_in && sx >= 0 && from_x < from_width && from_x * i32(DIVIDE) == sx;
                let at = (row + u32(clamp(from_x, 0, from_width - 1))) * params.quads + quad;
#for q in QUADS
                let value_{q} = select(vec4<f32>(0.0), source[at + {q}u], inside);
#end
                let tap = group_weights + ((c * params.kernel + ky) * params.kernel + kx) * blocks;
#if SUBGROUPS
                // Each lane loads one block of weights, and all share them.
                let mine = weights[tap + min(lane, OUT_BLOCKS - 1u)];
#end
#for b in OUT_BLOCKS
#if SUBGROUPS
                let w_{b} = subgroupBroadcast(mine, {b}u);
#else
                let w_{b} = weights[tap + {b}u];
#end
#for c in 4
#for q in QUADS
                sum_{b}_{c}_{q} += w_{b}[{c}u] * value_{q};
#end
#end
#end
            }
        }
    }
    if id.x >= groups_of_quads * pixels { return; }
#for b in OUT_BLOCKS
#for c in 4
    if first_block * 4u + {b*4+c}u < params.to_channels {
        let to = ((group.z * params.to_channels + first_block * 4u + {b*4+c}u) * pixels + pixel) * params.quads + quad;
#for q in QUADS
        result[to + {q}u] = sum_{b}_{c}_{q};
#end
    }
#end
#end
}
