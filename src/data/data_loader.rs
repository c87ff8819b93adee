//! The data loader: a data set on the GPU, its sampler, its clock and its evaluations.

use std::mem::offset_of;

use super::augmentation::Augmentation;
use super::batch::BatchSizes;
use super::clock::{self, Clock, HISTORY_LEN, StepRecord};
use super::dataset::{ChannelStats, Dataset, ImageShape};
use super::edits::DataEdits;
use super::gather::{GatherBuffers, draw_and_gather, draws, gather};
use super::images::Images;
use super::sampler::{MAX_PROBES, SamplerBuffers, Sampling, sample};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Element, Gpu, Plan, PlanBuilder};

/// Probe slots there may be: the probes, and padding up to a multiple of 4 that repeats the last one.
const PROBE_SLOTS: usize = MAX_PROBES.next_multiple_of(4);

/// A data set on the GPU, and the clock by which it is drawn.
pub struct DataLoader {
    pub(super) shape: ImageShape,
    pub(super) images: Images,
    pub(super) statistics: Buffer<f32>,
    /// The same: mean and 1 / standard deviation of each channel.
    normals: Vec<f32>,
    pub(super) labels: Buffer<u32>,
    pub(super) order: Buffer<u32>,
    pub(super) probes: Buffer<u32>,
    pub(super) sampling: Buffer<Sampling>,
    clock: Buffer<Clock>,
    history: Buffer<StepRecord>,
    /// Changes by hand.
    edits: DataEdits,
    /// Training images by position, and labels of all images, as the set is stored.
    stored_order: Vec<u32>,
    stored_labels: Vec<u8>,
    /// Classes of the user's own images.
    own_labels: Vec<u8>,
    /// Numbers of the probes' images.
    pinned: Vec<u32>,
    /// Images trained on.
    pub train_images: usize,
    /// Images of the validation set, held out of the training images.
    pub validation_images: usize,
    /// Images of the test set.
    pub test_images: usize,
}

impl DataLoader {
    /// Shape of an image.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Mean that is taken from the pixels, from 0 to 1, of each channel, and deviation that they are divided by.
    pub fn channel_stats(&self) -> ChannelStats {
        let (mean, std) = self.normals.chunks_exact(2).map(|of| (of[0], 1.0 / of[1])).unzip();
        ChannelStats { mean, std }
    }

    /// An image `[c, y, x]` as the network's input: each channel less its mean over the data set, by its standard deviation.
    pub fn normalized(&self, image: &[u8]) -> Vec<f32> {
        let channels = image.chunks(self.shape.height * self.shape.width).zip(self.normals.chunks_exact(2));
        channels
            .flat_map(|(values, of)| values.iter().map(|v| (f32::from(*v) / 255.0 - of[0]) * of[1]))
            .collect()
    }

    /// Uploads a data set, or prepares to stream it where it is too large for the GPU.
    ///
    /// # Errors
    /// When it has too few images, or one image is too large.
    pub fn new(gpu: &Gpu, data: &Dataset) -> Result<Self> {
        let all = data.train.len();
        let validation_images = data.validation_images();
        if all < 2 || data.test.is_empty() {
            let what =
                format!("data set {} has {all} training and {} test images", data.name, data.test.len());
            return Err(Error::new(what, "give it at least 2 training images and 1 test image"));
        }
        let order = data.order();
        let images = Images::new(gpu, data, &order, all - validation_images)?;
        let mut labels = data.train.labels.clone();
        labels.extend_from_slice(&data.test.labels);
        labels.resize(images.own.end.next_multiple_of(4), 0);
        let stats = data.channel_stats();
        let statistics: Vec<f32> =
            stats.mean.iter().zip(&stats.std).flat_map(|(m, s)| [*m, 1.0 / s]).collect();
        let stored_order = order[..all - validation_images].to_vec();
        // An evaluation of the training images is of those, too, that are left out.
        let with_stored: Vec<u32> = order.iter().chain(&stored_order).copied().collect();
        let own_labels = vec![0; images.own.len().next_multiple_of(4)];
        let loader = Self {
            shape: data.shape,
            images,
            statistics: Buffer::from_slice(gpu, "statistics", &statistics),
            normals: statistics,
            labels: Buffer::from_slice(gpu, "labels", &bytemuck::pod_collect_to_vec::<u8, u32>(&labels)),
            order: Buffer::from_slice(gpu, "order", &with_stored),
            probes: Buffer::from_slice(gpu, "probes", &[all as u32; PROBE_SLOTS]),
            sampling: Buffer::zeroed(gpu, "sampling", 1),
            clock: Buffer::zeroed(gpu, "clock", 1),
            history: Buffer::zeroed(gpu, "history", HISTORY_LEN),
            edits: DataEdits::default(),
            stored_order,
            stored_labels: labels,
            own_labels,
            pinned: vec![all as u32; PROBE_SLOTS],
            train_images: all - validation_images,
            validation_images,
            test_images: data.test.len(),
        };
        Ok(loader)
    }

