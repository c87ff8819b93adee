//! The plans of a convolution, for `conv2d` and `dense` (a 1×1 map) alike.
//!
//! One kernel makes the forward pass and the input gradient, one the weight gradient. Both come in register tiles of
//! many sizes, all of which add in the same order and so give the same bits: the choice is a matter of time alone.

use super::super::bias_sums::{BiasedMap, bias_sums};
use super::geometry::Convolution;
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::{LayerBuild, LayerPlans};
use crate::{params, wgsl};

const BIAS_GRADIENT: Source = wgsl!("nn/bias_gradient.wgsl", BiasGradientParams);

params! { struct BiasGradientParams { channels: u32, pixels: u32, quads: u32, train_quads: u32 } }

impl Convolution {
    /// All dispatches of the layer.
    pub(crate) fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.plans(build, false)
    }

    /// All dispatches of the layer that goes the other way, from this convolution's output to its input, whose weights are
    /// `[out, in of a group, ky, kx]` of its own outputs and inputs.
    pub(in crate::nn::layers) fn build_transposed(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.plans(build, true)
    }

    fn plans(&self, build: &LayerBuild<'_>, transposed: bool) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let (values, output_gradient) = (&build.input().values, &build.output_gradient);
        // A transposed convolution makes its output as this one its input gradient, and the other way around.
        let pass = |plan: &mut PlanBuilder<'_>, forward: bool, maps: [&BufferRange; 2]| {
            if forward != transposed {
                self.outputs(build, plan, forward, maps)
            } else {
                self.inputs(build, plan, forward, maps)
            }
        };
        pass(&mut forward, true, [values, &build.output])?;
        let whole = forward.finish();
        let pooled = build.pooling.as_ref().map(|pooling| self.pooled(build, pooling, &whole)).transpose()?;
        if build.trains {
            let taps = self.kernel * self.kernel;
            let (maps, steps) = if transposed {
                ([output_gradient, values], [taps, self.out_channels() * taps])
            } else {
                ([values, output_gradient], [self.in_channels() * taps, taps])
            };
            self.weight_gradient(build, &mut backward, maps, steps)?;
            if !build.leaves_biases {
                self.bias_gradient(build, &mut backward)?;
            }
        }
        if let Some(input_gradient) = &build.input().gradient {
            pass(&mut backward, false, [output_gradient, input_gradient])?;
        }
        Ok(LayerPlans::with_pooling(whole, pooled, backward.finish()))
    }

    pub(in crate::nn::layers) fn bias_gradient(
        &self,
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
    ) -> Result<()> {
        let shape = build.output_shape;
        if !build.gpu.profile().large_tiles {
            let biases = (build.offsets[1], shape.channels);
            return bias_sums(build, plan, BiasedMap::Output, biases);
        }
        let kernel = build.gpu.kernel(&BIAS_GRADIENT, "bias_gradient", &[])?;
        plan.dispatch(&build.label("bias gradient"), &kernel)
            .bind("output_gradient", build.output_gradient.clone())
            .bind("partials", build.partial_sums(1, shape.channels, 1)?)
            .params(&BiasGradientParams {
                channels: shape.channels as u32,
                pixels: shape.pixels() as u32,
                quads: build.extent.quads as u32,
                train_quads: build.extent.train_quads as u32,
            })
            .threads([shape.channels as u32 * 64, 1, 1])
    }
}
