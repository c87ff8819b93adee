//! Texts that are damaged for tests.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// A JSON text with some characters changed, put in or taken out.
pub(in crate::nn) fn damaged_json(text: &[u8], rng: &mut ChaCha8Rng) -> String {
    let mut damaged = text.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..damaged.len());
        match rng.random_range(0..3) {
            0 => damaged[at] = b"0123456789.-e{}[]\",:"[rng.random_range(0..20)],
            1 => drop(damaged.drain(at..(at + rng.random_range(1..30)).min(damaged.len()))),
            _ => damaged.insert(at, b'9'),
        }
    }
    String::from_utf8_lossy(&damaged).into_owned()
}