    /// A loader for another run, which shares the images, with a clock, labels and an order of its own, as they are when `encoder` is
    /// submitted. Seed and augmentation are to be set; the probe is the first test image.
    pub fn shared(&self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) -> Self {
        let mut loader = Self {
            images: self.images.shared(gpu),
            statistics: self.statistics.clone(),
            normals: self.normals.clone(),
            labels: copied(gpu, encoder, "labels", &self.labels),
            order: copied(gpu, encoder, "order", &self.order),
            probes: Buffer::zeroed(gpu, "probes", PROBE_SLOTS),
            sampling: Buffer::zeroed(gpu, "sampling", 1),
            clock: copied(gpu, encoder, "clock", &self.clock),
            history: Buffer::zeroed(gpu, "history", HISTORY_LEN),
            edits: self.edits.clone(),
            stored_order: self.stored_order.clone(),
            stored_labels: self.stored_labels.clone(),
            own_labels: self.own_labels.clone(),
            pinned: Vec::new(),
            ..*self
        };
        loader.set_probes(gpu, &[0]);
        loader
    }

    /// The clock's buffer, of one element.
    pub fn clock(&self) -> &Buffer<Clock> {
        &self.clock
    }

    /// The sampler parameters' buffer, of one element.
    pub fn sampling(&self) -> &Buffer<Sampling> {
        &self.sampling
    }

    /// Clock and sampler parameters, as layers bind them.
    pub fn counters(&self) -> [BufferRange; 2] {
        [self.clock.range(), self.sampling.range()]
    }

    /// Ring of the last steps' results; see [`HISTORY_LEN`].
    pub fn history(&self) -> &Buffer<StepRecord> {
        &self.history
    }

    /// Sets seed and augmentation of the images drawn from now on.
    pub fn set_sampling(&mut self, gpu: &Gpu, seed: u64, augmentation: &Augmentation) {
        let sampling = Sampling::of(seed, augmentation);
        self.sampling.write(gpu, 0, &[sampling]);
        self.images.set_seed([sampling.seed_low, sampling.seed_high]);
    }

    /// Sets the clock, and clears the results of earlier steps.
    pub fn set_clock(&mut self, gpu: &Gpu, clock: &Clock) {
        self.history.write(gpu, 0, &[StepRecord::default(); HISTORY_LEN]);
        self.clock.write(gpu, 0, std::slice::from_ref(clock));
        self.images.restart_training(self.drawn(clock));
    }

    /// Continues with the images of the step at `clock`, which the GPU's clock has already.
    pub fn continue_at(&mut self, clock: &Clock) {
        self.images.restart_training(self.drawn(clock));
    }

    /// Images drawn since the beginning of the run, at the beginning of a step.
    fn drawn(&self, clock: &Clock) -> u64 {
        u64::from(clock.epoch) * self.train_images as u64 + u64::from(clock.cursor)
    }

    /// Uploads the images of the steps from `clock` on and of an evaluation under way, where they stream; at
    /// least the next `batch`. To be called after everything recorded is submitted, before more is recorded.
    pub fn supply(&mut self, gpu: &Gpu, clock: &Clock, batch: usize) {
        self.images.supply(gpu, self.drawn(clock), batch);
    }

