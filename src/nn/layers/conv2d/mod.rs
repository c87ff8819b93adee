//! `conv2d`: cross-correlation with square kernels, as in PyTorch's `Conv2d`.
//!
//! `output[o, y, x] = bias[o] + Σ_{c, ky, kx} weight[o, c, ky, kx] · input[g + c, y·stride + ky·dilation − padding, …x alike]`
//! with zeros outside the map, `g` the first channel of the group of `o`. Input `c × h × w`, output
//! `filters × ⌊(h + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1`, the width alike.

mod cost;
mod forward;
mod geometry;
mod lanes;
mod mixed;
mod plans;
mod pooled;
mod staged;
mod weight_gradient;
mod window;
mod without;

use serde::{Deserialize, Serialize};
use toml::Table;

pub(super) use cost::{MAX_GPU_CANDIDATES, gpu_cycles, gpu_time_us};
pub(super) use geometry::Convolution;
pub(super) use window::KernelWindow;

use super::activation::RELU;
use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::gpu::Plan;
use crate::nn::layer::Channels;
use crate::nn::twin::{KernelTwin, TwinCall, TwinGradients};
use crate::nn::{
    Init, Layer, LayerBuild, LayerPlans, ParameterSpec, ReceptiveField, Shape, Tensor, WithoutChannel,
};

/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/bias_gradient.wgsl", "bias_gradient", "nn::layers::conv2d::Conv2d::backward_twin"),
    ("nn/conv2d.wgsl", "conv2d", "nn::layers::conv2d::Conv2d::forward_twin"),
    ("nn/conv2d_weight_gradient.wgsl", "weight_gradient", "nn::layers::conv2d::Conv2d::backward_twin"),
    (
        "nn/conv2d_weight_gradient_lanes.wgsl",
        "weight_gradient_by_lanes",
        "nn::layers::conv2d::Conv2d::backward_twin",
    ),
    (
        "nn/mixed_product.wgsl",
        "mixed_product",
        "nn::layers::conv2d::Conv2d::forward_twin, of factors rounded by nn::twin::half",
    ),
    (
        "nn/mixed_weight_gradient.wgsl",
        "mixed_weight_gradient",
        "nn::layers::conv2d::Conv2d::backward_twin, of factors rounded by nn::twin::half",
    ),
    ("nn/to_half.wgsl", "input_to_half", "nn::twin::half"),
    ("nn/to_half.wgsl", "largest_gradient", "nn::twin::scaled_half"),
    ("nn/to_half.wgsl", "gradient_to_half", "nn::twin::scaled_half"),
    (
        "nn/conv2d_without_channel.wgsl",
        "without_channel",
        "nn::layers::conv2d::Conv2d::forward_twin, of weights that are 0 for the channel",
    ),
];

/// Settings of a 2-D convolution.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels.
    pub filters: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels from one output to the next.
    #[serde(default = "one")]
    pub stride: usize,
    /// Zeros around the map.
    #[serde(default)]
    pub padding: usize,
    /// Pixels from one tap of the kernel to the next.
    #[serde(default = "one")]
    pub dilation: usize,
    /// Groups of channels: a filter sees only the inputs of its group.
    #[serde(default = "one")]
    pub groups: usize,
    /// Initialization of the weights.
    #[serde(default)]
    pub init: Init,
}

impl Default for Conv2d {
    fn default() -> Self {
        let init = Init::default();
        Self { filters: 1, kernel: 1, stride: 1, padding: 0, dilation: 1, groups: 1, init }
    }
}

fn one() -> usize {
    1
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Conv2d = settings(table)?;
    layer.window().check()?;
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let one_group = |filters, kernel, stride, padding, shape| -> LayerSample {
        sample(Conv2d { filters, kernel, stride, padding, ..Conv2d::default() }, shape)
    };
    vec![
        one_group(5, 3, 1, 1, Shape::new(3, 7, 5)),
        one_group(7, 5, 1, 2, Shape::new(2, 6, 9)),
        one_group(3, 4, 3, 2, Shape::new(5, 11, 8)),
        one_group(26, 1, 1, 0, Shape::new(9, 3, 4)),
        one_group(2, 7, 2, 0, Shape::new(1, 9, 13)),
        one_group(9, 3, 2, 1, Shape::new(5, 5, 14)),
        sample(
            Conv2d { filters: 6, kernel: 3, padding: 2, dilation: 2, ..Conv2d::default() },
            Shape::new(3, 7, 6),
        ),
        sample(
            Conv2d { filters: 10, kernel: 3, stride: 2, groups: 2, ..Conv2d::default() },
            Shape::new(6, 7, 5),
        ),
        // One filter a channel, dilated and strided.
        sample(
            Conv2d {
                filters: 7,
                kernel: 2,
                stride: 3,
                padding: 1,
                dilation: 3,
                groups: 7,
                ..Conv2d::default()
            },
            Shape::new(7, 9, 8),
        ),
    ]
}

impl Conv2d {
    fn convolution(&self, input: Shape, output: Shape) -> Convolution {
        let Self { kernel, stride, padding, dilation, groups, .. } = *self;
        Convolution { input, output, kernel, stride, padding, dilation, groups }
    }

    fn window(&self) -> KernelWindow {
        let Self { filters, kernel, stride, padding, dilation, groups, .. } = *self;
        KernelWindow { filters, kernel, stride, padding, dilation, groups }
    }

