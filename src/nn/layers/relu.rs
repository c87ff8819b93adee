//! `relu`: the rectified linear unit, `output = max(input, 0)`, NaN kept. Any shape, kept.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Sample, settings, to_table};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::{Layer, LayerBuild, LayerPlans, Shape, Tensor};
use crate::{params, wgsl};

const RELU: Source = wgsl!("nn/relu.wgsl");

params! { struct ReluParams { count: u32 } }

/// A rectified linear unit; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Relu>(table)?))
}

pub(super) fn samples() -> Vec<Sample> {
    vec![(Box::new(Relu {}), Shape::new(3, 5, 7)), (Box::new(Relu {}), Shape::new(11, 1, 1))]
}

impl Layer for Relu {
    fn kind(&self) -> &'static str {
        "relu"
    }

    fn short_name(&self) -> &'static str {
        "relu"
    }

    fn summary(&self) -> String {
        "max(x, 0)".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn output(&self, input: Shape) -> Result<Shape> {
        Ok(input)
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let count = (build.input_shape.len() * build.columns.quads) as u32;
        let params = ReluParams { count };
        let kernel = build.gpu.kernel(&RELU, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", build.input.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        if let Some(input_gradient) = &build.input_gradient {
            let kernel = build.gpu.kernel(&RELU, "backward", &[])?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("input", build.input.clone())
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads([count, 1, 1])?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, input: &Tensor, _parameters: &[f64]) -> Tensor {
        Tensor {
            values: input.values.iter().map(|x| if *x < 0.0 { 0.0 } else { *x }).collect(),
            ..input.clone()
        }
    }

    fn backward_twin(
        &self,
        input: &Tensor,
        _parameters: &[f64],
        output_gradient: &Tensor,
    ) -> (Tensor, Vec<f64>) {
        let pairs = input.values.iter().zip(&output_gradient.values);
        let values = pairs.map(|(x, gradient)| if *x > 0.0 { *gradient } else { 0.0 }).collect();
        (Tensor { values, ..input.clone() }, Vec::new())
    }
}
