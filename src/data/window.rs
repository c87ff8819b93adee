//! The window of a streaming data set: two rings of slots on the GPU, and the probes after them.
//!
//! Each ring's slots are a power of two: the first holds the images of the next steps, the second those of an
//! evaluation. Which image is drawn when is a function of (seed, draw), so that the CPU knows it ahead: draw `d` of the
//! run lies in slot `d mod slots` of the first ring, position `p` of the image order in slot `p mod slots` of the second.
//!
//! A write of the CPU takes effect before all commands of the next submit and after those of the last. So uploads
//! between two submits take only slots whose images were drawn by submitted commands, and nothing waits for them.

use std::ops::Range;
use std::sync::Arc;

use super::dataset::Dataset;
use super::permutation::{key, permute};
use super::residency::{MIN_SLOTS, stride};
use crate::gpu::{Buffer, Gpu};

/// Bytes uploaded at a time beyond the next step's.
const SUPPLY_BYTES: usize = 16 << 20;

/// State of a ring of slots.
#[derive(Default)]
struct Ring {
    /// First image that is still to be drawn.
    next: u64,
    /// First image that is not uploaded yet.
    supplied: u64,
}

impl Ring {
    fn restart(&mut self, at: u64) {
        *self = Self { next: at, supplied: at };
    }
}

/// The images drawn next, of a data set that stays in the CPU's memory.
pub(super) struct ImageWindow {
    pub buffer: Buffer<u8>,
    /// Slots of each ring.
    pub slots: usize,
    /// Bytes of a slot.
    stride: usize,
    /// Bytes of the training images, then of the test images.
    sets: [Arc<Vec<u8>>; 2],
    image_len: usize,
    /// The image order, and again its training images, as they are stored.
    order: Vec<u32>,
    train_images: usize,
    seed: [u32; 2],
    training: Ring,
    evaluation: Ring,
    evaluation_end: u64,
}

impl ImageWindow {
    /// An empty window. `order` is the image order, its first `train_images` the training images.
    pub(super) fn new(gpu: &Gpu, data: &Dataset, slots: usize, order: &[u32], train_images: usize) -> Self {
        let stride = stride(data.shape);
        Self {
            buffer: Buffer::zeroed(gpu, "window of images", (2 * slots + MIN_SLOTS) * stride),
            slots,
            stride,
            sets: [Arc::clone(&data.train.images), Arc::clone(&data.test.images)],
            image_len: data.shape.len(),
            order: order.iter().chain(&order[..train_images]).copied().collect(),
            train_images,
            seed: [0; 2],
            training: Ring::default(),
            evaluation: Ring::default(),
            evaluation_end: 0,
        }
    }

    /// An empty window over the same images, with this number of slots in a ring.
    pub(super) fn apart(&self, gpu: &Gpu, slots: usize) -> Self {
        Self {
            buffer: Buffer::zeroed(gpu, "window of held-out images", (2 * slots + MIN_SLOTS) * self.stride),
            slots,
            sets: self.sets.clone(),
            order: self.order.clone(),
            training: Ring::default(),
            evaluation: Ring::default(),
            evaluation_end: 0,
            ..*self
        }
    }

    /// Bytes of an image, by its index among training and test images.
    fn image(&self, index: usize) -> &[u8] {
        let at = index * self.image_len;
        let [train, test] = &self.sets;
        if at < train.len() {
            &train[at..][..self.image_len]
        } else {
            &test[at - train.len()..][..self.image_len]
        }
    }

    /// Index of the image of draw `draw` of the run.
    fn drawn(&self, draw: u64) -> usize {
        let train = self.train_images as u64;
        let position = permute((draw % train) as u32, train as u32, key(self.seed, (draw / train) as u32));
        self.order[position as usize] as usize
    }

