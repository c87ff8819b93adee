//! `conv_transpose2d`: the transposed convolution with square kernels, as in PyTorch's `ConvTranspose2d`.
//!
//! `output[o, y·stride + ky·dilation − padding, …x alike] += weight[o, c, ky, kx] · input[g + c, y, x]` from a bias on, what falls outside
//! the map left out, `g` the first channel of the group of `o`. Input `c × h × w`, output
//! `filters × (h − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + output_padding`, the width alike.
//!
//! It is the input gradient of a [`Convolution`] from its output to its input, and its own input gradient is that one's forward pass: the
//! kernels are those. A filter is a row of the weights here too, so that it comes and goes with its row; PyTorch and ONNX have the first two
//! axes in turn ([`ParameterSpec::turned_groups`]).

use serde::{Deserialize, Serialize};
use toml::Table;

use super::activation::RELU;
use super::conv2d::{Convolution, KernelWindow};
use super::settings::{LayerSample, sample, settings, to_table};
use crate::error::{Error, Result};
use crate::nn::layer::Channels;
use crate::nn::twin::{TwinCall, TwinGradients};
use crate::nn::{Init, Layer, LayerBuild, LayerPlans, ParameterSpec, ReceptiveField, Shape, Tensor};

/// Most rows and columns that are put to the end of the map, or cut off.
const MAX_OUTPUT_PADDING: isize = 1 << 16;

/// Settings of a transposed convolution.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConvTranspose2d {
    /// Output channels.
    filters: usize,
    /// Rows and columns of the kernel.
    kernel: usize,
    /// Output pixels from what one input pixel writes to what the next one does.
    #[serde(default = "one")]
    stride: usize,
    /// Rows and columns that are left out on all sides.
    #[serde(default)]
    padding: usize,
    /// Further rows and columns at the end; below 0 those that are cut off there, as Keras and ONNX can have it.
    #[serde(default, skip_serializing_if = "is_zero")]
    output_padding: isize,
    /// Pixels from one tap of the kernel to the next.
    #[serde(default = "one")]
    dilation: usize,
    /// Groups of channels: a filter sees only the inputs of its group.
    #[serde(default = "one")]
    groups: usize,
    /// Initialization of the weights.
    #[serde(default)]
    init: Init,
}

fn one() -> usize {
    1
}