    /// Source row (or column) of output row `o` under tap `k`.
    fn source(&self, o: usize, k: usize) -> isize {
        (o * self.stride + k * self.dilation) as isize - self.padding as isize
    }

    /// The input channel that filter `o` sees as its channel `c`.
    fn source_channel(&self, input: Shape, o: usize, c: usize) -> usize {
        o / (self.filters / self.groups) * (input.channels / self.groups) + c
    }

    /// Calls `each(o, c, ky, kx, y, x)` for every product of one image; `c` counts within the group.
    fn for_each_tap(&self, input: Shape, output: Shape, mut each: impl FnMut([usize; 6])) {
        for o in 0..output.channels {
            for c in 0..input.channels / self.groups {
                for ky in 0..self.kernel {
                    for kx in 0..self.kernel {
                        for y in 0..output.height {
                            for x in 0..output.width {
                                each([o, c, ky, kx, y, x]);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Layer for Conv2d {
    fn kind(&self) -> &'static str {
        "conv2d"
    }

    fn short_name(&self) -> &'static str {
        "conv"
    }

    fn summary(&self) -> String {
        self.window().summary(0)
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn channels(&self) -> Channels {
        Channels::Made { groups: self.groups }
    }

    fn resized(&self, filters: usize, groups: usize) -> Option<Box<dyn Layer>> {
        Some(Box::new(Self { filters, groups, ..*self }))
    }

    fn receptive_field(&self, _input: Shape) -> ReceptiveField {
        let dilation = self.dilation;
        ReceptiveField { dilation, ..ReceptiveField::square(self.kernel, self.stride, self.padding) }
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let input = inputs[0];
        self.window().check_groups(input)?;
        let reach = self.window().reach();
        let side =
            |length: usize| (length + 2 * self.padding).checked_sub(reach).map(|l| l / self.stride + 1);
        match (side(input.height), side(input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(self.filters, height, width)),
            _ => Err(Error::new(
                format!(
                    "a {0}×{0} kernel with padding {1} does not fit its input of {input}",
                    reach, self.padding
                ),
                "take a smaller kernel or more padding, or pool less before it",
            )),
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let shape = [self.filters, inputs[0].channels / self.groups, self.kernel, self.kernel];
        vec![ParameterSpec::weight(shape, self.init), ParameterSpec::bias(self.filters)]
    }

    fn flops(&self, inputs: &[Shape]) -> u64 {
        self.output(inputs).map_or(0, |output| self.convolution(inputs[0], output).flops())
    }

    fn half_values(&self, inputs: &[Shape]) -> [usize; 2] {
        let output = self.output(inputs).unwrap_or(inputs[0]);
        self.convolution(inputs[0], output).half_values()
    }

    fn fuses(&self, next: &dyn Layer) -> bool {
        next.kind() == RELU
    }

    fn fuses_pooling(&self) -> bool {
        true
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        let convolution = self.convolution(build.input().shape, build.output_shape);
        match build.gpu.half_products().filter(|_| convolution.is_mixed(build)) {
            Some(products) => convolution.build_mixed(build, products),
            None => convolution.build(build),
        }
    }

    fn without_channel(&self, build: &WithoutChannel<'_>) -> Result<Option<Plan>> {
        (self.groups == 1).then(|| self.build_without_channel(build)).transpose()
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let (input, weights, biases) = (&call.inputs[0], &call.parameters[0], &call.parameters[1]);
        let shape = self.output(&call.shapes()).expect("the shapes were checked");
        let mut output = Tensor::zeros(shape, input.images);
        let channels = input.shape.channels / self.groups;
        for (i, value) in output.values.iter_mut().enumerate() {
            *value = biases[i / (shape.pixels() * input.images)];
        }
        self.for_each_tap(input.shape, shape, |[o, c, ky, kx, y, x]| {
            let weight = weights[((o * channels + c) * self.kernel + ky) * self.kernel + kx];
            let from = self.source_channel(input.shape, o, c);
            for n in 0..input.images {
                let at = output.index(o, y, x, n);
                output.values[at] +=
                    weight * input.at_padded(from, self.source(y, ky), self.source(x, kx), n);
            }
        });
        output
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let (input, weights) = (&call.inputs[0], &call.parameters[0]);
        let (channels, kernel) = (input.shape.channels / self.groups, self.kernel);
        let mut input_gradient = Tensor::zeros(input.shape, input.images);
        let mut gradients = vec![0.0; weights.len()];
        self.for_each_tap(input.shape, output_gradient.shape, |[o, c, ky, kx, y, x]| {
            let at = ((o * channels + c) * kernel + ky) * kernel + kx;
            let channel = self.source_channel(input.shape, o, c);
            let (sy, sx) = (self.source(y, ky), self.source(x, kx));
            let inside =
                sy >= 0 && sx >= 0 && sy < input.shape.height as isize && sx < input.shape.width as isize;
            for n in (0..input.images).filter(|_| inside) {
                let gradient = output_gradient.values[output_gradient.index(o, y, x, n)];
                let from = input.index(channel, sy as usize, sx as usize, n);
                gradients[at] += gradient * input.values[from];
                input_gradient.values[from] += gradient * weights[at];
            }
        });
        let values = output_gradient.shape.pixels() * output_gradient.images;
        let biases = output_gradient.values.chunks(values).map(|share| share.iter().sum()).collect();
        TwinGradients { inputs: vec![input_gradient], parameters: vec![gradients, biases] }
    }
}
