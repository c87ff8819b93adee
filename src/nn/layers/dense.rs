//! `dense`: the fully connected layer. With the batch innermost a map is flat already, so on the software adapter it
//! is a convolution over a 1×1 map with `c·h·w` channels; GPUs have products of their own ([`super::dense_products`]).
//!
//! `output[o] = bias[o] + Σ_i weight[o, i] · input[i]`, `i` counting `[c, y, x]`. Input any shape, output `units × 1 × 1`.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::activation::RELU;
use super::conv2d::Convolution;
use super::dense_products::DenseProducts;
use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::Result;
use crate::nn::layer::Channels;
use crate::nn::twin::{TwinCall, TwinGradients};
use crate::nn::{Init, Layer, LayerBuild, LayerPlans, ParameterSpec, ReceptiveField, Shape, Tensor};

/// Settings of a dense layer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Outputs.
    pub units: usize,
    /// Initialization of the weights.
    pub init: Init,
}

/// Settings in a network file; without `units` it has one per class.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenseSettings {
    units: Option<usize>,
    #[serde(default)]
    init: Init,
}

pub(super) fn parse(table: Table, classes: usize) -> Result<Box<dyn Layer>> {
    let DenseSettings { units, init } = settings(table)?;
    let units = units.unwrap_or(classes);
    at_least_one("units", units)?;
    Ok(Box::new(Dense { units, init }))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![
        sample(Dense { units: 3, init: Init::He }, Shape::new(5, 3, 2)),
        sample(Dense { units: 29, init: Init::He }, Shape::new(7, 1, 1)),
        sample(Dense { units: 1, init: Init::He }, Shape::new(1, 5, 5)),
    ]
}

impl Dense {
    fn convolution(&self, input: Shape) -> Convolution {
        Convolution {
            input: Shape::new(input.len(), 1, 1),
            output: Shape::new(self.units, 1, 1),
            kernel: 1,
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
        }
    }
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        "dense"
    }

    fn short_name(&self) -> &'static str {
        "dense"
    }

    fn summary(&self) -> String {
        format!("{} units", self.units)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn channels(&self) -> Channels {
        Channels::Made { groups: 1 }
    }

    fn resized(&self, units: usize, _groups: usize) -> Option<Box<dyn Layer>> {
        Some(Box::new(Self { units, ..*self }))
    }

    fn receptive_field(&self, input: Shape) -> ReceptiveField {
        ReceptiveField::whole(input)
    }

    fn output(&self, _inputs: &[Shape]) -> Result<Shape> {
        Ok(Shape::new(self.units, 1, 1))
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let input = inputs[0];
        let shape = [self.units, input.channels, input.height, input.width];
        vec![ParameterSpec::weight(shape, self.init), ParameterSpec::bias(self.units)]
    }

    fn flops(&self, inputs: &[Shape]) -> u64 {
        self.convolution(inputs[0]).flops()
    }

    fn fuses(&self, next: &dyn Layer) -> bool {
        next.kind() == RELU
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let convolution = self.convolution(build.input().shape);
        if build.gpu.profile().large_tiles {
            return convolution.build(build);
        }
        DenseProducts { convolution }.build(build)
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let (input, weights, biases) = (&call.inputs[0], &call.parameters[0], &call.parameters[1]);
        let inputs = input.shape.len();
        let mut output = Tensor::zeros(Shape::new(self.units, 1, 1), input.images);
        for o in 0..self.units {
            for n in 0..input.images {
                let products =
                    (0..inputs).map(|i| weights[o * inputs + i] * input.values[i * input.images + n]);
                output.values[o * input.images + n] = biases[o] + products.sum::<f64>();
            }
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let (input, weights) = (&call.inputs[0], &call.parameters[0]);
        let (inputs, images) = (input.shape.len(), input.images);
        let mut input_gradient = Tensor::zeros(input.shape, images);
        let mut gradients = vec![0.0; weights.len()];
        let mut biases = vec![0.0; self.units];
        for o in 0..self.units {
            for n in 0..images {
                let gradient = output_gradient.values[o * images + n];
                biases[o] += gradient;
                for i in 0..inputs {
                    gradients[o * inputs + i] += gradient * input.values[i * images + n];
                    input_gradient.values[i * images + n] += gradient * weights[o * inputs + i];
                }
            }
        }
        TwinGradients { inputs: vec![input_gradient], parameters: vec![gradients, biases] }
    }
}
