//! `local_response_norm`: each value divided by a power of its neighbours' squares across channels (Krizhevsky et al.
//! 2012, section 3.3), with PyTorch's constants, which are ConvNetJS's too.
//!
//! `s[c] = k + alpha/size · Σ_{c − ⌊size/2⌋ ≤ j ≤ c + ⌊(size−1)/2⌋} x[j]²`, `output[c] = x[c] · s[c]^−beta`. Any shape, kept.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Source};
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, PlainSetting, Recipe, RecipeStep, Shape, Tensor};
use crate::{params, wgsl};

const LOCAL_RESPONSE_NORM: Source = wgsl!("nn/local_response_norm.wgsl", LocalResponseNormParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    (
        "nn/local_response_norm.wgsl",
        "forward",
        "nn::layers::local_response_norm::LocalResponseNorm::forward_twin",
    ),
    (
        "nn/local_response_norm.wgsl",
        "backward",
        "nn::layers::local_response_norm::LocalResponseNorm::backward_twin",
    ),
];

params! {
    struct LocalResponseNormParams {
        channels: u32, plane: u32, before: u32, after: u32, share: f32, beta: f32, k: f32,
    }
}

/// Settings of local response normalization.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocalResponseNorm {
    /// Number of channels in the sum.
    #[serde(default = "five")]
    pub size: usize,
    /// Weight of the squares.
    #[serde(default = "small")]
    pub alpha: f32,
    /// Exponent.
    #[serde(default = "three_quarters")]
    pub beta: f32,
    /// Constant added to the squares.
    #[serde(default = "one")]
    pub k: f32,
}

fn five() -> usize {
    5
}

fn small() -> f32 {
    1e-4
}

fn three_quarters() -> f32 {
    0.75
}

fn one() -> f32 {
    1.0
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: LocalResponseNorm = settings(table)?;
    at_least_one("size", layer.size)?;
    let fault =
        |name: &str, value: f32, help: &str| Err(Error::new(format!("{name} is {value}"), help.to_owned()));
    if !(layer.alpha.is_finite() && layer.alpha >= 0.0) {
        return fault("alpha", layer.alpha, "give it a value of 0 or more");
    }
    if !layer.beta.is_finite() {
        return fault("beta", layer.beta, "give it a finite value");
    }
    if !(layer.k.is_finite() && layer.k > 0.0) {
        return fault("k", layer.k, "give it a value above 0");
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(LocalResponseNorm { size: 5, alpha: 0.7, beta: 0.75, k: 1.3 }, Shape::new(7, 3, 5)),
        sample(LocalResponseNorm { size: 4, alpha: 1.1, beta: 0.5, k: 2.0 }, Shape::new(3, 5, 1)),
    ]
}

impl LocalResponseNorm {
    /// Number of channels before and after in the sum.
    fn reach(&self) -> [usize; 2] {
        [self.size / 2, (self.size - 1) / 2]
    }

    fn share(&self) -> f64 {
        f64::from(self.alpha) / self.size as f64
    }

    /// `s` of every value.
    fn scales(&self, input: &Tensor) -> Vec<f64> {
        let [before, after] = self.reach();
        let scale = |[c, y, x, n]: [usize; 4]| {
            let window = c.saturating_sub(before)..(c + after + 1).min(input.shape.channels);
            let squares: f64 = window.map(|j| input.values[input.index(j, y, x, n)].powi(2)).sum();
            f64::from(self.k) + self.share() * squares
        };
        input.indices().map(scale).collect()
    }
}

impl Layer for LocalResponseNorm {
    fn kind(&self) -> &'static str {
        "local_response_norm"
    }

    fn short_name(&self) -> &'static str {
        "lrn"
    }

    fn summary(&self) -> String {
        format!("{} channels, alpha {}, beta {}, k {}", self.size, self.alpha, self.beta, self.k)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn plain_settings(&self) -> &'static [PlainSetting] {
        &[
            PlainSetting { name: "size", about: "Number of channels in the sum: 1 or more" },
            PlainSetting { name: "alpha", about: "Weight of the squares: 0 or more" },
            PlainSetting { name: "beta", about: "Exponent of the sum: 0 or more" },
            PlainSetting { name: "k", about: "Number added to the squares: above 0" },
        ]
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let (this, [before, after]) = (*self, self.reach());
        let window = c.saturating_sub(before)..(c + after + 1).min(inputs[0].channels);
        let own = c - window.start;
        let steps = move |values: &[f64], _: &[f64]| {
            let squares: f64 = values.iter().map(|value| value * value).sum();
            let (k, beta) = (f64::from(this.k), f64::from(this.beta));
            let scale = k + this.share() * squares;
            let output = values[own] * scale.powf(-beta);
            vec![
                RecipeStep::new(format!("squares of {} channels, added", values.len()), squares),
                RecipeStep::new(format!("× alpha/size {:.6} + k {k}", this.share()), scale),
                RecipeStep::new(format!("channel {c} ÷ that to the power {beta}"), output),
            ]
        };
        Some(Recipe::new(window.map(|j| (0, [j, y, x])).collect(), steps))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let count = build.count(input.shape);
        let scales = Buffer::<f32>::zeroed(build.gpu, "scales", 4 * count as usize).range();
        let [before, after] = self.reach();
        let params = LocalResponseNormParams {
            channels: input.shape.channels as u32,
            plane: count / input.shape.channels as u32,
            before: before as u32,
            after: after as u32,
            share: self.share() as f32,
            beta: self.beta,
            k: self.k,
        };
        let kernel = build.gpu.kernel(&LOCAL_RESPONSE_NORM, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .bind("scales", scales.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&LOCAL_RESPONSE_NORM, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("scales", scales)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([count, 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let beta = f64::from(self.beta);
        let pairs = input.values.iter().zip(self.scales(input));
        Tensor { values: pairs.map(|(x, s)| x * s.powf(-beta)).collect(), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let scales = self.scales(input);
        let beta = f64::from(self.beta);
        let [before, after] = self.reach();
        let mut gradient = Tensor::zeros(input.shape, input.images);
        for [c, y, x, n] in input.indices() {
            let at = input.index(c, y, x, n);
            gradient.values[at] += output_gradient.values[at] * scales[at].powf(-beta);
            let through = output_gradient.values[at] * input.values[at] * scales[at].powf(-beta - 1.0);
            for j in c.saturating_sub(before)..(c + after + 1).min(input.shape.channels) {
                let to = input.index(j, y, x, n);
                gradient.values[to] -= 2.0 * beta * self.share() * through * input.values[to];
            }
        }
        TwinGradients::of_input(gradient)
    }
}
