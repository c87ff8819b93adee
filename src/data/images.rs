//! The images of a data set on the GPU: all of them, or a window of those that are drawn next.
//!
//! A data set that is larger than the GPU's share for it stays in the CPU's memory, and streams. On the GPU lie two rings of
//! slots, each a power of two: in the first the images of the next steps, in the second those of an evaluation; and the
//! probes after them. Which image is drawn when is a function of (seed, draw), so that the CPU knows it ahead:
//! draw `d` of the run lies in slot `d mod slots` of the first ring, place `p` of the order in slot `p mod slots` of the second.
//!
//! A write of the CPU takes place before all commands of the next submit and after those of the last. So what is supplied
//! between two submits takes only slots whose images were drawn by commands that are submitted, and nothing waits for it.

use std::ops::Range;
use std::sync::Arc;

use super::permutation::{key, permute};
use super::{Dataset, ImageShape};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu};

/// Bindings that the images may take.
pub(super) const MOST_CHUNKS: usize = 4;
/// Bytes of a window, where nothing else is asked for.
const WINDOW_BYTES: u64 = 256 << 20;
/// Fewest slots of a ring: more than there are probes.
const FEWEST_SLOTS: usize = 128;
/// Bytes that are supplied at a time beyond the next step's.
const SUPPLY_BYTES: usize = 16 << 20;

/// How a data set's images are held on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// All of them, in chunks of so many images.
    All {
        /// Images of a chunk, each in a binding of its own.
        chunk: usize,
    },
    /// A window of them.
    Window {
        /// Slots of each of its two rings.
        slots: usize,
    },
}

impl Holding {
    /// How `images` images are held: all, where they fit four bindings and the share that was set for them.
    ///
    /// # Errors
    /// When not even the smallest window fits.
    pub fn of(gpu: &Gpu, shape: ImageShape, images: usize) -> Result<Self> {
        let binding = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        // A multiple of 4 images, so that every chunk begins at a whole word.
        let chunk = ((binding as usize / shape.len()) & !3).min(images.next_multiple_of(4));
        let bytes = (images * shape.len()) as u64;
        if images <= MOST_CHUNKS * chunk && gpu.image_memory().is_none_or(|most| bytes <= most) {
            return Ok(Self::All { chunk });
        }
        Self::window(gpu, shape)
    }

    /// The largest window.
    fn window(gpu: &Gpu, shape: ImageShape) -> Result<Self> {
        let binding = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        let most = gpu.image_memory().unwrap_or(WINDOW_BYTES).min(binding);
        let ring = (most as usize / stride(shape)).saturating_sub(FEWEST_SLOTS) / 2;
        if ring < FEWEST_SLOTS {
            let need = (3 * FEWEST_SLOTS * stride(shape)) as f64 / f64::from(1 << 20);
            let what =
                format!("images of {shape} cannot stream in {:.1} MiB", most as f64 / f64::from(1 << 20));
            return Err(Error::new(
                what,
                format!("allow {need:.1} MiB or more (--image-memory), or take smaller images"),
            ));
        }
        // The largest power of two that is not above it.
        Ok(Self::Window { slots: 1 << ring.ilog2() })
    }

    /// Bytes on the GPU.
    pub fn bytes(self, shape: ImageShape, images: usize) -> u64 {
        match self {
            Self::All { .. } => (images * shape.len()) as u64,
            Self::Window { slots } => ((2 * slots + FEWEST_SLOTS) * stride(shape)) as u64,
        }
    }
}

/// Bytes from one slot of a window to the next: whole words.
fn stride(shape: ImageShape) -> usize {
    shape.len().next_multiple_of(4)
}

/// A ring of slots.
#[derive(Default)]
struct Ring {
    /// The first that is still to be drawn.
    next: u64,
    /// The first that is not there yet.
    supplied: u64,
}

impl Ring {
    fn restart(&mut self, at: u64) {
        *self = Self { next: at, supplied: at };
    }
}

