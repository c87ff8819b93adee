//! Copies of a layer's input and output gradient in 16-bit floats: `[channel, y, x, image]`, channels filled up with zeros to 16; of the
//! images first those that are trained on, filled up to 16, then the probes, filled up alike. So no matrix holds images of both.
//!
//! The copy of the input is kept from the forward to the backward pass of a layer that trains; all others lie in room that the next
//! layer takes. A thread rounds four values, in some 60 operations of integers. Of a map of B bytes, filled up, a copy reads B and writes
//! B / 2, and the largest gradient reads B.

use super::super::geometry::Convolution;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, PlanBuilder, Source};
use crate::nn::{BatchExtent, LayerBuild, Shape};
use crate::{params, wgsl};

/// Channels, filters and images of a matrix, and the fewest channels and filters of a layer in mixed precision.
pub(super) const SIDE: usize = 16;

const TO_HALF: Source = wgsl!("nn/to_half.wgsl", ToHalfParams);
/// Threads of a workgroup, and quads of a thread that looks for the largest.
const WORKGROUP: usize = 256;
const TURNS: usize = 8;

params! {
    struct ToHalfParams {
        /// Channels · pixels, of the map and of its copy.
        rows: u32,
        copy_rows: u32,
        quads: u32,
        train_quads: u32,
        copy_quads: u32,
    }
}

/// Quads of images of a pixel in a copy.
pub(super) fn copy_quads(extent: BatchExtent) -> usize {
    let BatchExtent { train_quads, quads } = extent;
    train_quads.next_multiple_of(SIDE / 4) + (quads - train_quads).next_multiple_of(SIDE / 4)
}

/// The copies of a layer.
pub(super) struct Copies {
    input_shape: Shape,
    output_shape: Shape,
    pub input: BufferRange,
    pub gradient: BufferRange,
    /// Bits of the largest size of the output gradient, of trained images and of probes.
    pub largest: BufferRange,
}

impl Copies {
    pub(super) fn new(convolution: &Convolution, build: &LayerBuild<'_>) -> Result<Self> {
        let (gpu, halves) = (build.gpu, &build.packing.halves);
        let what = build.label("16-bit copy");
        let words = |shape: Shape| {
            2 * shape.channels.next_multiple_of(SIDE) * shape.pixels() * copy_quads(build.extent)
        };
        let (input_shape, output_shape) = (convolution.input, convolution.output);
        let input = if build.trains {
            gpu.check_fits(&what, 4 * words(input_shape) as u64)?;
            Buffer::<u32>::zeroed(gpu, "16-bit input", words(input_shape)).range()
        } else {
            halves.scratch(gpu, &what, words(input_shape))?
        };
        Ok(Self {
            input_shape,
            output_shape,
            input,
            gradient: halves.scratch(gpu, &what, words(output_shape))?,
            largest: Buffer::<u32>::zeroed(gpu, "largest gradient", 2).range(),
        })
    }

    /// Adds the dispatch that copies the input, and forgets the largest gradient.
    pub(super) fn copy_input(&self, build: &LayerBuild<'_>, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let kernel = build.gpu.kernel(&TO_HALF, "input_to_half", &[])?;
        let (params, threads) = sizes(build, self.input_shape);
        plan.dispatch(&build.label("input to 16 bits"), &kernel)
            .bind("source", build.input().values.clone())
            .bind("copy", self.input.clone())
            .bind("largest", self.largest.clone())
            .params(&params)
            .threads([threads as u32, 1, 1])
    }

    /// Adds the dispatches that find the largest output gradient and copy it by its scale.
    pub(super) fn copy_gradient(&self, build: &LayerBuild<'_>, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let (params, threads) = sizes(build, self.output_shape);
        let kernel = build.gpu.kernel(&TO_HALF, "largest_gradient", &[])?;
        let values = (params.rows * params.quads) as usize;
        plan.dispatch(&build.label("largest gradient"), &kernel)
            .bind("source", build.output_gradient.clone())
            .bind("largest", self.largest.clone())
            .params(&params)
            .threads([values.div_ceil(TURNS * WORKGROUP) as u32 * WORKGROUP as u32, 1, 1])?;
        let kernel = build.gpu.kernel(&TO_HALF, "gradient_to_half", &[])?;
        plan.dispatch(&build.label("gradient to 16 bits"), &kernel)
            .bind("source", build.output_gradient.clone())
            .bind("copy", self.gradient.clone())
            .bind("largest_in", self.largest.clone())
            .params(&params)
            .threads([threads as u32, 1, 1])
    }
}

