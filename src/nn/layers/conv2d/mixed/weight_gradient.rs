//! The weight gradient in mixed precision: partial sums over shares of the pixels, 16 trained images of a pixel at a time. Shares depend
//! on the shape alone, and each adds in the order of its pixels and images: every tile gives the same bits.
//!
//! The subgroups of a workgroup make neighboring taps over the same share, so that they find each other's pixels in the cache.

use super::super::geometry::Convolution;
use super::copies::{SIDE, copy_quads};
use super::layer::Mixed;
use super::tiles::{Tile, TiledWork};
use crate::error::Result;
use crate::gpu::{BufferRange, KernelVariant, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const MIXED_WEIGHT_GRADIENT: Source = wgsl!("nn/mixed_weight_gradient.wgsl", MixedWeightGradientParams);
const ENTRY: &str = "mixed_weight_gradient";
/// Lanes of a subgroup.
const LANES: usize = 32;
/// Subgroups that fill a large GPU twice over, steps of a share at least, and partial sums at most: 16 MiB.
const WANTED_SUBGROUPS: usize = 2112;
const MIN_STEPS: usize = 8;
const MAX_PARTIAL_SUMS: usize = 1 << 22;

params! {
    struct MixedWeightGradientParams {
        in_channels: u32,
        in_height: u32,
        in_width: u32,
        out_channels: u32,
        out_height: u32,
        out_width: u32,
        kernel: u32,
        stride: u32,
        padding: u32,
        dilation: u32,
        train_quads: u32,
        copy_quads: u32,
        shares: u32,
        /// Steps of 16 images of a pixel in a share; the last share may have fewer.
        share_steps: u32,
    }
}

/// Shares of the pixels and images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shares {
    count: usize,
    steps: usize,
}

impl Shares {
    fn of(convolution: &Convolution, train_quads: usize) -> Self {
        let steps = convolution.output.pixels() * train_quads.div_ceil(SIDE / 4);
        let blocks = |channels: usize| channels.div_ceil(4 * SIDE);
        let tiles = convolution.kernel
            * convolution.kernel
            * blocks(convolution.out_channels())
            * blocks(convolution.in_channels());
        let most = (steps / MIN_STEPS).min(MAX_PARTIAL_SUMS / convolution.weights()).max(1);
        let wanted = WANTED_SUBGROUPS.div_ceil(tiles).min(most);
        let each = steps.div_ceil(wanted);
        // No share is empty.
        Self { count: steps.div_ceil(each), steps: each }
    }
}

impl Mixed<'_> {
    /// Adds the dispatch of the weight gradient.
    pub(super) fn weight_gradient(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let (gpu, convolution) = (self.build.gpu, self.convolution);
        let train_quads = self.build.extent.train_quads;
        let shares = Shares::of(convolution, train_quads);
        let partials = self.build.partial_sums(0, convolution.weights(), shares.count)?;
        let taps = convolution.kernel * convolution.kernel;
        let work = TiledWork {
            rows: convolution.out_channels().div_ceil(SIDE),
            columns: convolution.in_channels().div_ceil(SIDE),
            layers: taps * shares.count,
            steps: shares.steps,
            subgroups: if taps.is_multiple_of(3) { 3 } else { 4 },
        };
        let (outs, ins) = (convolution.out_channels(), convolution.in_channels());
        let key = format!(
            "{} weight gradient of {ins}→{outs} channels, {1}×{1} kernel, {2}×{3} pixels, stride {4}, {5} images",
            self.way(),
            convolution.kernel,
            convolution.output.height,
            convolution.output.width,
            convolution.stride,
            train_quads * 4
        );
        let built = gpu.choose(
            &key,
            &work.tiles(),
            |tile| {
                let constants = self.weight_constants(&work, *tile);
                Some(KernelVariant::new(&MIXED_WEIGHT_GRADIENT, ENTRY, &constants))
            },
            |tile| self.build_weight_tile(&work, *tile, shares, &partials),
            |built| built,
        )?;
        plan.extend(&built);
        Ok(())
    }

    fn weight_constants(&self, work: &TiledWork, tile: Tile) -> Vec<(&'static str, u32)> {
        vec![
            ("MATRIX", self.matrix()),
            ("OUT_BLOCKS", tile.rows as u32),
            ("IN_BLOCKS", tile.columns as u32),
            ("SUBGROUPS", work.subgroups as u32),
        ]
    }

    fn build_weight_tile(
        &self,
        work: &TiledWork,
        tile: Tile,
        shares: Shares,
        partials: &BufferRange,
    ) -> Result<Plan> {
        let (build, convolution, copies) = (self.build, self.convolution, &self.copies);
        let kernel = build.gpu.kernel(&MIXED_WEIGHT_GRADIENT, ENTRY, &self.weight_constants(work, tile))?;
        let [down, across] = work.counts(tile);
        let workgroups = work.layers.div_ceil(work.subgroups);
        let mut plan = PlanBuilder::new(build.gpu);
        plan.dispatch(&build.label("weight gradient"), &kernel)
            .bind("input", copies.input.clone())
            .bind("output_gradient", copies.gradient.clone())
            .bind("largest_in", copies.largest.clone())
            .bind("partials", partials.clone())
            .params(&MixedWeightGradientParams {
                in_channels: convolution.in_channels() as u32,
                in_height: convolution.input.height as u32,
                in_width: convolution.input.width as u32,
                out_channels: convolution.out_channels() as u32,
                out_height: convolution.output.height as u32,
                out_width: convolution.output.width as u32,
                kernel: convolution.kernel as u32,
                stride: convolution.stride as u32,
                padding: convolution.padding as u32,
                dilation: convolution.dilation as u32,
                train_quads: build.extent.train_quads as u32,
                copy_quads: copy_quads(build.extent) as u32,
                shares: shares.count as u32,
                share_steps: shares.steps as u32,
            })
            .predicted_us(work.time_us(tile))
            .flops(convolution.flops() * build.extent.train_quads as u64 * 4)
            .threads([workgroups * LANES, down * work.subgroups, across].map(|threads| threads as u32))?;
        Ok(plan.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_every_step_and_none_is_empty() {
        for (convolution, train_quads) in [
            (Convolution::same(64, 64, 16, 3), 1024),
            (Convolution::same(17, 33, 1, 1), 1),
            (Convolution::same(300, 300, 7, 5), 5),
            (Convolution::same(16, 20, 16, 5), 64),
        ] {
            let shares = Shares::of(&convolution, train_quads);
            let steps = convolution.output.pixels() * train_quads.div_ceil(4);
            assert!(shares.count * shares.steps >= steps, "{shares:?} of {steps}");
            assert!((shares.count - 1) * shares.steps < steps, "{shares:?} of {steps}");
            assert!(shares.count == 1 || shares.count * convolution.weights() <= MAX_PARTIAL_SUMS);
        }
        // 256 pixels × 256 blocks of images; 113 shares of 36864 partial sums fit 16 MiB.
        assert_eq!(Shares::of(&Convolution::same(64, 64, 16, 3), 1024), Shares { count: 113, steps: 580 });
    }
}
