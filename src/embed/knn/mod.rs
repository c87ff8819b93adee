//! The k nearest candidates of each row: squared distances of tiles of rows to their candidates, then the smallest of each row.
//!
//! A block of tiles takes its candidates a segment at a time. Distances are sums of squared differences, not products and norms, so
//! that near rows keep their digits. The minimum of each eight distances is stored with them: the k-th smallest of these bounds the
//! k-th nearest, so that hardly more than k candidates reach the heap of a row. Equal distances are ordered by index.
//!
//! The software adapter's driver silently ends all loops of 8 neighboring threads after 65 535 rounds together: hence segments, and
//! wide rows a piece of their dimensions at a time.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::scratch::{Role, Scratch};

#[cfg(test)]
mod tests;

const DISTANCES: Source = wgsl!("embed/knn_distances.wgsl", KnnParams);
const SELECT: Source = wgsl!("embed/knn_select.wgsl", KnnParams);
/// Rows of a tile.
pub(super) const TILE: usize = 16;
/// Most candidates of a segment.
const MAX_SEGMENT: usize = 16_384;
/// Rounds of a dispatch's loop over dimensions, at most.
const MAX_ROUNDS: u32 = 32_768;
/// Bindings of the points, by buffer.
pub(super) const POINTS: [&str; 4] = ["points_0", "points_1", "points_2", "points_3"];

params! {
    struct KnnParams {
        count: u32, quads: u32, dims: u32, tile: u32, tiles: u32, first_quad: u32, width: u32, neighbors: u32, budget: u32, first: u32,
        part: u32, first_dim: u32,
    }
}

/// Points in the slots in which they are searched, four to a quad.
pub(super) struct PointSet {
    /// `[d, slot]`, of consecutive dimensions each.
    pub points: Vec<BufferRange>,
    /// Dimensions in each buffer but the last, a multiple of 4.
    pub part: usize,
    /// Slots, a multiple of 16.
    pub slots: usize,
    /// Dimensions of a point.
    pub dims: usize,
    /// `[slot]`: row in the slot, or `u32::MAX`.
    pub row_ids: Buffer<u32>,
    /// Tiles of 16 rows.
    pub tiles: usize,
    /// Candidates of each tile; none makes all rows candidates.
    pub candidates: Option<Candidates>,
}

/// Candidates from an IVF index.
pub(super) struct Candidates {
    /// `[tile]`: first slot, end of its list, list, 0; the list is `u32::MAX` past the last tile.
    pub tiles: Buffer<[u32; 4]>,
    /// `[list, budget]`: candidate quads; `u32::MAX` past the last.
    pub quads: BufferRange,
    /// Most quads of a list's candidates.
    pub budget: usize,
}

/// The nearest neighbors of each row.
#[derive(Clone)]
pub(super) struct KnnResult {
    /// Neighbors of consecutive rows each.
    pub chunks: Vec<KnnChunk>,
    /// Number of rows.
    pub count: usize,
    /// Neighbors of a row.
    pub k: usize,
    /// Nearest first, instead of in any order.
    pub sorted: bool,
}

/// The neighbors of `rows` rows from `first` on.
#[derive(Clone)]
pub(super) struct KnnChunk {
    /// First row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// `[i − first, k]`: rows; `u32::MAX` past the last.
    pub indices: Buffer<u32>,
    /// `[i − first, k]`: squared distances.
    pub distances: Buffer<f32>,
}

impl KnnResult {
    /// Room for the `k` nearest of each row, `chunk` rows to a buffer.
    pub(super) fn new(gpu: &Gpu, count: usize, k: usize, chunk: usize, sorted: bool) -> Self {
        let make = |first: usize| {
            let rows = chunk.min(count - first);
            KnnChunk {
                first,
                rows,
                indices: Buffer::zeroed(gpu, "neighbors", rows * k),
                distances: Buffer::zeroed(gpu, "squared distances", rows * k),
            }
        };
        Self { chunks: (0..count).step_by(chunk).map(make).collect(), count, k, sorted }
    }
}

/// Records `row_ids`: row i in slot i, `u32::MAX` where it is left out.
pub(super) fn identify_rows(
    plan: &mut PlanBuilder<'_>,
    flags: BufferRange,
    row_ids: &Buffer<u32>,
    count: usize,
) -> Result<()> {
    let slots = row_ids.len() as u32;
    let params = KnnParams { count: count as u32, quads: slots / 4, ..Default::default() };
    Stage::new(plan.gpu(), &DISTANCES, &[]).with("flags", flags).with("row_ids", row_ids.range()).dispatch(
        plan,
        "identify_rows",
        &params,
        [slots, 1, 1],
    )
}

/// A search of the neighbors of all rows of a point set.
pub(super) struct Knn<'a> {
    points: &'a PointSet,
    result: &'a KnnResult,
    params: KnnParams,
    /// Candidates per row.
    candidates: usize,
    /// Candidates of a segment.
    width: usize,
    /// Rows of a block.
    block: usize,
    /// `[block, width]`: squared distances.
    squares: BufferRange,
    /// `[block, width / 8]`: minimum of each eight.
    least: BufferRange,
    /// `[i]`: neighbors found so far.
    filled: Buffer<u32>,
}

