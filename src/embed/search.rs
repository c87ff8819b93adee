//! The search that all nearest neighbours come from: squared distances of tiles of rows to their candidates, then the least of
//! each row.
//!
//! A block of tiles takes its candidates a segment at a time. Distances are sums of squared differences, not products and norms, so
//! that near rows keep their digits. With the distances of a row goes the least of each eight: the k-th least of these bounds the
//! k-th nearest, so that hardly more than k candidates ever reach the heap of a row. Equal distances are ordered by index.
//!
//! The software adapter's driver ends all loops of 8 neighbouring threads after 65 535 rounds together, without a word: hence
//! segments.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const NEIGHBOURS: Source = wgsl!("embed/neighbours.wgsl", SearchParams);
/// Rows of a tile.
pub(super) const TILE: usize = 16;
/// Candidates of a segment at most.
const SEGMENT: usize = 16_384;

params! {
    struct SearchParams {
        count: u32, quads: u32, dims: u32, tile: u32, tiles: u32, first_quad: u32, width: u32, neighbours: u32, budget: u32, first: u32,
        part: u32,
    }
}

/// Points as they are searched: in places, four to a quad.
pub(super) struct Places {
    /// `[d, place]`, of consecutive values each.
    pub points: Vec<BufferRange>,
    /// Values of each buffer but the last, a multiple of 4.
    pub part: usize,
    /// Places, a multiple of 16.
    pub count: usize,
    /// Values of a point.
    pub dims: usize,
    /// `[place]`: the row that lies there, or `u32::MAX`.
    pub names: Buffer<u32>,
    /// Tiles of 16 rows.
    pub tiles: usize,
    /// Where not all rows are candidates.
    pub lists: Option<Candidates>,
}

/// The candidates of each tile.
pub(super) struct Candidates {
    /// `[tile]`: first place, end of its list, the list, 0; the list is `u32::MAX` beyond the last tile.
    pub tiles: Buffer<u32>,
    /// `[list, budget]`: quads to search; `u32::MAX` beyond the last.
    pub quads: Buffer<u32>,
    /// Quads of a list's candidates at most.
    pub budget: usize,
}

/// What is found.
pub(super) struct Found {
    /// The neighbours of consecutive rows each.
    pub chunks: Vec<FoundChunk>,
    /// Number of rows.
    pub count: usize,
    /// Neighbours of a row.
    pub k: usize,
    /// Whether they are wanted in order, the nearest first.
    pub in_order: bool,
}

/// What is found for `rows` rows from `first` on.
pub(super) struct FoundChunk {
    /// The first row.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// `[i − first, k]`: rows; `u32::MAX` where there are no more.
    pub indices: Buffer<u32>,
    /// `[i − first, k]`: squared distances.
    pub distances: Buffer<f32>,
}

impl Found {
    /// Room for the `k` nearest of each row, `a_chunk` rows to a buffer.
    pub fn new(gpu: &Gpu, count: usize, k: usize, a_chunk: usize, in_order: bool) -> Self {
        let chunk = |first: usize| {
            let rows = a_chunk.min(count - first);
            FoundChunk {
                first,
                rows,
                indices: Buffer::zeroed(gpu, "neighbours", rows * k),
                distances: Buffer::zeroed(gpu, "squared distances", rows * k),
            }
        };
        Self { chunks: (0..count).step_by(a_chunk).map(chunk).collect(), count, k, in_order }
    }
}

/// Adds the dispatch that names rows in their own order: row i, or `u32::MAX` where it is left out.
pub(super) fn name_rows(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    flags: BufferRange,
    names: &Buffer<u32>,
    count: usize,
) -> Result<()> {
    let kernel = gpu.kernel(&NEIGHBOURS, "name_rows", &[])?;
    let params = SearchParams { count: count as u32, quads: (names.len() / 4) as u32, ..Default::default() };
    plan.dispatch("name rows", &kernel)
        .bind("flags", flags)
        .bind("named", names.range())
        .params(&params)
        .threads([names.len() as u32, 1, 1])
}

