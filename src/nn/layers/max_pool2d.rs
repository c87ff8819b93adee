//! `max_pool2d`: the largest value of each window, as in PyTorch's `MaxPool2d` and ConvNetJS.
//!
//! `output[c, y, x] = max_{dy, dx < size} input[c, y·stride + dy − padding, x·stride + dx − padding]` over what lies in the
//! map, sizes being those of rows and columns (`size = 2`, or `size = [2, 3]`); with `ceil` also windows that reach beyond the edge; of equal values the first wins and takes the whole gradient; a NaN wins over every number.
//!
//! Above a relu, where windows lie apart, the backward pass makes the relu's gradient too: of each window it reads pooled gradient and
//! value and a word of places, 36 bytes, and writes the 4 pixels of four images, where the two passes moved 260 bytes a window of 2×2. On
//! an H100 at batch 4096, 16 channels of 32×32: 145 µs by measured bandwidth, 274 and more in two dispatches.

use toml::Table;

use super::activation::RELU;
use super::bias_sums::{BiasedMap, Unpooled, bias_sums};
use super::settings::{LayerSample, sample, settings};
use super::window::{Window, WindowParams, WindowSettings};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source};
use crate::nn::recipe::rectangle;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{BatchExtent, Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, Shape, Tensor};
use crate::wgsl;

const MAX_POOL2D: Source = wgsl!("nn/max_pool2d.wgsl", WindowParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/max_pool2d.wgsl", "forward", "nn::layers::max_pool2d::MaxPool2d::forward_twin"),
    ("nn/max_pool2d.wgsl", "backward", "nn::layers::max_pool2d::MaxPool2d::backward_twin"),
    ("nn/max_pool2d.wgsl", "backward_apart", "nn::layers::max_pool2d::MaxPool2d::backward_twin"),
    (
        "nn/max_pool2d.wgsl",
        "backward_rectified",
        "nn::layers::max_pool2d::MaxPool2d::backward_twin, and that of nn::layers::activation::Activation after it",
    ),
];

/// Largest side of a window: the index of a maximum in it is kept in one byte.
const MAX_SIZE: usize = 15;

/// Max pooling.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    /// The windows.
    pub window: Window,
}

impl MaxPool2d {
    /// Max pooling over windows of `size`, a `stride` apart.
    pub fn new(size: usize, stride: usize, padding: usize) -> Self {
        Self { window: Window::square(size, stride, padding) }
    }

    /// Index in `input` of the maximum of window `(c, y, x)` of image `n`.
    fn argmax(&self, input: &Tensor, c: usize, y: usize, x: usize, n: usize) -> usize {
        let mut best = None;
        for sy in self.window.covered(0, y, input.shape.height) {
            for sx in self.window.covered(1, x, input.shape.width) {
                let at = input.index(c, sy, sx, n);
                if best.is_none_or(|b: usize| input.values[at] > input.values[b]) || input.values[at].is_nan()
                {
                    best = Some(at);
                }
            }
        }
        best.expect("a window holds a pixel")
    }

    /// Index in the output, and index in `input` of the maximum, of every window.
    fn windows(&self, input: &Tensor) -> Vec<(usize, usize)> {
        let output =
            Tensor::zeros(self.window.output(input.shape).expect("the shapes were checked"), input.images);
        output
            .indices()
            .map(|[c, y, x, n]| (output.index(c, y, x, n), self.argmax(input, c, y, x, n)))
            .collect()
    }
}

/// The places of the maxima of an output.
pub(in crate::nn) fn argmax(gpu: &Gpu, output: Shape, extent: BatchExtent) -> BufferRange {
    Buffer::<u32>::zeroed(gpu, "argmax", output.len() * extent.quads).range()
}

