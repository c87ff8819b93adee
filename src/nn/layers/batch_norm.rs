//! `batch_norm`: each channel brought to mean 0 and deviation 1, then scaled and shifted (Ioffe and Szegedy 2015), as in
//! PyTorch's `BatchNorm2d`.
//!
//! `output[c] = weight[c] · (input[c] − mean[c]) / √(variance[c] + epsilon) + bias[c]`. In training, mean and variance are those of
//! the trained images of the pass (a batch of several passes has several), over all pixels; at the end of the step
//! `running ← (1 − momentum) · running + momentum · batch`, the running variance with `m − 1` below the sum, passes weighted by
//! their images. In an evaluation, for probes, and in a frozen layer, they are the running ones. Any shape, kept.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::data::Sample;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Plan, Source};
use crate::nn::twin::{KernelTwin, Mode, TwinCall, TwinGradients};
use crate::nn::{
    Init, Layer, LayerBuild, LayerPlans, ParameterSpec, PlainSetting, Recipe, RecipeStep, Role, Shape, Tensor,
};
use crate::{params, wgsl};

const BATCH_NORM: Source = wgsl!("nn/batch_norm.wgsl", Sample, BatchNormParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/batch_norm.wgsl", "statistics", "nn::layers::batch_norm::BatchNorm::statistics"),
    ("nn/batch_norm.wgsl", "forward", "nn::layers::batch_norm::BatchNorm::forward_twin"),
    ("nn/batch_norm.wgsl", "gradient_sums", "nn::layers::batch_norm::BatchNorm::backward_twin"),
    ("nn/batch_norm.wgsl", "backward", "nn::layers::batch_norm::BatchNorm::backward_twin"),
];

params! {
    struct BatchNormParams {
        channels: u32, pixels: u32, quads: u32, train_quads: u32,
        weight: u32, bias: u32, running_mean: u32, running_variance: u32,
        momentum: f32, epsilon: f32,
    }
}

/// Settings of batch normalization.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchNorm {
    /// Share of the batch in the new running statistics.
    #[serde(default = "tenth")]
    pub momentum: f32,
    /// ε, added to the variance.
    #[serde(default = "small")]
    pub epsilon: f32,
}

fn tenth() -> f32 {
    0.1
}

fn small() -> f32 {
    1e-5
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: BatchNorm = settings(table)?;
    if !(0.0..=1.0).contains(&layer.momentum) {
        return Err(Error::new(format!("momentum is {}", layer.momentum), "give it a value from 0 to 1"));
    }
    if !(layer.epsilon.is_finite() && layer.epsilon > 0.0) {
        return Err(Error::new(format!("epsilon is {}", layer.epsilon), "give it a value above 0"));
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(BatchNorm { momentum: 0.1, epsilon: 1e-5 }, Shape::new(3, 5, 7)),
        sample(BatchNorm { momentum: 0.3, epsilon: 1e-3 }, Shape::new(7, 1, 1)),
    ]
}

/// Mean and variance of each channel.
struct Statistics {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// Values of a channel, in training.
    count: f64,
}

