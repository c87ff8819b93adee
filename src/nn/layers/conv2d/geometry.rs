//! Geometry of a convolution, and of the axes of its dispatches.
//!
//! Along each axis, destination pixel `first + step·i` under tap `first_tap + tap_step·k` reads source pixel
//! `stride·i + dilation·k + shift`.

use crate::nn::Shape;

/// Geometry of a convolution.
pub(crate) struct Convolution {
    pub input: Shape,
    pub output: Shape,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    /// Groups of input and output channels; each output sees the inputs of its group.
    pub groups: usize,
}

impl Convolution {
    /// Floating-point operations of one image's forward pass (or of either gradient).
    pub(crate) fn flops(&self) -> u64 {
        2 * (self.output.len() * self.in_channels() * self.kernel * self.kernel) as u64
    }

    /// Input channels of one group.
    pub(super) fn in_channels(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Output channels of one group.
    pub(super) fn out_channels(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Number of weights.
    pub(super) fn weights(&self) -> usize {
        self.output.channels * self.in_channels() * self.kernel * self.kernel
    }
}

/// One axis of a dispatch: its destination pixels, and the source pixels and taps that they read (see the top of the file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub first: usize,
    pub step: usize,
    pub count: usize,
    pub stride: usize,
    pub dilation: usize,
    pub shift: isize,
    /// Kernel taps used, `first_tap + tap_step·k` for `k < taps`.
    pub taps: usize,
    pub first_tap: usize,
    pub tap_step: isize,
}

impl Axis {
    /// The axis of the forward pass over `count` output pixels.
    pub(super) fn forward(convolution: &Convolution, count: usize) -> Self {
        Self {
            first: 0,
            step: 1,
            count,
            stride: convolution.stride,
            dilation: convolution.dilation,
            shift: -(convolution.padding as isize),
            taps: convolution.kernel,
            first_tap: 0,
            tap_step: 1,
        }
    }

    /// The phases of the input gradient over an input axis of `length` pixels.
    pub(super) fn phases(convolution: &Convolution, length: usize) -> Vec<Self> {
        let Convolution { stride, dilation, padding, kernel, .. } = *convolution;
        let phase = |first: usize| {
            // Input pixel i meets output pixel (i + padding − dilation·k) / stride where that is whole; from the last tap down
            // the output pixel goes up.
            let meets: Vec<_> = (0..kernel)
                .rev()
                .filter(|k| {
                    (first + padding + stride * kernel * dilation - dilation * k).is_multiple_of(stride)
                })
                .collect();
            let apart = if let [a, b, ..] = meets[..] { a - b } else { stride };
            let first_tap = meets.first().copied().unwrap_or(0);
            Self {
                first,
                step: stride,
                count: (length - first).div_ceil(stride),
                stride: 1,
                dilation: dilation * apart / stride,
                shift: ((first + padding) as isize - (dilation * first_tap) as isize) / stride as isize,
                taps: meets.len(),
                first_tap,
                tap_step: -(apart as isize),
            }
        };
        (0..stride.min(length)).map(phase).collect()
    }
}

#[cfg(test)]
impl Convolution {
    /// A square map of `from` channels to one of `to` of the same side.
    pub(super) fn same(from: usize, to: usize, side: usize, kernel: usize) -> Self {
        let [input, output] = [from, to].map(|channels| Shape::new(channels, side, side));
        Self { input, output, kernel, stride: 1, padding: kernel / 2, dilation: 1, groups: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every product of a one-dimensional input gradient, by the definition of the convolution: (input pixel, tap, output pixel).
    fn products(convolution: &Convolution, length: usize, outputs: usize) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for output in 0..outputs {
            for tap in 0..convolution.kernel {
                let input = (output * convolution.stride + tap * convolution.dilation) as isize
                    - convolution.padding as isize;
                if (0..length as isize).contains(&input) {
                    found.push((input as usize, tap, output));
                }
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn the_phases_of_an_input_gradient_meet_every_product_once() {
        for (kernel, stride, padding, dilation) in [
            (3, 1, 1, 1),
            (5, 2, 2, 1),
            (1, 2, 0, 1),
            (4, 3, 2, 1),
            (3, 2, 2, 2),
            (2, 3, 1, 3),
            (3, 4, 3, 6),
            (7, 2, 0, 3),
        ] {
            let length = 23;
            let shape = Shape::new(1, length, length);
            let outputs = (length + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
            let output = Shape::new(1, outputs, outputs);
            let convolution =
                Convolution { input: shape, output, kernel, stride, padding, dilation, groups: 1 };
            let mut found = Vec::new();
            for axis in Axis::phases(&convolution, length) {
                for i in 0..axis.count {
                    for k in 0..axis.taps {
                        let source = (axis.stride * i + axis.dilation * k) as isize + axis.shift;
                        let tap = axis.first_tap as isize + axis.tap_step * k as isize;
                        if (0..outputs as isize).contains(&source) {
                            found.push((axis.first + axis.step * i, tap as usize, source as usize));
                        }
                    }
                }
            }
            found.sort_unstable();
            assert_eq!(found, products(&convolution, length, outputs), "kernel {kernel}, stride {stride}");
        }
    }
}
