//! Fourier transforms along the slow axis of a complex grid, in a few passes through memory (Stockham's form, as in Govindaraju et al.
//! 2008, "High performance discrete Fourier transforms on graphics processors").
//!
//! A grid is `[row, column]`, four columns side by side: four real parts, then four imaginary ones; rows are an odd number of quads
//! apart. A thread takes `radix` values of each of four columns, so that all that it loads is `vec4`; neighboring threads share the
//! twiddle factors of a pass. Where threads have 8 values, transforms of a few lengths with as many passes share their dispatches: at a pass
//! of 4 in place of 8 a thread makes two. `X[k] = Σ_j x[j] exp(−2πi jk / n)`; the inverse swaps real and imaginary parts before and after.

use std::ops::{Range, RangeInclusive};

use crate::error::Result;
use crate::gpu::{
    Buffer, BufferRange, ConditionalDispatches, DispatchBuilder, Gpu, PlanBuilder, Source, Stage,
};
use crate::{params, wgsl};

use super::grid::Grid;

#[cfg(test)]
mod tests;

const FFT: Source = wgsl!("embed/fft.wgsl", FftParams, Grid);

/// Added to the level in the key of a condition that holds only when the kernel is rebuilt; as in `mesh_grid.wgsl`.
pub(super) const REBUILDS: u32 = 256;

params! {
    struct FftParams {
        /// Of each length, five at the most: quads of columns in a row, product of the radices of the passes before this one,
        /// 2π / (that product · radix) in steps of the twiddle factors, and log2 of the radix.
        lengths: [u32; 20],
        /// log2 of the first length.
        lowest: u32,
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

/// log2 of the radices of a transform of length `2^level` in `passes` passes, as equal as possible.
pub(super) fn radix_bits(level: u32, passes: usize) -> Vec<u32> {
    let passes = passes as u32;
    (0..passes).map(|pass| (level + pass) / passes).collect()
}

/// Quads of columns of a transform: those of a length, or always as many.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quads {
    /// length / divisor + more.
    OfLength { divisor: u32, more: u32 },
    #[cfg(test)]
    Always(u32),
}

impl Quads {
    fn of(self, level: u32) -> u32 {
        match self {
            Self::OfLength { divisor, more } => (1 << level) / divisor + more,
            #[cfg(test)]
            Self::Always(quads) => quads,
        }
    }
}

/// Decision of a grid's level on dispatches.
#[derive(Clone, Copy)]
pub(super) enum When<'a> {
    /// A kernel that knows it sets their conditions: of a level, plus [`REBUILDS`] for passes that rebuild the kernel.
    Conditions(&'a ConditionalDispatches),
    /// It is this one.
    #[cfg(test)]
    Is(u32),
}

/// Transforms of a few lengths by the same dispatches: that of the grid's level is made.
pub(super) struct Fft<'a> {
    /// log2 of the lengths.
    pub levels: RangeInclusive<u32>,
    /// Passes of each.
    pub passes: usize,
    /// Geometry of the mesh.
    pub grid: &'a BufferRange,
    /// cos and sin of 2π t / (their number), a multiple of the lengths.
    pub twiddles: &'a Buffer<[f32; 2]>,
    pub when: When<'a>,
}

