// Sums over weights. See src/nn/weight_sums.rs.
const WORKGROUP: u32 = 64u;

#import WeightChunk
#import WeightSumsParams

@group(0) @binding(0) var<uniform> params: WeightSumsParams;
@group(0) @binding(1) var<storage, read> chunks: array<WeightChunk>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
// Of each chunk: Σ w², Σ |w|.
@group(0) @binding(3) var<storage, read_write> sums: array<vec2<f32>>;

alias Summand = vec2<f32>;
const TOTAL_LANES = WORKGROUP;
#import common/total

/// sums[chunk] = (Σ w², Σ |w|), by a fixed tree
@compute @workgroup_size(WORKGROUP)
fn weight_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let index = group.x + group.y * groups.x;
    if index >= params.chunks { return; }
    let chunk = chunks[index];
    var share = vec2<f32>(0.0);
    for (var i = lane; i < chunk.count; i += WORKGROUP) {
        let w = values[chunk.first + i];
        share += vec2<f32>(w * w, abs(w));
    }
    let all = total(lane, share);
    if lane == 0u { sums[index] = all; }
}
