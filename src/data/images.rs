//! The images of a data set on the GPU: all of them, or a window of those that are drawn next.
//!
//! A data set larger than the GPU memory allowed for it stays in the CPU's memory, and streams (see [`ImageWindow`]).

use std::ops::Range;

use super::dataset::Dataset;
use super::residency::{MIN_SLOTS, Residency, own_room, stride};
use super::window::ImageWindow;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu};

/// Bytes that are uploaded at a time: each piece goes through the memory of the one before, as fresh pages cost more than the copies.
const PIECE: usize = 8 << 20;

/// Appends the bytes of these images, by their numbers: training, then test.
fn copy_images(data: &Dataset, range: Range<usize>, bytes: &mut Vec<u8>) {
    let image_len = data.shape.len();
    for (split, start) in [(&data.train, 0), (&data.test, data.train.len())] {
        let part = range.start.max(start) - start..range.end.max(start) - start;
        let part = part.start.min(split.len())..part.end.min(split.len());
        bytes.extend_from_slice(&split.images[part.start * image_len..part.end * image_len]);
    }
}

/// The images of a data set on the GPU.
pub(super) struct Images {
    /// The buffers, one to [`MAX_CHUNKS`](super::residency::MAX_CHUNKS).
    pub chunks: Vec<BufferRange>,
    /// Images of a chunk.
    pub chunk: usize,
    /// Bytes from one image to the next.
    pub stride: usize,
    window: Option<ImageWindow>,
    /// Numbers of the user's own images, behind those of the data set.
    pub own: Range<usize>,
    /// Their bytes, `[image, c, y, x]`.
    own_bytes: Vec<u8>,
}

impl Images {
    /// Uploads all images, training then test; or prepares a window of them, where they are too many or the GPU has no memory
    /// left for them. `order` is the image order, its first `train_images` the training images.
    ///
    /// # Errors
    /// When not even a window fits.
    pub(super) fn new(gpu: &Gpu, data: &Dataset, order: &[u32], train_images: usize) -> Result<Self> {
        let images = data.train.len() + data.test.len();
        let within = |e: crate::error::Error| e.within(format!("data set {}", data.name));
        let slots = match Residency::of(gpu, data.shape, images).map_err(within)? {
            Residency::All { chunk } => {
                if let Some(all) = Self::all(gpu, data, chunk) {
                    return Ok(all);
                }
                log::info!("{} does not fit the memory of {}: it streams", data.name, gpu.info.name);
                let Residency::Window { slots } = Residency::window(gpu, data.shape).map_err(within)? else {
                    unreachable!("a window was asked for")
                };
                slots
            }
            Residency::Window { slots } => slots,
        };
        let window = ImageWindow::new(gpu, data, slots, order, train_images);
        let own = own_room(images, usize::MAX);
        Ok(Self {
            own_bytes: vec![0; own.len() * data.shape.len()],
            own,
            chunks: vec![window.buffer.range()],
            chunk: 2 * slots + MIN_SLOTS,
            stride: stride(data.shape),
            window: Some(window),
        })
    }

    /// All images; none where the GPU's memory is too small.
    fn all(gpu: &Gpu, data: &Dataset, chunk: usize) -> Option<Self> {
        let image_len = data.shape.len();
        let own = own_room(data.train.len() + data.test.len(), chunk);
        let images = own.end;
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Vec<Buffer<u8>> = (0..images)
            .step_by(chunk)
            .map(|first| Buffer::zeroed(gpu, "images", chunk.min(images - first) * image_len))
            .collect();
        if pollster::block_on(scope.pop()).is_some() {
            return None;
        }
        let pieces = (PIECE / image_len).max(1).next_multiple_of(4);
        let mut bytes = Vec::with_capacity(pieces.min(images) * image_len);
        for (buffer, first) in buffers.iter().zip((0..images).step_by(chunk)) {
            let end = (first + chunk).min(images);
            for from in (first..end).step_by(pieces) {
                bytes.clear();
                copy_images(data, from..(from + pieces).min(end), &mut bytes);
                buffer.write(gpu, (from - first) * image_len, &bytes);
                gpu.queue.submit([]);
                gpu.wait();
            }
        }
        let chunks = buffers.iter().map(Buffer::range).collect();
        let own_bytes = vec![0; own.len() * image_len];
        Some(Self { chunks, chunk, stride: image_len, window: None, own, own_bytes })
    }

    /// Images of their own for these positions of the image order, all of them uploaded, where the others stream.
    pub(super) fn apart(&self, gpu: &Gpu, range: Range<usize>) -> Option<Self> {
        let slots = range.len().next_power_of_two();
        let mut window = self.window.as_ref()?.apart(gpu, slots);
        window.begin_evaluation(&range);
        window.supply_evaluation(gpu, range.len() as u64);
        Some(self.with_window(window))
    }