fn is_zero(value: &isize) -> bool {
    *value == 0
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: ConvTranspose2d = settings(table)?;
    layer.window().check()?;
    let most = layer.stride.max(layer.dilation) as isize;
    if layer.output_padding >= most || layer.output_padding < -MAX_OUTPUT_PADDING {
        let what = format!("output_padding {} with stride {}", layer.output_padding, layer.stride);
        return Err(Error::new(what, "make it smaller than stride or dilation"));
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<LayerSample> {
    let plain = ConvTranspose2d {
        filters: 5,
        kernel: 3,
        stride: 1,
        padding: 1,
        output_padding: 0,
        dilation: 1,
        groups: 1,
        init: Init::He,
    };
    vec![
        sample(plain, Shape::new(3, 7, 5)),
        sample(
            ConvTranspose2d { filters: 7, kernel: 2, stride: 2, padding: 0, ..plain },
            Shape::new(2, 4, 3),
        ),
        sample(ConvTranspose2d { stride: 2, output_padding: 1, ..plain }, Shape::new(9, 3, 4)),
        sample(
            ConvTranspose2d { kernel: 5, stride: 3, padding: 2, output_padding: -1, ..plain },
            Shape::new(2, 3, 4),
        ),
        // A kernel smaller than the stride leaves pixels with the bias alone.
        sample(
            ConvTranspose2d { kernel: 2, stride: 3, padding: 0, output_padding: 1, ..plain },
            Shape::new(3, 3, 2),
        ),
        sample(
            ConvTranspose2d { filters: 6, stride: 2, padding: 2, dilation: 2, groups: 2, ..plain },
            Shape::new(4, 5, 3),
        ),
        // One filter a channel.
        sample(ConvTranspose2d { kernel: 4, stride: 2, groups: 5, ..plain }, Shape::new(5, 3, 2)),
    ]
}

impl ConvTranspose2d {
    /// The convolution that goes the other way.
    fn mirrored(&self, input: Shape, output: Shape) -> Convolution {
        let Self { kernel, stride, padding, dilation, groups, .. } = *self;
        Convolution { input: output, output: input, kernel, stride, padding, dilation, groups }
    }

    fn window(&self) -> KernelWindow {
        let Self { filters, kernel, stride, padding, dilation, groups, .. } = *self;
        KernelWindow { filters, kernel, stride, padding, dilation, groups }
    }

    /// Output row (or column) that input row `i` writes by tap `k`; none outside the map.
    fn target(&self, i: usize, k: usize, length: usize) -> Option<usize> {
        let target = (i * self.stride + k * self.dilation).checked_sub(self.padding)?;
        (target < length).then_some(target)
    }

    /// Calls `each(weight, from, to)` for the indices of every product of `images` images: of the weight, and of the values of the first
    /// image.
    fn for_each_product(&self, input: &Tensor, output: &Tensor, mut each: impl FnMut(usize, usize, usize)) {
        let (from, to) = (input.shape, output.shape);
        let (inputs, filters) = (from.channels / self.groups, self.filters / self.groups);
        for (o, c) in (0..self.filters).flat_map(|o| (0..inputs).map(move |c| (o, c))) {
            let channel = o / filters * inputs + c;
            for (ky, kx) in (0..self.kernel).flat_map(|ky| (0..self.kernel).map(move |kx| (ky, kx))) {
                let weight = ((o * inputs + c) * self.kernel + ky) * self.kernel + kx;
                for (y, x) in (0..from.height).flat_map(|y| (0..from.width).map(move |x| (y, x))) {
                    let targets = self.target(y, ky, to.height).zip(self.target(x, kx, to.width));
                    if let Some((to_y, to_x)) = targets {
                        each(weight, input.index(channel, y, x, 0), output.index(o, to_y, to_x, 0));
                    }
                }
            }
        }
    }
}

impl Layer for ConvTranspose2d {
    fn kind(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn short_name(&self) -> &'static str {
        "deconv"
    }

    fn summary(&self) -> String {
        self.window().summary(self.output_padding)
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
        let square = ReceptiveField::square(self.kernel, self.stride, self.padding);
        ReceptiveField { dilation: self.dilation, is_transposed: true, ..square }
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        let input = inputs[0];
        self.window().check_groups(input)?;
        let reach = self.window().reach();
        let side = |length: usize| {
            let whole = length.checked_sub(1)?.checked_mul(self.stride)?.checked_add(reach)?;
            let side =
                whole.checked_sub(self.padding.checked_mul(2)?)?.checked_add_signed(self.output_padding)?;
            (side > 0).then_some(side)
        };
        match (side(input.height), side(input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(self.filters, height, width)),
            _ => {
                let what = format!("padding {} leaves nothing of its input of {input}", self.padding);
                Err(Error::new(what, "take a larger kernel or less padding"))
            }
        }
    }

    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        let shape = [self.filters, inputs[0].channels / self.groups, self.kernel, self.kernel];
        let weight = ParameterSpec::weight(shape, self.init);
        let turned = ParameterSpec { turned_groups: Some(self.groups), ..weight };
        vec![turned, ParameterSpec::bias(self.filters)]
    }

    fn flops(&self, inputs: &[Shape]) -> u64 {
        self.output(inputs).map_or(0, |output| self.mirrored(inputs[0], output).flops())
    }

    fn fuses(&self, next: &dyn Layer) -> bool {
        next.kind() == RELU
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.mirrored(build.input().shape, build.output_shape).build_transposed(build)
    }

    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        let (input, weights, biases) = (&call.inputs[0], &call.parameters[0], &call.parameters[1]);
        let shape = self.output(&call.shapes()).expect("the shapes were checked");
        let mut values = vec![0.0; shape.len() * input.images];
        for (i, value) in values.iter_mut().enumerate() {
            *value = biases[i / (shape.pixels() * input.images)];
        }
        let output = Tensor { shape, images: input.images, values: Vec::new() };
        self.for_each_product(input, &output, |weight, from, to| {
            for n in 0..input.images {
                values[to + n] += weights[weight] * input.values[from + n];
            }
        });
        Tensor { values, ..output }
    }

    fn backward_twin(&self, call: &TwinCall<'_>, output_gradient: &Tensor) -> TwinGradients {
        let (input, weights) = (&call.inputs[0], &call.parameters[0]);
        let mut input_gradient = Tensor::zeros(input.shape, input.images);
        let mut gradients = vec![0.0; weights.len()];
        self.for_each_product(input, output_gradient, |weight, from, to| {
            for n in 0..input.images {
                let gradient = output_gradient.values[to + n];
                gradients[weight] += gradient * input.values[from + n];
                input_gradient.values[from + n] += gradient * weights[weight];
            }
        });
        let values = output_gradient.shape.pixels() * output_gradient.images;
        let biases = output_gradient.values.chunks(values).map(|share| share.iter().sum()).collect();
        TwinGradients { inputs: vec![input_gradient], parameters: vec![gradients, biases] }
    }
}
