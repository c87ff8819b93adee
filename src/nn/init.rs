//! Initial weights.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Initialization of a parameter tensor. Its fan-in is `in·ky·kx`, its fan-out `out·ky·kx`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Normal with standard deviation √(2 / fan-in) (He et al. 2015, eq. 10).
    #[default]
    He,
    /// Normal with standard deviation √(2 / (fan-in + fan-out)) (Glorot and Bengio 2010, eq. 12).
    Xavier,
    /// Rows (or columns, where there are more rows) orthonormal, times √2 (Saxe et al. 2014).
    Orthogonal,
    /// ConvNetJS's: normal with standard deviation √(1 / fan-in).
    Convnetjs,
    /// All zero.
    Zero,
    /// All one.
    One,
    /// All a quarter.
    Quarter,
}

impl Init {
    /// The values of a tensor of `shape`: a function of `seed` and of the tensor's `index` in the network.
    pub(super) fn values(self, shape: &[usize], seed: u64, index: u64) -> Vec<f32> {
        self.rows(shape, shape[0], seed, index)
    }

    /// Root mean square of the values of a tensor of `shape`, in the mean over seeds.
    pub(crate) fn deviation(self, shape: &[usize]) -> f64 {
        let fan_in = shape[1..].iter().product::<usize>().max(1) as f64;
        let taps: usize = shape.get(2..).map_or(1, |taps| taps.iter().product());
        let (rows, fan_out) = (shape[0] as f64, (shape[0] * taps) as f64);
        match self {
            Self::He => (2.0 / fan_in).sqrt(),
            Self::Xavier => (2.0 / (fan_in + fan_out)).sqrt(),
            Self::Convnetjs => (1.0 / fan_in).sqrt(),
            // Each of the vectors along the shorter side has length √2.
            Self::Orthogonal => (2.0 / rows.max(fan_in)).sqrt(),
            Self::Zero => 0.0,
            Self::One => 1.0,
            Self::Quarter => 0.25,
        }
    }

    /// The values of this number of rows of a tensor of `shape`: a function of `seed` and of the `stream` of random numbers.
    pub(super) fn rows(self, shape: &[usize], rows: usize, seed: u64, stream: u64) -> Vec<f32> {
        let fan_in = shape[1..].iter().product::<usize>();
        let taps = shape.get(2..).map_or(1, |taps| taps.iter().product::<usize>());
        let fan_out = shape[0] * taps;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mut normals = |deviation: f64| -> Vec<f64> {
            (0..rows * fan_in).map(|_| deviation * normal(&mut rng)).collect()
        };
        let values = match self {
            Self::He => normals((2.0 / fan_in as f64).sqrt()),
            Self::Xavier => normals((2.0 / (fan_in + fan_out) as f64).sqrt()),
            Self::Convnetjs => normals((1.0 / fan_in as f64).sqrt()),
            Self::Orthogonal => orthogonal(normals(1.0), rows, fan_in),
            Self::Zero => vec![0.0; rows * fan_in],
            Self::One => vec![1.0; rows * fan_in],
            Self::Quarter => vec![0.25; rows * fan_in],
        };
        values.into_iter().map(|v| v as f32).collect()
    }
}

/// Rows × columns of random values made orthonormal along the shorter side by Gram and Schmidt, times √2.
fn orthogonal(random: Vec<f64>, rows: usize, columns: usize) -> Vec<f64> {
    let wide = rows <= columns;
    let (count, len) = if wide { (rows, columns) } else { (columns, rows) };
    let at = |vector: usize, i: usize| if wide { vector * columns + i } else { i * columns + vector };
    let mut values = random;
    for vector in 0..count {
        // Twice is enough (Giraud et al. 2005).
        for _ in 0..2 {
            for before in 0..vector {
                let overlap: f64 = (0..len).map(|i| values[at(vector, i)] * values[at(before, i)]).sum();
                (0..len).for_each(|i| values[at(vector, i)] -= overlap * values[at(before, i)]);
            }
            let norm = (0..len).map(|i| values[at(vector, i)].powi(2)).sum::<f64>().sqrt();
            (0..len).for_each(|i| values[at(vector, i)] /= norm);
        }
    }
    values.into_iter().map(|v| std::f64::consts::SQRT_2 * v).collect()
}

/// A standard normal value by Box and Muller (1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_large_as_they_are_said_to_be() {
        let all =
            [Init::He, Init::Xavier, Init::Convnetjs, Init::Orthogonal, Init::Zero, Init::One, Init::Quarter];
        for (init, shape) in all.into_iter().flat_map(|init| [(init, [40, 5, 3, 3]), (init, [20, 90, 1, 1])])
        {
            let values = init.values(&shape, 3, 0);
            let size =
                (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
            let said = init.deviation(&shape);
            assert!((size - said).abs() <= 0.06 * said, "{init:?} of {shape:?}: {size}, said {said}");
        }
    }

    fn values(shape: [usize; 4], init: Init, seed: u64, index: u64) -> Vec<f32> {
        init.values(&shape, seed, index)
    }

    #[test]
    fn the_spread_is_that_of_the_fans_and_the_seed_decides() {
        let shape = [64, 9, 5, 5];
        let (fan_in, fan_out) = (225.0, 1600.0);
        let spreads = [
            (Init::He, 2.0 / fan_in),
            (Init::Xavier, 2.0 / (fan_in + fan_out)),
            (Init::Convnetjs, 1.0 / fan_in),
        ];
        for (init, expected) in spreads {
            let values = values(shape, init, 1, 0);
            let count = values.len() as f32;
            let mean = values.iter().sum::<f32>() / count;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
            assert!(mean.abs() < 0.003, "{init:?}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{init:?}: variance {variance}");
        }
        let first = values(shape, Init::He, 1, 0);
        assert_eq!(first, values(shape, Init::He, 1, 0));
        assert_ne!(first, values(shape, Init::He, 2, 0));
        assert_ne!(first, values(shape, Init::He, 1, 1));
        assert!(values(shape, Init::Zero, 1, 0).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn orthogonal_rows_or_columns_are_orthonormal() {
        for [rows, columns] in [[5, 12], [12, 5], [7, 7]] {
            let w = values([rows, columns, 1, 1], Init::Orthogonal, 3, 2);
            let wide = rows <= columns;
            let (count, len) = if wide { (rows, columns) } else { (columns, rows) };
            let at = |vector: usize, i: usize| if wide { vector * columns + i } else { i * columns + vector };
            for a in 0..count {
                for b in 0..count {
                    let product: f32 = (0..len).map(|i| w[at(a, i)] * w[at(b, i)]).sum();
                    let expected = if a == b { 2.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-5, "{rows}×{columns}, {a} and {b}: {product}");
                }
            }
        }
    }
}
