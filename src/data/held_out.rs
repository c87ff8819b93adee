//! The first validation images, drawn once into buffers of their own: the same images for every measurement beside a run.

use super::batch::BatchSizes;
use super::clock::{self, Clock};
use super::data_loader::DataLoader;
use super::gather::{GatherBuffers, gather};
use super::sampler::{Sample, SamplerBuffers, sample};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder};

/// A batch of validation images that stays the same, with a clock of its own, which a run never sees.
pub struct HeldOutImages {
    /// Sizes of the batch, which has one pass and no probes.
    pub sizes: BatchSizes,
    /// The samples, one per slot.
    pub samples: BufferRange,
    /// `[c, y, x, n]` of the network's input.
    pub input: BufferRange,
    /// Counts the evaluated images.
    pub clock: Buffer<Clock>,
    /// The clock before an evaluation.
    start: Buffer<Clock>,
    train_images: usize,
}

impl DataLoader {
    /// The first `count` validation images, or all of them. Submits work.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn hold_out(&self, gpu: &Gpu, count: usize) -> Result<HeldOutImages> {
        let first = self.validation().start;
        let count = count.min(self.validation_images);
        let train_slots = count.next_multiple_of(4);
        let sizes = BatchSizes { batch: count, micro_batch: count, train_slots, slots: train_slots };
        let (eval_cursor, eval_end) = (first as u32, (first + count) as u32);
        let start = [Clock { eval_cursor, eval_end, ..Clock::default() }];
        let input_len = self.shape.len() * sizes.slots;
        gpu.check_fits("the held-out images", 4 * input_len as u64)?;
        let held = HeldOutImages {
            sizes,
            samples: Buffer::<Sample>::zeroed(gpu, "held-out samples", sizes.slots).range(),
            input: Buffer::<f32>::zeroed(gpu, "held-out images", input_len).range(),
            clock: Buffer::from_slice(gpu, "held-out clock", &start),
            start: Buffer::from_slice(gpu, "held-out start", &start),
            train_images: self.train_images,
        };
        let apart = self.images.apart(gpu, first..first + count);
        let images = apart.as_ref().unwrap_or(&self.images);
        let mut plan = PlanBuilder::new(gpu);
        let buffers = SamplerBuffers {
            clock: held.clock.range(),
            sampling: self.sampling.range(),
            order: self.order.range(),
            labels: self.labels.range(),
            probes: self.probes.range(),
            samples: &held.samples,
        };
        sample(&mut plan, false, sizes, (self.train_images, images.slots()), buffers)?;
        let buffers = GatherBuffers {
            samples: &held.samples,
            statistics: self.statistics.range(),
            sampling: None,
            input: &held.input,
        };
        gather(&mut plan, images, self.shape, sizes, buffers)?;
        let mut encoder = gpu.encoder("held-out images");
        plan.finish().encode(&mut encoder);
        gpu.submit(encoder);
        Ok(held)
    }
}

impl HeldOutImages {
    /// Number of images.
    pub fn count(&self) -> usize {
        self.sizes.batch
    }

    /// Sets the counters to 0, before an evaluation.
    pub fn restart(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_buffer_to_buffer(self.start.raw(), 0, self.clock.raw(), 0, size_of::<Clock>() as u64);
    }

    /// Plan that adds the results of an evaluation, one per slot, to the counters.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build_counting(&self, gpu: &Gpu, results: &BufferRange) -> Result<Plan> {
        clock::count_evaluation(gpu, self.sizes, self.train_images, [&self.clock.range(), results])
    }
}
