//! `upsample`: every pixel repeated `factor` times across and down (nearest neighbour), as in PyTorch's `Upsample`.
//!
//! `output[c, y, x] = input[c, ⌊y / factor⌋, ⌊x / factor⌋]`.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, Shape, Tensor};
use crate::{params, wgsl};

const UPSAMPLE: Source = wgsl!("nn/upsample.wgsl", UpsampleParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/upsample.wgsl", "forward", "nn::layers::upsample::Upsample::forward_twin"),
    ("nn/upsample.wgsl", "backward", "nn::layers::upsample::Upsample::backward_twin"),
];

params! { struct UpsampleParams { in_height: u32, in_width: u32, factor: u32, quads: u32 } }

/// Settings of upsampling.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Upsample {
    /// Output pixels for an input pixel, across and down.
    pub factor: usize,
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Upsample = settings(table)?;
    at_least_one("factor", layer.factor)?;
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(Upsample { factor: 2 }, Shape::new(3, 3, 5)),
        sample(Upsample { factor: 3 }, Shape::new(2, 2, 5)),
    ]
}

impl Layer for Upsample {
    fn kind(&self) -> &'static str {
        "upsample"
    }

    fn short_name(&self) -> &'static str {
        "up"
    }

    fn summary(&self) -> String {
        format!("× {}", self.factor)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        ReceptiveField { enlarged: self.factor, ..ReceptiveField::PIXEL }
    }

    fn recipe(&self, _inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let from = [c, y / self.factor, x / self.factor];
        Some(Recipe::of_one((0, from), "as it is".to_owned(), |value| value))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let Shape { channels, height, width } = inputs[0];
        Ok(Shape::new(channels, height * self.factor, width * self.factor))
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let params = UpsampleParams {
            in_height: input.shape.height as u32,
            in_width: input.shape.width as u32,
            factor: self.factor as u32,
            quads: build.extent.quads as u32,
        };
        let kernel = build.gpu.kernel(&UPSAMPLE, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads(build.map_threads(build.output_shape))?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&UPSAMPLE, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads(build.map_threads(input.shape))?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let shape = self.output(&[input.shape]).expect("any shape will do");
        let mut output = Tensor::zeros(shape, input.images);
        for [c, y, x, n] in Tensor::zeros(shape, input.images).indices() {
            let at = output.index(c, y, x, n);
            output.values[at] = input.values[input.index(c, y / self.factor, x / self.factor, n)];
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        for [c, y, x, n] in output_gradient.indices() {
            let at = input.index(c, y / self.factor, x / self.factor, n);
            gradient.values[at] += output_gradient.values[output_gradient.index(c, y, x, n)];
        }
        TwinGradients::of_input(gradient)
    }
}
