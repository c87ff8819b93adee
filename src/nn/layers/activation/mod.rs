//! The activation functions, one value at a time: `relu`, `leaky_relu`, `elu`, `gelu`, `silu`, `hard_swish`, `hard_sigmoid`, `hardtanh`,
//! `scale`, `sigmoid`, `tanh`.
//! Any shape, kept; NaN kept.
//!
//! - `relu`: `max(x, 0)`
//! - `leaky_relu`: `x` above 0, `slope · x` below (Maas et al. 2013)
//! - `elu`: `x` above 0, `alpha · (exp x − 1)` below (Clevert et al. 2016)
//! - `gelu`: `x · Φ(x) = x/2 · (1 + erf(x/√2))` (Hendrycks and Gimpel 2016), not its tanh approximation
//! - `silu`: `x / (1 + exp −x)` (Elfwing et al. 2017), which others call swish
//! - `hard_swish`: `x · min(max(x + 3, 0), 6) / 6` (Howard et al. 2019)
//! - `hard_sigmoid`: `min(max(x + 3, 0), 6) / 6` (Howard et al. 2019), as PyTorch's and Keras 3's
//! - `hardtanh`: `min(max(x, min), max)`; from 0 to 6 it is PyTorch's `ReLU6`
//! - `scale`: `factor · x + offset`, two numbers that are not trained
//! - `sigmoid`: `1 / (1 + exp −x)`
//! - `tanh`

mod function;

use serde::{Deserialize, Serialize};
use toml::Table;

use self::function::Function;
use super::bias_sums::{BiasedMap, bias_sums};
use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::Source;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, PlainSetting, Recipe, Shape, Tensor};
use crate::{params, wgsl};

const ACTIVATION: Source = wgsl!("nn/activation.wgsl", ActivationParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/activation.wgsl", "forward", "nn::layers::activation::Activation::forward_twin"),
    ("nn/activation.wgsl", "backward", "nn::layers::activation::Activation::backward_twin"),
];

/// Type name of the rectified linear unit, which `conv2d` and `dense` fuse.
pub(super) const RELU: &str = "relu";

params! { struct ActivationParams { count: u32, slope: f32, high: f32 } }

/// A layer that is one activation function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    function: Function,
    /// `slope` of leaky relu, `alpha` of elu, `min` of hardtanh, `factor` of scale.
    slope: f32,
    /// `max` of hardtanh, `offset` of scale.
    high: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaky {
    #[serde(default = "hundredth")]
    slope: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Elu {
    #[serde(default = "one")]
    alpha: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default = "minus_one")]
    min: f32,
    #[serde(default = "one")]
    max: f32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    #[serde(default = "one")]
    factor: f32,
    #[serde(default)]
    offset: f32,
}

fn minus_one() -> f32 {
    -1.0
}

fn hundredth() -> f32 {
    0.01
}

fn one() -> f32 {
    1.0
}

fn function(function: Function) -> Activation {
    Activation { function, slope: 0.0, high: 0.0 }
}

/// The rectified linear unit.
pub fn relu() -> Activation {
    function(Function::Relu)
}

fn plain(of: Function, table: Table) -> Result<Box<dyn Layer>> {
    settings::<NoSettings>(table)?;
    Ok(Box::new(function(of)))
}

fn sloped(of: Function, name: &str, slope: f32) -> Result<Box<dyn Layer>> {
    if !(slope.is_finite() && slope >= 0.0) {
        return Err(Error::new(format!("{name} is {slope}"), "give it a value of 0 or more"));
    }
    Ok(Box::new(Activation { slope, ..function(of) }))
}

pub(super) fn parse_relu(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::Relu, table)
}

pub(super) fn parse_leaky_relu(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    sloped(Function::LeakyRelu, "slope", settings::<Leaky>(table)?.slope)
}

pub(super) fn parse_elu(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    sloped(Function::Elu, "alpha", settings::<Elu>(table)?.alpha)
}

pub(super) fn parse_gelu(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::Gelu, table)
}

pub(super) fn parse_sigmoid(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::Sigmoid, table)
}

pub(super) fn parse_tanh(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::Tanh, table)
}

pub(super) fn parse_silu(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::Silu, table)
}

pub(super) fn parse_hard_swish(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::HardSwish, table)
}

pub(super) fn parse_hard_sigmoid(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    plain(Function::HardSigmoid, table)
}

pub(super) fn parse_hardtanh(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let Bounds { min, max } = settings(table)?;
    if !(min.is_finite() && max.is_finite() && min < max) {
        let what = format!("min is {min} and max is {max}");
        return Err(Error::new(what, "give two finite values, max above min"));
    }
    Ok(Box::new(Activation { slope: min, high: max, ..function(Function::Hardtanh) }))
}

pub(super) fn parse_scale(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let Scale { factor, offset } = settings(table)?;
    if !(factor.is_finite() && offset.is_finite()) {
        return Err(Error::new(
            format!("factor is {factor} and offset is {offset}"),
            "give two finite values",
        ));
    }
    Ok(Box::new(Activation { slope: factor, high: offset, ..function(Function::Scale) }))
}

fn both(layer: Activation) -> Vec<LayerSample> {
    [Shape::new(3, 5, 7), Shape::new(11, 1, 1)].map(|shape| sample(layer, shape)).into()
}

fn samples(of: Function, slope: f32) -> Vec<LayerSample> {
    both(Activation { slope, ..function(of) })
}

pub(super) fn samples_relu() -> Vec<LayerSample> {
    samples(Function::Relu, 0.0)
}

pub(super) fn samples_leaky_relu() -> Vec<LayerSample> {
    samples(Function::LeakyRelu, 0.07)
}

