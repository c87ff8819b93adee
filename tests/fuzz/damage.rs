//! Damage to files: case `i` of a file is a function of `i`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Damaged versions of each file; `REVACNN_FUZZ_CASES` sets another number.
const CASES: u64 = 1000;

pub(crate) fn cases() -> u64 {
    std::env::var("REVACNN_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

pub(crate) fn below(rng: &mut ChaCha8Rng, count: usize) -> usize {
    (rng.next_u64() % count.max(1) as u64) as usize
}

/// One of seven kinds of damage, or two.
pub(crate) fn damaged(whole: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..1 + below(rng, 2) {
        match below(rng, 7) {
            0 => {
                for _ in 0..1 + below(rng, 8) {
                    let at = below(rng, bytes.len());
                    flip(&mut bytes, at, rng);
                }
            }
            1 => bytes.truncate(below(rng, whole.len())),
            2 => bytes.extend((0..1 + below(rng, 5000)).map(|i| i as u8)),
            3 => {
                let len = below(rng, 300);
                bytes = vec![0; len];
                rng.fill_bytes(&mut bytes);
            }
            4 => {
                // A header gone wrong: the first bytes decide on sizes.
                let len = bytes.len().min(20);
                let at = below(rng, len);
                flip(&mut bytes, at, rng);
            }
            5 => {
                let len = bytes.len().min(16);
                rng.fill_bytes(&mut bytes[4.min(len)..len]);
            }
            _ => {
                let (from, to) = (below(rng, bytes.len()), below(rng, bytes.len()));
                bytes.drain(from.min(to)..from.max(to));
            }
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], at: usize, rng: &mut ChaCha8Rng) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << below(rng, 8);
    }
}
