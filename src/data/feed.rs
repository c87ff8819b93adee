//! Images on the GPU: uploaded once as bytes; batches drawn, shifted, flipped and normalised there.
//!
//! The columns of a batch are: the micro-batch's images, padding up to a multiple of 4, then the probes. Every
//! image is drawn once an epoch, in an order that is a function of (seed, epoch); a batch may reach over the end
//! of an epoch.

use std::mem::offset_of;

use super::augmentation::Augmentation;
use super::clock::{Clock, HISTORY_LEN};
use super::images::{Images, MOST_CHUNKS};
use super::permutation::{key, mix, permute};
use super::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const DRAW: Source = wgsl!("data/draw.wgsl", Clock, Column, Sampling, DrawParams);
const GATHER: Source = wgsl!("data/gather.wgsl", Column, Sampling, GatherParams);
const TICK: Source = wgsl!("data/tick.wgsl", Clock, TickParams);

params! {
    struct DrawParams { batch: u32, micro_batch: u32, train_columns: u32, columns: u32, train_images: u32, slots: u32 }
}
params! {
    struct GatherParams { channels: u32, height: u32, width: u32, quads: u32, images_a_chunk: u32, image_stride: u32 }
}
params! { struct TickParams { batch: u32, micro_batch: u32, train_columns: u32, train_images: u32 } }

params! {
    /// One column of a batch, as drawn.
    pub struct Column {
        /// Place in the image buffers: training images first, then test images; its slot where the images stream.
        image: u32,
        /// Class.
        label: u32,
        /// Flip in bit 0; shift + 128 in x in bits 8 to 15 and in y in bits 16 to 23.
        change: u32,
        /// Factor of its loss gradient: 1 / batch, 1 for probes, 0 for padding.
        scale: f32,
        /// What further changes are drawn from (see [`super::Changes`]); 0 for none.
        random: u32,
    }
}

params! {
    /// How images are drawn and changed.
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
        /// Largest change of size.
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
    /// The sampling of a run.
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

/// Most probes that ride in a batch.
pub const MAX_PROBES: usize = 64;
/// Probe columns there may be: the probes, and padding up to a multiple of 8 that repeats the last one.
const PROBE_COLUMNS: usize = MAX_PROBES + 8;
/// Share of the training images that is kept for validation: one in this many.
pub const VALIDATION_SHARE: usize = 10;
/// The split into training and validation images is the same for every seed, so that runs compare.
const SPLIT_KEY: u32 = 0x5eed;

/// Sizes of a batch as its dispatches see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSizes {
    /// Images of a step.
    pub batch: usize,
    /// Images of one pass; a step makes as many passes as the batch needs.
    pub micro_batch: usize,
    /// Columns of a pass before the probes: the micro-batch, padded to a multiple of 4.
    pub train_columns: usize,
    /// All columns of a pass.
    pub columns: usize,
}

/// A data set on the GPU, and the clock by which it is drawn.
pub struct Feed {
    shape: ImageShape,
    images: Images,
    statistics: Buffer<f32>,
    labels: Buffer<u32>,
    order: Buffer<u32>,
    probes: Buffer<u32>,
    sampling: Buffer<Sampling>,
    clock: Buffer<Clock>,
    history: Buffer<f32>,
    /// Images trained on.
    pub train_images: usize,
    /// Images of the validation set, held out of the training images.
    pub validation_images: usize,
    /// Images of the test set.
    pub test_images: usize,
}

impl Feed {
    /// Uploads a data set, or prepares to stream it where it is too large for the GPU.
    ///
    /// # Errors
    /// When it has too few images, or one image is too large.
    pub fn new(gpu: &Gpu, data: &Dataset) -> Result<Self> {
        let all = data.train.len();
        let validation_images = (all / VALIDATION_SHARE).max(1);
        if all < 2 || data.test.is_empty() {
            let what =
                format!("data set {} has {all} training and {} test images", data.name, data.test.len());
            return Err(Error::new(what, "give it at least 2 training images and 1 test image"));
        }
        let mut labels = data.train.labels.clone();
        labels.extend_from_slice(&data.test.labels);
        labels.resize(labels.len().next_multiple_of(4), 0);
        let order = split_order(all, data.test.len());
        let images = Images::new(gpu, data, &order, all - validation_images)?;
        let stats = data.channel_stats();
        let statistics: Vec<f32> =
            stats.mean.iter().zip(&stats.std).flat_map(|(m, s)| [*m, 1.0 / s]).collect();
        let feed = Self {
            shape: data.shape,
            images,
            statistics: Buffer::from_slice(gpu, "statistics", &statistics),
            labels: Buffer::from_slice(gpu, "labels", &bytemuck::pod_collect_to_vec::<u8, u32>(&labels)),
            order: Buffer::from_slice(gpu, "order", &order),
            probes: Buffer::from_slice(gpu, "probes", &[all as u32; PROBE_COLUMNS]),
            sampling: Buffer::zeroed(gpu, "sampling", 1),
            clock: Buffer::zeroed(gpu, "clock", 1),
            history: Buffer::zeroed(gpu, "history", HISTORY_LEN * 4),
            train_images: all - validation_images,
            validation_images,
            test_images: data.test.len(),
        };
        Ok(feed)
    }

