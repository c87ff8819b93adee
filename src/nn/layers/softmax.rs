//! `softmax`: the shares of the channels of each pixel, as PyTorch's `Softmax(1)`.
//!
//! `output[c] = exp(input[c] − m) / Σ_d exp(input[d] − m)` at each pixel, `m` the largest of its channels. Any shape, kept; a NaN makes all
//! channels of its pixel NaN. It is for the inside of a network: a loss on classes has a softmax of its own.
//!
//! A channel that comes or goes changes the shares of the others.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, Recipe, RecipeStep, Shape, Tensor};
use crate::{params, wgsl};

const SOFTMAX: Source = wgsl!("nn/softmax.wgsl", SoftmaxParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/softmax.wgsl", "forward", "nn::layers::softmax::Softmax::forward_twin"),
    ("nn/softmax.wgsl", "backward", "nn::layers::softmax::Softmax::backward_twin"),
];

params! {
    struct SoftmaxParams {
        channels: u32,
        /// Quads from one channel to the next: of all pixels.
        step: u32,
    }
}

/// A softmax of channels; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Softmax {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Softmax>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    [Shape::new(5, 3, 7), Shape::new(11, 1, 1), Shape::new(2, 5, 3)]
        .map(|shape| sample(Softmax {}, shape))
        .into()
}

impl Layer for Softmax {
    fn kind(&self) -> &'static str {
        "softmax"
    }

    fn short_name(&self) -> &'static str {
        "softmax"
    }

    fn summary(&self) -> String {
        "shares of the channels of each pixel".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let values = (0..inputs[0].channels).map(|channel| (0, [channel, y, x])).collect();
        Some(Recipe::new(values, move |values, _| {
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = values.iter().map(|value| (value - largest).exp()).sum();
            let own = (values[c] - largest).exp();
            vec![
                RecipeStep::new(format!("e to its difference from the largest, {largest:.6}"), own),
                RecipeStep::new(format!("÷ sum of {} such {sum:.6}", values.len()), own / sum),
            ]
        }))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let step = (input.shape.pixels() * build.extent.quads) as u32;
        let params = SoftmaxParams { channels: input.shape.channels as u32, step };
        let kernel = build.gpu.kernel(&SOFTMAX, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([step, 1, 1])?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&SOFTMAX, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("output_in", build.output.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([step, 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let mut output = input.clone();
        let step = input.shape.pixels() * input.images;
        for i in 0..step {
            let channels = || (0..input.shape.channels).map(|c| c * step + i);
            let largest = channels().map(|at| input.values[at]).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = channels().map(|at| (input.values[at] - largest).exp()).sum();
            channels().for_each(|at| output.values[at] = (input.values[at] - largest).exp() / sum);
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let output = self.forward_twin(call);
        let mut gradient = output.clone();
        let step = output.shape.pixels() * output.images;
        for i in 0..step {
            let channels = || (0..output.shape.channels).map(|c| c * step + i);
            let mean: f64 = channels().map(|at| output.values[at] * output_gradient.values[at]).sum();
            channels()
                .for_each(|at| gradient.values[at] = output.values[at] * (output_gradient.values[at] - mean));
        }
        TwinGradients::of_input(gradient)
    }
}