/// The images that are drawn next, of a data set that stays in the CPU's memory.
struct Window {
    buffer: Buffer<u8>,
    slots: usize,
    stride: usize,
    /// Bytes of the training images, then of the test images.
    sets: [Arc<Vec<u8>>; 2],
    image_len: usize,
    order: Vec<u32>,
    train_images: usize,
    seed: [u32; 2],
    training: Ring,
    evaluation: Ring,
    evaluation_end: u64,
}

impl Window {
    /// The bytes of an image, by its place among training and test images.
    fn image(&self, index: usize) -> &[u8] {
        let at = index * self.image_len;
        let [train, test] = &self.sets;
        if at < train.len() {
            &train[at..][..self.image_len]
        } else {
            &test[at - train.len()..][..self.image_len]
        }
    }

    /// The image of draw `draw` of the run.
    fn drawn(&self, draw: u64) -> usize {
        let train = self.train_images as u64;
        let place = permute((draw % train) as u32, train as u32, key(self.seed, (draw / train) as u32));
        self.order[place as usize] as usize
    }

    /// Writes images to the slots of `range` in ring `ring`.
    fn write(&self, gpu: &Gpu, ring: usize, range: Range<u64>, image: impl Fn(u64) -> usize) {
        let mut first = range.start;
        while first < range.end {
            let slot = (first % self.slots as u64) as usize;
            let end = range.end.min(first + (self.slots - slot) as u64);
            let mut bytes = vec![0; (end - first) as usize * self.stride];
            for (index, bytes) in (first..end).zip(bytes.chunks_exact_mut(self.stride)) {
                bytes[..self.image_len].copy_from_slice(self.image(image(index)));
            }
            self.buffer.write(gpu, (ring * self.slots + slot) * self.stride, &bytes);
            first = end;
        }
    }

    /// What of a ring is to be written now: at least `least` images from its next one on, at most what it holds.
    fn missing(&self, ring: &Ring, least: u64) -> Range<u64> {
        let first = ring.supplied.max(ring.next);
        let some = (SUPPLY_BYTES / self.stride) as u64;
        let end = (first + some).max(ring.next + least).min(ring.next + self.slots as u64);
        first..end.max(first)
    }

    fn supply_training(&mut self, gpu: &Gpu, draw: u64, batch: u64) {
        self.training.next = draw;
        let range = self.missing(&self.training, batch);
        self.write(gpu, 0, range.clone(), |draw| self.drawn(draw));
        self.training.supplied = range.end;
    }

    fn supply_evaluation(&mut self, gpu: &Gpu, least: u64) {
        let range = self.missing(&self.evaluation, least);
        let range = range.start..range.end.min(self.evaluation_end);
        self.write(gpu, 1, range.clone(), |place| self.order[place as usize] as usize);
        self.evaluation.supplied = range.end.max(range.start);
    }
}

/// The images of a data set on the GPU.
pub(super) struct Images {
    /// The buffers, one to [`MOST_CHUNKS`].
    pub chunks: Vec<BufferRange>,
    /// Images of a chunk.
    pub chunk: usize,
    /// Bytes from one image to the next.
    pub stride: usize,
    window: Option<Window>,
}

impl Images {
    /// Uploads all images, training then test; or prepares a window of them, where they are too many or the GPU has no memory
    /// left for them. `order` is the order of images by part, the first `train_images` of which train.
    ///
    /// # Errors
    /// When not even a window fits.
    pub fn new(gpu: &Gpu, data: &Dataset, order: &[u32], train_images: usize) -> Result<Self> {
        let images = data.train.len() + data.test.len();
        let within = |e: Error| e.within(format!("data set {}", data.name));
        let slots = match Holding::of(gpu, data.shape, images).map_err(within)? {
            Holding::All { chunk } => {
                if let Some(all) = Self::all(gpu, data, chunk) {
                    return Ok(all);
                }
                log::info!("{} does not fit the memory of {}: it streams", data.name, gpu.info.name);
                let Holding::Window { slots } = Holding::window(gpu, data.shape).map_err(within)? else {
                    unreachable!("a window was asked for")
                };
                slots
            }
            Holding::Window { slots } => slots,
        };
        let stride = stride(data.shape);
        let all_slots = 2 * slots + FEWEST_SLOTS;
        let buffer = Buffer::zeroed(gpu, "window of images", all_slots * stride);
        let window = Window {
            slots,
            stride,
            sets: [Arc::clone(&data.train.images), Arc::clone(&data.test.images)],
            image_len: data.shape.len(),
            order: order.to_vec(),
            train_images,
            seed: [0; 2],
            training: Ring::default(),
            evaluation: Ring::default(),
            evaluation_end: 0,
            buffer,
        };
        Ok(Self { chunks: vec![window.buffer.range()], chunk: all_slots, stride, window: Some(window) })
    }