    /// The clock's buffer, of one element.
    pub fn clock(&self) -> &Buffer<Clock> {
        &self.clock
    }

    /// The sampling's buffer, of one element.
    pub fn sampling(&self) -> &Buffer<Sampling> {
        &self.sampling
    }

    /// The ring of the last steps' results: step (as bits), mean loss, accuracy, epochs; see [`HISTORY_LEN`].
    pub fn history(&self) -> &Buffer<f32> {
        &self.history
    }

    /// How images are drawn from now on.
    pub fn set_sampling(&mut self, gpu: &Gpu, seed: u64, augmentation: &Augmentation) {
        let sampling = Sampling::of(seed, augmentation);
        self.sampling.write(gpu, 0, &[sampling]);
        self.images.set_seed([sampling.seed_low, sampling.seed_high]);
    }

    /// Sets the clock, and forgets the results of steps before.
    pub fn set_clock(&mut self, gpu: &Gpu, clock: &Clock) {
        self.history.write(gpu, 0, &[0.0; HISTORY_LEN * 4]);
        self.clock.write(gpu, 0, std::slice::from_ref(clock));
        self.images.restart_training(self.draw(clock));
    }

    /// Images drawn since the beginning of the run, at the beginning of a step.
    fn draw(&self, clock: &Clock) -> u64 {
        u64::from(clock.epoch) * self.train_images as u64 + u64::from(clock.cursor)
    }

    /// Supplies the images that the steps from `clock` on draw, and those of an evaluation under way, where they stream; at
    /// least the next `batch`. To be called when all that was recorded is submitted, before more is.
    pub fn supply(&mut self, gpu: &Gpu, clock: &Clock, batch: usize) {
        self.images.supply(gpu, self.draw(clock), batch);
    }

    /// Whether the images of the step at `clock` are on the GPU.
    pub fn has_step(&self, clock: &Clock, batch: usize) -> bool {
        self.images.has_drawn(self.draw(clock), batch)
    }

    /// Whether the images of the next pass of the evaluation are on the GPU.
    pub fn has_evaluation_pass(&self, micro_batch: usize) -> bool {
        self.images.has_evaluated(micro_batch)
    }

    /// A pass of the evaluation was recorded.
    pub fn end_evaluation_pass(&mut self, micro_batch: usize) {
        self.images.evaluated(micro_batch);
    }

    /// Images of a step at most: all that are trained on or, where they stream, those of the window.
    pub fn most_batch(&self) -> usize {
        self.images.slots().map_or(self.train_images, |slots| slots.min(self.train_images))
    }

    /// Pins these images of the test set as probes; the last one fills the places left.
    pub fn set_probes(&mut self, gpu: &Gpu, test_images: &[usize]) {
        let first_test = self.train_images + self.validation_images;
        let last = test_images.last().copied().unwrap_or(0);
        let place = |i: usize| (first_test + test_images.get(i).copied().unwrap_or(last)) as u32;
        let images: Vec<u32> = (0..PROBE_COLUMNS).map(place).collect();
        self.probes.write(gpu, 0, &images);
        self.images.set_probes(gpu, &images);
    }

