//! Affinities: the probability with which each row picks another, with the perplexity asked for, made symmetric.
//!
//! `p_{j|i} = exp(−β_i d²_ij) / Σ_k exp(−β_i d²_ik)` over the nearest neighbours, β_i such that the entropy is ln perplexity;
//! `p_ij = (p_{j|i} + p_{i|j}) / 2n` (van der Maaten and Hinton 2008, equations 1 and 2; sparse as in van der Maaten 2014). Rows
//! are compressed: the entries of row i are those from `starts[i]` to `starts[i + 1]`, by index, so that every sum has one order.
//!
//! Where all rows do not fit one buffer they lie in chunks of consecutive rows; what a row has of another is looked up for each pair
//! of chunks.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::neighbours::Neighbours;
use super::rows::Rows;
use super::sort::{Entries, sort_entries};

const AFFINITIES: Source = wgsl!("embed/affinities.wgsl", AffinitiesParams);
/// Places of a block of the scan.
const BLOCK: usize = 256;
/// Neighbours that one dispatch goes through.
const MOST_ENTRIES: usize = 1 << 21;
/// Entries for each neighbour of a chunk's rows; the mean over all rows is at most 2.
const ROOM: usize = 3;

params! {
    struct AffinitiesParams {
        count: u32, first: u32, other_count: u32, other_first: u32, neighbours: u32, blocks: u32, room: u32, perplexity: f32, first_entry: u32, end_entry: u32,
    }
}

/// Rows of a chunk so that none of its buffers has more than `bytes`: all of them where they fit.
pub(super) fn rows_of_a_chunk(count: usize, k: usize, bytes: u64) -> usize {
    let most = usize::try_from(bytes / 4).unwrap_or(usize::MAX);
    if 2 * count * k <= most { count } else { (most / (ROOM * k) / BLOCK * BLOCK).max(BLOCK) }
}

/// The joint probabilities, as compressed rows.
pub(super) struct Affinities {
    /// Consecutive rows each.
    pub chunks: Vec<Chunk>,
    /// `[i]`: Σ_j p_ij ln p_ij.
    pub entropies: Buffer<f32>,
    /// Makes them of the neighbours.
    pub plan: Plan,
}

/// The entries of `rows` rows from `first` on.
pub(super) struct Chunk {
    /// The first row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// `[rows + 1]`: first entry of each row.
    pub starts: Buffer<u32>,
    /// The other row of each entry.
    pub targets: Buffer<u32>,
    /// Its probability.
    pub values: Buffer<f32>,
    /// `[i − first, k]`: the neighbours, by index.
    pub indices: Buffer<u32>,
    /// `[i − first, k]`: p_{j|i}.
    pub conditional: Buffer<f32>,
    distances: Buffer<f32>,
    sums: Buffer<u32>,
    near: usize,
    room: usize,
}

impl Affinities {
    /// Prepares the affinities of these neighbours.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, rows: &Rows, neighbours: &Neighbours, perplexity: f32) -> Result<Self> {
        let (count, k) = (rows.count, neighbours.found.k);
        let alone = neighbours.found.chunks.len() == 1;
        let mut chunks = Vec::new();
        for near in &neighbours.found.chunks {
            let room = if alone { 2 } else { ROOM } * near.rows * k;
            gpu.check_fits("the affinities", (room * 4) as u64)?;
            chunks.push(Chunk {
                first: near.first,
                rows: near.rows,
                starts: Buffer::zeroed(gpu, "starts of rows", near.rows + 1),
                targets: Buffer::zeroed(gpu, "targets", room),
                values: Buffer::zeroed(gpu, "affinities", room),
                indices: Buffer::of_range(&near.indices.range()),
                conditional: Buffer::zeroed(gpu, "conditional probabilities", near.rows * k),
                distances: Buffer::of_range(&near.distances.range()),
                sums: Buffer::zeroed(gpu, "sums of blocks", near.rows.div_ceil(BLOCK)),
                near: near.rows * k,
                room,
            });
        }
        let entropies = Buffer::zeroed(gpu, "entropies", count);
        let mut steps = Steps {
            gpu,
            plan: PlanBuilder::new(gpu),
            k,
            perplexity,
            extra: Buffer::zeroed(gpu, "further entries", count),
            summary: Buffer::of_range(&rows.summary.range()),
            entropies: Buffer::of_range(&entropies.range()),
        };
        steps.all(&chunks)?;
        let plan = steps.plan.finish();
        Ok(Self { chunks, entropies, plan })
    }

    /// The neighbours of each row, by index. Waits for the GPU.
    pub fn read_neighbours(&self, gpu: &Gpu) -> Vec<u32> {
        let of = |chunk: &Chunk| chunk.indices.read(gpu).into_iter().take(chunk.near);
        self.chunks.iter().flat_map(of).collect()
    }

    /// The conditional probabilities of the neighbours. Waits for the GPU.
    pub fn read_conditional(&self, gpu: &Gpu) -> Vec<f32> {
        let of = |chunk: &Chunk| chunk.conditional.read(gpu).into_iter().take(chunk.near);
        self.chunks.iter().flat_map(of).collect()
    }

    /// The entries of each row. Waits for the GPU.
    pub fn read(&self, gpu: &Gpu) -> Vec<Vec<(u32, f32)>> {
        let mut rows = Vec::new();
        for chunk in &self.chunks {
            let starts = chunk.starts.read(gpu);
            let (targets, values) = (chunk.targets.read(gpu), chunk.values.read(gpu));
            rows.extend(starts.windows(2).map(|pair| {
                let range = pair[0] as usize..pair[1] as usize;
                targets[range.clone()].iter().copied().zip(values[range].iter().copied()).collect()
            }));
        }
        rows
    }
}

