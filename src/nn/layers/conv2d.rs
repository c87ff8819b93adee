//! `conv2d`: cross-correlation with square kernels, as in PyTorch's `Conv2d`.
//!
//! `output[o, y, x] = bias[o] + Σ_{c, ky, kx} weight[o, c, ky, kx] · input[c, y·stride + ky − padding, x·stride + kx − padding]`
//! with zeros outside the map. Input `c × h × w`, output `filters × ⌊(h + 2·padding − kernel) / stride⌋ + 1` squared alike.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Sample, at_least_one, settings, to_table};
use crate::error::{Error, Result};
use crate::nn::convolution::Convolution;
use crate::nn::{Layer, LayerBuild, LayerPlans, Shape, Tensor};

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
}

fn one() -> usize {
    1
}

pub(super) fn parse(table: Table, _classes: usize) -> Result<Box<dyn Layer>> {
    let layer: Conv2d = settings(table)?;
    at_least_one("filters", layer.filters)?;
    at_least_one("kernel", layer.kernel)?;
    at_least_one("stride", layer.stride)?;
    if layer.padding >= layer.kernel {
        let what = format!("padding {} with kernel {}", layer.padding, layer.kernel);
        return Err(Error::new(what, "make the padding smaller than the kernel"));
    }
    Ok(Box::new(layer))
}

pub(super) fn samples() -> Vec<Sample> {
    let sample = |filters, kernel, stride, padding, shape| -> Sample {
        (Box::new(Conv2d { filters, kernel, stride, padding }), shape)
    };
    vec![
        sample(5, 3, 1, 1, Shape::new(3, 7, 5)),
        sample(7, 5, 1, 2, Shape::new(2, 6, 9)),
        sample(3, 4, 3, 2, Shape::new(5, 11, 8)),
        sample(26, 1, 1, 0, Shape::new(9, 3, 4)),
        sample(2, 7, 2, 0, Shape::new(1, 9, 13)),
    ]
}

impl Conv2d {
    fn convolution(&self, input: Shape, output: Shape) -> Convolution {
        Convolution { input, output, kernel: self.kernel, stride: self.stride, padding: self.padding }
    }

    /// Source row (or column) of output row `o` under tap `k`.
    fn source(&self, o: usize, k: usize) -> isize {
        (o * self.stride + k) as isize - self.padding as isize
    }

    /// Calls `each(o, c, ky, kx, y, x)` for every product of one image.
    fn for_each_tap(&self, input: Shape, output: Shape, mut each: impl FnMut([usize; 6])) {
        for o in 0..output.channels {
            for c in 0..input.channels {
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
        let mut text = format!("{0}×{0}, {1} filters", self.kernel, self.filters);
        if self.stride > 1 {
            text += &format!(", stride {}", self.stride);
        }
        if self.padding > 0 {
            text += &format!(", pad {}", self.padding);
        }
        text
    }

    fn settings(&self) -> Table {
        to_table(self)
    }

    fn output(&self, input: Shape) -> Result<Shape> {
        let side =
            |length: usize| (length + 2 * self.padding).checked_sub(self.kernel).map(|l| l / self.stride + 1);
        match (side(input.height), side(input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(self.filters, height, width)),
            _ => Err(Error::new(
                format!(
                    "a {0}×{0} kernel with padding {1} does not fit its input of {input}",
                    self.kernel, self.padding
                ),
                "take a smaller kernel or more padding, or pool less before it",
            )),
        }
    }

    fn weights(&self, input: Shape) -> Option<[usize; 4]> {
        Some([self.filters, input.channels, self.kernel, self.kernel])
    }

    fn flops(&self, input: Shape) -> u64 {
        self.output(input).map_or(0, |output| self.convolution(input, output).flops())
    }

    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.convolution(build.input_shape, build.output_shape).build(build)
    }

    fn forward_twin(&self, input: &Tensor, parameters: &[f64]) -> Tensor {
        let shape = self.output(input.shape).expect("the shapes were checked");
        let mut output = Tensor::zeros(shape, input.images);
        let channels = input.shape.channels;
        let biases = &parameters[self.filters * channels * self.kernel * self.kernel..];
        for (i, value) in output.values.iter_mut().enumerate() {
            *value = biases[i / (shape.pixels() * input.images)];
        }
        self.for_each_tap(input.shape, shape, |[o, c, ky, kx, y, x]| {
            let weight = parameters[((o * channels + c) * self.kernel + ky) * self.kernel + kx];
            for n in 0..input.images {
                let at = output.index(o, y, x, n);
                output.values[at] += weight * input.at_padded(c, self.source(y, ky), self.source(x, kx), n);
            }
        });
        output
    }

    fn backward_twin(
        &self,
        input: &Tensor,
        parameters: &[f64],
        output_gradient: &Tensor,
    ) -> (Tensor, Vec<f64>) {
        let (channels, kernel) = (input.shape.channels, self.kernel);
        let mut input_gradient = Tensor::zeros(input.shape, input.images);
        let mut gradients = vec![0.0; self.filters * channels * kernel * kernel + self.filters];
        self.for_each_tap(input.shape, output_gradient.shape, |[o, c, ky, kx, y, x]| {
            let at = ((o * channels + c) * kernel + ky) * kernel + kx;
            let (sy, sx) = (self.source(y, ky), self.source(x, kx));
            let inside =
                sy >= 0 && sx >= 0 && sy < input.shape.height as isize && sx < input.shape.width as isize;
            for n in (0..input.images).filter(|_| inside) {
                let gradient = output_gradient.values[output_gradient.index(o, y, x, n)];
                let from = input.index(c, sy as usize, sx as usize, n);
                gradients[at] += gradient * input.values[from];
                input_gradient.values[from] += gradient * parameters[at];
            }
        });
        let filters = gradients.len() - self.filters;
        let values = output_gradient.shape.pixels() * output_gradient.images;
        for (o, share) in output_gradient.values.chunks(values).enumerate() {
            gradients[filters + o] = share.iter().sum();
        }
        (input_gradient, gradients)
    }
}
