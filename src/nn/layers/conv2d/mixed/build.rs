//! The plans of a convolution in mixed precision, and the layers that take part.

use super::super::geometry::Convolution;
use super::super::pooled::apart;
use super::copies::{Copies, SIDE, copy_quads};
use super::layer::Mixed;
use super::products::SUBGROUPS;
use crate::error::Result;
use crate::gpu::HalfProducts;
use crate::nn::halves::LayerWeights;
use crate::nn::{LayerBuild, LayerPlans, Shape};

impl Convolution {
    /// Values of the copies of an image's input and output gradient; none where the layer is not wide enough.
    pub(in super::super) fn half_values(&self) -> [usize; 2] {
        let values = |shape: Shape| shape.channels.next_multiple_of(SIDE) * shape.pixels();
        if self.is_wide() { [self.input, self.output].map(values) } else { [0; 2] }
    }

    fn is_wide(&self) -> bool {
        self.groups == 1 && self.in_channels() >= SIDE && self.out_channels() >= SIDE
    }

    /// The layer is wide enough for mixed precision, and its copies fit the adapter.
    pub(in super::super) fn is_mixed(&self, build: &LayerBuild<'_>) -> bool {
        self.is_wide() && self.mixed_fits(build)
    }

    fn mixed_fits(&self, build: &LayerBuild<'_>) -> bool {
        let quads = copy_quads(build.extent);
        [self.input, self.output].iter().all(|shape| {
            let bytes = 8 * (shape.channels.next_multiple_of(SIDE) * shape.pixels() * quads) as u64;
            let groups = shape.pixels().div_ceil(SUBGROUPS) as u32;
            bytes <= build.gpu.max_binding()
                && groups <= build.gpu.limits.max_compute_workgroups_per_dimension
        })
    }

    /// All dispatches of the layer in mixed precision; the bias gradient adds in 32 bits.
    pub(in super::super) fn build_mixed(
        &self,
        build: &LayerBuild<'_>,
        products: HalfProducts,
    ) -> Result<LayerPlans> {
        let weights = LayerWeights {
            outs: self.out_channels(),
            ins: self.in_channels(),
            taps: self.kernel * self.kernel,
            offset: build.offsets[0],
        };
        let what = build.label("packed weights");
        let mixed = Mixed {
            convolution: self,
            build,
            products,
            copies: Copies::new(self, build)?,
            weights: build.packing.halves.reserve(build.gpu, &what, weights)?,
        };
        let (mut forward, mut backward) = (build.plan(), build.plan());
        mixed.copies.copy_input(build, &mut forward)?;
        mixed.forward(&mut forward)?;
        let input_gradient = &build.input().gradient;
        if build.trains || input_gradient.is_some() {
            mixed.copies.copy_gradient(build, &mut backward)?;
        }
        if build.trains {
            mixed.weight_gradient(&mut backward)?;
            if !build.leaves_biases {
                self.bias_gradient(build, &mut backward)?;
            }
        }
        if let Some(input_gradient) = input_gradient {
            mixed.input_gradient(&mut backward, input_gradient)?;
        }
        let whole = forward.finish();
        // A pooling that the layer makes is a dispatch of its own.
        let pooled = build.pooling.as_ref().map(|pooling| apart(build, pooling, &whole)).transpose()?;
        Ok(LayerPlans::with_pooling(whole, pooled, backward.finish()))
    }
}
