//! Values that are normalized together, and their means.

use crate::nn::{Shape, Tensor};

/// Values that are normalized together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Grouping {
    /// All pixels of neighboring channels, in this number of groups.
    Groups(usize),
    /// All pixels of a channel.
    EachChannel,
    /// All channels of a pixel.
    EachPixel,
}

impl Grouping {
    /// Number of groups of a map.
    pub(super) fn groups(self, shape: Shape) -> usize {
        match self {
            Self::Groups(groups) => groups,
            Self::EachChannel => shape.channels,
            Self::EachPixel => shape.pixels(),
        }
    }

    /// Channels of a group.
    pub(super) fn each(self, shape: Shape) -> usize {
        if self == Self::EachPixel { shape.channels } else { shape.channels / self.groups(shape) }
    }

    /// Group and image of a value's index.
    pub(super) fn place(self, of: &Tensor, index: usize) -> usize {
        let (pixel, channel) =
            (index / of.images % of.shape.pixels(), index / (of.shape.pixels() * of.images));
        let is_pixel = self == Self::EachPixel;
        let group = if is_pixel { pixel } else { channel / self.each(of.shape) };
        group * of.images + index % of.images
    }

    /// Means of `values`, laid out as `of`, over each group and image.
    pub(super) fn means(self, of: &Tensor, values: &[f64]) -> Vec<f64> {
        let groups = self.groups(of.shape);
        let mut sums = vec![0.0; groups * of.images];
        values.iter().enumerate().for_each(|(i, value)| sums[self.place(of, i)] += value);
        let count = (of.shape.len() / groups) as f64;
        sums.iter().map(|sum| sum / count).collect()
    }
}
