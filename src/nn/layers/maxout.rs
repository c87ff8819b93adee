//! `maxout`: the largest of each `group` of neighbouring channels (Goodfellow et al. 2013), as in ConvNetJS.
//!
//! `output[c] = max_{j < group} input[c·group + j]`; of equal values the first takes the gradient; a NaN wins.
//! Input `c × h × w`, output `c / group × h × w`.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, at_least_one, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::Source;
use crate::nn::layer::Channels;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, Recipe, Shape, Tensor};
use crate::{params, wgsl};

const MAXOUT: Source = wgsl!("nn/maxout.wgsl", MaxoutParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/maxout.wgsl", "forward", "nn::layers::maxout::Maxout::forward_twin"),
    ("nn/maxout.wgsl", "backward", "nn::layers::maxout::Maxout::backward_twin"),
];

params! { struct MaxoutParams { count: u32, group: u32, plane: u32 } }

/// Settings of maxout.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Maxout {
    /// Channels of a group.
    #[serde(default = "two")]
    pub group: usize,
}

fn two() -> usize {
    2
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Maxout = settings(table)?;
    at_least_one("group", layer.group)?;
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    vec![sample(Maxout { group: 2 }, Shape::new(6, 3, 5)), sample(Maxout { group: 3 }, Shape::new(9, 5, 1))]
}

impl Maxout {
    /// Index in the output, and index in `input` of the maximum, of every group.
    fn winners(&self, input: &Tensor) -> (Tensor, Vec<(usize, usize)>) {
        let shape = Shape { channels: input.shape.channels / self.group, ..input.shape };
        let output = Tensor::zeros(shape, input.images);
        let winner = |[c, y, x, n]: [usize; 4]| {
            let mut best = input.index(c * self.group, y, x, n);
            for j in 1..self.group {
                let at = input.index(c * self.group + j, y, x, n);
                if input.values[at] > input.values[best] || input.values[at].is_nan() {
                    best = at;
                }
            }
            (output.index(c, y, x, n), best)
        };
        let winners = output.indices().map(winner).collect();
        (output, winners)
    }
}

impl Layer for Maxout {
    fn kind(&self) -> &'static str {
        "maxout"
    }

    fn short_name(&self) -> &'static str {
        "maxout"
    }

    fn summary(&self) -> String {
        format!("largest of {} channels", self.group)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn channels(&self) -> Channels {
        Channels::Grouped(self.group)
    }

    fn recipe(&self, _inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        Some(Recipe::largest((0..self.group).map(|j| (0, [c * self.group + j, y, x])).collect()))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let input = inputs[0];
        if !input.channels.is_multiple_of(self.group) {
            let what = format!("groups of {} do not divide the channels of its input of {input}", self.group);
            return Err(Error::new(what, "take a group that divides them"));
        }
        Ok(Shape { channels: input.channels / self.group, ..input })
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let count = build.count(build.output_shape);
        let plane = (input.shape.pixels() * build.extent.quads) as u32;
        let params = MaxoutParams { count, group: self.group as u32, plane };
        let kernel = build.gpu.kernel(&MAXOUT, "forward", &[])?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads([count, 1, 1])?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&MAXOUT, "backward", &[])?;
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
        let (mut output, winners) = self.winners(&call.inputs[0]);
        winners.into_iter().for_each(|(to, from)| output.values[to] = call.inputs[0].values[from]);
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        let (_, winners) = self.winners(input);
        winners.into_iter().for_each(|(from, to)| gradient.values[to] = output_gradient.values[from]);
        TwinGradients::of_input(gradient)
    }
}