/// Adds the search of the neighbours of all rows that lie in `places`.
///
/// # Errors
/// When the points lie in too many buffers, or a kernel cannot be made.
pub(super) fn search(gpu: &Gpu, plan: &mut PlanBuilder<'_>, places: &Places, found: &Found) -> Result<()> {
    let candidates = places.lists.as_ref().map_or(places.count, |lists| 4 * lists.budget);
    let width = candidates.next_multiple_of(32).min(SEGMENT);
    let block = rows_of_a_block(gpu, width, places.dims).min(places.tiles * TILE);
    let bindings = bindings(gpu, places, found, [block, width])?;
    let all = SearchParams {
        count: found.count as u32,
        quads: (places.count / 4) as u32,
        dims: places.dims.next_multiple_of(4) as u32,
        width: (width / 4) as u32,
        neighbours: found.k as u32,
        part: places.part as u32,
        budget: places.lists.as_ref().map_or(0, |lists| lists.budget as u32),
        ..Default::default()
    };
    // The software adapter gains by more arithmetic a round; a GPU has no registers for it.
    let depth = if gpu.is_software() { 4 } else { 1 };
    let constants = [
        ("LISTS", u32::from(places.lists.is_some())),
        ("DEPTH", depth),
        ("PARTS", places.points.len() as u32),
    ];
    let mut add = |entry: &'static str,
                   chunk: &FoundChunk,
                   params: &SearchParams,
                   threads: [usize; 3],
                   flops: usize| {
        let kernel = gpu.kernel(&NEIGHBOURS, entry, &constants)?;
        let mut dispatch =
            plan.dispatch(&entry.replace('_', " "), &kernel).params(params).flops(flops as u64);
        let own = [("indices", chunk.indices.range()), ("distances", chunk.distances.range())];
        dispatch = dispatch.bind_those(bindings.iter().chain(&own).cloned());
        dispatch.threads(threads.map(|t| t as u32))
    };
    let whole = &found.chunks[0];
    add("begin", whole, &all, [found.count, 1, 1], 0)?;
    for tile in (0..places.tiles).step_by(block / TILE) {
        let tiles = (block / TILE).min(places.tiles - tile);
        for segment in (0..candidates).step_by(width) {
            let params = SearchParams {
                tile: tile as u32,
                tiles: tiles as u32,
                first_quad: (segment / 4) as u32,
                ..all
            };
            let flops = 3 * tiles * TILE * width * places.dims;
            add("squared_distances", whole, &params, [width / 8, tiles, 1], flops)?;
            for chunk in &found.chunks {
                // Rows in their own order are those of few chunks.
                let rows = tile * TILE..(tile + tiles) * TILE;
                if places.lists.is_some() || (chunk.first < rows.end && rows.start < chunk.first + chunk.rows)
                {
                    add("nearest", chunk, &of_chunk(&params, chunk), [tiles * TILE, 1, 1], 0)?;
                }
            }
        }
    }
    for chunk in &found.chunks {
        let params = of_chunk(&all, chunk);
        add("finish", chunk, &params, [chunk.rows, 1, 1], 0)?;
        if found.in_order {
            add("sort_nearest", chunk, &params, [chunk.rows, 1, 1], 0)?;
        }
    }
    Ok(())
}

/// What the kernels bind beside the chunk of what is found; distances are made for `block` rows and `width` candidates.
fn bindings(
    gpu: &Gpu,
    places: &Places,
    found: &Found,
    [block, width]: [usize; 2],
) -> Result<Vec<(&'static str, BufferRange)>> {
    let names = ["points_0", "points_1", "points_2", "points_3"];
    if places.points.len() > names.len() {
        let what = format!("rows of {} values lie in {} buffers", places.dims, places.points.len());
        return Err(Error::new(what, "reduce them to fewer components, or take fewer rows"));
    }
    let made = Buffer::<f32>::zeroed(gpu, "distances of a block", block * width);
    let least = Buffer::<f32>::zeroed(gpu, "least distances", block * width / 8);
    let mut bindings = vec![
        ("names", places.names.range()),
        ("made", made.range()),
        ("squares", made.range()),
        ("least", least.range()),
        ("least_fours", least.range()),
        ("filled", Buffer::<u32>::zeroed(gpu, "neighbours found", found.count).range()),
    ];
    bindings.extend(names.into_iter().zip(places.points.iter().cloned()));
    if let Some(lists) = &places.lists {
        bindings.extend([("tiles", lists.tiles.range()), ("candidates", lists.quads.range())]);
    }
    Ok(bindings)
}

fn of_chunk(params: &SearchParams, chunk: &FoundChunk) -> SearchParams {
    SearchParams { first: chunk.first as u32, count: chunk.rows as u32, ..*params }
}

/// Multiply-adds of one dispatch, so that it takes some 30 ms.
pub(super) fn products_of_a_dispatch(gpu: &Gpu) -> usize {
    if gpu.is_software() { 200_000_000 } else { 20_000_000_000 }
}

/// Rows whose distances to a segment are made at once: as many as one dispatch takes, and fit.
fn rows_of_a_block(gpu: &Gpu, width: usize, dims: usize) -> usize {
    let most = if gpu.is_software() { 32 << 20 } else { 256 << 20 };
    let bytes = (gpu.limits.max_storage_buffer_binding_size as usize).min(most);
    (products_of_a_dispatch(gpu) / (width * dims)).min(bytes / (width * 4)).max(TILE) / TILE * TILE
}
