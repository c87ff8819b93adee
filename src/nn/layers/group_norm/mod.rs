//! `group_norm`: groups of neighboring channels brought to mean 0 and deviation 1, image by image, then each channel scaled and shifted
//! (Wu and He 2018), as in PyTorch's `GroupNorm`; `instance_norm`: the same with a group for each channel (Ulyanov et al. 2016);
//! `layer_norm`: the same with the channels of each pixel as a group, as in ConvNeXt (Liu et al. 2022) and in PyTorch's `LayerNorm` of maps
//! with the channels last.
//!
//! `output[c] = weight[c] · (input[c] − mean) / √(variance + epsilon) + bias[c]`, mean and variance over all pixels of the channels of c's
//! group in the same image, or over the channels of the pixel: nothing flows between images, and an evaluation is as a training. One group is
//! layer normalization over the whole map. Any shape, kept.
//!
//! A channel that comes or goes moves the mean of its group, and with it the output; not so in `instance_norm`.

mod grouping;

use serde::{Deserialize, Serialize};
use toml::Table;

use self::grouping::Grouping;
use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Plan, Source};
use crate::nn::recipe::rectangle;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{
    Init, Layer, LayerBuild, LayerPlans, ParameterSpec, PlainSetting, ReceptiveField, Recipe, RecipeStep,
    Role, Shape, Tensor,
};
use crate::{params, wgsl};

const GROUP_NORM: Source = wgsl!("nn/group_norm.wgsl", GroupNormParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/group_norm.wgsl", "statistics", "nn::layers::group_norm::GroupNorm::moments"),
    ("nn/group_norm.wgsl", "forward", "nn::layers::group_norm::GroupNorm::forward_twin"),
    ("nn/group_norm.wgsl", "gradient_means", "nn::layers::group_norm::GroupNorm::backward_twin"),
    ("nn/group_norm.wgsl", "backward", "nn::layers::group_norm::GroupNorm::backward_twin"),
    ("nn/group_norm.wgsl", "gradient_sums", "nn::layers::group_norm::GroupNorm::backward_twin"),
];

/// Threads of a workgroup of the kernels, and quads of images that it adds up side by side.
const WORKGROUP: usize = 256;
const QUADS: usize = 4;

params! {
    struct GroupNormParams {
        groups: u32, each: u32, channels: u32, pixels: u32, quads: u32, train_quads: u32, weight: u32, bias: u32, epsilon: f32,
    }
}

/// Normalization of groups of channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupNorm {
    grouping: Grouping,
    /// ε, added to the variance.
    epsilon: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grouped {
    #[serde(default = "one")]
    groups: usize,
    #[serde(default = "small")]
    epsilon: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(default = "small")]
    epsilon: f32,
}

fn one() -> usize {
    1
}

fn small() -> f32 {
    1e-5
}

fn checked(layer: GroupNorm) -> Result<Box<dyn Layer>> {
    if !(layer.epsilon.is_finite() && layer.epsilon > 0.0) {
        return Err(Error::new(format!("epsilon is {}", layer.epsilon), "give it a value above 0"));
    }
    Ok(Box::new(layer))
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let Grouped { groups, epsilon } = settings(table)?;
    at_least_one("groups", groups)?;
    checked(GroupNorm { grouping: Grouping::Groups(groups), epsilon })
}

pub(super) fn parse_instance(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    checked(GroupNorm { grouping: Grouping::EachChannel, epsilon: settings::<Plain>(table)?.epsilon })
}

pub(super) fn parse_layer(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    checked(GroupNorm { grouping: Grouping::EachPixel, epsilon: settings::<Plain>(table)?.epsilon })
}

pub(super) fn samples() -> Vec<LayerSample> {
    let one =
        |groups, epsilon, shape| sample(GroupNorm { grouping: Grouping::Groups(groups), epsilon }, shape);
    vec![
        one(2, 1e-5, Shape::new(6, 3, 5)),
        one(1, 1e-3, Shape::new(3, 5, 7)),
        one(3, 1e-3, Shape::new(21, 1, 1)),
    ]
}

pub(super) fn samples_instance() -> Vec<LayerSample> {
    let one = |epsilon, shape| sample(GroupNorm { grouping: Grouping::EachChannel, epsilon }, shape);
    vec![one(1e-5, Shape::new(3, 5, 7)), one(1e-3, Shape::new(5, 3, 2))]
}

pub(super) fn samples_layer() -> Vec<LayerSample> {
    let one = |epsilon, shape| sample(GroupNorm { grouping: Grouping::EachPixel, epsilon }, shape);
    vec![one(1e-5, Shape::new(7, 3, 5)), one(1e-3, Shape::new(3, 5, 2)), one(1e-3, Shape::new(21, 1, 1))]
}

/// Mean and 1 / deviation of each group and image, `[group, n]`.
struct Moments(Vec<[f64; 2]>);

