//! Rows and their lists on the GPU, and the sample that k-means runs on.

use crate::embed::knn::TILE;
use crate::embed::rows::Rows;
use crate::embed::scratch::{Role, Scratch};
use crate::gpu::{Buffer, BufferRange, Gpu};

/// Rows of a block of the counting sort, for each round that its workgroup takes.
pub(super) const BLOCK: usize = 256;
/// Bytes of the counts of all blocks, about: with more a block takes more rounds. On the software adapter's driver a loop ends after 65 535
/// of its own, hence as many at most.
const COUNT_BYTES: usize = 64 << 20;
const MAX_ROUNDS: usize = 128;
/// Rows of the sample for each list, and in all.
const SAMPLED: usize = 32;
const MAX_SAMPLED: usize = 65_535;
/// Bytes of the sample, which lies in one buffer.
const MAX_BYTES: usize = 64 << 20;

/// Bytes of the counts of `rows` rows in `lists` lists.
pub(in crate::embed) fn count_bytes(rows: usize, lists: usize) -> u64 {
    4 * (rows.div_ceil(rounds(rows, lists) * BLOCK) * lists) as u64
}

/// Rounds of the blocks that `rows` rows in `lists` lists are counted in.
fn rounds(rows: usize, lists: usize) -> usize {
    let bytes = 4 * rows.div_ceil(BLOCK) * lists;
    bytes.div_ceil(COUNT_BYTES).next_power_of_two().min(MAX_ROUNDS)
}

/// Room for the rows spread evenly that k-means runs on.
pub(super) fn sample_of(gpu: &Gpu, rows: &Rows, lists: usize) -> Rows {
    let dims = rows.dims.next_multiple_of(4);
    let most = MAX_BYTES / (4 * dims) / 16 * 16;
    let count = rows.count.min(SAMPLED * lists).min(MAX_SAMPLED).min(most.max(lists));
    let stride = count.next_multiple_of(16);
    Rows {
        count,
        stride,
        part: dims,
        points: vec![Buffer::zeroed(gpu, "sample", stride * dims)],
        flags: Buffer::zeroed(gpu, "flags of the sample", stride),
        ..rows.clone()
    }
}

/// Rows and their lists.
pub(super) struct Members {
    pub rows: Rows,
    /// Rounds of a block, and blocks.
    pub rounds: usize,
    pub blocks: usize,
    /// Slots for the rows by list, with padding; a multiple of 16.
    pub slots: usize,
    pub tiles: usize,
    /// `[i]`: list of row i, `u32::MAX` where it is left out.
    pub list_of: Buffer<u32>,
    /// `[i]`: rows before i in its block and list.
    pub ranks: Buffer<u32>,
    /// `[block, list]`: rows of the list in the blocks before.
    pub counts: BufferRange,
    /// `[list]`: first slot, number of rows, first tile, 0.
    pub bounds: Buffer<[u32; 4]>,
    /// `[slot]`: row in it, or `u32::MAX`.
    pub row_ids: Buffer<u32>,
    /// `[tile]`: first slot, end of its list, list, 0.
    pub tile_table: Buffer<[u32; 4]>,
}

impl Members {
    /// Room for the lists of `rows`.
    pub(super) fn new(gpu: &Gpu, rows: Rows, lists: usize, scratch: &mut Scratch) -> Self {
        let rounds = rounds(rows.count, lists);
        Self::in_blocks(gpu, rows, lists, rounds, scratch)
    }

    /// The same in blocks of `rounds` rounds, which changes none of the lists.
    pub(super) fn in_blocks(
        gpu: &Gpu,
        rows: Rows,
        lists: usize,
        rounds: usize,
        scratch: &mut Scratch,
    ) -> Self {
        let blocks = rows.count.div_ceil(rounds * BLOCK);
        // A tile may reach past the end of the last list.
        let slots = (rows.count + 3 * lists + TILE).next_multiple_of(TILE);
        let tiles = rows.count / TILE + lists;
        Self {
            rounds,
            blocks,
            slots,
            tiles,
            list_of: Buffer::zeroed(gpu, "lists of rows", rows.count),
            ranks: Buffer::zeroed(gpu, "ranks", rows.count),
            counts: scratch.take(gpu, Role::Result, "counts of lists", blocks * lists),
            bounds: Buffer::zeroed(gpu, "bounds of lists", lists),
            row_ids: Buffer::zeroed(gpu, "rows by list", slots),
            tile_table: Buffer::zeroed(gpu, "tiles", tiles),
            rows,
        }
    }
}
