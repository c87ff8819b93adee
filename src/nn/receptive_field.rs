//! The pixels of a layer's input that one pixel of its output reads.

use std::ops::Range;

use super::shape::Shape;

/// A rectangle of rows and columns of a map.
pub type Pixels = [Range<usize>; 2];

/// Rows and columns that an output pixel reads: row y reads rows `⌊y / enlarged⌋·stride + k·dilation − padding` for `k < kernel[0]`, those
/// that lie in the map, or those that mirror the others; columns alike. Of a transposed convolution it reads those whose row
/// `y·stride + k·dilation − padding` it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptiveField {
    /// Rows and columns of the kernel or window.
    pub kernel: [usize; 2],
    /// Pixels from one output pixel's to the next one's, down and across.
    pub stride: [usize; 2],
    /// Pixels above the map and left of it.
    pub padding: [usize; 2],
    /// Pixels from one row of the kernel to the next.
    pub dilation: usize,
    /// Output pixels that read the same ones, along each side.
    pub enlarged: usize,
    /// True if pixels outside the map are those inside, mirrored.
    pub reflects: bool,
    /// True if the pixels that are enlarged blend into each other: an output pixel reads those whose centers it lies between.
    pub blends: bool,
    /// True of a transposed convolution.
    pub is_transposed: bool,
}

impl ReceptiveField {
    /// Each output pixel reads the input pixel at its place.
    pub const PIXEL: Self = Self {
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        dilation: 1,
        enlarged: 1,
        reflects: false,
        blends: false,
        is_transposed: false,
    };

    /// A square kernel.
    pub fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2], ..Self::PIXEL }
    }

    /// Each output pixel reads the whole map.
    pub fn whole(input: Shape) -> Self {
        Self { kernel: [input.height, input.width], ..Self::PIXEL }
    }

    /// The smallest rectangle of an input with all pixels that a rectangle of the output reads; empty where it reads none.
    pub fn reads(&self, output: Pixels, input: Shape) -> Pixels {
        let sides = [input.height, input.width];
        [0, 1].map(|axis| {
            let bounds = |met: &mut dyn Iterator<Item = usize>| {
                let inside = met.filter(|at| *at < sides[axis]);
                inside
                    .map(|at| at..at + 1)
                    .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))
                    .unwrap_or(0..0)
            };
            if self.blends {
                let read = |at| blended(at, self.enlarged, sides[axis]);
                let read = output[axis].clone().map(read);
                return bounds(&mut read.flat_map(|(first, second, share)| {
                    std::iter::once(first).chain((share > 0.0).then_some(second))
                }));
            }
            let taps = || (0..self.kernel[axis]).map(|k| k * self.dilation);
            if self.is_transposed {
                let [padding, stride] = [self.padding[axis], self.stride[axis]];
                let met = |at: usize| taps().filter_map(move |tap| (at + padding).checked_sub(tap));
                let met = output[axis].clone().flat_map(met).filter(|at| at.is_multiple_of(stride));
                return bounds(&mut met.map(|at| at / stride));
            }
            let met = |at: usize| taps().map(move |tap| at / self.enlarged * self.stride[axis] + tap);
            let mut inside = output[axis].clone().flat_map(met).filter_map(|at| {
                let (at, last) = (at as isize - self.padding[axis] as isize, sides[axis] as isize - 1);
                usize::try_from(if self.reflects { last - (last - at.abs()).abs() } else { at }).ok()
            });
            bounds(&mut inside)
        })
    }
}

/// The two pixels between whose centers output pixel `at` lies, where `count` are enlarged by `factor`, and the share of the second: 0 for
/// both the same.
pub(super) fn blended(at: usize, factor: usize, count: usize) -> (usize, usize, f64) {
    let halves = (2 * at + 1).saturating_sub(factor);
    let first = halves / (2 * factor);
    let second = (first + 1).min(count - 1);
    let share = (halves % (2 * factor)) as f64 / (2 * factor) as f64;
    (first, second, if second == first { 0.0 } else { share })
}
