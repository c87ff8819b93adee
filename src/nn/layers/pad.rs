//! `pad`: rows and columns around the map, of zeros or mirrored in its outermost pixels, as PyTorch's `ZeroPad2d` and `ReflectionPad2d`.
//!
//! `output[c, y, x] = input[c, y − top, x − left]`; outside the map 0, or with `mode = "reflect"` the pixel as far inside of its edge.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::Source;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, RecipeStep, Shape, Tensor};
use crate::{params, wgsl};

const PAD: Source = wgsl!("nn/pad.wgsl", PadParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/pad.wgsl", "forward", "nn::layers::pad::Pad::forward_twin"),
    ("nn/pad.wgsl", "backward", "nn::layers::pad::Pad::backward_twin"),
];

/// Most rows or columns at a side.
const MAX_SIDE: usize = 1 << 12;

params! {
    struct PadParams {
        in_height: u32, in_width: u32, out_height: u32, out_width: u32, top: u32, left: u32, quads: u32,
    }
}

/// Content of the pixels outside the map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PadMode {
    #[default]
    Zeros,
    Reflect,
}

/// Settings of padding.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pad {
    /// Rows above and below the map.
    #[serde(default)]
    top: usize,
    #[serde(default)]
    bottom: usize,
    /// Columns on each side of it.
    #[serde(default)]
    left: usize,
    #[serde(default)]
    right: usize,
    #[serde(default)]
    mode: PadMode,
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Pad = settings(table)?;
    let sides = [layer.top, layer.bottom, layer.left, layer.right];
    if sides == [0; 4] {
        return Err(Error::new("it pads no side", "give top, bottom, left or right a value of 1 or more"));
    }
    if let Some(side) = sides.iter().find(|side| **side > MAX_SIDE) {
        return Err(Error::new(format!("it pads by {side}"), format!("pad by at most {MAX_SIDE}")));
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let pad = |[top, bottom, left, right]: [usize; 4], mode| Pad { top, bottom, left, right, mode };
    vec![
        sample(pad([1, 2, 0, 3], PadMode::Zeros), Shape::new(3, 3, 5)),
        sample(pad([2, 1, 3, 4], PadMode::Reflect), Shape::new(2, 3, 5)),
        sample(pad([0, 2, 1, 0], PadMode::Reflect), Shape::new(3, 5, 2)),
    ]
}

impl Pad {
    /// Row (or column) of the input, `length` of them, that one of the output shows, the first `before` being padding; none of zeros.
    fn source(&self, o: usize, before: usize, length: usize) -> Option<usize> {
        let at = o as isize - before as isize;
        let last = length as isize - 1;
        match self.mode {
            PadMode::Zeros => usize::try_from(at).ok().filter(|at| *at < length),
            PadMode::Reflect => Some((last - (last - at.abs()).abs()) as usize),
        }
    }

    /// Indices in the output, and in the input, of each pixel that the output shows.
    fn pairs(&self, input: &Tensor, output: &Tensor) -> Vec<[usize; 2]> {
        let pair = |[c, y, x, n]: [usize; 4]| {
            let from = [
                self.source(y, self.top, input.shape.height)?,
                self.source(x, self.left, input.shape.width)?,
            ];
            Some([output.index(c, y, x, n), input.index(c, from[0], from[1], n)])
        };
        output.indices().filter_map(pair).collect()
    }
}

impl Layer for Pad {
    fn kind(&self) -> &'static str {
        "pad"
    }

    fn short_name(&self) -> &'static str {
        "pad"
    }

    fn summary(&self) -> String {
        let mode = if self.mode == PadMode::Zeros { "zeros" } else { "mirrored" };
        let Self { top, bottom, left, right, .. } = self;
        if [top, bottom, left].iter().all(|side| *side == right) {
            return format!("{mode}, {top} on each side");
        }
        format!("{mode}, top {top}, bottom {bottom}, left {left}, right {right}")
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        let reflects = self.mode == PadMode::Reflect;
        ReceptiveField { padding: [self.top, self.left], reflects, ..ReceptiveField::PIXEL }
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let from = self.source(y, self.top, inputs[0].height).zip(self.source(x, self.left, inputs[0].width));
        Some(match from {
            Some((y, x)) => Recipe::of_one((0, [c, y, x]), "as it is".to_owned(), |value| value),
            None => Recipe::new(Vec::new(), |_, _| vec![RecipeStep::new("padding", 0.0)]),
        })
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let Shape { channels, height, width } = inputs[0];
        let is_far = self.top.max(self.bottom) >= height || self.left.max(self.right) >= width;
        if self.mode == PadMode::Reflect && is_far {
            let what = format!("its input of {} has too few pixels to mirror", inputs[0]);
            return Err(Error::new(what, "pad by less than its height and width, or take mode = \"zeros\""));
        }
        Ok(Shape::new(channels, height + self.top + self.bottom, width + self.left + self.right))
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let input = build.input();
        let params = PadParams {
            in_height: input.shape.height as u32,
            in_width: input.shape.width as u32,
            out_height: build.output_shape.height as u32,
            out_width: build.output_shape.width as u32,
            top: self.top as u32,
            left: self.left as u32,
            quads: build.extent.quads as u32,
        };
        let constants = [("REFLECTS", u32::from(self.mode == PadMode::Reflect))];
        let kernel = build.gpu.kernel(&PAD, "forward", &constants)?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", input.values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads(build.map_threads(build.output_shape))?;
        if let Some(input_gradient) = &input.gradient {
            let kernel = build.gpu.kernel(&PAD, "backward", &constants)?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads(build.map_threads(input.shape))?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let shape = self.output(&[input.shape]).expect("the shapes were checked");
        let mut output = Tensor::zeros(shape, input.images);
        for [to, from] in self.pairs(input, &output) {
            output.values[to] = input.values[from];
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        for [from, to] in self.pairs(input, output_gradient) {
            gradient.values[to] += output_gradient.values[from];
        }
        TwinGradients::of_input(gradient)
    }
}