impl GroupNorm {
    fn constants(&self) -> [(&'static str, u32); 1] {
        [("EACH_PIXEL", u32::from(self.grouping == Grouping::EachPixel))]
    }

    fn moments(&self, input: &Tensor) -> Moments {
        let means = self.grouping.means(input, &input.values);
        let off = |(i, x): (usize, &f64)| (x - means[self.grouping.place(input, i)]).powi(2);
        let squares: Vec<f64> = input.values.iter().enumerate().map(off).collect();
        let variances = self.grouping.means(input, &squares);
        let both = means.iter().zip(variances);
        Moments(both.map(|(mean, v)| [*mean, 1.0 / (v + f64::from(self.epsilon)).sqrt()]).collect())
    }

    /// The normalized values, before scale and shift.
    fn normalized(&self, input: &Tensor, Moments(moments): &Moments) -> Vec<f64> {
        let value = |(i, x): (usize, &f64)| {
            let [mean, scale] = moments[self.grouping.place(input, i)];
            (x - mean) * scale
        };
        input.values.iter().enumerate().map(value).collect()
    }

    fn params(&self, build: &LayerBuild<'_>) -> GroupNormParams {
        let shape = build.input().shape;
        GroupNormParams {
            groups: self.grouping.groups(shape) as u32,
            each: self.grouping.each(shape) as u32,
            channels: shape.channels as u32,
            pixels: shape.pixels() as u32,
            quads: build.extent.quads as u32,
            train_quads: build.extent.train_quads as u32,
            weight: build.offsets[0] as u32,
            bias: build.offsets[1] as u32,
            epsilon: self.epsilon,
        }
    }

    /// Threads of the kernels that add up groups.
    fn group_threads(&self, build: &LayerBuild<'_>) -> [u32; 3] {
        let groups = self.grouping.groups(build.input().shape);
        [(groups * build.extent.quads.div_ceil(QUADS) * WORKGROUP) as u32, 1, 1]
    }

    fn backward(&self, build: &LayerBuild<'_>, moments: &BufferRange, means: &BufferRange) -> Result<Plan> {
        let mut plan = build.plan();
        let input = build.input();
        let (params, channels) = (self.params(build), input.shape.channels);
        if build.trains {
            let kernel = build.gpu.kernel(&GROUP_NORM, "gradient_sums", &self.constants())?;
            let len = channels.next_multiple_of(4) + channels;
            plan.dispatch(&build.label("weight gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("moments", moments.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("partials", build.partial_sums(0, len, 1)?)
                .params(&params)
                .threads([(WORKGROUP * channels) as u32, 1, 1])?;
        }
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&GROUP_NORM, "gradient_means", &self.constants())?;
            plan.dispatch(&build.label("gradient means"), &kernel)
                .bind("input", input.values.clone())
                .bind("parameters", build.parameters.clone())
                .bind("moments", moments.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("means", means.clone())
                .params(&params)
                .threads(self.group_threads(build))?;
            let kernel = build.gpu.kernel(&GROUP_NORM, "backward", &self.constants())?;
            plan.dispatch(&build.label("input gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("parameters", build.parameters.clone())
                .bind("moments", moments.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("means", means.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([build.count(input.shape), 1, 1])?;
        }
        Ok(plan.finish())
    }
}

impl Layer for GroupNorm {
    fn kind(&self) -> &'static str {
        match self.grouping {
            Grouping::Groups(_) => "group_norm",
            Grouping::EachChannel => "instance_norm",
            Grouping::EachPixel => "layer_norm",
        }
    }

    fn short_name(&self) -> &'static str {
        match self.grouping {
            Grouping::Groups(_) => "groupnorm",
            Grouping::EachChannel => "instnorm",
            Grouping::EachPixel => "layernorm",
        }
    }

    fn summary(&self) -> String {
        let groups = match self.grouping {
            Grouping::EachChannel => "each channel".to_owned(),
            Grouping::EachPixel => "each pixel".to_owned(),
            Grouping::Groups(1) => "all channels".to_owned(),
            Grouping::Groups(groups) => format!("{groups} groups"),
        };
        format!("{groups}, epsilon {}", self.epsilon)
    }

    fn settings(&self) -> Table {
        match self.grouping {
            Grouping::Groups(groups) => to_table(&Grouped { groups, epsilon: self.epsilon }),
            _ => to_table(&Plain { epsilon: self.epsilon }),
        }
    }

    fn plain_settings(&self) -> &'static [PlainSetting] {
        &[PlainSetting { name: "epsilon", about: "Number added to the variance: above 0" }]
    }

    fn channel_groups(&self) -> usize {
        if let Grouping::Groups(groups) = self.grouping { groups } else { 1 }
    }

    fn receptive_field(&self, input: Shape) -> ReceptiveField {
        if self.grouping == Grouping::EachPixel {
            return ReceptiveField::PIXEL;
        }
        // The same pixels wherever the output pixel is.
        ReceptiveField { stride: [0, 0], ..ReceptiveField::whole(input) }
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let Shape { height, width, .. } = inputs[0];
        let each = self.grouping.each(inputs[0]);
        let group = c / each * each..(c / each + 1) * each;
        let is_pixel = self.grouping == Grouping::EachPixel;
        let pixels = if is_pixel { [y..y + 1, x..x + 1] } else { [0..height, 0..width] };
        let values: Vec<_> = group.clone().flat_map(|c| rectangle(c, pixels.clone())).collect();
        let own = values.iter().position(|(_, at)| *at == [c, y, x])?;
        let epsilon = f64::from(self.epsilon);
        let steps = move |values: &[f64], parameters: &[f64]| {
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
            let (off, deviation) = (values[own] - mean, (variance + epsilon).sqrt());
            let [weight, bias] = [parameters[0], parameters[1]];
            vec![
                RecipeStep::new(format!("− mean of {count} values {mean:.6}"), off),
                RecipeStep::new(format!("÷ √(their variance + ε) {deviation:.6}"), off / deviation),
                RecipeStep::new(format!("× weight {weight:.6}"), weight * off / deviation),
                RecipeStep::new(format!("+ bias {bias:.6}"), weight * off / deviation + bias),
            ]
        };
        Some(Recipe::new(values, steps).with_parameters(vec![[0, c], [1, c]]))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let (input, groups) = (inputs[0], self.grouping.groups(inputs[0]));
        if self.grouping == Grouping::EachPixel {
            if input.channels == 1 {
                let what = format!("a pixel of its input of {input} has one value, which is its own mean");
                return Err(Error::new(what, "take group_norm or instance_norm"));
            }
            return Ok(input);
        }
        if !input.channels.is_multiple_of(groups) {
            let what = format!("{groups} groups do not divide the channels of its input of {input}");
            return Err(Error::new(what, "take a number of groups that divides them, or instance_norm"));
        }
        if input.len() == groups {
            let what = format!("a group of its input of {input} has one value, which is its own mean");
            return Err(Error::new(what, "take fewer groups, or put it before the pooling"));
        }
        Ok(input)
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let channels = inputs[0].channels;
        vec![
            ParameterSpec::per_channel("weight", channels, Role::Bias, Init::One),
            ParameterSpec::bias(channels),
        ]
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let mut forward = build.plan();
        let input = build.input();
        let params = self.params(build);
        let pairs = 2 * self.grouping.groups(input.shape) * build.extent.quads;
        let buffer = |label: &str| Buffer::<[f32; 4]>::zeroed(build.gpu, label, pairs).range();
        let (moments, means) = (buffer("moments"), buffer("gradient means"));
        let kernel = build.gpu.kernel(&GROUP_NORM, "statistics", &self.constants())?;
        forward
            .dispatch(&build.label("statistics"), &kernel)
            .bind("input", input.values.clone())
            .bind("moments", moments.clone())
            .params(&params)
            .threads(self.group_threads(build))?;
        let kernel = build.gpu.kernel(&GROUP_NORM, "forward", &self.constants())?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("parameters", build.parameters.clone())
            .bind("moments", moments.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([build.count(input.shape), 1, 1])?;
        let backward = self.backward(build, &moments, &means)?;
        Ok(LayerPlans { forward: forward.finish(), backward, ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let len = input.shape.pixels() * input.images;
        let normalized = self.normalized(input, &self.moments(input));
        let value = |(i, v): (usize, &f64)| call.parameters[0][i / len] * v + call.parameters[1][i / len];
        Tensor { values: normalized.iter().enumerate().map(value).collect(), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let (len, channels) = (input.shape.pixels() * input.images, input.shape.channels);
        let moments = self.moments(input);
        let normalized = self.normalized(input, &moments);
        let (mut weight, mut bias) = (vec![0.0; channels], vec![0.0; channels]);
        for (i, gradient) in output_gradient.values.iter().enumerate() {
            weight[i / len] += gradient * normalized[i];
            bias[i / len] += gradient;
        }
        let scaled = |(i, gradient): (usize, &f64)| call.parameters[0][i / len] * gradient;
        let inner: Vec<f64> = output_gradient.values.iter().enumerate().map(scaled).collect();
        let plain = self.grouping.means(input, &inner);
        let products: Vec<f64> = inner.iter().zip(&normalized).map(|(g, n)| g * n).collect();
        let along = self.grouping.means(input, &products);
        let through = |(i, gradient): (usize, &f64)| {
            let at = self.grouping.place(input, i);
            moments.0[at][1] * (gradient - plain[at] - normalized[i] * along[at])
        };
        let values = inner.iter().enumerate().map(through).collect();
        TwinGradients { inputs: vec![Tensor { values, ..input.clone() }], parameters: vec![weight, bias] }
    }
}
