//! `concat`: its inputs' channels one after the other. Inputs of one height and width, output with the sum of their channels.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use toml::Table;

use super::copy::copy;
use super::settings::{LayerSample, MAX_INPUTS, settings, to_table};
use crate::error::{Error, Result};
use crate::nn::layer::Channels;
use crate::nn::twin::{TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, Recipe, Shape, Tensor};

/// Concatenation; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Concat {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Concat>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let shapes = |channels: &[usize]| channels.iter().map(|c| Shape::new(*c, 3, 5)).collect();
    vec![(Box::new(Concat {}), shapes(&[3, 2])), (Box::new(Concat {}), shapes(&[1, 5, 2]))]
}

impl Layer for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn short_name(&self) -> &'static str {
        "concat"
    }

    fn summary(&self) -> String {
        "channels one after the other".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn channels(&self) -> Channels {
        Channels::Joined
    }

    fn inputs(&self) -> RangeInclusive<usize> {
        2..=MAX_INPUTS
    }

    fn recipe(&self, inputs: &[Shape], [mut c, y, x]: [usize; 3]) -> Option<Recipe> {
        let mut input = 0;
        while c >= inputs[input].channels {
            c -= inputs[input].channels;
            input += 1;
        }
        Some(Recipe::of_one((input, [c, y, x]), format!("channel {c} of input {input}, as it is"), |value| {
            value
        }))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let first = inputs[0];
        if let Some(other) = inputs.iter().find(|s| (s.height, s.width) != (first.height, first.width)) {
            let what = format!("maps of {first} and {other} cannot stand side by side");
            return Err(Error::new(what, "give it inputs of one height and width"));
        }
        Ok(Shape { channels: inputs.iter().map(|s| s.channels).sum(), ..first })
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let mut at = 0;
        for input in &build.inputs {
            let count = build.count(input.shape);
            copy(build, &mut forward, "forward", (&input.values, 0), (&build.output, at), count)?;
            if let Some(gradient) = &input.gradient {
                let from = (&build.output_gradient, at);
                copy(build, &mut backward, "input gradient", from, (gradient, 0), count)?;
            }
            at += count;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let shape = self.output(&call.shapes()).expect("the shapes were checked");
        let values = call.inputs.iter().flat_map(|input| &input.values).copied().collect();
        Tensor { shape, images: call.inputs[0].images, values }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let mut rest = &output_gradient.values[..];
        let mut take = |input: &Tensor| {
            let (share, after) = rest.split_at(input.values.len());
            rest = after;
            Tensor { values: share.to_vec(), ..input.clone() }
        };
        TwinGradients { inputs: call.inputs.iter().map(&mut take).collect(), parameters: Vec::new() }
    }
}
