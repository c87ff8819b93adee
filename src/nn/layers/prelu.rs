//! `prelu`: a leaky relu whose slope below 0 is learned, one for each channel (He et al. 2015, section 2.1), as PyTorch's `PReLU`.
//!
//! `output[c] = input[c]` above 0, `weight[c] · input[c]` below. The slopes begin with 0.25 and do not decay, as the paper has it. Any
//! shape, kept; NaN kept.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{
    Init, Layer, LayerBuild, LayerPlans, ParameterSpec, Recipe, RecipeStep, Role, Shape, Tensor,
};
use crate::{params, wgsl};

const PRELU: Source = wgsl!("nn/prelu.wgsl", PreluParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/prelu.wgsl", "forward", "nn::layers::prelu::Prelu::forward_twin"),
    ("nn/prelu.wgsl", "backward", "nn::layers::prelu::Prelu::backward_twin"),
    ("nn/prelu.wgsl", "slope_gradients", "nn::layers::prelu::Prelu::backward_twin"),
];

params! { struct PreluParams { channels: u32, pixels: u32, quads: u32, train_quads: u32, weight: u32 } }

/// A rectified linear unit with learned slopes; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prelu {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Prelu>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    [Shape::new(3, 5, 7), Shape::new(11, 1, 3)].map(|shape| sample(Prelu {}, shape)).into()
}

impl Layer for Prelu {
    fn kind(&self) -> &'static str {
        "prelu"
    }

    fn short_name(&self) -> &'static str {
        "prelu"
    }

    fn summary(&self) -> String {
        "a learned slope for each channel".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn recipe(&self, _inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        let steps = |values: &[f64], parameters: &[f64]| {
            let (x, slope) = (values[0], parameters[0]);
            let step = if x <= 0.0 { format!("× slope {slope:.6}") } else { "as it is".to_owned() };
            vec![RecipeStep::new(step, if x <= 0.0 { slope * x } else { x })]
        };
        Some(Recipe::new(vec![(0, at)], steps).with_parameters(vec![[0, at[0]]]))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        vec![ParameterSpec::per_channel("weight", inputs[0].channels, Role::Bias, Init::Quarter)]
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let channels = input.shape.channels;
        let params = PreluParams {
            channels: channels as u32,
            pixels: input.shape.pixels() as u32,
            quads: build.extent.quads as u32,
            train_quads: build.extent.train_quads as u32,
            weight: build.offsets[0] as u32,
        };
        let count = build.count(input.shape);
        let kernel = build.gpu.kernel(&PRELU, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("parameters", build.parameters.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        if build.trains {
            let kernel = build.gpu.kernel(&PRELU, "slope_gradients", &[])?;
            backward
                .dispatch(&build.label("weight gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("partials", build.partial_sums(0, channels, 1)?)
                .params(&params)
                .threads([64 * channels as u32, 1, 1])?;
        }
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&PRELU, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("parameters", build.parameters.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([count, 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        let value = |(i, x): (usize, &f64)| if *x <= 0.0 { call.parameters[0][i / len] * x } else { *x };
        Tensor { values: input.values.iter().enumerate().map(value).collect(), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        let mut slopes = vec![0.0; input.shape.channels];
        let mut through = Vec::new();
        for (i, (x, gradient)) in input.values.iter().zip(&output_gradient.values).enumerate() {
            let below = *x <= 0.0;
            slopes[i / len] += if below { gradient * x } else { 0.0 };
            through.push(gradient * if below { call.parameters[0][i / len] } else { 1.0 });
        }
        TwinGradients { inputs: vec![Tensor { values: through, ..input.clone() }], parameters: vec![slopes] }
    }
}