    /// True if the images of the step at `clock` are on the GPU.
    pub fn has_step(&self, clock: &Clock, batch: usize) -> bool {
        self.images.has_drawn(self.drawn(clock), batch)
    }

    /// True if the images of the next pass of the evaluation are on the GPU.
    pub fn has_evaluation_pass(&self, micro_batch: usize) -> bool {
        self.images.has_evaluated(micro_batch)
    }

    /// Advances the evaluation by one recorded pass.
    pub fn end_evaluation_pass(&mut self, micro_batch: usize) {
        self.images.end_evaluation_pass(micro_batch);
    }

    /// Largest batch: all training images or, where they stream, those of the window.
    pub fn max_batch(&self) -> usize {
        self.images.slots().map_or(self.train_images, |slots| slots.min(self.train_images))
    }

    /// Number of an image of the test set among all images: training images come first, then test images, then the user's own.
    pub fn test_number(&self, index: usize) -> u32 {
        (self.train_images + self.validation_images + index) as u32
    }

    /// Pins these images of the test set as probes; the last one fills the slots left.
    pub fn set_probes(&mut self, gpu: &Gpu, test_images: &[usize]) {
        let numbers: Vec<u32> = test_images.iter().map(|index| self.test_number(*index)).collect();
        self.pin(gpu, &numbers);
    }

    /// Pins images as probes by their numbers; the last one fills the slots left.
    pub fn pin(&mut self, gpu: &Gpu, numbers: &[u32]) {
        let last = numbers.last().copied().unwrap_or(self.test_number(0));
        self.pinned = (0..PROBE_SLOTS).map(|i| numbers.get(i).copied().unwrap_or(last)).collect();
        self.probes.write(gpu, 0, &self.pinned);
        self.images.set_probes(gpu, &self.pinned);
    }

    /// Number of images of the user's own that there is room for.
    pub fn own_images(&self) -> usize {
        self.images.own.len()
    }

    /// Number of an image of the user's own, by its index among them.
    pub fn own_number(&self, index: usize) -> u32 {
        (self.images.own.start + index) as u32
    }

    /// Sets an image of the user's own: its bytes `[c, y, x]`, as those of the data set, and its class. It is never trained on.
    pub fn set_own_image(&mut self, gpu: &Gpu, index: usize, image: &[u8], class: u8) {
        assert!(index < self.own_images() && image.len() == self.shape.len(), "an image that has no room");
        self.images.set_own(gpu, index, image);
        self.images.set_probes(gpu, &self.pinned);
        self.own_labels[index] = class;
        let labels: Vec<u32> = bytemuck::pod_collect_to_vec(&self.own_labels);
        self.labels.write(gpu, self.images.own.start / 4, &labels);
    }

