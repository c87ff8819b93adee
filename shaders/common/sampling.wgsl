// The samples of a batch. The importing file declares the constant STREAMS, the struct `params` with the fields of SamplerParams, and
// binds clock, sampling, order, labels and probes. See src/data/sampler.rs and src/data/permutation.rs.

const UNCHANGED: u32 = 0x808000u;

#import common/hash

fn permute(index: u32, count: u32, key: u32) -> u32 {
    let half = max((32u - countLeadingZeros(count - 1u) + 1u) / 2u, 1u);
    let mask = (1u << half) - 1u;
    var x = index;
    loop {
        var left = x >> half;
        var right = x & mask;
        for (var round = 0u; round < 4u; round++) {
            let next = left ^ (mix_bits(right ^ key ^ (round * 0x9e3779b9u)) & mask);
            left = right;
            right = next;
        }
        x = (left << half) | right;
        if x < count { break; }
    }
    return x;
}

/// Index of an image in the image buffers: its own, or its slot in a ring of the window.
fn index_of(image: u32, ring: u32, turn: u32) -> u32 {
#if STREAMS
    return ring * params.ring_slots + turn % params.ring_slots;
#else
    return image;
#end
}

fn sample(image: u32, index: u32, change: u32, scale: f32, random: u32) -> Sample {
    let label = (labels[image / 4u] >> (8u * (image % 4u))) & 255u;
    return Sample(index, label, change, scale, random);
}

fn probe(index: u32) -> Sample {
    return sample(probes[index], index_of(probes[index], 2u, index), UNCHANGED, 1.0, 0u);
}

fn random_of(i: u32) -> u32 {
    return mix_bits(i ^ mix_bits(clock.step ^ mix_bits(sampling.seed_low ^ mix_bits(sampling.seed_high + 1u))));
}

fn random_change(random: u32) -> u32 {
    let steps = 2u * sampling.shift + 1u;
    let dx = 128u - sampling.shift + ((random >> 8u) & 4095u) * steps / 4096u;
    let dy = 128u - sampling.shift + (random >> 20u) * steps / 4096u;
    return (random & sampling.flip & 1u) | (dx << 8u) | (dy << 16u);
}

/// Slot n of a training pass: image permute(cursor + drawn + n) of the epoch's order, changed at random; or padding; or a probe
fn draw(n: u32) -> Sample {
    if n >= params.train_slots { return probe(n - params.train_slots); }
    let i = clock.drawn + n;
    if n >= params.micro_batch || i >= params.batch { return Sample(0u, 0u, UNCHANGED, 0.0, 0u); }
    var position = clock.cursor + i;
    var epoch = clock.epoch;
    if position >= params.train_images { position -= params.train_images; epoch++; }
    let key = mix_bits(sampling.seed_low ^ mix_bits(sampling.seed_high ^ mix_bits(epoch)));
    let image = order[permute(position, params.train_images, key)];
    let random = random_of(i);
    let slot = index_of(image, 0u, clock.epoch * params.train_images + clock.cursor + i);
    return sample(image, slot, random_change(random), 1.0 / f32(params.batch), mix_bits(random ^ 0x2545f491u));
}
