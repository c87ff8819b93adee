//! Affinities: the probability with which each row picks another at the given perplexity, symmetrized.
//!
//! `p_{j|i} = exp(−β_i d²_ij) / Σ_k exp(−β_i d²_ik)` over the nearest neighbors, β_i such that the entropy is ln perplexity;
//! `p_ij = (p_{j|i} + p_{i|j}) / 2n` (van der Maaten and Hinton 2008, equations 1 and 2; sparse as in van der Maaten 2014). Compressed
//! rows: the entries of row i are those from `starts[i]` to `starts[i + 1]`, by index, so that every sum has one order.
//!
//! Rows that do not fit one buffer are split into chunks of consecutive rows; entries of the other row are looked up for each pair of
//! chunks.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::knn::{KnnChunk, KnnResult};
use super::order::Order;
use super::rows::{Rows, Summary};
use super::scratch::Scratch;
use super::sort::{Entries, sort_entries};

const AFFINITIES: Source = wgsl!("embed/affinities.wgsl", AffinitiesParams, Summary);
/// Rows of a block of the scan.
const BLOCK: usize = 256;
/// Neighbors per dispatch.
const MAX_ENTRIES: usize = 1 << 21;
/// Entries allotted to each neighbor of a chunk's rows; the mean over all rows is at most 2.
const ROOM: usize = 3;

params! {
    struct AffinitiesParams {
        count: u32, first: u32, other_count: u32, other_first: u32, neighbors: u32, blocks: u32, room: u32, perplexity: f32, first_entry: u32, end_entry: u32,
    }
}

/// Rows of a chunk whose buffers have at most `bytes` each: all rows where they fit.
pub(super) fn rows_per_chunk(count: usize, k: usize, bytes: u64) -> usize {
    let words = usize::try_from(bytes / 4).unwrap_or(usize::MAX);
    if 2 * count * k <= words { count } else { (words / (ROOM * k) / BLOCK * BLOCK).max(BLOCK) }
}

/// The joint probabilities, as compressed rows.
pub(super) struct Affinities {
    /// Consecutive rows each.
    pub chunks: Vec<Chunk>,
    /// `[i]`: Σ_j p_ij ln p_ij.
    pub entropies: Buffer<f32>,
    /// `[i]`: first of the rows equal to row i where all its neighbors are, so that none is nearer than another; else i.
    pub leaders: Buffer<u32>,
    /// `[i]`: entries of row i that only the other row has; in the end its slot in the order.
    extra: Buffer<u32>,
    /// Order of the points, by which targets name slots in place of rows.
    order: Option<Order>,
    summary: Buffer<Summary>,
    k: usize,
    perplexity: f32,
}

/// The entries of `rows` rows from `first` on.
pub(super) struct Chunk {
    /// First row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// `[rows + 1]`: first entry of each row.
    pub starts: Buffer<u32>,
    /// Other row of each entry.
    pub targets: Buffer<u32>,
    /// Probability of each entry.
    pub values: Buffer<f32>,
    /// `[i − first, k]`: neighbors, by index.
    indices: Buffer<u32>,
    /// `[i − first, k]`: p_{j|i}, in place of the squared distances.
    conditional: Buffer<f32>,
    sums: Buffer<u32>,
    /// Entries of the neighbors, rows · k.
    near: usize,
    room: usize,
}

impl Chunk {
    fn new(gpu: &Gpu, near: &KnnChunk, k: usize, room: usize) -> Self {
        Self {
            first: near.first,
            rows: near.rows,
            starts: Buffer::zeroed(gpu, "starts of rows", near.rows + 1),
            targets: Buffer::zeroed(gpu, "targets", room),
            values: Buffer::zeroed(gpu, "affinities", room),
            indices: near.indices.clone(),
            conditional: near.distances.clone(),
            sums: Buffer::zeroed(gpu, "sums of blocks", near.rows.div_ceil(BLOCK)),
            near: near.rows * k,
            room,
        }
    }
}

