//! Fourier transforms along the slow axis of a grid of complex numbers, in a few passes through memory (Stockham's form, as in
//! Govindaraju et al. 2008, "High performance discrete Fourier transforms on graphics processors").
//!
//! A grid is `[row, column]`, four columns side by side: four real parts, then four imaginary ones; rows are an odd number of fours
//! apart. A thread takes `radix` values of
//! each of four columns, so that all that it loads is `vec4`; the turns of a pass are the same for neighbouring threads.
//! `X[k] = Σ_j x[j] exp(−2πi jk / n)`; backward is the same with real and imaginary parts changed before and after.

use super::grid::Grid;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gates, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const FFT: Source = wgsl!("embed/fft.wgsl", FftParams, Grid);

params! {
    struct FftParams {
        /// log2 of the length.
        level: u32,
        /// Four columns each, of a row of the grid; rows lie an odd number of them apart, since powers of two would share cache lines.
        quads: u32,
        /// Product of the radices of the passes before this one, and 2π / (its product with RADIX) in steps of `turns`.
        before: u32, step: u32,
        /// 1: the second half of the rows is zero, and not read; it is not kept, and not written; real and imaginary parts change places.
        zeros: u32, keeps: u32, inverse: u32,
    }
}

/// What the first pass of a transform reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// A complex grid.
    Grid,
    /// A grid of whole numbers, half as high: its left half as real parts and its right half as imaginary ones.
    Mesh,
    /// The kernel `q̃ = 1 / (1 + d²)`, computed.
    Kernel,
}

/// The radices of a transform of length `2^level`, of `most` bits at most each, as equal as they can be.
pub(super) fn radix_bits(level: u32, most: u32) -> Vec<u32> {
    let passes = level.div_ceil(most);
    (0..passes).map(|pass| (level + pass) / passes).collect()
}

/// Transforms of one length.
pub(super) struct Fft<'a> {
    pub gpu: &'a Gpu,
    /// log2 of the length.
    pub level: u32,
    /// The mesh's state.
    pub grid: &'a BufferRange,
    /// cos and sin of 2π t / (their number), a multiple of the length.
    pub turns: &'a Buffer<[f32; 2]>,
    /// log2 of the radices, in order.
    pub bits: Vec<u32>,
    /// The gates behind which the passes run, known by their level and 256 where they belong to the kernels' making.
    pub gates: Option<&'a Gates>,
}

/// One transform of a grid: of how many columns, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub label: &'static str,
    /// Columns / 4.
    pub quads: u32,
    pub reads: Reads,
    /// Runs only when the kernels are rebuilt.
    pub rebuilds: bool,
    /// The second half of the rows is zero, and is not read.
    pub zeros: bool,
    /// Only the first half of the rows is wanted.
    pub half: bool,
    pub inverse: bool,
}

impl Of {
    pub fn grid(label: &'static str, quads: u32) -> Self {
        Self { label, quads, reads: Reads::Grid, rebuilds: false, zeros: false, half: false, inverse: false }
    }
}

/// cos and sin of all turns of `longest` steps.
pub(super) fn turns(gpu: &Gpu, longest: usize) -> Buffer<[f32; 2]> {
    let turn = |t: usize| {
        let angle = std::f64::consts::TAU * t as f64 / longest as f64;
        [angle.cos() as f32, angle.sin() as f32]
    };
    Buffer::from_slice(gpu, "turns", &(0..longest).map(turn).collect::<Vec<_>>())
}

impl<'a> Fft<'a> {
    /// The radices in the order in which they are taken.
    fn order(&self, inverse: bool) -> Vec<u32> {
        let mut bits = self.bits.clone();
        if inverse {
            bits.reverse();
        }
        bits
    }

    fn threads(&self, of_quads: u32, bits: u32) -> [u32; 3] {
        [of_quads, (1 << self.level) >> bits, 1]
    }

