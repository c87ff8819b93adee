// The sampler: draws the samples of a batch. See src/data/sampler.rs and src/data/permutation.rs.
const WORKGROUP: u32 = 64u;
// 1 where only a window of the images is on the GPU. See src/data/window.rs.
#constant STREAMS = 0

#import Clock
#import Sample
#import Sampling
#import SamplerParams

@group(0) @binding(0) var<uniform> params: SamplerParams;
@group(0) @binding(1) var<storage, read> clock: Clock;
@group(0) @binding(2) var<storage, read> sampling: Sampling;
// Image indices by position: training, validation, test.
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> labels: array<u32>;
@group(0) @binding(5) var<storage, read> probes: array<u32>;
@group(0) @binding(6) var<storage, read_write> samples: array<Sample>;

#import common/sampling

/// samples[n] = image permute(cursor + drawn + n) of the epoch's order, changed at random; then padding; then the probes
@compute @workgroup_size(WORKGROUP)
fn training(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.slots { return; }
    samples[id.x] = draw(id.x);
}

/// samples[n] = image order[eval_cursor + n], unchanged; then padding; then the probes
@compute @workgroup_size(WORKGROUP)
fn evaluation(@builtin(global_invocation_id) id: vec3<u32>) {
    let n = id.x;
    if n >= params.slots { return; }
    let position = clock.eval_cursor + n;
    if n >= params.train_slots {
        samples[n] = probe(n - params.train_slots);
    } else if n < params.micro_batch && position < clock.eval_end {
        samples[n] = sample(order[position], index_of(order[position], 1u, position), UNCHANGED, 1.0, 0u);
    } else {
        samples[n] = Sample(0u, 0u, UNCHANGED, 0.0, 0u);
    }
}
