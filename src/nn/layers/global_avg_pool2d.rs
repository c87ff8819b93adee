//! `global_avg_pool2d`: the mean of each channel. Input `c × h × w`, output `c × 1 × 1`.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::recipe::rectangle;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, Shape, Tensor};
use crate::{params, wgsl};

const GLOBAL_AVG_POOL2D: Source = wgsl!("nn/global_avg_pool2d.wgsl", GlobalAvgPool2dParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/global_avg_pool2d.wgsl", "forward", "nn::layers::global_avg_pool2d::GlobalAvgPool2d::forward_twin"),
    (
        "nn/global_avg_pool2d.wgsl",
        "backward",
        "nn::layers::global_avg_pool2d::GlobalAvgPool2d::backward_twin",
    ),
];

params! { struct GlobalAvgPool2dParams { channels: u32, pixels: u32, quads: u32 } }

/// Global average pooling; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GlobalAvgPool2d {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<GlobalAvgPool2d>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    [Shape::new(3, 5, 7), Shape::new(17, 1, 3)].map(|shape| sample(GlobalAvgPool2d {}, shape)).into()
}

impl Layer for GlobalAvgPool2d {
    fn kind(&self) -> &'static str {
        "global_avg_pool2d"
    }

    fn short_name(&self) -> &'static str {
        "gap"
    }

    fn summary(&self) -> String {
        "mean of each channel".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn receptive_field(&self, input: Shape) -> ReceptiveField {
        ReceptiveField::whole(input)
    }

    fn recipe(&self, inputs: &[Shape], [c, ..]: [usize; 3]) -> Option<Recipe> {
        let Shape { height, width, .. } = inputs[0];
        Some(Recipe::mean(rectangle(c, [0..height, 0..width]), height * width))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(Shape::new(inputs[0].channels, 1, 1))
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let params = GlobalAvgPool2dParams {
            channels: input.shape.channels as u32,
            pixels: input.shape.pixels() as u32,
            quads: build.extent.quads as u32,
        };
        let kernel = build.gpu.kernel(&GLOBAL_AVG_POOL2D, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([build.count(build.output_shape), 1, 1])?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&GLOBAL_AVG_POOL2D, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([build.count(input.shape), 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let mut output = Tensor::zeros(Shape::new(input.shape.channels, 1, 1), input.images);
        for [c, y, x, n] in input.indices() {
            let share = input.values[input.index(c, y, x, n)] / input.shape.pixels() as f64;
            output.values[c * input.images + n] += share;
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        for [c, y, x, n] in input.indices() {
            let share = output_gradient.values[c * input.images + n] / input.shape.pixels() as f64;
            gradient.values[input.index(c, y, x, n)] = share;
        }
        TwinGradients::of_input(gradient)
    }
}
