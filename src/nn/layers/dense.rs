//! `dense`: every input to every output. In the batch-innermost layout a map is flat already, so on the GPU it
//! is a convolution over a 1×1 map with `c·h·w` channels.
//!
//! `output[o] = bias[o] + Σ_i weight[o, i] · input[i]`, `i` counting `[c, y, x]`. Input any shape, output `units × 1 × 1`.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Sample, at_least_one, settings, to_table};
use crate::error::Result;
use crate::nn::convolution::Convolution;
use crate::nn::{Layer, LayerBuild, LayerPlans, Shape, Tensor};

/// Settings of a dense layer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Outputs.
    pub units: usize,
}

/// As a network file may write it: without `units` it has one per class.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    units: Option<usize>,
}

pub(super) fn parse(table: Table, classes: usize) -> Result<Box<dyn Layer>> {
    let units = settings::<Written>(table)?.units.unwrap_or(classes);
    at_least_one("units", units)?;
    Ok(Box::new(Dense { units }))
}

pub(super) fn samples() -> Vec<Sample> {
    vec![
        (Box::new(Dense { units: 3 }), Shape::new(5, 3, 2)),
        (Box::new(Dense { units: 29 }), Shape::new(7, 1, 1)),
        (Box::new(Dense { units: 1 }), Shape::new(1, 5, 5)),
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

    fn output(&self, _input: Shape) -> Result<Shape> {
        Ok(Shape::new(self.units, 1, 1))
    }

    fn weights(&self, input: Shape) -> Option<[usize; 4]> {
        Some([self.units, input.channels, input.height, input.width])
    }

    fn flops(&self, input: Shape) -> u64 {
        self.convolution(input).flops()
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.convolution(build.input_shape).build(build)
    }

    fn forward_twin(&self, input: &Tensor, parameters: &[f64]) -> Tensor {
        let inputs = input.shape.len();
        let mut output = Tensor::zeros(Shape::new(self.units, 1, 1), input.images);
        for o in 0..self.units {
            for n in 0..input.images {
                let products =
                    (0..inputs).map(|i| parameters[o * inputs + i] * input.values[i * input.images + n]);
                output.values[o * input.images + n] =
                    parameters[self.units * inputs + o] + products.sum::<f64>();
            }
        }
        output
    }

    fn backward_twin(
        &self,
        input: &Tensor,
        parameters: &[f64],
        output_gradient: &Tensor,
    ) -> (Tensor, Vec<f64>) {
        let (inputs, images) = (input.shape.len(), input.images);
        let mut input_gradient = Tensor::zeros(input.shape, images);
        let mut gradients = vec![0.0; self.units * (inputs + 1)];
        for o in 0..self.units {
            for n in 0..images {
                let gradient = output_gradient.values[o * images + n];
                gradients[self.units * inputs + o] += gradient;
                for i in 0..inputs {
                    gradients[o * inputs + i] += gradient * input.values[i * images + n];
                    input_gradient.values[i * images + n] += gradient * parameters[o * inputs + i];
                }
            }
        }
        (input_gradient, gradients)
    }
}
