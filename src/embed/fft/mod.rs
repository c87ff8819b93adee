//! Fourier transforms along the slow axis of a complex grid, in a few passes through memory (Stockham's form, as in Govindaraju et al.
//! 2008, "High performance discrete Fourier transforms on graphics processors").
//!
//! A grid is `[row, column]`, four columns side by side: four real parts, then four imaginary ones; rows are an odd number of quads
//! apart. A thread takes `radix` values of each of four columns, so that all that it loads is `vec4`; neighboring threads share the
//! twiddle factors of a pass. `X[k] = Σ_j x[j] exp(−2πi jk / n)`; the inverse swaps real and imaginary parts before and after.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{
    Buffer, BufferRange, ConditionalDispatches, DispatchBuilder, Gpu, PlanBuilder, Source, Stage,
};
use crate::{params, wgsl};

use super::grid::Grid;

#[cfg(test)]
mod tests;

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
    /// Conditional dispatches of the passes, by level, plus 256 for the passes that rebuild the kernel.
    pub conditions: Option<&'a ConditionalDispatches>,
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
    pub(super) fn complex(label: &'static str, quads: u32) -> Self {
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
        let workgroup = if gpu.profile().large_tiles { 16 } else { 32 };
        Stage::new(gpu, &FFT, &[("WORKGROUP", workgroup), ("RADIX", 1 << bits), variant])
            .with("twiddles", self.twiddles.range())
    }

    /// Steps of the twiddle factors in one step of a pass.
    fn step(&self, before: u32, bits: u32) -> u32 {
        self.twiddles.len() as u32 / (before << bits)
    }

    /// The dispatch under the condition of its level, if there are conditions.
    fn conditional<'b, 'g>(
        &'b self,
        dispatch: DispatchBuilder<'b, 'g>,
        rebuilds: bool,
    ) -> DispatchBuilder<'b, 'g> {
        match self.conditions {
            Some(conditions) => dispatch.conditional(conditions, self.level + 256 * u32::from(rebuilds)),
            None => dispatch,
        }
    }

    /// Records the passes of `range`. The first grid of `between` is the input, and they alternate; returns where the result lies.
    pub(super) fn passes<'b>(
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
            let dispatch = self.conditional(stage.begin(plan, "transform", &params)?, spec.rebuilds);
            dispatch.threads(self.threads(spec.quads, bits))?;
            if input == FftInput::Complex {
                between.swap(0, 1);
            }
        }
        Ok(between)
    }

    /// Records the last pass forward of `from`, the products with `influence`, and the first pass back of both fields.
    pub(super) fn convolve(
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
        let dispatch = self.conditional(stage.begin(plan, "transform", &params)?, false);
        dispatch.threads(self.threads(quads, bits))
    }
}
