//! Convolution on the GPU, for `conv2d` and `dense` (a 1×1 map) alike.
//!
//! One kernel makes the forward pass and the input gradient ([`gather`]), one the weight gradient
//! ([`weight_gradient`]). Both come in register tiles of many sizes, all of which add in the same order and so
//! give the same bits: which one is taken is a matter of time alone.

mod axis;
mod gather;
mod weight_gradient;

use super::Shape;
use super::layer::{LayerBuild, LayerPlans};
use crate::error::Result;
use crate::gpu::{PlanBuilder, Source};
use crate::{params, wgsl};

const BIAS_GRADIENT: Source = wgsl!("nn/bias_gradient.wgsl", BiasGradientParams);

params! { struct BiasGradientParams { pixels: u32, quads: u32, train_quads: u32, offset: u32 } }

/// vec4 multiply-adds that a kernel unrolls at most. Measured on the software adapter: with more, its code leaves the
/// caches of the CPU (5×5: 200 gives 33 GFLOP/s, 400 gives 26).
const MOST_UNROLLED: usize = 208;

/// What the inner loop of a kernel costs a thread on the software adapter, in cycles, counted in its machine code: a
/// load of a vec4 is done lane by lane with a bounds check each; a scalar of a sum is masked and stored once an iteration.
fn iteration_cycles(loads: usize, scalar_sums: usize, scalar_products: usize) -> f64 {
    150.0 * loads as f64 + 2.0 * scalar_sums as f64 + 1.25 * scalar_products as f64
}

/// The geometry of a convolution.
pub(super) struct Convolution {
    pub input: Shape,
    pub output: Shape,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    /// Input and output channels fall into so many groups; each output sees the inputs of its group.
    pub groups: usize,
}

impl Convolution {
    /// Multiply-adds, counted twice, of one image's forward pass (or either gradient).
    pub fn flops(&self) -> u64 {
        2 * (self.output.len() * self.in_channels() * self.kernel * self.kernel) as u64
    }

    /// Input channels of one group.
    fn in_channels(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Output channels of one group.
    fn out_channels(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Weights of the layer.
    fn weights(&self) -> usize {
        self.output.channels * self.in_channels() * self.kernel * self.kernel
    }

    /// All dispatches of the layer.
    pub fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut prepare, mut forward, mut backward) = (build.plan(), build.plan(), build.plan());
        self.forward(build, &mut prepare, &mut forward)?;
        if build.trains {
            self.weight_gradient(build, &mut backward)?;
            self.bias_gradient(build, &mut backward)?;
        }
        if let Some(input_gradient) = &build.input().gradient {
            self.input_gradient(build, &mut prepare, &mut backward, input_gradient)?;
        }
        Ok(LayerPlans {
            prepare: prepare.finish(),
            forward: forward.finish(),
            evaluation: None,
            backward: backward.finish(),
        })
    }

    fn bias_gradient(&self, build: &LayerBuild<'_>, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let kernel = build.gpu.kernel(&BIAS_GRADIENT, "bias_gradient", &[])?;
        plan.dispatch(&build.label("bias gradient"), &kernel)
            .bind("output_gradient", build.output_gradient.clone())
            .bind("gradients", build.gradients.clone())
            .params(&BiasGradientParams {
                pixels: self.output.pixels() as u32,
                quads: build.columns.quads as u32,
                train_quads: build.columns.train_quads as u32,
                offset: build.offsets[1] as u32,
            })
            .threads([self.output.channels as u32 * 64, 1, 1])
    }
}
