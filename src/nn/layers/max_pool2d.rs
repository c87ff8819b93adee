//! `max_pool2d`: the largest value of each square window, as in PyTorch's `MaxPool2d` without padding.
//!
//! `output[c, y, x] = max_{dy, dx < size} input[c, y·stride + dy, x·stride + dx]`; of equal values the first wins
//! and takes the whole gradient; a NaN wins over every number. Input `c × h × w`, output `c × ⌊(h − size) / stride⌋ + 1` squared alike.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Sample, at_least_one, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Source};
use crate::nn::{Layer, LayerBuild, LayerPlans, Shape, Tensor};
use crate::{params, wgsl};

const MAX_POOL2D: Source = wgsl!("nn/max_pool2d.wgsl");

params! {
    struct MaxPool2dParams {
        in_height: u32, in_width: u32, out_height: u32, out_width: u32, quads: u32,
    }
}

/// Settings of max pooling.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MaxPool2d {
    /// Rows and columns of a window.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
}

/// As a network file may write it: without `stride` windows lie side by side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    size: usize,
    stride: Option<usize>,
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let Written { size, stride } = settings(table)?;
    let stride = stride.unwrap_or(size);
    at_least_one("size", size)?;
    at_least_one("stride", stride)?;
    if size > 15 {
        // The place of a maximum is kept in one byte.
        return Err(Error::new(format!("size is {size}"), "give size a value from 1 to 15"));
    }
    Ok(Box::new(MaxPool2d { size, stride }))
}

pub(super) fn samples() -> Vec<Sample> {
    let sample = |size, stride, shape| -> Sample { (Box::new(MaxPool2d { size, stride }), shape) };
    vec![
        sample(2, 2, Shape::new(3, 7, 5)),
        sample(3, 2, Shape::new(5, 9, 6)),
        sample(2, 3, Shape::new(1, 8, 11)),
        sample(5, 1, Shape::new(2, 5, 7)),
    ]
}

impl MaxPool2d {
    fn params(&self, build: &LayerBuild<'_>) -> MaxPool2dParams {
        MaxPool2dParams {
            in_height: build.input_shape.height as u32,
            in_width: build.input_shape.width as u32,
            out_height: build.output_shape.height as u32,
            out_width: build.output_shape.width as u32,
            quads: build.columns.quads as u32,
        }
    }

    /// Index in `input` of the maximum of window `(c, y, x)` of image `n`.
    fn argmax(&self, input: &Tensor, c: usize, y: usize, x: usize, n: usize) -> usize {
        let mut best = input.index(c, y * self.stride, x * self.stride, n);
        for dy in 0..self.size {
            for dx in 0..self.size {
                let at = input.index(c, y * self.stride + dy, x * self.stride + dx, n);
                if input.values[at] > input.values[best] || input.values[at].is_nan() {
                    best = at;
                }
            }
        }
        best
    }

    /// Index in the output, and index in `input` of the maximum, of every window.
    fn windows(&self, input: &Tensor) -> Vec<(usize, usize)> {
        let output = Tensor::zeros(self.output(input.shape).expect("the shapes were checked"), input.images);
        let mut pairs = Vec::with_capacity(output.values.len());
        for c in 0..output.shape.channels {
            for y in 0..output.shape.height {
                for x in 0..output.shape.width {
                    for n in 0..input.images {
                        pairs.push((output.index(c, y, x, n), self.argmax(input, c, y, x, n)));
                    }
                }
            }
        }
        pairs
    }
}

impl Layer for MaxPool2d {
    fn kind(&self) -> &'static str {
        "max_pool2d"
    }

    fn short_name(&self) -> &'static str {
        "pool"
    }

    fn summary(&self) -> String {
        format!("{0}×{0}, stride {1}", self.size, self.stride)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn output(&self, input: Shape) -> Result<Shape> {
        let side = |length: usize| length.checked_sub(self.size).map(|l| l / self.stride + 1);
        match (side(input.height), side(input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(input.channels, height, width)),
            _ => Err(Error::new(
                format!("a {0}×{0} window does not fit its input of {input}", self.size),
                "take a smaller window, or pool less before it",
            )),
        }
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let params = self.params(build);
        let outputs = build.output_shape.len() * build.columns.quads;
        let argmax = Buffer::<u32>::zeroed(build.gpu, "argmax", outputs).range();
        let knobs = [("SIZE", self.size as u32), ("STRIDE", self.stride as u32)];
        let threads = |shape: Shape| {
            [shape.width * build.columns.quads, shape.height, shape.channels].map(|n| n as u32)
        };
        let kernel = build.gpu.kernel(&MAX_POOL2D, "forward", &knobs)?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", build.input.clone())
            .bind("output", build.output.clone())
            .bind("argmax", argmax.clone())
            .params(&params)
            .threads(threads(build.output_shape))?;
        if let Some(input_gradient) = &build.input_gradient {
            let kernel = build.gpu.kernel(&MAX_POOL2D, "backward", &knobs)?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("argmax", argmax)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads(threads(build.input_shape))?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, input: &Tensor, _parameters: &[f64]) -> Tensor {
        let mut output =
            Tensor::zeros(self.output(input.shape).expect("the shapes were checked"), input.images);
        for (to, from) in self.windows(input) {
            output.values[to] = input.values[from];
        }
        output
    }

    fn backward_twin(
        &self,
        input: &Tensor,
        _parameters: &[f64],
        output_gradient: &Tensor,
    ) -> (Tensor, Vec<f64>) {
        let mut input_gradient = Tensor::zeros(input.shape, input.images);
        for (from, to) in self.windows(input) {
            input_gradient.values[to] += output_gradient.values[from];
        }
        (input_gradient, Vec::new())
    }
}
