//! `upsample`: every pixel repeated `factor` times across and down (nearest neighbour), as in PyTorch's `Upsample`; or with
//! `mode = "bilinear"` the pixels blended, as there with `align_corners=False`.
//!
//! Nearest: `output[c, y, x] = input[c, ⌊y / factor⌋, ⌊x / factor⌋]`. Bilinear: output pixel x lies at `(x + ½) / factor − ½` of the input's,
//! but not before the first nor behind the last one's center, and is the mean of the two next to it, by their distances; rows alike.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::receptive_field::blended;
use crate::nn::recipe::RecipeStep;
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
    /// Values between the pixels' centers.
    #[serde(default, skip_serializing_if = "Interpolation::is_nearest")]
    pub mode: Interpolation,
}

/// Values between the centers of pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Interpolation {
    /// That of the nearest pixel.
    #[default]
    Nearest,
    /// The mean of the four next ones, by their distances.
    Bilinear,
}

impl Interpolation {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_nearest(&self) -> bool {
        *self == Self::Nearest
    }
}

impl Upsample {
    /// The pixels of a map with this shape that output pixel (y, x) is the mean of, with their shares.
    fn reads(&self, [y, x]: [usize; 2], input: Shape) -> Vec<([usize; 2], f64)> {
        if self.mode == Interpolation::Nearest {
            return vec![([y / self.factor, x / self.factor], 1.0)];
        }
        let [rows, columns] = [(y, input.height), (x, input.width)].map(|(at, count)| {
            let (first, second, share) = blended(at, self.factor, count);
            [(first, 1.0 - share), (second, share)]
        });
        let pairs = rows.into_iter().flat_map(|row| columns.map(|column| (row, column)));
        let read = pairs.map(|((y, down), (x, across))| ([y, x], down * across));
        read.filter(|(_, share)| *share > 0.0).collect()
    }
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Upsample = settings(table)?;
    at_least_one("factor", layer.factor)?;
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(Upsample { factor: 2, mode: Interpolation::Nearest }, Shape::new(3, 3, 5)),
        sample(Upsample { factor: 3, mode: Interpolation::Nearest }, Shape::new(2, 2, 5)),
        sample(Upsample { factor: 2, mode: Interpolation::Bilinear }, Shape::new(3, 3, 5)),
        sample(Upsample { factor: 3, mode: Interpolation::Bilinear }, Shape::new(2, 4, 3)),
        sample(Upsample { factor: 4, mode: Interpolation::Bilinear }, Shape::new(5, 1, 3)),
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
        let mode = if self.mode == Interpolation::Bilinear { ", bilinear" } else { "" };
        format!("× {}{mode}", self.factor)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        let blends = self.mode == Interpolation::Bilinear;
        ReceptiveField { enlarged: self.factor, blends, ..ReceptiveField::PIXEL }
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let read = self.reads([y, x], inputs[0]);
        if let [([y, x], _)] = read[..] {
            return Some(Recipe::of_one((0, [c, y, x]), "as it is".to_owned(), |value| value));
        }
        let values = read.iter().map(|([y, x], _)| (0, [c, *y, *x])).collect();
        Some(Recipe::new(values, move |values, _| {
            let parts = values.iter().zip(&read).map(|(value, (_, share))| (share, share * value));
            let mut steps: Vec<RecipeStep> =
                parts.map(|(share, part)| RecipeStep::new(format!("× {share:.3}"), part)).collect();
            let sum = steps.iter().map(|step| step.value).sum();
            steps.push(RecipeStep::new(format!("sum of {}", steps.len()), sum));
            steps
        }))
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
        let constants = [("BILINEAR", u32::from(self.mode == Interpolation::Bilinear))];
        let kernel = build.gpu.kernel(&UPSAMPLE, "forward", &constants)?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads(build.map_threads(build.output_shape))?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&UPSAMPLE, "backward", &constants)?;
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
            for ([y, x], share) in self.reads([y, x], input.shape) {
                output.values[at] += share * input.values[input.index(c, y, x, n)];
            }
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        for [c, y, x, n] in output_gradient.indices() {
            let value = output_gradient.values[output_gradient.index(c, y, x, n)];
            for ([y, x], share) in self.reads([y, x], input.shape) {
                gradient.values[input.index(c, y, x, n)] += share * value;
            }
        }
        TwinGradients::of_input(gradient)
    }
}