    /// Writes the images of `range` to their slots of ring `ring`.
    fn write<'i>(&self, gpu: &Gpu, ring: usize, range: Range<u64>, image: impl Fn(u64) -> &'i [u8]) {
        let mut first = range.start;
        while first < range.end {
            let slot = (first % self.slots as u64) as usize;
            let end = range.end.min(first + (self.slots - slot) as u64);
            let mut bytes = vec![0; (end - first) as usize * self.stride];
            for (index, bytes) in (first..end).zip(bytes.chunks_exact_mut(self.stride)) {
                bytes[..self.image_len].copy_from_slice(image(index));
            }
            self.buffer.write(gpu, (ring * self.slots + slot) * self.stride, &bytes);
            first = end;
        }
    }

    /// Range to upload now: at least `least` images from `next`, at most one ring.
    fn missing(&self, ring: &Ring, least: u64) -> Range<u64> {
        let first = ring.supplied.max(ring.next);
        let some = (SUPPLY_BYTES / self.stride) as u64;
        let end = (first + some).max(ring.next + least).min(ring.next + self.slots as u64);
        first..end.max(first)
    }

    /// Uploads the images of the steps from `draw` on, at least `least` of them.
    pub(super) fn supply_training(&mut self, gpu: &Gpu, draw: u64, least: u64) {
        self.training.next = draw;
        let range = self.missing(&self.training, least);
        self.write(gpu, 0, range.clone(), |draw| self.image(self.drawn(draw)));
        self.training.supplied = range.end;
    }

    /// Uploads the next images of the evaluation under way, at least `least` of them.
    pub(super) fn supply_evaluation(&mut self, gpu: &Gpu, least: u64) {
        let range = self.missing(&self.evaluation, least);
        let range = range.start..range.end.min(self.evaluation_end);
        self.write(gpu, 1, range.clone(), |position| self.image(self.order[position as usize] as usize));
        self.evaluation.supplied = range.end.max(range.start);
    }

    /// Uploads the images of the probes; from `first_own` on they are of the user's own `bytes`.
    pub(super) fn set_probes(&self, gpu: &Gpu, images: &[u32], (first_own, bytes): (usize, &[u8])) {
        let image = |number: usize| match number.checked_sub(first_own) {
            Some(own) => &bytes[own * self.image_len..][..self.image_len],
            None => self.image(number),
        };
        self.write(gpu, 2, 0..images.len() as u64, |probe| image(images[probe as usize] as usize));
    }

    /// Sets the order of the training images, and empties the first ring.
    pub(super) fn set_training_order(&mut self, order: &[u32]) {
        self.order[..order.len()].copy_from_slice(order);
        self.training.restart(self.training.next);
    }

    /// Sets the seed of the training order; another one empties the first ring.
    pub(super) fn set_seed(&mut self, seed: [u32; 2]) {
        if self.seed != seed {
            self.seed = seed;
            self.training.restart(self.training.next);
        }
    }

    /// Empties the first ring, and continues at draw `draw` of the run.
    pub(super) fn restart_training(&mut self, draw: u64) {
        self.training.restart(draw);
    }

    /// Begins an evaluation of these positions of the image order.
    pub(super) fn begin_evaluation(&mut self, range: &Range<usize>) {
        self.evaluation.restart(range.start as u64);
        self.evaluation_end = range.end as u64;
    }

    /// Frees the slots of the evaluation's next `images` images, drawn by recorded commands.
    pub(super) fn end_evaluation_pass(&mut self, images: usize) {
        self.evaluation.next += images as u64;
    }

    /// True if the `images` images from draw `draw` on are uploaded.
    pub(super) fn has_drawn(&self, draw: u64, images: usize) -> bool {
        draw + images as u64 <= self.training.supplied
    }

    /// True if the next `images` images of the evaluation are uploaded.
    pub(super) fn has_evaluated(&self, images: usize) -> bool {
        (self.evaluation.next + images as u64).min(self.evaluation_end) <= self.evaluation.supplied
    }
}