    /// Begins an evaluation of these positions of the image order (see [`DataLoader::validation`], [`DataLoader::test`]).
    pub fn begin_evaluation(&mut self, gpu: &Gpu, range: std::ops::Range<usize>) {
        self.images.begin_evaluation(&range);
        self.clock.write_field(gpu, offset_of!(Clock, eval_cursor), range.start as u32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_end), range.end as u32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_loss), 0.0_f32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_correct), 0_u32);
    }

    /// Forgets what the step under way has counted so far, so that it can begin again.
    pub fn restart_step(&self, gpu: &Gpu) {
        self.clock.write_field(gpu, offset_of!(Clock, drawn), 0_u32);
        self.clock.write_field(gpu, offset_of!(Clock, step_loss), 0.0_f32);
        self.clock.write_field(gpu, offset_of!(Clock, step_correct), 0_u32);
    }

    /// Changes of the training images from the next batch on. To be called after everything recorded is submitted.
    pub fn set_edits(&mut self, gpu: &Gpu, edits: &DataEdits) {
        let former = std::mem::replace(&mut self.edits, edits.clone());
        let relabeled = [&former, edits].into_iter().flat_map(|edits| &edits.relabeled);
        for (image, _) in relabeled
            .filter(|changed| !(former.relabeled.contains(changed) && edits.relabeled.contains(changed)))
        {
            let word = *image as usize / 4;
            let class = |at: usize| edits.class(at as u32).unwrap_or(self.stored_labels[at]);
            let bytes = [0, 1, 2, 3].map(|byte| class(4 * word + byte));
            self.labels.write(gpu, word, &[u32::from_le_bytes(bytes)]);
        }
        if former.left_out != edits.left_out {
            let order = edits.order(&self.stored_order);
            self.order.write(gpu, 0, &order);
            self.images.set_training_order(&order);
        }
    }

    /// Changes by hand.
    pub fn edits(&self) -> &DataEdits {
        &self.edits
    }

    /// The training images, those that are left out too, by number and class, in the order of [`DataLoader::training`].
    pub fn training_classes(&self) -> impl Iterator<Item = (u32, u8)> {
        let class = |image: u32| self.edits.class(image).unwrap_or(self.stored_labels[image as usize]);
        self.stored_order.iter().map(move |image| (*image, class(*image)))
    }

    /// Positions of the training images in the image order, for an evaluation: those that are left out too.
    pub fn training(&self) -> std::ops::Range<usize> {
        let first = self.test().end;
        first..first + self.train_images
    }

    /// Positions of the validation images in the image order.
    pub fn validation(&self) -> std::ops::Range<usize> {
        self.train_images..self.train_images + self.validation_images
    }

    /// Positions of the test images in the image order.
    pub fn test(&self) -> std::ops::Range<usize> {
        let first = self.train_images + self.validation_images;
        first..first + self.test_images
    }

    /// Plans that draw a batch into `samples` and gather its images into `input`; the first for training, the
    /// second for evaluation. Training images are distorted as [`DataLoader::set_sampling`] says if `distort`.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(
        &self,
        gpu: &Gpu,
        sizes: BatchSizes,
        samples: &BufferRange,
        input: &BufferRange,
        distort: bool,
    ) -> Result<[Plan; 2]> {
        let mut plans = [PlanBuilder::new(gpu), PlanBuilder::new(gpu)];
        for (plan, training) in plans.iter_mut().zip([true, false]) {
            let buffers = SamplerBuffers {
                clock: self.clock.range(),
                sampling: self.sampling.range(),
                order: self.order.range(),
                labels: self.labels.range(),
                probes: self.probes.range(),
                samples,
            };
            let distorts = distort && training;
            if training && draws(gpu, &self.images, self.shape, distorts) {
                let (of, of_pass) = ((self.shape, &self.normals[..]), (sizes, self.train_images));
                draw_and_gather(plan, &self.images, of, of_pass, (buffers, input))?;
                continue;
            }
            sample(plan, training, sizes, (self.train_images, self.images.slots()), buffers)?;
            let buffers = GatherBuffers {
                samples,
                statistics: self.statistics.range(),
                sampling: distorts.then(|| self.sampling.range()),
                input,
            };
            gather(plan, &self.images, self.shape, sizes, buffers)?;
        }
        Ok(plans.map(PlanBuilder::finish))
    }

    /// Plans that count the results of an evaluation's pass, and that end a step by the sums of the squares of its gradients, each in
    /// the first of four values.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build_counting(
        &self,
        gpu: &Gpu,
        sizes: BatchSizes,
        results: &BufferRange,
        squares: &BufferRange,
    ) -> Result<[Plan; 2]> {
        let (clock, images) = (&self.clock.range(), self.train_images);
        let evaluation = clock::count_evaluation(gpu, sizes, images, [clock, results])?;
        let tick = clock::tick(gpu, sizes, images, [clock, &self.history.range(), squares])?;
        Ok([evaluation, tick])
    }
}

/// A buffer with the elements that another one has after what `encoder` holds so far.
fn copied<T: Element>(
    gpu: &Gpu,
    encoder: &mut wgpu::CommandEncoder,
    label: &str,
    of: &Buffer<T>,
) -> Buffer<T> {
    let copy = Buffer::zeroed(gpu, label, of.len());
    encoder.copy_buffer_to_buffer(of.raw(), 0, copy.raw(), 0, copy.raw().size());
    copy
}
