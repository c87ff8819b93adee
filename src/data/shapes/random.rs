//! Random numbers for the shapes, from one ChaCha8 stream per image.
//!
//! Only additions, products, quotients and square roots are used, all of them correctly rounded by
//! IEEE 754, so the same seed gives the same bytes on every machine (a sine would not).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers of one image.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream `stream` of the generator that `seed` keys.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in `0..1`, with 24 bits.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in `low..high`.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform among `0..count` (the bias of at most `count / 2^24` is of no matter here).
    pub(super) fn below(&mut self, count: u32) -> u32 {
        (self.unit() * count as f32) as u32
    }

    /// A direction, uniform on the unit circle: a point of the disc, accepted by rejection, scaled.
    pub(super) fn direction(&mut self) -> [f32; 2] {
        loop {
            let (x, y) = (self.range(-1.0, 1.0), self.range(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 0.01 && square <= 1.0 {
                let length = square.sqrt();
                return [x / length, y / length];
            }
        }
    }

    /// A color, uniform in the RGB cube (0..1 per channel).
    pub(super) fn color(&mut self) -> [f32; 3] {
        [self.unit(), self.unit(), self.unit()]
    }

    /// Noise for three channels of `N` pixels: triangular in -1..1, standard deviation 0.41 (the difference of two uniform bytes each, of
    /// eight that are drawn for each pixel).
    pub(super) fn noise<const N: usize>(&mut self) -> [[f32; N]; 3] {
        let mut drawn = [[0; 8]; N];
        self.0.fill_bytes(drawn.as_flattened_mut());
        let mut noise = [[0.0; N]; 3];
        for (pixel, b) in drawn.iter().enumerate() {
            for (channel, noise) in noise.iter_mut().enumerate() {
                noise[pixel] = f32::from(i16::from(b[2 * channel]) - i16::from(b[2 * channel + 1])) / 255.0;
            }
        }
        noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_length_one_and_no_preferred_side() {
        let mut random = Random::new(1, 2);
        let mut sum = [0.0; 2];
        for _ in 0..4000 {
            let [x, y] = random.direction();
            assert!((x * x + y * y - 1.0).abs() < 1e-5);
            sum = [sum[0] + x, sum[1] + y];
        }
        assert!(sum[0].abs() < 200.0 && sum[1].abs() < 200.0, "{sum:?}");
    }

    #[test]
    fn draws_stay_in_their_ranges_and_noise_is_centered() {
        let mut random = Random::new(3, 0);
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..4000 {
            assert!((0.0..1.0).contains(&random.unit()));
            assert!((2.0..3.0).contains(&random.range(2.0, 3.0)));
            assert!(random.below(7) < 7);
            for v in random.noise::<1>().as_flattened() {
                sum += v;
                squares += v * v;
            }
        }
        let (mean, deviation) = (sum / 12_000.0, (squares / 12_000.0f32).sqrt());
        assert!(mean.abs() < 0.02 && (deviation - 0.41).abs() < 0.02, "{mean} {deviation}");
    }

    #[test]
    fn seeds_and_streams_differ() {
        let first = |seed, stream| Random::new(seed, stream).0.next_u64();
        assert_eq!(first(5, 6), first(5, 6));
        assert_ne!(first(5, 6), first(5, 7));
        assert_ne!(first(5, 6), first(4, 6));
    }
}
