// Layers of which a unit fired. See src/nn/features/fired.rs.
const WORKGROUP: u32 = 64u;

#import Sample

// quads: vectors of four samples; row_quads: those of all slots; train_quads: those before the probes; layer: index of its mark.
#import FiredParams

@group(0) @binding(0) var<uniform> params: FiredParams;
@group(0) @binding(1) var<storage, read> samples: array<Sample>;
@group(0) @binding(2) var<storage, read> activations: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> fired: array<u32>;

/// fired[layer] = 1 if any activation of an image is above 0; every thread that writes, writes the same
@compute @workgroup_size(WORKGROUP)
fn mark_fired(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let threads = groups.x * groups.y * WORKGROUP;
    for (var i = id.x + id.y * groups.x * WORKGROUP; i < params.quads; i += threads) {
        let quad = i % params.row_quads;
        let above = activations[i] > vec4<f32>(0.0);
        if quad >= params.train_quads || !any(above) { continue; }
        let n = quad * 4u;
        let scales = vec4<f32>(samples[n].scale, samples[n + 1u].scale, samples[n + 2u].scale, samples[n + 3u].scale);
        if any(above & (scales > vec4<f32>(0.0))) {
            fired[params.layer] = 1u;
            return;
        }
    }
}