    /// Begins an evaluation of `range` in the order of images (see [`Feed::validation`], [`Feed::test`]).
    pub fn begin_evaluation(&mut self, gpu: &Gpu, range: std::ops::Range<usize>) {
        self.images.begin_evaluation(&range);
        self.clock.write_field(gpu, offset_of!(Clock, eval_cursor), range.start as u32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_end), range.end as u32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_loss), 0.0_f32);
        self.clock.write_field(gpu, offset_of!(Clock, eval_correct), 0_u32);
    }

    /// Places of the validation images.
    pub fn validation(&self) -> std::ops::Range<usize> {
        self.train_images..self.train_images + self.validation_images
    }

    /// Places of the test images.
    pub fn test(&self) -> std::ops::Range<usize> {
        let first = self.train_images + self.validation_images;
        first..first + self.test_images
    }

    /// Prepares the drawing of a batch into `columns` and of its images into `input`; the first plan draws for
    /// training, the second for evaluation. Training images are distorted as [`Feed::set_sampling`] says if they `distort`.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(
        &self,
        gpu: &Gpu,
        sizes: BatchSizes,
        columns: &BufferRange,
        input: &BufferRange,
        distort: bool,
    ) -> Result<[Plan; 2]> {
        let mut plans = [PlanBuilder::new(gpu), PlanBuilder::new(gpu)];
        for (plan, entry) in plans.iter_mut().zip(["training", "evaluation"]) {
            let streams = u32::from(self.images.slots().is_some());
            let kernel = gpu.kernel(&DRAW, entry, &[("STREAMS", streams)])?;
            let mut draw = plan
                .dispatch("draw", &kernel)
                .bind("clock", self.clock.range())
                .bind("order", self.order.range())
                .bind("labels", self.labels.range())
                .bind("probes", self.probes.range())
                .bind("columns", columns.clone())
                .params(&DrawParams {
                    batch: sizes.batch as u32,
                    micro_batch: sizes.micro_batch as u32,
                    train_columns: sizes.train_columns as u32,
                    columns: sizes.columns as u32,
                    train_images: self.train_images as u32,
                    slots: self.images.slots().unwrap_or(0) as u32,
                });
            if entry == "training" {
                draw = draw.bind("sampling", self.sampling.range());
            }
            draw.threads([sizes.columns as u32, 1, 1])?;
            self.build_gather(gpu, plan, sizes, [columns, input], distort && entry == "training")?;
        }
        Ok(plans.map(PlanBuilder::finish))
    }

    fn build_gather(
        &self,
        gpu: &Gpu,
        plan: &mut PlanBuilder<'_>,
        sizes: BatchSizes,
        [columns, input]: [&BufferRange; 2],
        distort: bool,
    ) -> Result<()> {
        let kernel = gpu.kernel(&GATHER, "gather", &[("DISTORTS", u32::from(distort))])?;
        let quads = sizes.columns / 4;
        let mut gather = plan
            .dispatch("gather", &kernel)
            .bind("columns", columns.clone())
            .bind("statistics", self.statistics.range())
            .bind("input", input.clone())
            // A byte of the image and a value of the input each.
            .bytes((self.shape.len() * sizes.columns * 5) as u64)
            .params(&GatherParams {
                channels: self.shape.channels as u32,
                height: self.shape.height as u32,
                width: self.shape.width as u32,
                quads: quads as u32,
                images_a_chunk: self.images.chunk as u32,
                image_stride: self.images.stride as u32,
            });
        if distort {
            gather = gather.bind("sampling", self.sampling.range());
        }
        let chunks = &self.images.chunks;
        for i in 0..MOST_CHUNKS {
            gather = gather.bind(&format!("images_{i}"), chunks[i.min(chunks.len() - 1)].clone());
        }
        gather.threads([
            (self.shape.width * quads) as u32,
            self.shape.height as u32,
            self.shape.channels as u32,
        ])
    }

    /// Prepares the counting of a pass's results: after a training pass, after an evaluation pass, and the clock's
    /// tick at the end of a step.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build_counting(&self, gpu: &Gpu, sizes: BatchSizes, results: &BufferRange) -> Result<[Plan; 3]> {
        let params = TickParams {
            batch: sizes.batch as u32,
            micro_batch: sizes.micro_batch as u32,
            train_columns: sizes.train_columns as u32,
            train_images: self.train_images as u32,
        };
        let mut plans = [PlanBuilder::new(gpu), PlanBuilder::new(gpu), PlanBuilder::new(gpu)];
        for (plan, entry) in plans.iter_mut().zip(["count_training", "count_evaluation", "tick"]) {
            let kernel = gpu.kernel(&TICK, entry, &[])?;
            let mut dispatch =
                plan.dispatch(entry, &kernel).bind("clock", self.clock.range()).params(&params);
            dispatch = if entry == "tick" {
                dispatch.bind("history", self.history.range())
            } else {
                dispatch.bind("results", results.clone())
            };
            dispatch.threads([1, 1, 1])?;
        }
        Ok(plans.map(PlanBuilder::finish))
    }
}

/// The order of images by part: a fixed shuffle of the training images, of which the first nine tenths train and the
/// rest validates; then the test images. Values are places in the image buffers.
pub fn split_order(train: usize, test: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..train as u32).map(|i| permute(i, train as u32, SPLIT_KEY)).collect();
    order.extend((train..train + test).map(|i| i as u32));
    order
}

/// The twin of the drawing for training: image, change and random word of column `n`.
pub fn draw_twin(
    clock: &Clock,
    sampling: &Sampling,
    order: &[u32],
    sizes: BatchSizes,
    train: u32,
    n: u32,
) -> Option<[u32; 3]> {
    let i = clock.drawn + n;
    if n >= sizes.micro_batch as u32 || i >= sizes.batch as u32 {
        return None;
    }
    let place = clock.cursor + i;
    let (place, epoch) = if place >= train { (place - train, clock.epoch + 1) } else { (place, clock.epoch) };
    let image = order[permute(place, train, key([sampling.seed_low, sampling.seed_high], epoch)) as usize];
    let random = mix(i ^ mix(clock.step ^ mix(sampling.seed_low ^ mix(sampling.seed_high.wrapping_add(1)))));
    let steps = 2 * sampling.shift + 1;
    let dx = 128 - sampling.shift + ((random >> 8) & 4095) * steps / 4096;
    let dy = 128 - sampling.shift + (random >> 20) * steps / 4096;
    Some([image, (random & sampling.flip & 1) | (dx << 8) | (dy << 16), mix(random ^ 0x2545_f491)])
}
