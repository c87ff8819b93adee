//! `avg_pool2d`: the mean of each window, as in PyTorch's `AvgPool2d`.
//!
//! `output[c, y, x] = 1/m · Σ_{dy, dx < size} input[c, y·stride + dy − padding, x·stride + dx − padding]`, where `m` is
//! `size²`, or without `count_padding` the number of the window's pixels that lie in the map; sizes are those of rows and columns (`size = 2`,
//! or `size = [2, 3]`). With `ceil` there are also windows that reach beyond the padding, and `m` leaves out what lies there, as PyTorch
//! has it.

use serde::Deserialize;
use toml::Table;

use super::settings::{LayerSample, sample, settings};
use super::window::{Window, WindowParams, WindowSettings};
use crate::error::Result;
use crate::gpu::Source;
use crate::nn::recipe::rectangle;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{Layer, LayerBuild, LayerPlans, ReceptiveField, Recipe, Shape, Tensor};
use crate::wgsl;

const AVG_POOL2D: Source = wgsl!("nn/avg_pool2d.wgsl", WindowParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/avg_pool2d.wgsl", "forward", "nn::layers::avg_pool2d::AvgPool2d::forward_twin"),
    ("nn/avg_pool2d.wgsl", "backward", "nn::layers::avg_pool2d::AvgPool2d::backward_twin"),
];

/// Largest side of a window.
const MAX_SIZE: usize = 255;

/// Average pooling.
#[derive(Debug, Clone, Copy)]
pub(super) struct AvgPool2d {
    /// The windows.
    pub window: Window,
    /// Counts pixels outside the map, as zeros.
    pub count_padding: bool,
}

#[derive(Deserialize)]
struct Counting {
    #[serde(default = "yes")]
    count_padding: bool,
}

fn yes() -> bool {
    true
}

pub(super) fn parse(mut table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let counting: Table =
        table.remove("count_padding").map(|v| ("count_padding".to_owned(), v)).into_iter().collect();
    let Counting { count_padding } = settings(counting)?;
    let window = settings::<WindowSettings>(table)?.checked(MAX_SIZE)?;
    Ok(Box::new(AvgPool2d { window, count_padding }))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let one = |[size, stride, padding]: [usize; 3], count_padding, shape| {
        sample(AvgPool2d { window: Window::square(size, stride, padding), count_padding }, shape)
    };
    let uneven = |size, stride, padding, count_padding, shape| {
        sample(AvgPool2d { window: Window { size, stride, padding, ceil: true }, count_padding }, shape)
    };
    vec![
        one([2, 2, 0], true, Shape::new(3, 7, 5)),
        one([3, 2, 1], true, Shape::new(2, 8, 5)),
        one([3, 1, 1], false, Shape::new(2, 5, 4)),
        one([2, 3, 0], true, Shape::new(1, 9, 8)),
        uneven([3, 2], [2, 3], [1, 0], true, Shape::new(2, 6, 7)),
        uneven([2, 3], [3, 2], [1, 1], false, Shape::new(2, 5, 4)),
    ]
}

impl AvgPool2d {
    /// Number of pixels by which the sum of window `at` is divided.
    fn count(&self, at: [usize; 2], input: Shape) -> usize {
        let along = |axis: usize, length: usize| match self.count_padding {
            true => self.window.extent(axis, at[axis], length),
            false => self.window.covered(axis, at[axis], length).len(),
        };
        along(0, input.height) * along(1, input.width)
    }

    /// Calls `each(index in the output, index in the input, share)` for every pixel of every window.
    fn for_each_share(&self, input: &Tensor, output: &Tensor, mut each: impl FnMut(usize, usize, f64)) {
        for [c, y, x, n] in output.indices() {
            let rows = self.window.covered(0, y, input.shape.height);
            let columns = self.window.covered(1, x, input.shape.width);
            let count = self.count([y, x], input.shape);
            for sy in rows {
                for sx in columns.clone() {
                    each(output.index(c, y, x, n), input.index(c, sy, sx, n), 1.0 / count as f64);
                }
            }
        }
    }
}

impl Layer for AvgPool2d {
    fn kind(&self) -> &'static str {
        "avg_pool2d"
    }

    fn short_name(&self) -> &'static str {
        "avg"
    }

    fn summary(&self) -> String {
        self.window.summary()
    }

    fn settings(&self) -> Table {
        let mut table = self.window.settings();
        table.insert("count_padding".to_owned(), self.count_padding.into());
        table
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        self.window.receptive_field()
    }

    fn recipe(&self, inputs: &[Shape], [c, y, x]: [usize; 3]) -> Option<Recipe> {
        let pixels = self.window.receptive_field().reads([y..y + 1, x..x + 1], inputs[0]);
        Some(Recipe::mean(rectangle(c, pixels), self.count([y, x], inputs[0])))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        self.window.output(inputs[0])
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let (mut forward, mut backward) = (build.plan(), build.plan());
        let params = self.window.params(build);
        let mut constants = self.window.constants().to_vec();
        constants.push(("COUNT_PADDING", u32::from(self.count_padding)));
        let kernel = build.gpu.kernel(&AVG_POOL2D, "forward", &constants)?;
        forward
            .dispatch(&build.label("forward"), &kernel)
            .bind("input", build.input().values.clone())
            .bind("output", build.output.clone())
            .params(&params)
            .threads(build.map_threads(build.output_shape))?;
        if let Some(input_gradient) = &build.input().gradient {
            let kernel = build.gpu.kernel(&AVG_POOL2D, "backward", &constants)?;
            backward
                .dispatch(&build.label("input gradient"), &kernel)
                .bind("output_gradient", build.output_gradient.clone())
                .bind("input_gradient", input_gradient.clone())
                .params(&params)
                .threads(build.map_threads(build.input().shape))?;
        }
        Ok(LayerPlans { forward: forward.finish(), backward: backward.finish(), ..Default::default() })
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let input = &call.inputs[0];
        let shape = self.window.output(input.shape).expect("the shapes were checked");
        let mut values = vec![0.0; shape.len() * input.images];
        let output = Tensor::zeros(shape, input.images);
        self.for_each_share(input, &output, |to, from, share| values[to] += share * input.values[from]);
        Tensor { values, ..output }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let input = &call.inputs[0];
        let mut gradient = Tensor::zeros(input.shape, input.images);
        self.for_each_share(input, output_gradient, |from, to, share| {
            gradient.values[to] += share * output_gradient.values[from];
        });
        TwinGradients::of_input(gradient)
    }
}
