//! A convolution's output without one of its input channels. The sum over the channels is at hand, so that the part of one of them is
//! all there is to compute: of C channels 1/C of the products. The result differs from a sum without the channel by rounding, in
//! proportion to the largest of the parts.

use super::Conv2d;
use crate::error::Result;
use crate::gpu::{Plan, PlanBuilder, Source};
use crate::nn::WithoutChannel;
use crate::{params, wgsl};

const WITHOUT_CHANNEL: Source = wgsl!("nn/conv2d_without_channel.wgsl", WithoutChannelParams);
/// Filters of a thread, and its pixels where neighbors share what they read.
const FILTERS: usize = 4;
const PIXELS: usize = 4;
/// Widest kernel whose pixels are made together: what is unrolled grows with both.
const MAX_SHARED_KERNEL: usize = 7;

params! {
    struct WithoutChannelParams {
        /// The channel that is left out.
        channel: u32,
        from_channels: u32,
        from_height: u32,
        from_width: u32,
        to_channels: u32,
        to_height: u32,
        to_width: u32,
        stride: u32,
        dilation: u32,
        padding: u32,
        /// First weight of the layer.
        offset: u32,
        quads: u32,
    }
}

impl Conv2d {
    /// The dispatch that takes a channel's part from the whole output; the layer has one group.
    pub(super) fn build_without_channel(&self, build: &WithoutChannel<'_>) -> Result<Plan> {
        let (from, to) = (build.input.shape, build.output_shape);
        let shares = self.stride == 1 && self.dilation == 1 && self.kernel <= MAX_SHARED_KERNEL;
        let pixels = if shares { PIXELS } else { 1 };
        let constants = [
            ("FILTERS", FILTERS as u32),
            ("PIXELS", pixels as u32),
            ("KERNEL", self.kernel as u32),
            ("RECTIFIES", u32::from(build.rectified.is_some())),
        ];
        let kernel = build.gpu.kernel(&WITHOUT_CHANNEL, "without_channel", &constants)?;
        let mut plan = PlanBuilder::new(build.gpu);
        let mut dispatch = plan.dispatch(&format!("{} without a channel", build.name), &kernel);
        if let Some(rectified) = &build.rectified {
            dispatch = dispatch.bind("rectified", rectified.clone());
        }
        let threads = build.quads * to.width.div_ceil(pixels) * to.height;
        let products = to.len() * self.kernel * self.kernel * build.quads * 4;
        dispatch
            .bind("source", build.input.values.clone())
            .bind("weights", build.parameters.clone())
            .bind("whole", build.whole.clone())
            .bind("result", build.output.clone())
            .params(&WithoutChannelParams {
                channel: build.channel as u32,
                from_channels: from.channels as u32,
                from_height: from.height as u32,
                from_width: from.width as u32,
                to_channels: to.channels as u32,
                to_height: to.height as u32,
                to_width: to.width as u32,
                stride: self.stride as u32,
                dilation: self.dilation as u32,
                padding: self.padding as u32,
                offset: build.offset as u32,
                quads: build.quads as u32,
            })
            .flops(2 * products as u64)
            .threads([threads as u32, to.channels.div_ceil(FILTERS) as u32, 1])?;
        Ok(plan.finish())
    }
}