pub(super) fn samples_elu() -> Vec<LayerSample> {
    samples(Function::Elu, 1.3)
}

pub(super) fn samples_gelu() -> Vec<LayerSample> {
    samples(Function::Gelu, 0.0)
}

pub(super) fn samples_sigmoid() -> Vec<LayerSample> {
    samples(Function::Sigmoid, 0.0)
}

pub(super) fn samples_tanh() -> Vec<LayerSample> {
    samples(Function::Tanh, 0.0)
}

pub(super) fn samples_silu() -> Vec<LayerSample> {
    samples(Function::Silu, 0.0)
}

pub(super) fn samples_hard_swish() -> Vec<LayerSample> {
    samples(Function::HardSwish, 0.0)
}

pub(super) fn samples_hard_sigmoid() -> Vec<LayerSample> {
    samples(Function::HardSigmoid, 0.0)
}

pub(super) fn samples_hardtanh() -> Vec<LayerSample> {
    both(Activation { slope: -0.7, high: 1.2, ..function(Function::Hardtanh) })
}

pub(super) fn samples_scale() -> Vec<LayerSample> {
    both(Activation { slope: -0.7, high: 1.2, ..function(Function::Scale) })
}

impl Activation {
    /// The function's value and derivative at `x`.
    fn at(&self, x: f64) -> [f64; 2] {
        self.function.at(x, self.slope.into(), self.high.into())
    }
}

impl Layer for Activation {
    fn kind(&self) -> &'static str {
        match self.function {
            Function::Relu => RELU,
            Function::LeakyRelu => "leaky_relu",
            Function::Elu => "elu",
            Function::Gelu => "gelu",
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Silu => "silu",
            Function::HardSwish => "hard_swish",
            Function::Hardtanh => "hardtanh",
            Function::HardSigmoid => "hard_sigmoid",
            Function::Scale => "scale",
        }
    }

    fn short_name(&self) -> &'static str {
        match self.function {
            Function::LeakyRelu => "leaky",
            Function::HardSwish => "swish",
            Function::HardSigmoid => "gate",
            _ => self.kind(),
        }
    }

    fn summary(&self) -> String {
        match self.function {
            Function::Relu => "max(x, 0)".to_owned(),
            Function::LeakyRelu => format!("slope {}", self.slope),
            Function::Elu => format!("alpha {}", self.slope),
            Function::Gelu => "x · Φ(x)".to_owned(),
            Function::Sigmoid => "1 / (1 + exp −x)".to_owned(),
            Function::Tanh => "tanh x".to_owned(),
            Function::Silu => "x / (1 + exp −x)".to_owned(),
            Function::HardSwish => "x · min(max(x + 3, 0), 6) / 6".to_owned(),
            Function::HardSigmoid => "min(max(x + 3, 0), 6) / 6".to_owned(),
            Function::Scale if self.high < 0.0 => format!("{} · x − {}", self.slope, -self.high),
            Function::Scale => format!("{} · x + {}", self.slope, self.high),
            Function::Hardtanh => format!("from {} to {}", self.slope, self.high),
        }
    }

    fn settings(&self) -> Table {
        match self.function {
            Function::LeakyRelu => to_table(&Leaky { slope: self.slope }),
            Function::Elu => to_table(&Elu { alpha: self.slope }),
            Function::Scale => to_table(&Scale { factor: self.slope, offset: self.high }),
            Function::Hardtanh => to_table(&Bounds { min: self.slope, max: self.high }),
            _ => to_table(&NoSettings {}),
        }
    }

    fn plain_settings(&self) -> &'static [PlainSetting] {
        match self.function {
            Function::LeakyRelu => {
                &[PlainSetting { name: "slope", about: "Slope of the function below 0: 0 or more" }]
            }
            Function::Elu => {
                &[PlainSetting { name: "alpha", about: "Size of the function's bend below 0: 0 or more" }]
            }
            Function::Hardtanh => &[
                PlainSetting { name: "min", about: "Least value of the output: below max" },
                PlainSetting { name: "max", about: "Largest value of the output: above min" },
            ],
            Function::Scale => &[
                PlainSetting { name: "factor", about: "Number that values are multiplied by" },
                PlainSetting { name: "offset", about: "Number that is added to the products" },
            ],
            _ => &[],
        }
    }

    fn recipe(&self, _inputs: &[Shape], at: [usize; 3]) -> Option<Recipe> {
        let this = *self;
        let text = format!("{}: {}", self.kind(), self.summary());
        Some(Recipe::of_one((0, at), text, move |x| if x.is_nan() { x } else { this.at(x)[0] }))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(inputs[0])
    }

    fn is_elementwise(&self) -> bool {
        true
    }

    fn fuses_backward(&self, below: &dyn Layer) -> bool {
        self.function == Function::Relu && below.fuses(self)
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let count = build.count(input.shape);
        let params = ActivationParams { count, slope: self.slope, high: self.high };
        let constants = [("FUNCTION", self.function as u32)];
        let kernel = build.gpu.kernel(&ACTIVATION, "forward", &constants)?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        if let (Some(input_gradient), Some(biases)) = (&input.gradient, build.biases_below) {
            let map = BiasedMap::BelowRelu(&input.values, input_gradient);
            bias_sums(build, &mut backward, map, biases)?;
        } else if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&ACTIVATION, "backward", &constants)?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("input", input.values.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([count, 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        Tensor { values: input.values.iter().map(|x| self.at(*x)[0]).collect(), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let pairs = input.values.iter().zip(&output_gradient.values);
        let values = pairs.map(|(x, gradient)| gradient * self.at(*x)[1]).collect();
        TwinGradients::of_input(Tensor { values, ..input.clone() })
    }
}
