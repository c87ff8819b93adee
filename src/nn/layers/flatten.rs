//! `flatten`: a map as one long row of channels. Input `c × h × w`, output `c·h·w × 1 × 1`, in the same order.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::copy::copy;
use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::Result;
use crate::nn::layer::Channels;
use crate::nn::twin::{TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, Shape, Tensor};

/// Flattening; it has no settings.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flatten {}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(settings::<Flatten>(table)?))
}

pub(super) fn samples() -> Vec<LayerSample> {
    [Shape::new(3, 5, 7), Shape::new(1, 9, 4)].map(|shape| sample(Flatten {}, shape)).into()
}

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn short_name(&self) -> &'static str {
        "flat"
    }

    fn summary(&self) -> String {
        "one row".to_owned()
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn channels(&self) -> Channels {
        Channels::Flattened
    }

    fn receptive_field(&self, input: Shape) -> ReceptiveField {
        ReceptiveField::whole(input)
    }

    fn recipe(&self, inputs: &[Shape], [i, ..]: [usize; 3]) -> Option<Recipe> {
        let Shape { height, width, .. } = inputs[0];
        let [c, y, x] = [i / width / height, i / width % height, i % width];
        let text = format!("channel {c}, row {y}, column {x}, as it is");
        Some(Recipe::of_one((0, [c, y, x]), text, |value| value))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        Ok(Shape::new(inputs[0].len(), 1, 1))
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let count = build.count(input.shape);
        copy(build, &mut forward, "forward", (&input.values, 0), (&build.output, 0), count)?;
        if let Some(gradient) = &input.gradient {
            let from = (&build.output_gradient, 0);
            copy(build, &mut backward, "input gradient", from, (gradient, 0), count)?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        Tensor { shape: Shape::new(input.shape.len(), 1, 1), ..input.clone() }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        TwinGradients::of_input(Tensor { shape: call.inputs[0].shape, ..output_gradient.clone() })
    }
}
