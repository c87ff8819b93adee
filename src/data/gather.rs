//! The gather: drawn images, augmented and normalized, as the network's input.

use super::batch::BatchSizes;
use super::dataset::ImageShape;
use super::images::Images;
use super::residency::MAX_CHUNKS;
use super::sampler::{Sample, Sampling};
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::{params, wgsl};

const GATHER: Source = wgsl!("data/gather.wgsl", Sample, Sampling, GatherParams);
/// Twins of the kernels: shader, entry point, path of the twin.
pub(super) const TWINS: &[(&str, &str, &str)] =
    &[("data/gather.wgsl", "gather", "data::twin::Changes, applied by DataTwin of tests/step_twin")];

params! {
    struct GatherParams { channels: u32, height: u32, width: u32, quads: u32, images_a_chunk: u32, image_stride: u32 }
}

/// Buffers of the gather.
pub(super) struct GatherBuffers<'a> {
    /// Drawn samples, one per slot.
    pub samples: &'a BufferRange,
    /// Mean and 1 / standard deviation of each channel.
    pub statistics: BufferRange,
    /// [`Sampling`], where images are distorted.
    pub sampling: Option<BufferRange>,
    /// `[c, y, x, n]` of the network's input.
    pub input: &'a BufferRange,
}

/// Adds the dispatch that fills the network's input.
pub(super) fn gather(
    plan: &mut PlanBuilder<'_>,
    images: &Images,
    shape: ImageShape,
    sizes: BatchSizes,
    buffers: GatherBuffers<'_>,
) -> Result<()> {
    let distorts = u32::from(buffers.sampling.is_some());
    let kernel = plan.gpu().kernel(&GATHER, "gather", &[("DISTORTS", distorts)])?;
    let quads = sizes.slots / 4;
    let mut dispatch = plan
        .dispatch("gather", &kernel)
        .bind("samples", buffers.samples.clone())
        .bind("statistics", buffers.statistics)
        .bind("input", buffers.input.clone())
        // A byte of the image and a value of the input each.
        .bytes((shape.len() * sizes.slots * 5) as u64)
        .params(&GatherParams {
            channels: shape.channels as u32,
            height: shape.height as u32,
            width: shape.width as u32,
            quads: quads as u32,
            images_a_chunk: images.chunk as u32,
            image_stride: images.stride as u32,
        });
    if let Some(sampling) = buffers.sampling {
        dispatch = dispatch.bind("sampling", sampling);
    }
    let chunks = &images.chunks;
    for i in 0..MAX_CHUNKS {
        dispatch = dispatch.bind(&format!("images_{i}"), chunks[i.min(chunks.len() - 1)].clone());
    }
    dispatch.threads([(shape.width * quads) as u32, shape.height as u32, shape.channels as u32])
}
