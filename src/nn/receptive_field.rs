//! The pixels of a layer's input that one pixel of its output reads.

use std::ops::Range;

use super::shape::Shape;

/// A rectangle of rows and columns of a map.
pub type Pixels = [Range<usize>; 2];

/// Rows and columns that an output pixel reads: row y reads rows `⌊y / enlarged⌋·stride + k·dilation − padding` for `k < kernel[0]`, those
/// that lie in the map, or those that mirror the others; columns alike.
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
            if self.blends {
                let read = |at| blended(at, self.enlarged, sides[axis]);
                let bounds = output[axis].clone().map(read).map(|(first, second, share)| {
                    if share > 0.0 { first..second + 1 } else { first..first + 1 }
                });
                return bounds.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
            }
            let taps = || (0..self.kernel[axis]).map(|k| k * self.dilation);
            let met = |at: usize| taps().map(move |tap| at / self.enlarged * self.stride[axis] + tap);
            let inside = output[axis].clone().flat_map(met).filter_map(|at| {
                let (at, last) = (at as isize - self.padding[axis] as isize, sides[axis] as isize - 1);
                usize::try_from(if self.reflects { last - (last - at.abs()).abs() } else { at }).ok()
            });
            let bounds = inside.filter(|at| *at < sides[axis]).map(|at| at..at + 1);
            bounds.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0)
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