/// A transform of a grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct TransformSpec {
    pub label: &'static str,
    pub quads: Quads,
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
    pub(super) fn complex(label: &'static str, quads: Quads) -> Self {
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
    /// log2 of the radix of a pass, at each level; ways back take the radices from the last to the first.
    fn bits(&self, pass: usize, inverse: bool) -> impl Iterator<Item = (u32, u32)> {
        let at = if inverse { self.passes - 1 - pass } else { pass };
        self.levels.clone().map(move |level| (level, radix_bits(level, self.passes)[at]))
    }

    /// Parameters of a pass.
    fn params(&self, spec: TransformSpec, pass: usize) -> FftParams {
        let mut lengths = [0; 20];
        assert!(4 * self.levels.clone().count() <= lengths.len(), "there are more lengths than parameters");
        for ((level, bits), chosen) in self.bits(pass, spec.inverse).zip(lengths.as_chunks_mut().0) {
            let before = |earlier: usize| self.bits(earlier, spec.inverse).find(|(l, _)| *l == level);
            let before = 1 << (0..pass).filter_map(before).map(|(_, bits)| bits).sum::<u32>();
            *chosen = [spec.quads.of(level), before, self.twiddles.len() as u32 / (before << bits), bits];
        }
        FftParams {
            lengths,
            lowest: *self.levels.start(),
            zeros: (spec.zeros && pass == 0).into(),
            keeps: (spec.half && pass + 1 == self.passes).into(),
            inverse: spec.inverse.into(),
        }
    }

    /// log2 of the values of a thread in a pass, and whether they are one butterfly or, at some levels, two.
    fn values(&self, pass: usize, inverse: bool) -> (u32, bool) {
        let largest = self.bits(pass, inverse).map(|(_, bits)| bits).max().expect("there are levels");
        let either = self.bits(pass, inverse).any(|(_, bits)| bits != largest);
        assert!(!either || (largest == 3 && self.bits(pass, inverse).all(|(_, bits)| bits >= 2)));
        (largest, either)
    }

    /// A stage of a pass with the constants that select its variant.
    fn stage<'g>(
        &self,
        gpu: &'g Gpu,
        (bits, either): (u32, bool),
        variant: &[(&'static str, u32)],
    ) -> Stage<'g> {
        // The software adapter has rows of few quads.
        let workgroup = if gpu.profile().large_tiles { 16 } else { 32 };
        let constants = [("WORKGROUP", workgroup), ("RADIX", 1 << bits), ("EITHER", either.into())];
        Stage::new(gpu, &FFT, &[&constants[..], variant].concat())
            .with("twiddles", self.twiddles.range())
            .with("grid", self.grid.clone())
    }

    /// Ends a dispatch of a pass over some grids.
    fn end(
        &self,
        dispatch: DispatchBuilder<'_, '_>,
        spec: TransformSpec,
        [bits, grids]: [u32; 2],
    ) -> Result<()> {
        let threads = |level: u32| [spec.quads.of(level), (1 << level) >> bits, grids];
        let key = |level: u32| level + if spec.rebuilds { REBUILDS } else { 0 };
        match self.when {
            When::Conditions(conditions) => {
                dispatch.threads_if(conditions, self.levels.clone().map(|level| (key(level), threads(level))))
            }
            #[cfg(test)]
            When::Is(level) => dispatch.threads(threads(level)),
        }
    }

    /// Records the passes of `range` over one grid or two alike. The first of `between` is the input, and they alternate; returns where
    /// the result lies.
    pub(super) fn passes<'b, const N: usize>(
        &self,
        plan: &mut PlanBuilder<'_>,
        spec: TransformSpec,
        range: Range<usize>,
        mut between: [[&'b BufferRange; 2]; N],
    ) -> Result<[[&'b BufferRange; 2]; N]> {
        // The software adapter goes through both ways of a branch.
        let together = if plan.gpu().profile().large_tiles { 1 } else { N };
        for pass in range {
            for grids in between.chunks(together) {
                self.pass(plan, spec, pass, grids)?;
            }
            if pass > 0 || spec.input == FftInput::Complex {
                between.iter_mut().for_each(|grids| grids.swap(0, 1));
            }
        }
        Ok(between)
    }

    /// Records one pass.
    fn pass(
        &self,
        plan: &mut PlanBuilder<'_>,
        spec: TransformSpec,
        pass: usize,
        grids: &[[&BufferRange; 2]],
    ) -> Result<()> {
        let input = if pass == 0 { spec.input } else { FftInput::Complex };
        let values = self.values(pass, spec.inverse);
        let constants = [("INPUT", input as u32), ("BOTH", grids.len() as u32 - 1)];
        let mut stage = self.stage(plan.gpu(), values, &constants).labelled(spec.label);
        for ([first, second], [name_in, name_out]) in
            grids.iter().zip([["spectrum_in", "spectrum_out"], ["second_in", "second_out"]])
        {
            stage = match input {
                FftInput::Complex => stage.with(name_in, (*first).clone()).with(name_out, (*second).clone()),
                FftInput::Mesh => stage.with("mesh", (*second).clone()).with(name_out, (*first).clone()),
                FftInput::Kernel => stage.with(name_out, (*first).clone()),
            };
        }
        let dispatch = stage.begin(plan, "transform", &self.params(spec, pass))?;
        self.end(dispatch, spec, [values.0, grids.len() as u32])
    }

    /// Records the last pass forward of `from`, the products with `influence`, and the first pass back of both fields.
    pub(super) fn convolve(
        &self,
        plan: &mut PlanBuilder<'_>,
        quads: Quads,
        from: &BufferRange,
        influence: &BufferRange,
        [to, second, parts]: [&BufferRange; 3],
    ) -> Result<()> {
        let spec = TransformSpec::complex("mesh products", quads);
        let pass = self.passes - 1;
        let values = self.values(pass, false);
        let stage = self
            .stage(plan.gpu(), values, &[("FIELDS", 3)])
            .labelled(spec.label)
            .with("spectrum_in", from.clone())
            .with("influence", influence.clone())
            .with("spectrum_out", to.clone())
            .with("second_out", second.clone())
            .with("parts", parts.clone());
        self.end(stage.begin(plan, "transform", &self.params(spec, pass))?, spec, [values.0, 1])
    }
}
