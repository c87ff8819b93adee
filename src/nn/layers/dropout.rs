//! `dropout`: in training each value is dropped with probability `rate`, the others grow by `1 / (1 − rate)` (Srivastava et
//! al. 2014, inverted). In an evaluation, and for probes, values pass as they are.
//!
//! Which values are dropped is a function of (seed, step, layer, image's position in the batch, element) alone, so a backward
//! pass drops the same ones, and so do passes of any size.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::data::{Clock, Sampling, mix};
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Plan, Source};
use crate::nn::twin::{KernelTwin, Mode, RngKey, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, PlainSetting, Recipe, Shape, Tensor};
use crate::{params, wgsl};

const DROPOUT: Source = wgsl!("nn/dropout.wgsl", Clock, Sampling, DropoutParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/dropout.wgsl", "dropout", "nn::layers::dropout::Dropout::forward_twin")];

params! { struct DropoutParams { count: u32, quads: u32, train_quads: u32, layer: u32, threshold: u32, scale: f32 } }

/// Settings of dropout.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dropout {
    /// Probability that a value is dropped.
    #[serde(default = "half")]
    pub rate: f32,
}

fn half() -> f32 {
    0.5
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Dropout = settings(table)?;
    if !(0.0..1.0).contains(&layer.rate) {
        return Err(Error::new(format!("rate is {}", layer.rate), "give it a value from 0 to below 1"));
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(Dropout { rate: 0.5 }, Shape::new(3, 5, 7)),
        sample(Dropout { rate: 0.2 }, Shape::new(41, 1, 1)),
    ]
}

impl Dropout {
    /// Threshold of 24 random bits below which a value is dropped.
    fn threshold(&self) -> u32 {
        (self.rate * 16_777_216.0) as u32
    }

    fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }

    /// The factor of element `i` of image `n`.
    fn factor(&self, draw: &RngKey, i: usize, n: usize) -> f64 {
        let step =
            mix(draw.step ^ mix(draw.seed[0] ^ mix(draw.seed[1].wrapping_add(draw.layer).wrapping_add(2))));
        let image = mix((draw.first + n as u32) ^ step);
        let bits = mix(image ^ mix((i as u32) ^ 0x9e37_79b9)) >> 8;
        if bits < self.threshold() { 0.0 } else { f64::from(self.scale()) }
    }

    fn apply(&self, call: &TwinCall<'_>, values: &Tensor) -> Tensor {
        let Mode::Training(draw) = call.mode else { return values.clone() };
        let images = values.images;
        let value = |(at, v): (usize, &f64)| v * self.factor(&draw, at / images, at % images);
        Tensor { values: values.values.iter().enumerate().map(value).collect(), ..values.clone() }
    }

    fn plan(&self, build: &LayerBuild<'_>, [from, to]: [&BufferRange; 2], training: bool) -> Result<Plan> {
        let count = build.count(build.output_shape);
        let kernel = build.gpu.kernel(&DROPOUT, "dropout", &[])?;
        let mut plan = build.plan();
        plan.dispatch(&build.label("dropout"), &kernel)
            .bind("clock", build.batch.clock.clone())
            .bind("sampling", build.batch.sampling.clone())
            .bind("source", from.clone())
            .bind("result", to.clone())
            .params(&DropoutParams {
                count,
                quads: build.extent.quads as u32,
                train_quads: if training { build.extent.train_quads as u32 } else { 0 },
                layer: build.id,
                threshold: self.threshold(),
                scale: self.scale(),
            })
            .threads([count, 1, 1])?;
        Ok(plan.finish())
    }
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn short_name(&self) -> &'static str {
        "dropout"
    }

    fn summary(&self) -> String {
        format!("rate {}", self.rate)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn plain_settings(&self) -> &'static [PlainSetting] {
        &[PlainSetting { name: "rate", about: "Probability that a value is dropped: 0 to below 1" }]
    }

    fn recipe(&self, _inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        Some(Recipe::of_one((0, at), "as it is: nothing is dropped of a probe".to_owned(), |value| value))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let forward = [&build.input().values, &build.output];
        let backward = match &build.input().gradient {
            Some(input_gradient) => self.plan(build, [&build.output_gradient, input_gradient], true)?,
            None => Plan::default(),
        };
        Ok(LayerPlans {
            forward: self.plan(build, forward, true)?,
            evaluation: Some(self.plan(build, forward, false)?),
            backward,
        })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        self.apply(call, &call.inputs[0])
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        TwinGradients::of_input(self.apply(call, output_gradient))
    }
}
