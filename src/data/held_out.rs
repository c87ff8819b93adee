//! Images in buffers of their own, beside a run: the first validation images, drawn once, the same for every measurement; and images
//! chosen one by one, to be shown or forwarded.

use super::batch::BatchSizes;
use super::clock::{self, Clock};
use super::data_loader::DataLoader;
use super::dataset::ImageShape;
use super::gather::{GatherBuffers, gather};
use super::sampler::{Sample, SamplerBuffers, sample};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, TensorView};

/// Change of a sample that is as it is: not shifted, not flipped.
const UNCHANGED: u32 = 0x0080_8000;

/// A batch of images that stays the same, with a clock of its own, which a run never sees.
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
        let held = self.room_for(gpu, count.min(self.validation_images))?;
        let first = self.validation().start;
        held.start.write(gpu, 0, &[held.clock_of(first..first + held.count())]);
        self.fill(gpu, &held, first..first + held.count())?;
        Ok(held)
    }

    /// Puts images into the slots of `into`, from the first on, by their positions in the loader's order, with their classes; the others are
    /// empty. As an evaluation has them. Submits work: nothing recorded before may read them.
    ///
    /// # Errors
    /// When there are more than slots.
    pub fn fill(&self, gpu: &Gpu, into: &HeldOutImages, positions: std::ops::Range<usize>) -> Result<()> {
        into.clock.write(gpu, 0, &[into.clock_of(positions.clone())]);
        let apart = self.images.apart(gpu, positions);
        let images = apart.as_ref().unwrap_or(&self.images);
        let mut plan = PlanBuilder::new(gpu);
        let buffers = SamplerBuffers {
            clock: into.clock.range(),
            sampling: self.sampling.range(),
            order: self.order.range(),
            labels: self.labels.range(),
            probes: self.probes.range(),
            samples: &into.samples,
        };
        sample(&mut plan, false, into.sizes, (self.train_images, images.slots()), buffers)?;
        let buffers = GatherBuffers {
            samples: &into.samples,
            statistics: self.statistics.range(),
            sampling: None,
            input: &into.input,
        };
        gather(&mut plan, images, self.shape, into.sizes, buffers)?;
        let mut encoder = gpu.encoder("held-out images");
        plan.finish().encode(&mut encoder);
        gpu.submit(encoder);
        Ok(())
    }
}

impl DataLoader {
    /// Room for `most` images, chosen by [`DataLoader::choose`].
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn room_for(&self, gpu: &Gpu, most: usize) -> Result<HeldOutImages> {
        let room = HeldOutImages::of_shape(gpu, self.shape, most)?;
        Ok(HeldOutImages { train_images: self.train_images, ..room })
    }

    /// Puts images into the slots of `into`, from the first on, by their numbers (see [`DataLoader::test_number`]); the others are
    /// empty. Unchanged and normalized, as an evaluation has them. Submits work: nothing recorded before may read them.
    ///
    /// # Errors
    /// When there are more than slots.
    pub fn choose(&self, gpu: &Gpu, into: &HeldOutImages, numbers: &[u32]) -> Result<()> {
        let apart = self.images.chosen(gpu, numbers);
        let images = apart.as_ref().unwrap_or(&self.images);
        let mut samples = vec![Sample::default(); into.sizes.slots];
        for (place, (sample, number)) in samples.iter_mut().zip(numbers).enumerate() {
            let image = images.index_of(place, *number);
            *sample = Sample { image, change: UNCHANGED, scale: 1.0, ..Sample::default() };
        }
        Buffer::of_range(&into.samples).write(gpu, 0, &samples);
        let mut plan = PlanBuilder::new(gpu);
        let buffers = GatherBuffers {
            samples: &into.samples,
            statistics: self.statistics.range(),
            sampling: None,
            input: &into.input,
        };
        gather(&mut plan, images, self.shape, into.sizes, buffers)?;
        let mut encoder = gpu.encoder("chosen images");
        plan.finish().encode(&mut encoder);
        gpu.submit(encoder);
        Ok(())
    }
}

impl HeldOutImages {
    /// Room for `most` images of any origin, without a data set.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn of_shape(gpu: &Gpu, shape: ImageShape, most: usize) -> Result<Self> {
        let train_slots = most.next_multiple_of(4);
        let sizes = BatchSizes { batch: most, micro_batch: most, train_slots, slots: train_slots };
        let start = [Clock { eval_end: most as u32, ..Clock::default() }];
        let input_len = shape.len() * sizes.slots;
        gpu.check_fits("the chosen images", 4 * input_len as u64)?;
        Ok(Self {
            sizes,
            samples: Buffer::<Sample>::zeroed(gpu, "chosen samples", sizes.slots).range(),
            input: Buffer::<f32>::zeroed(gpu, "chosen images", input_len).range(),
            clock: Buffer::from_slice(gpu, "clock of chosen images", &start),
            start: Buffer::from_slice(gpu, "start of chosen images", &start),
            train_images: 1,
        })
    }

    /// View of the images as tiles, one each.
    pub fn view(&self, shape: ImageShape) -> TensorView {
        let n = self.sizes.slots as u32;
        let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|side| side as u32);
        TensorView {
            buffer: self.input.buffer.clone(),
            offset: 0,
            extents: [n, channels, height, width],
            strides: [1, height * width * n, width * n, n],
        }
    }

    /// The clock of an evaluation of these positions.
    fn clock_of(&self, positions: std::ops::Range<usize>) -> Clock {
        Clock { eval_cursor: positions.start as u32, eval_end: positions.end as u32, ..Clock::default() }
    }

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
