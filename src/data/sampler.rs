//! The sampler: draws the samples of a batch on the GPU.
//!
//! The slots of a batch are: the micro-batch's images, padding up to a multiple of 4, then the probes. Every
//! training image is drawn once an epoch, in an order that is a function of (seed, epoch); a batch may reach over the
//! end of an epoch.

use super::augmentation::Augmentation;
use super::batch::BatchSizes;
use super::clock::Clock;
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::{params, wgsl};

const SAMPLER: Source = wgsl!("data/sampler.wgsl", Clock, Sample, Sampling, SamplerParams);
/// Twins of the kernels: shader, entry point, path of the twin.
pub(super) const TWINS: &[(&str, &str, &str)] = &[
    ("data/sampler.wgsl", "training", "data::twin::sample"),
    ("data/sampler.wgsl", "evaluation", "data::twin::evaluation_sample"),
];

/// Largest number of probes.
pub const MAX_PROBES: usize = 64;

params! {
    pub(super) struct SamplerParams { batch: u32, micro_batch: u32, train_slots: u32, slots: u32, train_images: u32, ring_slots: u32 }
}

params! {
    /// One sample of a batch, as drawn.
    pub struct Sample {
        /// Index in the image buffers: training images first, then test images; the ring slot where the images stream.
        image: u32,
        /// Class.
        label: u32,
        /// Flip in bit 0; shift + 128 in x in bits 8 to 15 and in y in bits 16 to 23.
        change: u32,
        /// Factor of the loss gradient: 1 / batch, 1 for probes, 0 for padding.
        scale: f32,
        /// Random word of the further changes (see [`super::twin::Changes`]); 0 for none.
        random: u32,
    }
}

params! {
    /// Sampler parameters.
    pub struct Sampling {
        /// Low 32 bits of the seed.
        seed_low: u32,
        /// High 32 bits of the seed.
        seed_high: u32,
        /// Largest shift in pixels, 0 to 127.
        shift: u32,
        /// 1 where half of the images are flipped left to right.
        flip: u32,
        /// Largest rotation in radians.
        rotation: f32,
        /// Largest relative change of size.
        scale: f32,
        /// Largest change of brightness.
        brightness: f32,
        /// Largest change of contrast.
        contrast: f32,
        /// Side of the square that is cut out, in pixels.
        cutout: u32,
    }
}

impl Sampling {
    /// Sampler parameters of a run.
    pub fn of(seed: u64, augmentation: &Augmentation) -> Self {
        Self {
            seed_low: seed as u32,
            seed_high: (seed >> 32) as u32,
            shift: augmentation.shift.min(127),
            flip: u32::from(augmentation.flip),
            rotation: augmentation.rotation.to_radians(),
            scale: augmentation.scale,
            brightness: augmentation.brightness,
            contrast: augmentation.contrast,
            cutout: augmentation.cutout,
        }
    }
}

/// Buffers of the sampler.
pub(super) struct SamplerBuffers<'a> {
    /// The clock.
    pub clock: BufferRange,
    /// [`Sampling`].
    pub sampling: BufferRange,
    /// Image indices by position.
    pub order: BufferRange,
    /// One byte per image.
    pub labels: BufferRange,
    /// Image indices of the probes.
    pub probes: BufferRange,
    /// Drawn samples, one per slot.
    pub samples: &'a BufferRange,
}

/// Parameters of the kernels that draw.
pub(super) fn sampler_params(
    sizes: BatchSizes,
    (train_images, ring): (usize, Option<usize>),
) -> SamplerParams {
    SamplerParams {
        batch: sizes.batch as u32,
        micro_batch: sizes.micro_batch as u32,
        train_slots: sizes.train_slots as u32,
        slots: sizes.slots as u32,
        train_images: train_images as u32,
        ring_slots: ring.unwrap_or(0) as u32,
    }
}

/// Adds the dispatch that draws one pass, of training or of an evaluation. `ring` is the number of ring slots where the
/// images stream.
pub(super) fn sample(
    plan: &mut PlanBuilder<'_>,
    training: bool,
    sizes: BatchSizes,
    (train_images, ring): (usize, Option<usize>),
    buffers: SamplerBuffers<'_>,
) -> Result<()> {
    let entry = if training { "training" } else { "evaluation" };
    let kernel = plan.gpu().kernel(&SAMPLER, entry, &[("STREAMS", u32::from(ring.is_some()))])?;
    let mut dispatch = plan
        .dispatch("sampler", &kernel)
        .bind("clock", buffers.clock)
        .bind("order", buffers.order)
        .bind("labels", buffers.labels)
        .bind("probes", buffers.probes)
        .bind("samples", buffers.samples.clone())
        .params(&sampler_params(sizes, (train_images, ring)));
    if training {
        dispatch = dispatch.bind("sampling", buffers.sampling);
    }
    dispatch.threads([sizes.slots as u32, 1, 1])
}
