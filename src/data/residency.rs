//! The residency of a data set: all images on the GPU, or a window of them that streams.

use std::ops::Range;

use humansize::{BINARY, format_size};

use super::dataset::ImageShape;
use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// Bindings of the images at most.
pub(super) const MAX_CHUNKS: usize = 4;
/// Bytes of a window by default.
const WINDOW_BYTES: u64 = 256 << 20;
/// Fewest slots of a ring: more than the largest number of probes.
pub(super) const MIN_SLOTS: usize = 128;
/// Images of the user's own at most, beside those of the data set.
const MAX_OWN: usize = 64;

/// Residency of a data set on the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residency {
    /// All images, in chunks.
    All {
        /// Images of a chunk, each in a binding of its own.
        chunk: usize,
    },
    /// A window of the images, which stream.
    Window {
        /// Slots of each of its two rings.
        slots: usize,
    },
}

impl Residency {
    /// Residency of `images` images: all, if they fit four bindings and the memory allowed for them.
    ///
    /// # Errors
    /// When not even the smallest window fits.
    pub fn of(gpu: &Gpu, shape: ImageShape, images: usize) -> Result<Self> {
        let binding = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        // A multiple of 4 images, so that every chunk begins at a whole word.
        let chunk = ((binding as usize / shape.len()) & !3).min(images.next_multiple_of(4) + MAX_OWN);
        let bytes = (images * shape.len()) as u64;
        if chunk > 0
            && own_room(images, chunk).end <= MAX_CHUNKS * chunk
            && gpu.image_memory().is_none_or(|most| bytes <= most)
        {
            return Ok(Self::All { chunk });
        }
        Self::window(gpu, shape)
    }

    /// The largest window that fits.
    pub(super) fn window(gpu: &Gpu, shape: ImageShape) -> Result<Self> {
        let binding = gpu.limits.max_storage_buffer_binding_size.min(gpu.limits.max_buffer_size);
        let most = gpu.image_memory().unwrap_or(WINDOW_BYTES).min(binding);
        let ring = (most as usize / stride(shape)).saturating_sub(MIN_SLOTS) / 2;
        if ring < MIN_SLOTS {
            let needed = (3 * MIN_SLOTS * stride(shape)) as u64;
            let what = format!("images of {shape} cannot stream in {}", format_size(most, BINARY));
            let help = if gpu.image_memory().is_some_and(|allowed| allowed < needed) {
                format!("allow {} MiB or more (--image-memory)", needed.div_ceil(1 << 20))
            } else {
                "take smaller images, or another adapter (see: revacnn adapters)".to_owned()
            };
            return Err(Error::new(what, help));
        }
        // Rounded down to a power of two.
        Ok(Self::Window { slots: 1 << ring.ilog2() })
    }

    /// Bytes on the GPU.
    pub fn bytes(self, shape: ImageShape, images: usize) -> u64 {
        match self {
            Self::All { .. } => (images * shape.len()) as u64,
            Self::Window { slots } => ((2 * slots + MIN_SLOTS) * stride(shape)) as u64,
        }
    }
}

/// Numbers of the user's own images behind `images` images of a data set: in one chunk, and from a whole word on.
pub(super) fn own_room(images: usize, chunk: usize) -> Range<usize> {
    let count = MAX_OWN.min(chunk);
    let next = images.next_multiple_of(4);
    let left = chunk - next % chunk;
    let first = if left >= count { next } else { next + left };
    first..first + count
}

/// Bytes from one slot of a window to the next: whole words.
pub(super) fn stride(shape: ImageShape) -> usize {
    shape.len().next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_images_lie_behind_the_others_in_one_chunk() {
        for (images, chunk) in [(1, 68), (1797, 1864), (1000, 100), (1001, 1024), (70_000, 20_000), (163, 40)]
        {
            let own = own_room(images, chunk);
            assert!(own.start >= images && own.start.is_multiple_of(4), "{own:?} behind {images} of {chunk}");
            assert_eq!(own.start / chunk, (own.end - 1) / chunk, "{own:?} in chunks of {chunk}");
            assert_eq!(own.len(), MAX_OWN.min(chunk));
        }
    }
}