/// The plan in the making.
struct Steps<'g> {
    gpu: &'g Gpu,
    plan: PlanBuilder<'g>,
    k: usize,
    perplexity: f32,
    extra: Buffer<u32>,
    summary: Buffer<u32>,
    entropies: Buffer<f32>,
}

impl Steps<'_> {
    fn all(&mut self, chunks: &[Chunk]) -> Result<()> {
        for chunk in chunks {
            self.add("conditional_probabilities", chunk, chunk, chunk, 0..chunk.rows)?;
            // By index, so that rows are found in each other and sums have one order.
            self.sort("neighbours", chunk, self.k, &chunk.indices, &chunk.conditional)?;
        }
        for (chunk, other) in chunks.iter().flat_map(|a| chunks.iter().map(move |b| (a, b))) {
            self.add_by_entries("count_reverse", chunk, other, chunk)?;
        }
        for chunk in chunks {
            self.add("scan_block", chunk, chunk, chunk, 0..chunk.rows.next_multiple_of(BLOCK))?;
            self.add("scan_sums", chunk, chunk, chunk, 0..1)?;
            self.add("add_sums", chunk, chunk, chunk, 0..chunk.rows)?;
        }
        for (chunk, other) in chunks.iter().flat_map(|a| chunks.iter().map(move |b| (a, b))) {
            self.add_by_entries("scatter_own", chunk, other, chunk)?;
            self.add_by_entries("scatter_reverse", chunk, other, other)?;
        }
        for chunk in chunks {
            self.sort("affinities", chunk, 0, &chunk.targets, &chunk.values)?;
            self.add("row_entropies", chunk, chunk, chunk, 0..chunk.rows)?;
        }
        Ok(())
    }

    /// Adds dispatches over all neighbours of a chunk's rows, some at a time, so that none takes long.
    fn add_by_entries(
        &mut self,
        entry: &'static str,
        chunk: &Chunk,
        other: &Chunk,
        to: &Chunk,
    ) -> Result<()> {
        for first in (0..chunk.near).step_by(MOST_ENTRIES) {
            self.add(entry, chunk, other, to, first..(first + MOST_ENTRIES).min(chunk.near))?;
        }
        Ok(())
    }

    /// Adds a dispatch over the rows of `chunk` that looks at those of `other` and writes the entries of `to`, a thread for each of
    /// `entries`.
    fn add(
        &mut self,
        entry: &'static str,
        chunk: &Chunk,
        other: &Chunk,
        to: &Chunk,
        entries: Range<usize>,
    ) -> Result<()> {
        let params = AffinitiesParams {
            count: chunk.rows as u32,
            first: chunk.first as u32,
            other_count: other.rows as u32,
            other_first: other.first as u32,
            neighbours: self.k as u32,
            blocks: chunk.rows.div_ceil(BLOCK) as u32,
            room: to.room as u32,
            perplexity: self.perplexity,
            first_entry: entries.start as u32,
            end_entry: entries.end as u32,
        };
        let bindings = [
            ("indices", chunk.indices.range()),
            ("distances", chunk.distances.range()),
            ("conditional", chunk.conditional.range()),
            ("known_conditional", chunk.conditional.range()),
            ("other_indices", other.indices.range()),
            ("other_conditional", other.conditional.range()),
            ("extra", self.extra.range()),
            ("starts", to.starts.range()),
            ("known_starts", to.starts.range()),
            ("sums", chunk.sums.range()),
            ("targets", to.targets.range()),
            ("values", to.values.range()),
            ("summary", self.summary.range()),
            ("entropies", self.entropies.range()),
        ];
        let kernel = self.gpu.kernel(&AFFINITIES, entry, &[])?;
        let mut dispatch = self.plan.dispatch(&entry.replace('_', " "), &kernel).params(&params);
        dispatch = dispatch.bind_those(bindings);
        dispatch.threads([entries.len() as u32, 1, 1])
    }

    fn sort(
        &mut self,
        label: &str,
        chunk: &Chunk,
        width: usize,
        keys: &Buffer<u32>,
        values: &Buffer<f32>,
    ) -> Result<()> {
        let entries = Entries {
            count: chunk.rows,
            width,
            bounds: chunk.starts.range(),
            keys: Buffer::of_range(&keys.range()),
            values: Buffer::of_range(&values.range()),
        };
        sort_entries(self.gpu, &mut self.plan, label, &entries)
    }
}
