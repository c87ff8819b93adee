//! `mul`: a map times another of its shape, or times a factor for each channel, as a squeeze-and-excitation block has it (Hu et al. 2018,
//! equation 4).
//!
//! Inputs `c × h × w` and either the same or `c × 1 × 1`, output `c × h × w`.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, RecipeStep, Shape, Tensor};
use crate::{params, wgsl};

const MUL: Source = wgsl!("nn/mul.wgsl", MulParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/mul.wgsl", "product", "nn::layers::mul::Mul::forward_twin"),
    ("nn/mul.wgsl", "sums", "nn::layers::mul::Mul::backward_twin"),
];

params! { struct MulParams { channels: u32, pixels: u32, quads: u32, of_channel: u32 } }

/// Multiplication; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mul {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Mul>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let factors = [Shape::new(3, 5, 7), Shape::new(3, 1, 1)];
    let sample = |factor| -> LayerSample { (Box::new(Mul {}), vec![Shape::new(3, 5, 7), factor]) };
    let mut samples: Vec<LayerSample> = factors.map(sample).into();
    samples.push((Box::new(Mul {}), vec![Shape::new(11, 1, 1); 2]));
    samples
}

/// True if there is one factor for each channel, none for each value.
fn is_of_channel([map, factor]: [Shape; 2]) -> bool {
    factor.pixels() == 1 && map.pixels() > 1
}

/// Position of the factor of value `i` of a map whose channels have `len` values, `images` a pixel.
fn factor_of(i: usize, len: usize, images: usize, of_channel: bool) -> usize {
    if of_channel { i / len * images + i % images } else { i }
}

impl Mul {
    /// A kernel over the layer's maps: of two buffers a third, with a thread for each of `count` quads.
    fn dispatch(
        build: &LayerBuild<'_>,
        plan: &mut PlanBuilder<'_>,
        (label, entry, of_channel): (&str, &'static str, bool),
        [input, factor, output]: [&BufferRange; 3],
        count: u32,
    ) -> Result<()> {
        let shape = build.output_shape;
        let params = MulParams {
            channels: shape.channels as u32,
            pixels: shape.pixels() as u32,
            quads: build.extent.quads as u32,
            of_channel: of_channel.into(),
        };
        let kernel = build.gpu.kernel(&MUL, entry, &[])?;
        plan.dispatch(&build.label(label), &kernel)
            .bind("input", input.clone())
            .bind("factor", factor.clone())
            .bind("output", output.clone())
            .params(&params)
            .threads([count, 1, 1])
    }
}

impl Layer for Mul {
    fn kind(&self) -> &'static str {
        "mul"
    }

    fn short_name(&self) -> &'static str {
        "mul"
    }

    fn summary(&self) -> String {
        "product of its inputs".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn receptive_field(&self, input: Shape) -> ReceptiveField {
        // Of a factor for each channel, every pixel reads the only one.
        let enlarged = if input.pixels() == 1 { usize::MAX } else { 1 };
        ReceptiveField { enlarged, ..ReceptiveField::PIXEL }
    }

    fn recipe(&self, inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        let factor = if is_of_channel([inputs[0], inputs[1]]) { [at[0], 0, 0] } else { at };
        Some(Recipe::new(vec![(0, at), (1, factor)], |values, _| {
            vec![RecipeStep::new(format!("× {:.6}", values[1]), values[0] * values[1])]
        }))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let [map, factor] = [inputs[0], inputs[1]];
        let of_channel = Shape::new(map.channels, 1, 1);
        if factor != map && factor != of_channel {
            let what = format!("a map of {map} cannot be multiplied by one of {factor}");
            let help =
                format!("give it a second input of {map}, or of {of_channel}: a factor for each channel");
            return Err(Error::new(what, help));
        }
        Ok(map)
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let [map, factor] = [&build.inputs[0], &build.inputs[1]];
        let of_channel = is_of_channel([map.shape, factor.shape]);
        let count = build.count(map.shape);
        let buffers = [&map.values, &factor.values, &build.output];
        Self::dispatch(build, &mut forward, ("forward", "product", of_channel), buffers, count)?;
        if let Some(gradient) = &map.gradient {
            let buffers = [&build.output_gradient, &factor.values, gradient];
            Self::dispatch(build, &mut backward, ("input gradient", "product", of_channel), buffers, count)?;
        }
        if let Some(gradient) = &factor.gradient {
            let buffers = [&build.output_gradient, &map.values, gradient];
            let entry = if of_channel { "sums" } else { "product" };
            let count = build.count(factor.shape);
            Self::dispatch(build, &mut backward, ("factor gradient", entry, false), buffers, count)?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let [map, factor] = [&call.inputs[0], &call.inputs[1]];
        let (len, of_channel) = (map.shape.pixels() * map.images, is_of_channel([map.shape, factor.shape]));
        let value = |(i, x): (usize, &f64)| x * factor.values[factor_of(i, len, map.images, of_channel)];
        Tensor { values: map.values.iter().enumerate().map(value).collect(), ..map.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let [map, factor] = [&call.inputs[0], &call.inputs[1]];
        let (len, of_channel) = (map.shape.pixels() * map.images, is_of_channel([map.shape, factor.shape]));
        let mut of_map = Tensor::zeros(map.shape, map.images);
        let mut of_factor = Tensor::zeros(factor.shape, factor.images);
        for (i, gradient) in output_gradient.values.iter().enumerate() {
            let at = factor_of(i, len, map.images, of_channel);
            of_map.values[i] = gradient * factor.values[at];
            of_factor.values[at] += gradient * map.values[i];
        }
        TwinGradients { inputs: vec![of_map, of_factor], parameters: Vec::new() }
    }
}