    /// As [`Images::apart`], for at most [`MIN_SLOTS`] images by their numbers.
    pub(super) fn chosen(&self, gpu: &Gpu, numbers: &[u32]) -> Option<Self> {
        let slots = numbers.len().next_power_of_two();
        let images = self.with_window(self.window.as_ref()?.apart(gpu, slots));
        images.set_probes(gpu, numbers);
        Some(images)
    }

    /// The same images for another run: shared where all of them are on the GPU, else a window of its own.
    pub(super) fn shared(&self, gpu: &Gpu) -> Self {
        if let Some(window) = &self.window {
            return self.with_window(window.apart(gpu, window.slots));
        }
        let (chunks, own_bytes) = (self.chunks.clone(), self.own_bytes.clone());
        Self { chunks, window: None, own: self.own.clone(), own_bytes, ..*self }
    }

    fn with_window(&self, window: ImageWindow) -> Self {
        let (chunks, chunk) = (vec![window.buffer.range()], 2 * window.slots + MIN_SLOTS);
        let (own, own_bytes) = (self.own.clone(), self.own_bytes.clone());
        Self { chunks, chunk, stride: self.stride, window: Some(window), own, own_bytes }
    }

    /// Index in the image buffers of an image of [`Images::chosen`], given by its place there and its number.
    pub(super) fn index_of(&self, place: usize, number: u32) -> u32 {
        self.slots().map_or(number, |slots| (2 * slots + place) as u32)
    }

    /// Sets an image of the user's own, by its index among them. Where images stream, its probe must be set again.
    pub(super) fn set_own(&mut self, gpu: &Gpu, index: usize, bytes: &[u8]) {
        let len = bytes.len();
        self.own_bytes[index * len..][..len].copy_from_slice(bytes);
        if self.window.is_some() {
            return;
        }
        // Whole words, of which the first and the last may hold other images too.
        let (from, to) = ((index * len) & !3, ((index + 1) * len).next_multiple_of(4));
        let mut words = self.own_bytes[from..to.min(self.own_bytes.len())].to_vec();
        words.resize(to - from, 0);
        let at = self.own.start % self.chunk * len + from;
        gpu.queue.write_buffer(&self.chunks[self.own.start / self.chunk].buffer, at as u64, &words);
    }

    /// Slots of a ring, where the images stream.
    pub(super) fn slots(&self) -> Option<usize> {
        self.window.as_ref().map(|window| window.slots)
    }

    /// Sets the seed of the training order.
    pub(super) fn set_seed(&mut self, seed: [u32; 2]) {
        if let Some(window) = &mut self.window {
            window.set_seed(seed);
        }
    }

    /// Sets the order of the training images.
    pub(super) fn set_training_order(&mut self, order: &[u32]) {
        if let Some(window) = &mut self.window {
            window.set_training_order(order);
        }
    }

    /// Continues training at draw `draw` of the run.
    pub(super) fn restart_training(&mut self, draw: u64) {
        if let Some(window) = &mut self.window {
            window.restart_training(draw);
        }
    }

    /// Begins an evaluation of these positions of the image order.
    pub(super) fn begin_evaluation(&mut self, range: &Range<usize>) {
        if let Some(window) = &mut self.window {
            window.begin_evaluation(range);
        }
    }

    /// Advances the evaluation by `images` images, drawn by recorded commands.
    pub(super) fn end_evaluation_pass(&mut self, images: usize) {
        if let Some(window) = &mut self.window {
            window.end_evaluation_pass(images);
        }
    }

    /// Uploads the images of the probes, where images stream.
    pub(super) fn set_probes(&self, gpu: &Gpu, images: &[u32]) {
        if let Some(window) = &self.window {
            window.set_probes(gpu, images, (self.own.start, &self.own_bytes));
        }
    }

    /// Uploads the images that training from draw `draw` on and an evaluation under way need: at least the next `least`
    /// images of each. To be called after everything recorded is submitted.
    pub(super) fn supply(&mut self, gpu: &Gpu, draw: u64, least: usize) {
        if let Some(window) = &mut self.window {
            window.supply_training(gpu, draw, least as u64);
            window.supply_evaluation(gpu, least as u64);
        }
    }

    /// True if the `batch` images from draw `draw` on are on the GPU.
    pub(super) fn has_drawn(&self, draw: u64, batch: usize) -> bool {
        self.window.as_ref().is_none_or(|window| window.has_drawn(draw, batch))
    }

    /// True if the next `images` images of the evaluation are on the GPU.
    pub(super) fn has_evaluated(&self, images: usize) -> bool {
        self.window.as_ref().is_none_or(|window| window.has_evaluated(images))
    }
}
