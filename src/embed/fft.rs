//! Fourier transforms along the slow axis of a complex grid, in a few passes through memory (Stockham's form, as in Govindaraju et al.
//! 2008, "High performance discrete Fourier transforms on graphics processors").
//!
//! A grid is `[row, column]`, four columns side by side: four real parts, then four imaginary ones; rows are an odd number of quads
//! apart. A thread takes `radix` values of each of four columns, so that all that it loads is `vec4`; neighboring threads share the
//! twiddle factors of a pass. `X[k] = Σ_j x[j] exp(−2πi jk / n)`; the inverse swaps real and imaginary parts before and after.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, DispatchBuilder, Gates, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::grid::Grid;

const FFT: Source = wgsl!("embed/fft.wgsl", FftParams, Grid);

params! {
    struct FftParams {
        /// log2 of the length.
        level: u32,
        /// Quads of columns in a row; rows lie an odd number of quads apart, since powers of two would share cache lines.
        quads: u32,
        /// Product of the radices of the passes before this one.
        before: u32,
        /// 2π / (`before` · radix) in steps of the twiddle factors.
        step: u32,
        /// 1: the second half of the rows is zero and not read.
        zeros: u32,
        /// 1: the second half of the rows is not written.
        keeps: u32,
        /// 1: real and imaginary parts are swapped.
        inverse: u32,
    }
}

/// Input of the first pass of a transform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FftInput {
    /// A complex grid.
    Complex,
    /// A grid of integers, half as high: its left half as real parts and its right half as imaginary ones.
    Mesh,
    /// The kernel `q̃ = 1 / (1 + d²)`, computed.
    Kernel,
}

/// log2 of the radices of a transform of length `2^level`, at most `max_bits` each, as equal as possible.
pub(super) fn radix_bits(level: u32, max_bits: u32) -> Vec<u32> {
    let passes = level.div_ceil(max_bits);
    (0..passes).map(|pass| (level + pass) / passes).collect()
}

/// Transforms of one length.
pub(super) struct Fft<'a> {
    /// log2 of the length.
    pub level: u32,
    /// Geometry of the mesh.
    pub grid: &'a BufferRange,
    /// cos and sin of 2π t / (their number), a multiple of the length.
    pub twiddles: &'a Buffer<[f32; 2]>,
    /// log2 of the radices, in order.
    pub bits: Vec<u32>,
    /// Gates of the passes, by level, plus 256 for the passes that rebuild the kernel.
    pub gates: Option<&'a Gates>,
}

/// A transform of a grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformSpec {
    pub label: &'static str,
    /// Columns / 4.
    pub quads: u32,
    pub input: FftInput,
    /// Runs only when the kernel is rebuilt.
    pub rebuilds: bool,
    /// The second half of the rows is zero and is not read.
    pub zeros: bool,
    /// Only the first half of the rows is written.
    pub half: bool,
    pub inverse: bool,
}

impl TransformSpec {
    /// A forward transform of a complex grid.
    pub fn complex(label: &'static str, quads: u32) -> Self {
        let input = FftInput::Complex;
        Self { label, quads, input, rebuilds: false, zeros: false, half: false, inverse: false }
    }
}

/// Twiddle factors: cos and sin of 2π t / `longest`.
pub(super) fn twiddles(gpu: &Gpu, longest: usize) -> Buffer<[f32; 2]> {
    let factor = |t: usize| {
        let angle = std::f64::consts::TAU * t as f64 / longest as f64;
        [angle.cos() as f32, angle.sin() as f32]
    };
    Buffer::from_slice(gpu, "twiddles", &(0..longest).map(factor).collect::<Vec<_>>())
}