/// Parameters of the kernels for a map, and the quads of its copy.
fn sizes(build: &LayerBuild<'_>, shape: Shape) -> (ToHalfParams, usize) {
    let rows = shape.channels.next_multiple_of(SIDE) * shape.pixels();
    let quads = copy_quads(build.extent);
    let params = ToHalfParams {
        rows: shape.len() as u32,
        copy_rows: rows as u32,
        quads: build.extent.quads as u32,
        train_quads: build.extent.train_quads as u32,
        copy_quads: quads as u32,
    };
    (params, rows * quads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, Gpu};
    use crate::nn::twin;

    #[test]
    fn trained_images_and_probes_are_filled_up_apart() {
        for (train_quads, quads, expected) in
            [(1, 1, 4), (4, 4, 4), (4, 5, 8), (5, 9, 12), (1024, 1025, 1028)]
        {
            assert_eq!(copy_quads(BatchExtent { train_quads, quads }), expected, "{train_quads}, {quads}");
        }
    }

    /// Bits of the copies that the kernel makes of values, which lie as rows of 16 trained images.
    fn copied(gpu: &Gpu, values: &[f32]) -> Vec<u16> {
        let rows = values.len() / 16;
        let source = Buffer::from_slice(gpu, "source", values);
        let copy = Buffer::<u32>::zeroed(gpu, "copy", 8 * rows);
        let kernel = gpu.kernel(&TO_HALF, "input_to_half", &[]).unwrap();
        let mut plan = PlanBuilder::new(gpu);
        let [rows, quads] = [rows as u32, 4];
        plan.dispatch("copy", &kernel)
            .bind("source", source.range())
            .bind("copy", copy.range())
            .bind("largest", Buffer::<u32>::zeroed(gpu, "largest", 2).range())
            .params(&ToHalfParams { rows, copy_rows: rows, quads, train_quads: quads, copy_quads: quads })
            .threads([rows * quads, 1, 1])
            .unwrap();
        let mut encoder = gpu.encoder("copy");
        plan.finish().encode(&mut encoder);
        gpu.submit(encoder);
        copy.read(gpu).into_iter().flat_map(|word| [word as u16, (word >> 16) as u16]).collect()
    }

    #[test]
    fn every_number_of_16_bits_is_kept_and_others_go_to_the_next() {
        let gpu = Gpu::open(&AdapterChoice::default()).unwrap();
        let mut values: Vec<f32> = (0..0x7c00).map(|bits| half::f16::from_bits(bits).to_f32()).collect();
        // Between two neighbors the middle, and what is next to it.
        let middles: Vec<f32> = values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
        values.extend(middles.iter().flat_map(|middle| [middle.next_down(), *middle, middle.next_up()]));
        values.extend([
            65519.99,
            65520.0,
            1e30,
            f32::MAX,
            f32::INFINITY,
            f32::MIN_POSITIVE,
            1e-45,
            2.9e-8,
            3e-8,
        ]);
        values.extend(values.clone().iter().map(|value| -value));
        values.resize(values.len().next_multiple_of(16), 0.0);
        let bits_of = |value: &f32| half::f16::from_f64(twin::half(f64::from(*value))).to_bits();
        for ((value, made), expected) in
            values.iter().zip(copied(&gpu, &values)).zip(values.iter().map(bits_of))
        {
            assert_eq!(made, expected, "{value:e}");
        }
        let not_a_number = copied(&gpu, &[f32::NAN; 16]);
        assert!(not_a_number.iter().all(|bits| half::f16::from_bits(*bits).is_nan()));
    }
}
