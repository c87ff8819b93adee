//! Forward pass and input gradient in mixed precision, by one kernel over the axes of `geometry.rs`: a subgroup makes a tile of channels
//! and images of one pixel. For the input gradient the weights are read across, and the result is taken over the scale.
//!
//! A result adds tap by tap, 16 channels at a time, whatever the tile. Tiles reach their maps through workgroup memory, 16 KiB at most, so
//! that only what is in the map is written, with bias and relu.

use super::super::forward::ConvolutionPass;
use super::super::geometry::Axis;
use super::copies::{SIDE, copy_quads};
use super::layer::Mixed;
use super::tiles::{Tile, TiledWork};
use crate::error::Result;
use crate::gpu::{BufferRange, KernelVariant, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const MIXED_PRODUCT: Source = wgsl!("nn/mixed_product.wgsl", MixedProductParams);
/// Subgroups of a workgroup; the shader's.
pub(super) const SUBGROUPS: usize = 4;
/// Lanes of a subgroup.
const LANES: usize = 32;

params! {
    struct MixedProductParams {
        /// Channels of the source and of the result, filled up to 16, and of the result as it is.
        from_padded: u32,
        to_padded: u32,
        to_channels: u32,
        from_height: u32,
        from_width: u32,
        to_height: u32,
        to_width: u32,
        /// Kernel rows and columns that are gone through, the tap of the first, and taps from one to the next.
        rows: u32,
        columns: u32,
        first_tap: i32,
        tap_row_step: i32,
        tap_column_step: i32,
        /// Weights of a tap; weights from one channel of the result, and of the source, to the next; input channels filled up.
        tap_weights: u32,
        to_step: u32,
        from_step: u32,
        in_padded: u32,
        /// Result pixel i of `count` is first + step · i; it reads source pixels stride · i + dilation · k + shift.
        step: u32,
        first_y: u32,
        first_x: u32,
        count_y: u32,
        count_x: u32,
        stride: i32,
        dilation_y: i32,
        dilation_x: i32,
        shift_y: i32,
        shift_x: i32,
        quads: u32,
        train_quads: u32,
        copy_quads: u32,
        /// First bias.
        bias_at: u32,
    }
}

impl Mixed<'_> {
    /// Adds the dispatch of the forward pass.
    pub(super) fn forward(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        self.add(plan, &self.convolution.to_outputs(self.build, true), &self.build.output)
    }

    /// Adds the dispatches of the input gradient.
    pub(super) fn input_gradient(
        &self,
        plan: &mut PlanBuilder<'_>,
        input_gradient: &BufferRange,
    ) -> Result<()> {
        let convolution = self.convolution;
        let (from, to) = (convolution.output, convolution.input);
        for y in Axis::phases(convolution, to.height) {
            for x in Axis::phases(convolution, to.width) {
                let (rectified, pools) = (None, None);
                let pass = ConvolutionPass { convolution, forward: false, from, to, y, x, rectified, pools };
                self.add(plan, &pass, input_gradient)?;
            }
        }
        Ok(())
    }

    fn add(
        &self,
        plan: &mut PlanBuilder<'_>,
        pass: &ConvolutionPass<'_>,
        result: &BufferRange,
    ) -> Result<()> {
        let gpu = self.build.gpu;
        let work = TiledWork {
            rows: pass.to.channels.div_ceil(SIDE),
            columns: copy_quads(self.build.extent) / (SIDE / 4),
            layers: pass.y.count * pass.x.count,
            steps: pass.from.channels.div_ceil(SIDE) * pass.rows() * pass.columns(),
            subgroups: SUBGROUPS,
        };
        let key = format!("{} {}", self.way(), pass.shape_key(self.build));
        let built = gpu.choose(
            &key,
            &work.tiles(),
            |tile| Some(KernelVariant::new(&MIXED_PRODUCT, "mixed_product", &self.constants(pass, *tile))),
            |tile| self.build_tile(pass, &work, *tile, result),
            |built| built,
        )?;
        plan.extend(&built);
        Ok(())
    }

    fn constants(&self, pass: &ConvolutionPass<'_>, tile: Tile) -> Vec<(&'static str, u32)> {
        vec![
            ("MATRIX", self.matrix()),
            ("CHANNEL_BLOCKS", tile.rows as u32),
            ("IMAGE_BLOCKS", tile.columns as u32),
            ("FORWARD", u32::from(pass.forward)),
            ("RECTIFIES", u32::from(pass.rectified.is_some())),
        ]
    }

    fn build_tile(
        &self,
        pass: &ConvolutionPass<'_>,
        work: &TiledWork,
        tile: Tile,
        result: &BufferRange,
    ) -> Result<Plan> {
        let build = self.build;
        let kernel = build.gpu.kernel(&MIXED_PRODUCT, "mixed_product", &self.constants(pass, tile))?;
        let mut plan = PlanBuilder::new(build.gpu);
        let what = if pass.forward { "forward" } else { "input gradient" };
        let copies = &self.copies;
        let mut dispatch = plan
            .dispatch(&build.label(what), &kernel)
            .bind("source", if pass.forward { &copies.input } else { &copies.gradient }.clone())
            .bind("weights", self.weights.clone())
            .bind("result", result.clone());
        dispatch = if pass.forward {
            dispatch.bind("parameters", build.parameters.clone())
        } else {
            dispatch.bind("largest_in", copies.largest.clone())
        };
        if let Some(rectified) = pass.rectified {
            dispatch = dispatch.bind("rectified", rectified.clone());
        }
        let [down, across] = work.counts(tile);
        let pixels = pass.y.count * pass.x.count;
        let products = pass.from.channels * pass.to.channels * pass.rows() * pass.columns() * pixels;
        dispatch
            .params(&self.params(pass))
            .flops((2 * products * build.extent.quads * 4) as u64)
            .predicted_us(work.time_us(tile))
            .threads([across * LANES, pixels, down].map(|threads| threads as u32))?;
        Ok(plan.finish())
    }

    fn params(&self, pass: &ConvolutionPass<'_>) -> MixedProductParams {
        let ConvolutionPass { convolution, from, to, y, x, .. } = pass;
        let [outs, ins] = [convolution.out_channels(), convolution.in_channels()]
            .map(|channels| channels.next_multiple_of(SIDE) as u32);
        let extent = self.build.extent;
        MixedProductParams {
            from_padded: if pass.forward { ins } else { outs },
            to_padded: if pass.forward { outs } else { ins },
            to_channels: to.channels as u32,
            from_height: from.height as u32,
            from_width: from.width as u32,
            to_height: to.height as u32,
            to_width: to.width as u32,
            rows: pass.rows() as u32,
            columns: x.taps as u32,
            first_tap: (y.first_tap * convolution.kernel + x.first_tap) as i32,
            tap_row_step: (y.tap_step * convolution.kernel as isize) as i32,
            tap_column_step: x.tap_step as i32,
            tap_weights: outs * ins,
            to_step: if pass.forward { ins } else { 1 },
            from_step: if pass.forward { 1 } else { ins },
            in_padded: ins,
            step: x.step as u32,
            first_y: y.first as u32,
            first_x: x.first as u32,
            count_y: y.count as u32,
            count_x: x.count as u32,
            stride: x.stride as i32,
            dilation_y: y.dilation as i32,
            dilation_x: x.dilation as i32,
            shift_y: y.shift as i32,
            shift_x: x.shift as i32,
            quads: extent.quads as u32,
            train_quads: extent.train_quads as u32,
            copy_quads: copy_quads(extent) as u32,
            bias_at: self.build.offsets[1] as u32,
        }
    }
}