    /// All images; none where the GPU's memory is too small.
    fn all(gpu: &Gpu, data: &Dataset, chunk: usize) -> Option<Self> {
        let image_len = data.shape.len();
        let images = data.train.len() + data.test.len();
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Vec<Buffer<u8>> = (0..images)
            .step_by(chunk)
            .map(|first| Buffer::zeroed(gpu, "images", chunk.min(images - first) * image_len))
            .collect();
        if pollster::block_on(scope.pop()).is_some() {
            return None;
        }
        for (buffer, first) in buffers.iter().zip((0..images).step_by(chunk)) {
            let end = (first + chunk).min(images);
            let mut bytes = Vec::with_capacity((end - first) * image_len);
            for (split, start) in [(&data.train, 0), (&data.test, data.train.len())] {
                let part = first.max(start) - start..end.max(start) - start;
                let part = part.start.min(split.len())..part.end.min(split.len());
                bytes.extend_from_slice(&split.images[part.start * image_len..part.end * image_len]);
            }
            buffer.write(gpu, 0, &bytes);
        }
        let chunks = buffers.iter().map(Buffer::range).collect();
        Some(Self { chunks, chunk, stride: image_len, window: None })
    }

    /// Slots of a ring, where the images stream.
    pub fn slots(&self) -> Option<usize> {
        self.window.as_ref().map(|window| window.slots)
    }

    /// The seed that the order of training follows.
    pub fn set_seed(&mut self, seed: [u32; 2]) {
        if let Some(window) = self.window.as_mut().filter(|window| window.seed != seed) {
            window.seed = seed;
            window.training.restart(window.training.next);
        }
    }

    /// Training goes on at draw `draw` of the run.
    pub fn restart_training(&mut self, draw: u64) {
        if let Some(window) = &mut self.window {
            window.training.restart(draw);
        }
    }

    /// An evaluation of these places of the order begins.
    pub fn begin_evaluation(&mut self, range: &Range<usize>) {
        if let Some(window) = &mut self.window {
            window.evaluation.restart(range.start as u64);
            window.evaluation_end = range.end as u64;
        }
    }

    /// So many images of the evaluation were drawn by commands that are recorded.
    pub fn evaluated(&mut self, images: usize) {
        if let Some(window) = &mut self.window {
            window.evaluation.next += images as u64;
        }
    }

    /// Writes these images to the slots of the probes.
    pub fn set_probes(&self, gpu: &Gpu, images: &[u32]) {
        if let Some(window) = &self.window {
            window.write(gpu, 2, 0..images.len() as u64, |probe| images[probe as usize] as usize);
        }
    }

    /// Supplies what training from draw `draw` on needs, and an evaluation under way: at least the next `least` images.
    /// To be called when all that was recorded is submitted.
    pub fn supply(&mut self, gpu: &Gpu, draw: u64, least: usize) {
        if let Some(window) = &mut self.window {
            window.supply_training(gpu, draw, least as u64);
            window.supply_evaluation(gpu, least as u64);
        }
    }

    /// Whether the `batch` images from draw `draw` on are there.
    pub fn has_drawn(&self, draw: u64, batch: usize) -> bool {
        self.window.as_ref().is_none_or(|window| draw + batch as u64 <= window.training.supplied)
    }

    /// Whether the next `images` images of the evaluation are there.
    pub fn has_evaluated(&self, images: usize) -> bool {
        self.window.as_ref().is_none_or(|window| {
            (window.evaluation.next + images as u64).min(window.evaluation_end) <= window.evaluation.supplied
        })
    }
}
