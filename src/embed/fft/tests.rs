//! Transforms against their definition.

use super::*;
use crate::embed::testing::{error, open_gpu, run};
use crate::embed::twin;

/// A transform under test, of `columns` columns; `half`: its second half of rows is zero, and neither read nor written.
#[derive(Debug, Clone, Copy)]
struct Case {
    level: u32,
    /// Lowest and highest level of the dispatches.
    of: [u32; 2],
    passes: usize,
    columns: usize,
    inverse: bool,
    half: bool,
}

impl Case {
    fn length(self) -> usize {
        1 << self.level
    }

    /// Element of a complex number's real part; its imaginary part is four further on.
    fn index(self, row: usize, column: usize) -> usize {
        (row * ((self.columns / 4) | 1) + column / 4) * 8 + column % 4
    }

    fn value(self, row: usize, column: usize) -> [f64; 2] {
        let mix = |salt: usize| {
            ((row * 7919 + column * 104_729 + salt * 1_299_709) % 20_011) as f64 / 10_005.5 - 1.0
        };
        if self.half && row >= self.length() / 2 { [0.0; 2] } else { [mix(1), mix(2)] }
    }

    /// The grid, NaN in its padding and where it must not be read.
    fn grid(self) -> Vec<f32> {
        let read = if self.half { self.length() / 2 } else { self.length() };
        let mut grid = vec![f32::NAN; self.index(self.length(), 0)];
        for (row, column) in (0..read).flat_map(|row| (0..self.columns).map(move |column| (row, column))) {
            let at = self.index(row, column);
            [grid[at], grid[at + 4]] = self.value(row, column).map(|v| v as f32);
        }
        grid
    }

    fn transformed(self, gpu: &Gpu) -> Vec<f32> {
        let grid = Buffer::from_slice(gpu, "grid", &[Grid { level: self.level, ..Grid::default() }]).range();
        let twiddles = twiddles(gpu, 2 * self.length());
        let levels = self.of[0]..=self.of[1];
        let when = When::Is(self.level);
        let fft = Fft { levels, passes: self.passes, grid: &grid, twiddles: &twiddles, when };
        let given = self.grid();
        let buffers = [given.clone(), vec![f32::NAN; given.len()]]
            .map(|values| Buffer::<f32>::from_slice(gpu, "grid", &values).range());
        let complex = TransformSpec::complex("test", Quads::Always(self.columns as u32 / 4));
        let spec = TransformSpec { zeros: self.half, half: self.half, inverse: self.inverse, ..complex };
        let mut end = None;
        run(gpu, |plan| {
            let [[made, _]] = fft.passes(plan, spec, 0..fft.passes, [[&buffers[0], &buffers[1]]])?;
            end = Some(made.clone());
            Ok(())
        });
        Buffer::<f32>::of_range(&end.unwrap()).read(gpu)
    }

    fn check(self, gpu: &Gpu) {
        let found = self.transformed(gpu);
        let rows = if self.half { self.length() / 2 } else { self.length() };
        for column in [0, self.columns - 1] {
            let given: Vec<[f64; 2]> = (0..self.length()).map(|row| self.value(row, column)).collect();
            let sign = if self.inverse { 1.0 } else { -1.0 };
            let found: Vec<f64> = (0..rows)
                .flat_map(|row| [0, 4].map(|part| f64::from(found[self.index(row, column) + part])))
                .collect();
            let expected = |sign: f64| twin::fft::transform(&given, sign)[..rows].as_flattened().to_vec();
            assert!(error(&found, &expected(sign)) < 1e-6, "{self:?}: {}", error(&found, &expected(sign)));
            assert!(error(&found, &expected(-sign)) > 0.1, "{self:?}: the control");
        }
    }
}

#[test]
fn transforms_are_those_of_the_definition() {
    let gpu = open_gpu();
    for (level, passes, columns) in [(8, 2, 8), (9, 2, 68), (10, 2, 4), (11, 3, 4), (8, 3, 12), (4, 2, 4)] {
        all_ways(&gpu, level, [level, level], passes, columns);
    }
}

#[test]
fn transforms_of_many_lengths_by_the_same_dispatches_are_those_of_the_definition() {
    let gpu = open_gpu();
    for (level, of, passes, columns) in [
        (9, [9, 12], 4, 68),
        (10, [9, 12], 4, 4),
        (11, [9, 12], 4, 8),
        (12, [9, 12], 4, 4),
        (8, [8, 9], 3, 12),
        (9, [8, 9], 3, 4),
    ] {
        all_ways(&gpu, level, of, passes, columns);
    }
}

fn all_ways(gpu: &Gpu, level: u32, of: [u32; 2], passes: usize, columns: usize) {
    for (inverse, half) in [(false, false), (true, false), (false, true), (true, true)] {
        Case { level, of, passes, columns, inverse, half }.check(gpu);
    }
}

#[test]
fn radices_multiply_to_the_length() {
    assert_eq!(radix_bits(10, 2), [5, 5]);
    assert_eq!(radix_bits(9, 2), [4, 5]);
    assert_eq!(radix_bits(11, 3), [3, 4, 4]);
    assert_eq!(radix_bits(10, 4), [2, 2, 3, 3]);
    for (level, passes) in [(8, 3), (12, 3), (12, 4), (9, 5)] {
        let bits = radix_bits(level, passes);
        let most = level.div_ceil(passes as u32);
        assert!(
            bits.iter().sum::<u32>() == level && bits.iter().all(|b| (most - 1..=most).contains(b)),
            "{bits:?}"
        );
    }
}