impl Affinities {
    /// Room for the affinities of these neighbors.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn new(gpu: &Gpu, rows: &Rows, neighbors: &KnnResult, perplexity: f32) -> Result<Self> {
        let (count, k) = (rows.count, neighbors.k);
        let factor = if neighbors.chunks.len() == 1 { 2 } else { ROOM };
        let mut chunks = Vec::new();
        for near in &neighbors.chunks {
            let room = factor * near.rows * k;
            gpu.check_fits("the affinities", (room * 4) as u64)?;
            chunks.push(Chunk::new(gpu, near, k, room));
        }
        let entropies = Buffer::zeroed(gpu, "entropies", count);
        let extra = Buffer::zeroed(gpu, "further entries", count);
        let each: Vec<u32> = (0..count as u32).collect();
        let leaders = Buffer::from_slice(gpu, "leaders", &each);
        let (summary, order) = (rows.summary.clone(), None);
        Ok(Self { chunks, entropies, leaders, extra, order, summary, k, perplexity })
    }

    /// From the next record on entries name slots of this order.
    pub(super) fn set_order(&mut self, order: Option<Order>) {
        self.order = order;
    }

    /// Order of the points, whose slots entries name.
    pub(super) fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The memory of the conditional probabilities, for what is done after the affinities.
    pub(super) fn scratch_after(&self) -> Scratch {
        Scratch::new(Vec::new(), self.chunks.iter().map(|chunk| chunk.conditional.range()).collect())
    }

    /// The entries' memory, for what is done before the affinities.
    pub(super) fn scratch(&self) -> Scratch {
        let ranges = |of: fn(&Chunk) -> BufferRange| self.chunks.iter().map(of).collect();
        Scratch::new(ranges(|chunk| chunk.targets.range()), ranges(|chunk| chunk.values.range()))
    }

    /// Records the affinities of the neighbors.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub(super) fn record(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let chunks = &self.chunks;
        let pairs = || chunks.iter().flat_map(|a| chunks.iter().map(move |b| (a, b)));
        // 1. p_{j|i}, then by index, so that rows are found in each other and sums have one order.
        for chunk in chunks {
            self.add(plan, "conditional_probabilities", [chunk; 3], 0..chunk.rows)?;
            sort(plan, chunk, self.k, &chunk.indices, &chunk.conditional)?;
        }
        // 2. Length of each row: its neighbors, and the rows that have it as a neighbor.
        for (chunk, other) in pairs() {
            self.add_by_entries(plan, "count_reverse", [chunk, other, chunk])?;
        }
        // 3. First entry of each row: a prefix sum.
        for chunk in chunks {
            self.add(plan, "scan_block", [chunk; 3], 0..chunk.rows.next_multiple_of(BLOCK))?;
            self.add(plan, "scan_sums", [chunk; 3], 0..1)?;
            self.add(plan, "add_sums", [chunk; 3], 0..chunk.rows)?;
        }
        // 4. p_ij of both kinds of entries.
        for (chunk, other) in pairs() {
            self.add_by_entries(plan, "scatter_own", [chunk, other, chunk])?;
            self.add_by_entries(plan, "scatter_reverse", [chunk, other, other])?;
        }
        // 5. Entries by index.
        for chunk in chunks {
            sort(plan, chunk, 0, &chunk.targets, &chunk.values)?;
        }
        // 6. Σ p ln p, and slots in place of indices.
        if let Some(order) = &self.order {
            order.invert(plan, self.extra.range())?;
        }
        for chunk in chunks {
            self.add(plan, "row_entropies", [chunk; 3], 0..chunk.rows)?;
        }
        Ok(())
    }

    /// Records dispatches over all neighbors of a chunk's rows, [`MAX_ENTRIES`] each, so that none takes long.
    fn add_by_entries(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        chunks: [&Chunk; 3],
    ) -> Result<()> {
        let all = chunks[0].near;
        for first in (0..all).step_by(MAX_ENTRIES) {
            self.add(plan, entry, chunks, first..(first + MAX_ENTRIES).min(all))?;
        }
        Ok(())
    }

    /// Records a dispatch over the rows of `chunk` that reads those of `other` and writes the entries of `to`, a thread for each of
    /// `entries`.
    fn add(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        [chunk, other, to]: [&Chunk; 3],
        entries: Range<usize>,
    ) -> Result<()> {
        let params = AffinitiesParams {
            count: chunk.rows as u32,
            first: chunk.first as u32,
            other_count: other.rows as u32,
            other_first: other.first as u32,
            neighbors: self.k as u32,
            blocks: chunk.rows.div_ceil(BLOCK) as u32,
            room: to.room as u32,
            perplexity: self.perplexity,
            first_entry: entries.start as u32,
            end_entry: entries.end as u32,
        };
        Stage::new(plan.gpu(), &AFFINITIES, &[("ORDERED", self.order.is_some().into())])
            .with("indices", chunk.indices.range())
            .with("conditional", chunk.conditional.range())
            .with("conditional_in", chunk.conditional.range())
            .with("other_indices", other.indices.range())
            .with("other_conditional", other.conditional.range())
            .with("extra", self.extra.range())
            .with("starts", to.starts.range())
            .with("starts_in", to.starts.range())
            .with("sums", chunk.sums.range())
            .with("targets", to.targets.range())
            .with("values", to.values.range())
            .with("summary", self.summary.range())
            .with("entropies", self.entropies.range())
            .with("leaders", self.leaders.range())
            .dispatch(plan, entry, &params, [entries.len() as u32, 1, 1])
    }

    /// Neighbors of each row, by index. Waits for the GPU.
    pub(super) fn read_neighbors(&self, gpu: &Gpu) -> Vec<u32> {
        let of = |chunk: &Chunk| chunk.indices.read(gpu).into_iter().take(chunk.near);
        self.chunks.iter().flat_map(of).collect()
    }

    /// Neighbors of some rows, by index. Waits for the GPU.
    pub(super) fn read_neighbors_of(&self, gpu: &Gpu, rows: &[usize]) -> Vec<u32> {
        let some = Buffer::<u32>::zeroed(gpu, "neighbors of some rows", rows.len() * self.k);
        let bytes = 4 * self.k as u64;
        let mut encoder = gpu.encoder("neighbors of some rows");
        for (to, row) in rows.iter().enumerate() {
            let has = |chunk: &&Chunk| (chunk.first..chunk.first + chunk.rows).contains(row);
            let Some(chunk) = self.chunks.iter().find(has) else { continue };
            let of = (row - chunk.first) as u64 * bytes;
            encoder.copy_buffer_to_buffer(chunk.indices.raw(), of, some.raw(), to as u64 * bytes, bytes);
        }
        gpu.submit(encoder);
        some.read(gpu)
    }

    /// Conditional probabilities of the neighbors, before the first iteration, which works in their memory. Waits for the GPU.
    pub(super) fn read_conditional(&self, gpu: &Gpu) -> Vec<f32> {
        let of = |chunk: &Chunk| chunk.conditional.read(gpu).into_iter().take(chunk.near);
        self.chunks.iter().flat_map(of).collect()
    }

    /// Entries of each row. Waits for the GPU.
    pub(super) fn read(&self, gpu: &Gpu) -> Vec<Vec<(u32, f32)>> {
        let mut rows = Vec::new();
        let row_ids = self.order.as_ref().map(|order| order.row_ids.read(gpu));
        let row_of = |target: u32| row_ids.as_ref().map_or(target, |ids| ids[target as usize]);
        for chunk in &self.chunks {
            let starts = chunk.starts.read(gpu);
            let (targets, values) = (chunk.targets.read(gpu), chunk.values.read(gpu));
            rows.extend(starts.windows(2).map(|pair| {
                let range = pair[0] as usize..pair[1] as usize;
                targets[range.clone()].iter().map(|j| row_of(*j)).zip(values[range].iter().copied()).collect()
            }));
        }
        rows
    }
}

/// Records the sort of the rows of a chunk by key; `width` entries each, or as `starts` has them where it is 0.
fn sort(
    plan: &mut PlanBuilder<'_>,
    chunk: &Chunk,
    width: usize,
    keys: &Buffer<u32>,
    values: &Buffer<f32>,
) -> Result<()> {
    let bounds = chunk.starts.range();
    let entries = Entries { count: chunk.rows, width, bounds, keys: keys.clone(), values: values.clone() };
    sort_entries(plan, &entries)
}
