// Dropout, batch innermost; forward and backward alike. See src/nn/layers/dropout.rs.
const WORKGROUP: u32 = 64u;

#import Clock
#import Sampling
#import DropoutParams

@group(0) @binding(0) var<uniform> params: DropoutParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
@group(0) @binding(2) var<storage, read> sampling: Sampling;
@group(0) @binding(3) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> result: array<vec4<f32>>;

#import common/hash

/// result[e, n] = source[e, n] · (0 where the bits of (seed, step, layer, n, e) fall below the threshold, else 1 / (1 − rate))
@compute @workgroup_size(WORKGROUP)
fn dropout(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.x + id.y * groups.x * WORKGROUP;
    if i >= params.count { return; }
    let quad = i % params.quads;
    let value = source[i];
    if quad >= params.train_quads { result[i] = value; return; }
    let seed = mix_bits_4(vec4<u32>(sampling.seed_high + params.layer + 2u));
    let step = mix_bits_4(vec4<u32>(clock.step) ^ mix_bits_4(vec4<u32>(sampling.seed_low) ^ seed));
    let image = mix_bits_4((vec4<u32>(clock.drawn + quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u)) ^ step);
    let element = mix_bits_4(vec4<u32>((i / params.quads) ^ 0x9e3779b9u));
    let bits = mix_bits_4(image ^ element) >> vec4<u32>(8u);
    result[i] = select(value * params.scale, vec4<f32>(0.0), bits < vec4<u32>(params.threshold));
}
