//! A keyed permutation: the order in which an epoch draws its images, computed, not stored.
//!
//! A balanced Feistel network of four rounds over the smallest even-sized domain of bits that covers the count,
//! walked until the value falls below it (Black and Rogaway 2002, "cycle walking"). The shader `data/sampler.wgsl`
//! has the same function; a test makes the two meet.

/// Mixes 32 bits: xor-shift and multiply rounds, a bijection.
pub fn mix(value: u32) -> u32 {
    let mut x = value;
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// The key of an epoch's order.
pub(super) fn key(seed: [u32; 2], epoch: u32) -> u32 {
    mix(seed[0] ^ mix(seed[1] ^ mix(epoch)))
}

/// Half the bits of the domain that covers `count` values.
pub(super) fn half_bits(count: u32) -> u32 {
    (32 - count.saturating_sub(1).leading_zeros()).div_ceil(2).max(1)
}

/// Image of `index` under the permutation of `0..count`.
pub(super) fn permute(index: u32, count: u32, key: u32) -> u32 {
    let half = half_bits(count);
    let mask = (1_u32 << half) - 1;
    let mut x = index;
    loop {
        let (mut left, mut right) = (x >> half, x & mask);
        for round in 0..4_u32 {
            let next = left ^ (mix(right ^ key ^ round.wrapping_mul(0x9e37_79b9)) & mask);
            (left, right) = (right, next);
        }
        x = (left << half) | right;
        if x < count {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_is_taken_once() {
        for count in [1, 2, 3, 5, 64, 65, 1000, 4097] {
            let mut seen = vec![false; count as usize];
            for i in 0..count {
                seen[permute(i, count, 7) as usize] = true;
            }
            assert!(seen.iter().all(|s| *s), "{count} positions");
        }
    }

    #[test]
    fn another_epoch_has_another_order() {
        let order = |epoch| (0..1000).map(|i| permute(i, 1000, key([1, 2], epoch))).collect::<Vec<_>>();
        let same = order(0).iter().zip(order(1)).filter(|(a, b)| **a == *b).count();
        assert!(same < 10, "{same} of 1000 positions are the same");
    }
}