impl BatchNorm {
    fn statistics(&self, call: &TwinCall<'_>) -> Statistics {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        if call.mode == Mode::Evaluation {
            let [mean, variance] = [2, 3].map(|i| call.parameters[i].clone());
            return Statistics { mean, variance, count: len as f64 };
        }
        let mean = |channel: &[f64]| channel.iter().sum::<f64>() / len as f64;
        let variance = |channel: &[f64]| {
            let mean = mean(channel);
            channel.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / len as f64
        };
        let channels = || input.values.chunks(len);
        Statistics {
            mean: channels().map(mean).collect(),
            variance: channels().map(variance).collect(),
            count: len as f64,
        }
    }

    fn deviation(&self, variance: f64) -> f64 {
        (variance + f64::from(self.epsilon)).sqrt()
    }

    /// The normalized values, before scale and shift.
    fn normalized(&self, input: &Tensor, statistics: &Statistics) -> Vec<f64> {
        let len = input.shape.pixels() * input.images;
        let value = |(i, v): (usize, &f64)| {
            let c = i / len;
            (v - statistics.mean[c]) / self.deviation(statistics.variance[c])
        };
        input.values.iter().enumerate().map(value).collect()
    }

    fn params(&self, build: &LayerBuild<'_>, training: bool) -> BatchNormParams {
        let shape = build.input().shape;
        let [weight, bias, running_mean, running_variance] = [0, 1, 2, 3].map(|i| build.offsets[i] as u32);
        BatchNormParams {
            channels: shape.channels as u32,
            pixels: shape.pixels() as u32,
            quads: build.extent.quads as u32,
            train_quads: if training && build.trains { build.extent.train_quads as u32 } else { 0 },
            weight,
            bias,
            running_mean,
            running_variance,
            momentum: self.momentum,
            epsilon: self.epsilon,
        }
    }

    fn forward(&self, build: &LayerBuild<'_>, moments: &BufferRange, training: bool) -> Result<Plan> {
        let mut plan = build.plan();
        let input = build.input();
        let params = self.params(build, training);
        if training && build.trains {
            let kernel = build.gpu.kernel(&BATCH_NORM, "statistics", &[])?;
            plan.dispatch(&build.label("statistics"), &kernel)
                .bind("samples", build.batch.samples.clone())
                .bind("input", input.values.clone())
                .bind("moments", moments.clone())
                .params(&params)
                .threads([64 * input.shape.channels as u32, 1, 1])?;
        }
        let count = build.count(input.shape);
        let kernel = build.gpu.kernel(&BATCH_NORM, "forward", &[])?;
        plan.dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("parameters", build.parameters.clone())
            .bind("moments", moments.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        Ok(plan.finish())
    }

    fn backward(&self, build: &LayerBuild<'_>, moments: &BufferRange) -> Result<Plan> {
        let mut plan = build.plan();
        let input = build.input();
        let params = self.params(build, true);
        let channels = input.shape.channels;
        let sums =
            Buffer::<[f32; 2]>::zeroed(build.gpu, "gradient sums", channels.next_multiple_of(2)).range();
        if build.trains {
            let kernel = build.gpu.kernel(&BATCH_NORM, "gradient_sums", &[])?;
            plan.dispatch(&build.label("weight gradient"), &kernel)
                .bind("samples", build.batch.samples.clone())
                .bind("input", input.values.clone())
                .bind("moments", moments.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("parameters", build.parameters.clone())
                .bind("partials", build.partial_sums(0, 3 * channels.next_multiple_of(4) + channels, 1)?)
                .bind("sums", sums.clone())
                .params(&params)
                .threads([64 * channels as u32, 1, 1])?;
        }
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&BATCH_NORM, "backward", &[])?;
            plan.dispatch(&build.label("input gradient"), &kernel)
                .bind("samples", build.batch.samples.clone())
                .bind("input", input.values.clone())
                .bind("parameters", build.parameters.clone())
                .bind("moments", moments.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("sums", sums)
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([build.count(input.shape), 1, 1])?;
        }
        Ok(plan.finish())
    }
}

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch_norm"
    }

    fn short_name(&self) -> &'static str {
        "norm"
    }

    fn summary(&self) -> String {
        format!("momentum {}, epsilon {}", self.momentum, self.epsilon)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn plain_settings(&self) -> &'static [PlainSetting] {
        &[
            PlainSetting { name: "momentum", about: "Share of a batch in the running statistics: 0 to 1" },
            PlainSetting { name: "epsilon", about: "Number added to the variance: above 0" },
        ]
    }

    fn recipe(&self, _inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        let this = *self;
        let steps = move |values: &[f64], parameters: &[f64]| {
            let [weight, bias, mean, variance] = [0, 1, 2, 3].map(|i| parameters[i]);
            let (off, deviation) = (values[0] - mean, this.deviation(variance));
            vec![
                RecipeStep::new(format!("− running mean {mean:.6}"), off),
                RecipeStep::new(format!("÷ √(running variance + ε) {deviation:.6}"), off / deviation),
                RecipeStep::new(format!("× weight {weight:.6}"), weight * off / deviation),
                RecipeStep::new(format!("+ bias {bias:.6}"), weight * off / deviation + bias),
            ]
        };
        let of_channel = (0..4).map(|tensor| [tensor, at[0]]).collect();
        Some(Recipe::new(vec![(0, at)], steps).with_parameters(of_channel))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    /// One value is its own mean, and its variance is 0.
    fn least_values(&self) -> usize {
        2
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let one = |name, role, init| ParameterSpec::per_channel(name, inputs[0].channels, role, init);
        vec![
            one("weight", Role::Bias, Init::One),
            one("bias", Role::Bias, Init::Zero),
            one("running_mean", Role::Buffer, Init::Zero),
            one("running_var", Role::Buffer, Init::One),
        ]
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let channels = build.input().shape.channels;
        let moments = Buffer::<[f32; 4]>::zeroed(build.gpu, "moments", channels).range();
        Ok(LayerPlans {
            forward: self.forward(build, &moments, true)?,
            evaluation: Some(self.forward(build, &moments, false)?),
            backward: self.backward(build, &moments)?,
        })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        let normalized = self.normalized(input, &self.statistics(call));
        let value = |(i, v): (usize, &f64)| call.parameters[0][i / len] * v + call.parameters[1][i / len];
        Tensor { values: normalized.iter().enumerate().map(value).collect(), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        let statistics = self.statistics(call);
        let normalized = self.normalized(input, &statistics);
        let channels = input.shape.channels;
        let (mut weight, mut bias) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, gradient) in output_gradient.values.iter().enumerate() {
            weight[i / len] += gradient * normalized[i];
            bias[i / len] += gradient;
        }
        let through = |(i, gradient): (usize, &f64)| {
            let c = i / len;
            let shared = match call.mode {
                Mode::Training(_) => (bias[c] + normalized[i] * weight[c]) / statistics.count,
                Mode::Evaluation => 0.0,
            };
            call.parameters[0][c] / self.deviation(statistics.variance[c]) * (gradient - shared)
        };
        let values = output_gradient.values.iter().enumerate().map(through).collect();
        let toward = |running: &[f64], now: &[f64]| match call.mode {
            Mode::Training(_) => {
                running.iter().zip(now).map(|(r, n)| f64::from(self.momentum) * (r - n)).collect()
            }
            Mode::Evaluation => vec![0.0; channels],
        };
        let unbiased = statistics.count / (statistics.count - 1.0).max(1.0);
        let variance: Vec<f64> = statistics.variance.iter().map(|v| v * unbiased).collect();
        let means = toward(&call.parameters[2], &statistics.mean);
        let variances = toward(&call.parameters[3], &variance);
        TwinGradients {
            inputs: vec![Tensor { values, ..input.clone() }],
            parameters: vec![weight, bias, means, variances],
        }
    }
}
