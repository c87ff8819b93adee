//! Initial weights.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// He initialisation (He et al. 2015, eq. 10): normal with standard deviation √(2 / fan_in), for `shape` `[out, in, ky, kx]`.
/// The values are a function of `seed` and of the tensor's place `index` in the network.
pub(super) fn he_normal(shape: [usize; 4], seed: u64, index: u64) -> Vec<f32> {
    let fan_in = shape[1..].iter().product::<usize>();
    let deviation = (2.0 / fan_in as f64).sqrt();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    (0..shape.iter().product::<usize>()).map(|_| (deviation * normal(&mut rng)) as f32).collect()
}

/// A standard normal value by Box and Muller (1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::he_normal;

    #[test]
    fn the_spread_is_that_of_the_fan_in_and_the_seed_decides() {
        let values = he_normal([64, 9, 5, 5], 1, 0);
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
        assert!(mean.abs() < 0.003, "mean {mean}");
        assert!((variance * 225.0 / 2.0 - 1.0).abs() < 0.05, "variance {variance}");
        assert_eq!(values, he_normal([64, 9, 5, 5], 1, 0));
        assert_ne!(values, he_normal([64, 9, 5, 5], 2, 0));
        assert_ne!(values, he_normal([64, 9, 5, 5], 1, 1));
    }
}
