//! Memory that two parts of a layout use in turn: the neighbor search works in that of the affinities' entries, which are made after it.

use crate::gpu::{Buffer, BufferRange, Gpu};

/// Bytes to which a part is aligned: the strictest alignment of a binding.
const ALIGNMENT: u64 = 256;

/// Role of a part: a kernel may bind several parts of one buffer to read, but none beside one that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Points and candidates, which the search reads.
    Source = 0,
    /// Distances, which it writes.
    Result = 1,
}

/// Parts not taken yet, by role.
#[derive(Clone, Default)]
pub(super) struct Scratch {
    free: [Vec<BufferRange>; 2],
}

impl Scratch {
    /// The memory of these ranges, which begin where a buffer does.
    pub(super) fn new(sources: Vec<BufferRange>, results: Vec<BufferRange>) -> Self {
        Self { free: [sources, results] }
    }

    /// Room for `len` words, whatever they hold: of what is free, else in a buffer of its own.
    pub(super) fn take(&mut self, gpu: &Gpu, role: Role, label: &str, len: usize) -> BufferRange {
        let size = (4 * len.max(1) as u64).next_multiple_of(16);
        let Some(free) = self.free[role as usize].iter_mut().find(|free| free.size >= size) else {
            return Buffer::<u32>::zeroed(gpu, label, len).range();
        };
        let taken = BufferRange::new(&free.buffer, free.offset, size);
        let step = size.next_multiple_of(ALIGNMENT).min(free.size);
        *free = BufferRange::new(&free.buffer, free.offset + step, free.size - step);
        taken
    }
}