impl Fft<'_> {
    /// Threads in x, y, z.
    fn threads(&self, quads: u32, bits: u32) -> [u32; 3] {
        [quads, (1 << self.level) >> bits, 1]
    }

    /// A stage of one pass with the constant that selects its variant.
    fn stage<'g>(&self, gpu: &'g Gpu, bits: u32, variant: (&'static str, u32)) -> Stage<'g> {
        // The software adapter has rows of few quads.
        let workgroup = if gpu.tuning().large_tiles { 16 } else { 32 };
        Stage::new(gpu, &FFT, &[("WORKGROUP", workgroup), ("RADIX", 1 << bits), variant])
            .with("twiddles", self.twiddles.range())
    }

    /// Steps of the twiddle factors in one step of a pass.
    fn step(&self, before: u32, bits: u32) -> u32 {
        self.twiddles.len() as u32 / (before << bits)
    }

    /// The dispatch behind the gate of its level, if there are gates.
    fn gated<'b, 'g>(&'b self, dispatch: DispatchBuilder<'b, 'g>, rebuilds: bool) -> DispatchBuilder<'b, 'g> {
        match self.gates {
            Some(gates) => dispatch.gated(gates, self.level + 256 * u32::from(rebuilds)),
            None => dispatch,
        }
    }

    /// Records the passes of `range`. The first grid of `between` is the input, and they alternate; returns where the result lies.
    pub fn passes<'b>(
        &self,
        plan: &mut PlanBuilder<'_>,
        spec: TransformSpec,
        range: Range<usize>,
        mut between: [&'b BufferRange; 2],
    ) -> Result<[&'b BufferRange; 2]> {
        let mut order = self.bits.clone();
        if spec.inverse {
            order.reverse();
        }
        for pass in range {
            let bits = order[pass];
            let before = 1 << order[..pass].iter().sum::<u32>();
            let (first, last) = (pass == 0, pass + 1 == order.len());
            let input = if first { spec.input } else { FftInput::Complex };
            let params = FftParams {
                level: self.level,
                quads: spec.quads,
                before,
                step: self.step(before, bits),
                zeros: (spec.zeros && first).into(),
                keeps: (spec.half && last).into(),
                inverse: spec.inverse.into(),
            };
            let stage = self.stage(plan.gpu(), bits, ("INPUT", input as u32)).labelled(spec.label);
            let stage = match input {
                FftInput::Complex => {
                    stage.with("spectrum_in", between[0].clone()).with("spectrum_out", between[1].clone())
                }
                FftInput::Mesh => {
                    stage.with("mesh", between[1].clone()).with("spectrum_out", between[0].clone())
                }
                FftInput::Kernel => {
                    stage.with("grid", self.grid.clone()).with("spectrum_out", between[0].clone())
                }
            };
            let dispatch = self.gated(stage.begin(plan, "transform", &params)?, spec.rebuilds);
            dispatch.threads(self.threads(spec.quads, bits))?;
            if input == FftInput::Complex {
                between.swap(0, 1);
            }
        }
        Ok(between)
    }

    /// Records the last pass forward of `from`, the products with `influence`, and the first pass back of both fields.
    pub fn convolve(
        &self,
        plan: &mut PlanBuilder<'_>,
        quads: u32,
        from: &BufferRange,
        influence: &BufferRange,
        [to, second, parts]: [&BufferRange; 3],
    ) -> Result<()> {
        let bits = self.bits[self.bits.len() - 1];
        let before = (1 << self.level) >> bits;
        let step = self.step(before, bits);
        let params = FftParams { level: self.level, quads, before, step, ..Default::default() };
        let stage = self
            .stage(plan.gpu(), bits, ("FIELDS", 3))
            .labelled("mesh products")
            .with("spectrum_in", from.clone())
            .with("influence", influence.clone())
            .with("grid", self.grid.clone())
            .with("spectrum_out", to.clone())
            .with("second_out", second.clone())
            .with("parts", parts.clone());
        let dispatch = self.gated(stage.begin(plan, "transform", &params)?, false);
        dispatch.threads(self.threads(quads, bits))
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
            let twiddles = twiddles(&gpu, 2 * n);
            let fft = Fft {
                level,
                grid: &grid,
                twiddles: &twiddles,
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
                let spec = TransformSpec { zeros: half, half, inverse, ..TransformSpec::complex("test", columns as u32 / 4) };
                let mut plan = PlanBuilder::new(&gpu);
                let ranges = buffers.each_ref().map(Buffer::range);
                let [end, _] =
                    fft.passes(&mut plan, spec, 0..fft.bits.len(), [&ranges[0], &ranges[1]]).unwrap();
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
