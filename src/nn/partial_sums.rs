//! Partial sums of the gradients of parameters, which the layers' kernels fill and one dispatch adds (`gradient_sums.rs`).

use std::cell::RefCell;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu};

/// Partial sums of a layer, about: as many as keep a GPU's threads busy, or the software adapter's.
const OF_A_LAYER: usize = 3 << 20;
const OF_A_SOFTWARE_LAYER: usize = 1 << 17;

/// Partial sums of one or more neighboring tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialRange {
    /// First parameter, a multiple of 4.
    pub offset: usize,
    /// Number of parameters.
    pub len: usize,
    /// Partial sums of each, `[row, parameter]`.
    pub rows: usize,
    /// Index of the buffer that they lie in.
    pub(super) block: usize,
    /// First of them there.
    pub(super) first: usize,
}

/// The partial sums of all layers.
#[derive(Default)]
pub struct PartialSums {
    /// Elements of a buffer, if no range is larger.
    usual: usize,
    /// Buffers, with the number of sums taken.
    blocks: RefCell<Vec<(Buffer<f32>, usize)>>,
    ranges: RefCell<Vec<PartialRange>>,
}

impl PartialSums {
    /// Room for the partial sums of `layers` layers in one buffer, as a rule; there will be more buffers where it is too small.
    pub fn new(gpu: &Gpu, layers: usize) -> Self {
        let each = if gpu.profile().large_tiles { OF_A_SOFTWARE_LAYER } else { OF_A_LAYER };
        Self { usual: layers * each, ..Self::default() }
    }

    /// Room for `rows` partial sums of each of the `len` parameters from `offset` on, `[row, parameter]`, all 0; `what` is named in errors.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn reserve(
        &self,
        gpu: &Gpu,
        what: &str,
        (offset, len): (usize, usize),
        rows: usize,
    ) -> Result<BufferRange> {
        assert!(offset.is_multiple_of(4), "a tensor begins at a multiple of 4");
        let count = len * rows;
        gpu.check_fits(what, 4 * count as u64)?;
        let alignment = (gpu.limits.min_storage_buffer_offset_alignment as usize / 4).max(4);
        let mut blocks = self.blocks.borrow_mut();
        let fits = |(buffer, taken): &(Buffer<f32>, usize)| taken + count <= buffer.len();
        if !blocks.last().is_some_and(fits) {
            let len = count.max(self.usual.min((gpu.max_binding() / 4) as usize));
            blocks.push((Buffer::zeroed(gpu, "partial sums", len), 0));
        }
        let block = blocks.len() - 1;
        let (buffer, taken) = &mut blocks[block];
        let first = *taken;
        *taken = (first + count).next_multiple_of(alignment);
        self.ranges.borrow_mut().push(PartialRange { offset, len, rows, block, first });
        // A binding is of whole quads, as buffers are.
        let bytes = (4 * count as u64).next_multiple_of(16).min(buffer.raw().size() - 4 * first as u64);
        Ok(BufferRange::new(buffer.raw(), 4 * first as u64, bytes))
    }

    /// Ranges that were reserved, with the values that lie there. For tests: waits for the GPU.
    pub fn read(&self, gpu: &Gpu) -> Vec<(PartialRange, Vec<f32>)> {
        let blocks: Vec<_> = self.blocks.borrow().iter().map(|(buffer, _)| buffer.read(gpu)).collect();
        let ranges = self.ranges.borrow();
        let values = |r: &PartialRange| blocks[r.block][r.first..r.first + r.rows * r.len].to_vec();
        ranges.iter().map(|range| (range.clone(), values(range))).collect()
    }

    /// The buffers, in which the ranges say their blocks.
    pub(super) fn buffers(&self) -> Vec<BufferRange> {
        self.blocks.borrow().iter().map(|(buffer, _)| buffer.range()).collect()
    }

    /// Ranges that were reserved.
    pub(super) fn ranges(&self) -> Vec<PartialRange> {
        self.ranges.borrow().clone()
    }
}
