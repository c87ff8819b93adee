//! The plans of a convolution, for `conv2d` and `dense` (a 1×1 map) alike.
//!
//! One kernel makes the forward pass and the input gradient, one the weight gradient. Both come in register tiles of
//! many sizes, all of which add in the same order and so give the same bits: the choice is a matter of time alone.

use super::super::bias_sums::{BiasedMap, bias_sums};
use super::geometry::Convolution;
use crate::error::Result;
use crate::gpu::{PlanBuilder, Source};
use crate::nn::{LayerBuild, LayerPlans};
use crate::{params, wgsl};

const BIAS_GRADIENT: Source = wgsl!("nn/bias_gradient.wgsl", BiasGradientParams);

params! { struct BiasGradientParams { channels: u32, pixels: u32, quads: u32, train_quads: u32 } }

impl Convolution {
    /// All dispatches of the layer.
    pub(crate) fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        self.forward(build, &mut forward)?;
        let whole = forward.finish();
        let pooled = build.pooling.as_ref().map(|pooling| self.pooled(build, pooling, &whole)).transpose()?;
        if build.trains {
            self.weight_gradient(build, &mut backward)?;
            if !build.leaves_biases {
                self.bias_gradient(build, &mut backward)?;
            }
        }
        if let Some(input_gradient) = &build.input().gradient {
            self.input_gradient(build, &mut backward, input_gradient)?;
        }
        let (forward, evaluation) = match pooled {
            Some(pooled) => (pooled, Some(whole)),
            None => (whole, None),
        };
        Ok(LayerPlans { forward, evaluation, backward: backward.finish() })
    }

    pub(in crate::nn::layers) fn bias_gradient(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
    ) -> Result<()> {
        if !build.gpu.profile().large_tiles {
            let biases = (build.offsets[1], self.output.channels);
            return bias_sums(build, plan, BiasedMap::Output, biases);
        }
        let kernel = build.gpu.kernel(&BIAS_GRADIENT, "bias_gradient", &[])?;
        plan.dispatch(&build.label("bias gradient"), &kernel)
            .bind("output_gradient", build.output_gradient.clone())
            .bind("partials", build.partial_sums(1, self.output.channels, 1)?)
            .params(&BiasGradientParams {
                channels: self.output.channels as u32,
                pixels: self.output.pixels() as u32,
                quads: build.extent.quads as u32,
                train_quads: build.extent.train_quads as u32,
            })
            .threads([self.output.channels as u32 * 64, 1, 1])
    }
}