impl<'a> Knn<'a> {
    /// Room for the search of the neighbors of `points`.
    ///
    /// # Errors
    /// When the points lie in more than four buffers.
    pub(super) fn new(
        gpu: &Gpu,
        points: &'a PointSet,
        result: &'a KnnResult,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        if points.points.len() > POINTS.len() {
            let what = format!("rows of {} values lie in {} buffers", points.dims, points.points.len());
            return Err(Error::new(what, "reduce them to fewer components, or take fewer rows"));
        }
        let budget = points.candidates.as_ref().map_or(0, |candidates| candidates.budget);
        let candidates = if points.candidates.is_some() { 4 * budget } else { points.slots };
        let width = candidates.next_multiple_of(32).min(MAX_SEGMENT);
        let block = rows_per_block(gpu, width, points.dims).min(points.tiles * TILE);
        let params = KnnParams {
            count: result.count as u32,
            quads: (points.slots / 4) as u32,
            dims: points.dims.next_multiple_of(4) as u32,
            width: (width / 4) as u32,
            neighbors: result.k as u32,
            part: points.part as u32,
            budget: budget as u32,
            ..Default::default()
        };
        Ok(Self {
            points,
            result,
            params,
            candidates,
            width,
            block,
            squares: scratch.take(gpu, Role::Result, "distances of a block", block * width),
            least: scratch.take(gpu, Role::Result, "least distances", block * width / 8),
            filled: Buffer::zeroed(gpu, "neighbors found", result.count),
        })
    }

    /// Records the search.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub(super) fn record(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let result = self.result;
        self.select_stage(plan.gpu()).dispatch(plan, "begin", &self.params, [result.count as u32, 1, 1])?;
        for tile in (0..self.points.tiles).step_by(self.block / TILE) {
            let tiles = (self.block / TILE).min(self.points.tiles - tile);
            for segment in (0..self.candidates).step_by(self.width) {
                let params = KnnParams {
                    tile: tile as u32,
                    tiles: tiles as u32,
                    first_quad: (segment / 4) as u32,
                    ..self.params
                };
                self.record_distances(plan, &params)?;
                let rows = tile * TILE..(tile + tiles) * TILE;
                for chunk in &result.chunks {
                    // Rows in their own order belong to few chunks.
                    let own = chunk.first < rows.end && rows.start < chunk.first + chunk.rows;
                    if own || self.points.candidates.is_some() {
                        self.record_select(plan, "nearest", chunk, &params, tiles * TILE)?;
                    }
                }
            }
        }
        for chunk in &result.chunks {
            self.record_select(plan, "finish", chunk, &self.params, chunk.rows)?;
            if result.sorted {
                self.record_select(plan, "sort_nearest", chunk, &self.params, chunk.rows)?;
            }
        }
        Ok(())
    }

    /// Records the distances of a block to a segment.
    fn record_distances(&self, plan: &mut PlanBuilder<'_>, params: &KnnParams) -> Result<()> {
        let gpu = plan.gpu();
        // The software adapter gains by more arithmetic a round; a GPU has no registers for it.
        let depth = if gpu.is_software() { 4 } else { 1 };
        let parts = self.points.points.len() as u32;
        let constants = [("IVF", self.params.budget.min(1)), ("DEPTH", depth), ("PARTS", parts)];
        let stage = Stage::new(gpu, &DISTANCES, &constants)
            .with("squares", self.squares.clone())
            .with("least", self.least.clone())
            .with_all(POINTS.into_iter().zip(self.points.points.iter().cloned()));
        let stage = self.with_points(stage);
        let threads = [(self.width / 8) as u32, params.tiles, 1];
        for first_dim in (0..params.dims).step_by((MAX_ROUNDS * depth) as usize) {
            let dims = (first_dim + MAX_ROUNDS * depth).min(params.dims);
            let pairs = params.tiles as usize * TILE * self.width;
            let params = KnnParams { first_dim, dims, ..*params };
            let dispatch = stage.begin(plan, "squared_distances", &params)?;
            dispatch.flops((3 * pairs * (dims - first_dim) as usize) as u64).threads(threads)?;
        }
        Ok(())
    }

    /// Records a kernel over the results of a chunk.
    fn record_select(
        &self,
        plan: &mut PlanBuilder<'_>,
        entry: &'static str,
        chunk: &KnnChunk,
        params: &KnnParams,
        threads: usize,
    ) -> Result<()> {
        let params = KnnParams { first: chunk.first as u32, count: chunk.rows as u32, ..*params };
        self.select_stage(plan.gpu())
            .with("indices", chunk.indices.range())
            .with("distances", chunk.distances.range())
            .dispatch(plan, entry, &params, [threads as u32, 1, 1])
    }

    fn select_stage<'g>(&self, gpu: &'g Gpu) -> Stage<'g> {
        let stage = Stage::new(gpu, &SELECT, &[("IVF", self.params.budget.min(1))])
            .with("squares_in", self.squares.clone())
            .with("least_in", self.least.clone())
            .with("filled", self.filled.range());
        self.with_points(stage)
    }

    /// Names the rows of the slots, and the candidates of an index.
    fn with_points<'g>(&self, stage: Stage<'g>) -> Stage<'g> {
        let stage = stage.with("row_ids_in", self.points.row_ids.range());
        match &self.points.candidates {
            Some(ivf) => stage.with("tiles", ivf.tiles.range()).with("candidates", ivf.quads.clone()),
            None => stage,
        }
    }
}

/// Multiply-adds of a dispatch of about 30 ms.
pub(super) fn products_per_dispatch(gpu: &Gpu) -> usize {
    if gpu.is_software() { 200_000_000 } else { 20_000_000_000 }
}

/// Rows whose distances to a segment fit one dispatch and one buffer.
fn rows_per_block(gpu: &Gpu, width: usize, dims: usize) -> usize {
    let limit = if gpu.is_software() { 32 << 20 } else { 256 << 20 };
    let bytes = (gpu.limits.max_storage_buffer_binding_size as usize).min(limit);
    (products_per_dispatch(gpu) / (width * dims)).min(bytes / (width * 4)).max(TILE) / TILE * TILE
}