impl Window {
    /// Adds the dispatch of max pooling; `maps` are input, output, and the places of the maxima.
    pub(super) fn pool(
        &self,
        plan: &mut PlanBuilder<'_>,
        name: &str,
        params: &WindowParams,
        [input, output, argmax]: [BufferRange; 3],
        threads: [u32; 3],
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&MAX_POOL2D, "forward", &self.constants())?;
        plan.dispatch(&format!("{name} forward"), &kernel)
            .bind("input", input)
            .bind("output", output)
            .bind("argmax", argmax)
            .params(params)
            .threads(threads)
    }
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    Ok(Box::new(MaxPool2d { window: settings::<WindowSettings>(table)?.checked(MAX_SIZE)? }))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let uneven = |size, stride, padding, ceil, shape| {
        sample(MaxPool2d { window: Window { size, stride, padding, ceil } }, shape)
    };
    vec![
        sample(MaxPool2d::new(2, 2, 0), Shape::new(3, 7, 5)),
        sample(MaxPool2d::new(3, 2, 0), Shape::new(5, 9, 6)),
        sample(MaxPool2d::new(2, 3, 0), Shape::new(1, 8, 11)),
        sample(MaxPool2d::new(5, 1, 0), Shape::new(2, 5, 7)),
        sample(MaxPool2d::new(3, 2, 1), Shape::new(3, 7, 6)),
        sample(MaxPool2d::new(2, 1, 1), Shape::new(2, 4, 5)),
        uneven([3, 2], [1, 3], [1, 0], true, Shape::new(2, 5, 7)),
        uneven([1, 2], [1, 3], [0, 1], true, Shape::new(2, 3, 5)),
        uneven([2, 3], [2, 3], [0, 0], true, Shape::new(3, 7, 8)),
        uneven([2, 1], [3, 2], [0, 0], false, Shape::new(2, 8, 7)),
    ]
}

impl Layer for MaxPool2d {
    fn kind(&self) -> &'static str {
        "max_pool2d"
    }

    fn short_name(&self) -> &'static str {
        "pool"
    }

    fn summary(&self) -> String {
        self.window.summary()
    }

    fn settings(&self) -> Table {
        self.window.settings()
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        self.window.receptive_field()
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let pixels = self.window.receptive_field().reads([y..y + 1, x..x + 1], inputs[0]);
        Some(Recipe::largest(rectangle(c, pixels)))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        self.window.output(inputs[0])
    }

    fn fuses_backward(&self, below: &dyn Layer) -> bool {
        below.kind() == RELU && self.window.lie_apart() && self.window.is_square()
    }

    fn pools(&self, input: Shape) -> Option<usize> {
        let Window { size: [size, _], stride: [stride, _], .. } = self.window;
        let covers = |side: usize| side.is_multiple_of(size);
        let each_once = self.window.lie_apart() && self.window.is_square() && size == stride;
        (each_once && covers(input.height) && covers(input.width)).then_some(size)
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let (params, constants) = (self.window.params(build), self.window.constants());
        let places = build.pooling.as_ref().map(|pooling| pooling.places.clone());
        let argmax = places.unwrap_or_else(|| argmax(build.gpu, build.output_shape, build.extent));
        let maps = [build.input().values.clone(), build.output.clone(), argmax.clone()];
        self.window.pool(&mut forward, build.name, &params, maps, build.map_threads(build.output_shape))?;
        let Some(input_gradient) = &build.input().gradient else {
            return Ok(LayerPlans { forward: forward.finish(), ..Default::default() });
        };
        let input = build.input().shape;
        let [rows, columns] = self.window.stride;
        let cells = Shape::new(input.channels, input.height.div_ceil(rows), input.width.div_ceil(columns));
        let unpooled = Unpooled { window: self.window, cells, argmax: &argmax, input_gradient };
        match (&build.rectified_gradient, build.biases_below) {
            (Some(rectified), Some(biases)) => {
                bias_sums(build, &mut backward, BiasedMap::BelowPooling(&unpooled, rectified), biases)?;
            }
            (rectified, _) => {
                let (entry, threads) = match rectified {
                    Some(_) => ("backward_rectified", cells),
                    None if self.window.lie_apart() => ("backward_apart", cells),
                    None => ("backward", input),
                };
                let kernel = build.gpu.kernel(&MAX_POOL2D, entry, &constants)?;
                backward
                    .dispatch(&build.label("input gradient"), &kernel)
                    .bind("argmax", argmax)
                    .bind("output_gradient", build.output_gradient.clone())
                    .bind("input_gradient", input_gradient.clone())
                    .bind_those([("pooled", build.output.clone())])
                    .bind_those(rectified.iter().map(|range| ("rectified_gradient", range.clone())))
                    .params(&params)
                    .threads(build.map_threads(threads))?;
            }
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let mut output =
            Tensor::zeros(self.window.output(input.shape).expect("the shapes were checked"), input.images);
        for (to, from) in self.windows(input) {
            output.values[to] = input.values[from];
        }
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut input_gradient = Tensor::zeros(input.shape, input.images);
        for (from, to) in self.windows(input) {
            input_gradient.values[to] += output_gradient.values[from];
        }
        TwinGradients::of_input(input_gradient)
    }
}
