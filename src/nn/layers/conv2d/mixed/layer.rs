//! A convolution in mixed precision: its copies, and the way of its products.

use super::super::geometry::Convolution;
use super::copies::Copies;
use crate::gpu::{BufferRange, HalfProducts};
use crate::nn::LayerBuild;

/// A convolution in mixed precision, with the buffers of its copies.
pub(super) struct Mixed<'a> {
    pub convolution: &'a Convolution,
    pub build: &'a LayerBuild<'a>,
    pub products: HalfProducts,
    pub copies: Copies,
    /// `[ky, kx, out, in]` of the weights.
    pub weights: BufferRange,
}

impl Mixed<'_> {
    /// Value of the shaders' constant `MATRIX`.
    pub(super) fn matrix(&self) -> u32 {
        u32::from(self.products == HalfProducts::Matrices)
    }

    /// Name of the way of the products, for the autotuner's cache.
    pub(super) fn way(&self) -> &'static str {
        match self.products {
            HalfProducts::Matrices => "mixed",
            HalfProducts::Lanes => "mixed by lanes",
        }
    }
}