    /// Threads of a workgroup: the software adapter has rows of few quads.
    fn knobs(&self, bits: u32) -> [(&'static str, u32); 2] {
        [("WORKGROUP", if self.gpu.tuning().large_tiles { 16 } else { 32 }), ("RADIX", 1 << bits)]
    }

    /// Steps of the turns that belong to one step of a pass.
    fn step(&self, before: u32, bits: u32) -> u32 {
        self.turns.len() as u32 / (before << bits)
    }

    /// Adds the passes of `range`. The grid is read from the first of `between` and goes to and fro; where it ends is returned.
    pub fn passes<'b>(
        &self,
        plan: &mut PlanBuilder<'_>,
        of: Of,
        range: std::ops::Range<usize>,
        mut between: [&'b BufferRange; 2],
    ) -> Result<[&'b BufferRange; 2]> {
        let order = self.order(of.inverse);
        for pass in range {
            let bits = order[pass];
            let before = 1 << order[..pass].iter().sum::<u32>();
            let (first, last) = (pass == 0, pass + 1 == order.len());
            let reads = if first { of.reads } else { Reads::Grid };
            let [workgroup, radix] = self.knobs(bits);
            let knobs = [workgroup, radix, ("READS", reads as u32)];
            let kernel = self.gpu.kernel(&FFT, "transform", &knobs)?;
            let params = FftParams {
                level: self.level,
                quads: of.quads,
                before,
                step: self.step(before, bits),
                zeros: (of.zeros && first).into(),
                keeps: (of.half && last).into(),
                inverse: of.inverse.into(),
            };
            let mut dispatch = plan
                .dispatch(of.label, &kernel)
                .bind("turns", self.turns.range())
                .bind("to_grid", between[usize::from(reads == Reads::Grid)].clone());
            dispatch = match reads {
                Reads::Grid => dispatch.bind("from_grid", between[0].clone()),
                Reads::Mesh => dispatch.bind("mesh", between[1].clone()),
                Reads::Kernel => dispatch.bind("grid", self.grid.clone()),
            };
            if let Some(gates) = self.gates {
                dispatch = dispatch.gated(gates, self.level + 256 * u32::from(of.rebuilds));
            }
            dispatch.params(&params).threads(self.threads(of.quads, bits))?;
            if reads == Reads::Grid {
                between.swap(0, 1);
            }
        }
        Ok(between)
    }

    /// Adds the last pass forward of `from`, the products, and the first pass back of both.
    pub fn convolve(
        &self,
        plan: &mut PlanBuilder<'_>,
        quads: u32,
        from: &BufferRange,
        influence: &BufferRange,
        [to, other, parts]: [&BufferRange; 3],
    ) -> Result<()> {
        let bits = self.last_bits();
        let [workgroup, radix] = self.knobs(bits);
        let before = (1 << self.level) >> bits;
        let kernel = self.gpu.kernel(&FFT, "transform", &[workgroup, radix, ("FIELDS", 3)])?;
        let params = FftParams {
            level: self.level,
            quads,
            before,
            step: self.step(before, bits),
            ..Default::default()
        };
        let mut dispatch = plan
            .dispatch("mesh products", &kernel)
            .bind("turns", self.turns.range())
            .bind("from_grid", from.clone())
            .bind("influence", influence.clone())
            .bind("grid", self.grid.clone())
            .bind("to_grid", to.clone())
            .bind("to_other", other.clone())
            .bind("parts", parts.clone());
        if let Some(gates) = self.gates {
            dispatch = dispatch.gated(gates, self.level);
        }
        dispatch.params(&params).threads(self.threads(quads, bits))
    }

    /// Bits of the last radix, whose pass is made with the products.
    pub fn last_bits(&self) -> u32 {
        self.bits[self.bits.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::AdapterChoice;

    /// A complex grid `[row][column]` in the order of the shaders.
    fn packed(rows: usize, columns: usize, value: impl Fn(usize, usize) -> [f64; 2]) -> Vec<f32> {
        let pitch = (columns / 4) | 1;
        let mut grid = vec![0.0; rows * pitch * 8];
        for row in 0..rows {
            for column in 0..columns {
                let at = (row * pitch + column / 4) * 8 + column % 4;
                let [re, im] = value(row, column);
                (grid[at], grid[at + 4]) = (re as f32, im as f32);
            }
        }
        grid
    }

    /// The transform of a column by its definition.
    fn transformed(column: &[[f64; 2]], sign: f64) -> Vec<[f64; 2]> {
        let n = column.len();
        let at = |k: usize| {
            let turn = |j: usize| sign * std::f64::consts::TAU * ((j * k) % n) as f64 / n as f64;
            column.iter().enumerate().fold([0.0, 0.0], |sum, (j, [re, im])| {
                let (s, c) = turn(j).sin_cos();
                [sum[0] + re * c - im * s, sum[1] + re * s + im * c]
            })
        };
        (0..n).map(at).collect()
    }

    fn noise(row: usize, column: usize) -> [f64; 2] {
        let mix = |salt: usize| {
            ((row * 7919 + column * 104_729 + salt * 1_299_709) % 20_011) as f64 / 10_005.5 - 1.0
        };
        [mix(1), mix(2)]
    }

    #[test]
    fn transforms_are_those_of_the_definition() {
        let gpu = Gpu::open(&AdapterChoice::Best).unwrap();
        for (level, most, columns) in
            [(8, 5, 8), (9, 5, 68), (10, 5, 4), (11, 5, 4), (8, 3, 12), (10, 3, 4), (4, 3, 4)]
        {
            let n = 1_usize << level;
            let grid = Buffer::from_slice(&gpu, "grid", &[Grid { level, ..Grid::default() }]).range();
            let turns = turns(&gpu, 2 * n);
            let fft = Fft {
                gpu: &gpu,
                level,
                grid: &grid,
                turns: &turns,
                bits: radix_bits(level, most),
                gates: None,
            };
            for (inverse, half) in [(false, false), (true, false), (false, true), (true, true)] {
                let value = |row: usize, column: usize| {
                    if half && row >= n / 2 { [0.0; 2] } else { noise(row, column) }
                };
                let buffers = [(); 2].map(|()| {
                    Buffer::<f32>::from_slice(&gpu, "grid", &vec![f32::NAN; n * ((columns / 4) | 1) * 8])
                });
                let mut given = packed(n, columns, value);
                if half {
                    given[n * ((columns / 4) | 1) * 4..].fill(f32::NAN);
                }
                buffers[0].write(&gpu, 0, &given);
                let of = Of { zeros: half, half, inverse, ..Of::grid("test", columns as u32 / 4) };
                let mut plan = PlanBuilder::new(&gpu);
                let ranges = buffers.each_ref().map(Buffer::range);
                let [end, _] =
                    fft.passes(&mut plan, of, 0..fft.bits.len(), [&ranges[0], &ranges[1]]).unwrap();
                let mut encoder = gpu.encoder("test");
                plan.finish().encode(&mut encoder);
                gpu.submit(encoder);
                let found = Buffer::<f32>::of_range(end).read(&gpu);
                for column in [0, columns - 1] {
                    let of_column: Vec<[f64; 2]> = (0..n).map(|row| value(row, column)).collect();
                    let sign = if inverse { 1.0 } else { -1.0 };
                    let expected = transformed(&of_column, sign);
                    let wrong = transformed(&of_column, -sign);
                    let rows = if half { n / 2 } else { n };
                    let root = |squares: &mut dyn Iterator<Item = f64>| squares.sum::<f64>().sqrt();
                    let norm = root(&mut expected[..rows].iter().map(|[re, im]| re * re + im * im));
                    let error = |expected: &[[f64; 2]]| {
                        let square = |row: usize| {
                            let at = (row * ((columns / 4) | 1) + column / 4) * 8 + column % 4;
                            let [re, im] = expected[row];
                            (f64::from(found[at]) - re).powi(2) + (f64::from(found[at + 4]) - im).powi(2)
                        };
                        root(&mut (0..rows).map(square)) / norm
                    };
                    let case = format!(
                        "level {level}, {most} bits, column {column}, inverse {inverse}, half {half}"
                    );
                    assert!(error(&expected) < 1e-6, "{case}: {}", error(&expected));
                    assert!(error(&wrong) > 0.1, "{case}: the control");
                }
            }
        }
        assert!(gpu.take_errors().is_empty());
    }

    #[test]
    fn radices_multiply_to_the_length() {
        assert_eq!(radix_bits(10, 5), [5, 5]);
        assert_eq!(radix_bits(9, 5), [4, 5]);
        assert_eq!(radix_bits(11, 5), [3, 4, 4]);
        assert_eq!(radix_bits(10, 3), [2, 2, 3, 3]);
        for (level, most) in [(8, 3), (12, 5), (12, 3), (9, 2)] {
            let bits = radix_bits(level, most);
            assert!(
                bits.iter().sum::<u32>() == level && bits.iter().all(|b| (1..=most).contains(b)),
                "{bits:?}"
            );
        }
    }
}
