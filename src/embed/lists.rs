//! Nearest neighbours in lists about centroids ("inverted files", Sivic and Zisserman 2003; Jégou, Douze and Schmid 2011): rows are
//! compared with those of the lists nearest to their own, exactly.
//!
//! Centroids come of Lloyd's algorithm on a sample spread evenly, begun at rows spread evenly. Rows lie by list, by index within
//! it, without atomics: the same rows give the same lists, bit for bit. All rows of a list share their candidates, so that these are
//! searched by tiles like all rows.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

use super::rows::Rows;
use super::search::{Candidates, Found, Places, TILE, products_of_a_dispatch, search};

const LISTS: Source = wgsl!("embed/lists.wgsl", ListParams);
/// Rows of a block whose members are counted together.
const BLOCK: usize = 256;
/// Rows of the sample for each list, and at most.
const SAMPLED: usize = 32;
const MOST_SAMPLED: usize = 65_535;
/// Bytes of the sample at most: it lies in one buffer.
const MOST_BYTES: usize = 64 << 20;
/// Iterations of Lloyd's algorithm.
const ITERATIONS: usize = 5;
/// Lists that are sorted by distance for each that is searched: lists are of unlike length.
const PROBED: usize = 4;

params! {
    struct ListParams {
        count: u32, quads: u32, dims: u32, lists: u32, list_quads: u32, step: u32, rest: u32, blocks: u32, places: u32, tiles: u32,
        probes: u32, budget: u32, source_quads: u32,
        part: u32, first_dim: u32, first_pair: u32, pairs: u32,
    }
}

/// Adds the search of the neighbours of all rows among those of `probes` lists of `lists`.
///
/// # Errors
/// When something does not fit the adapter.
pub(super) fn search_lists(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    rows: &Rows,
    found: &Found,
    lists: usize,
    probes: usize,
) -> Result<()> {
    let lists = lists.clamp(1, rows.count);
    let probes = probes.clamp(1, lists);
    let whole = Members::new(gpu, rows.share(), lists);
    let sample = Members::new(gpu, sample_of(gpu, rows, lists), lists);
    gpu.check_fits("the counts of lists", (whole.blocks * lists * 4) as u64)?;
    // At least as many candidates as neighbours, padding and the row itself among them.
    let budget = (probes * (rows.count.div_ceil(4 * lists) + 1)).max(found.k / 2 + 4).next_multiple_of(8);
    let nearest = (PROBED * probes).min(lists - 1).max(1);
    gpu.check_fits("the candidates", (lists * budget * 4) as u64)?;
    let near = Found::new(gpu, lists, nearest, lists, true);
    let stride = lists.next_multiple_of(16);
    let mut steps = Steps {
        gpu,
        plan,
        rows,
        stride,
        centroids: Buffer::zeroed(gpu, "centroids", stride * rows.dims.next_multiple_of(4)),
        list_names: Buffer::zeroed(gpu, "names of lists", stride),
        near: Buffer::of_range(&near.chunks[0].indices.range()),
        candidates: Buffer::zeroed(gpu, "candidates", lists * budget),
        params: ListParams {
            lists: lists as u32,
            list_quads: (stride / 4) as u32,
            dims: rows.dims.next_multiple_of(4) as u32,
            probes: nearest as u32,
            budget: budget as u32,
            ..Default::default()
        },
    };
    steps.cluster(&sample)?;
    steps.sort_into_lists(&whole)?;
    let places = steps.choose(&whole, &near)?;
    search(gpu, plan, &places, found)
}

/// Rows spread evenly, by which lists are made.
fn sample_of(gpu: &Gpu, rows: &Rows, lists: usize) -> Rows {
    let most = MOST_BYTES / (4 * rows.dims.next_multiple_of(4)) / 16 * 16;
    let count = rows.count.min(SAMPLED * lists).min(MOST_SAMPLED).min(most.max(lists));
    let stride = count.next_multiple_of(16);
    Rows {
        count,
        stride,
        dims: rows.dims,
        part: rows.dims.next_multiple_of(4),
        points: vec![Buffer::zeroed(gpu, "sample", stride * rows.dims.next_multiple_of(4))],
        bytes: rows.bytes,
        flags: Buffer::zeroed(gpu, "flags of the sample", stride),
        summary: Buffer::of_range(&rows.summary.range()),
    }
}

/// Rows and which list they are in.
struct Members {
    rows: Rows,
    blocks: usize,
    /// Places for the rows by list, with padding; a multiple of 16.
    places: usize,
    tiles: usize,
    list_of: Buffer<u32>,
    ranks: Buffer<u32>,
    counts: Buffer<u32>,
    bounds: Buffer<u32>,
    names: Buffer<u32>,
    tile_table: Buffer<u32>,
}

impl Members {
    fn new(gpu: &Gpu, rows: Rows, lists: usize) -> Self {
        let blocks = rows.count.div_ceil(BLOCK);
        // A tile may reach beyond the end of the last list.
        let places = (rows.count + 3 * lists + TILE).next_multiple_of(TILE);
        let tiles = rows.count / TILE + lists;
        Self {
            blocks,
            places,
            tiles,
            list_of: Buffer::zeroed(gpu, "lists of rows", rows.count),
            ranks: Buffer::zeroed(gpu, "ranks", rows.count),
            counts: Buffer::zeroed(gpu, "counts of lists", blocks * lists),
            bounds: Buffer::zeroed(gpu, "bounds of lists", 4 * lists),
            names: Buffer::zeroed(gpu, "rows by list", places),
            tile_table: Buffer::zeroed(gpu, "tiles", 4 * tiles),
            rows,
        }
    }
}

/// The plan in the making.
struct Steps<'a, 'g> {
    gpu: &'a Gpu,
    plan: &'a mut PlanBuilder<'g>,
    rows: &'a Rows,
    stride: usize,
    centroids: Buffer<f32>,
    list_names: Buffer<u32>,
    near: Buffer<u32>,
    candidates: Buffer<u32>,
    params: ListParams,
}

impl Steps<'_, '_> {
    /// Adds a dispatch over these rows; `placed` is where points by list go, `source` what they are taken from, number `part` of its
    /// buffers.
    fn add(
        &mut self,
        entry: &'static str,
        members: &Members,
        (source, part): (&Rows, usize),
        placed: Option<&BufferRange>,
        threads: [usize; 3],
    ) -> Result<()> {
        let rows = &members.rows;
        let params = ListParams {
            count: rows.count as u32,
            quads: (rows.stride / 4) as u32,
            step: (self.rows.count / rows.count) as u32,
            rest: (self.rows.count % rows.count) as u32,
            blocks: members.blocks as u32,
            places: (members.places / 4) as u32,
            tiles: members.tiles as u32,
            source_quads: (source.stride / 4) as u32,
            part: rows.part as u32,
            first_dim: (part * source.part) as u32,
            ..self.params
        };
        let kernel = self.gpu.kernel(&LISTS, entry, &[("PARTS", rows.points.len() as u32)])?;
        let bindings = [
            ("source", source.points[part].range()),
            ("source_flags", source.flags.range()),
            ("sample", rows.points[0].range()),
            ("sample_flags", rows.flags.range()),
            ("flags", rows.flags.range()),
            ("centroids", self.centroids.range()),
            ("known_centroids", self.centroids.range()),
            ("list_of", members.list_of.range()),
            ("ranks", members.ranks.range()),
            ("counts", members.counts.range()),
            ("bounds", members.bounds.range()),
            ("names", members.names.range()),
            ("known_names", members.names.range()),
            ("placed", placed.cloned().unwrap_or_else(|| self.centroids.range())),
            ("tiles", members.tile_table.range()),
            ("list_names", self.list_names.range()),
            ("near", self.near.range()),
            ("candidates", self.candidates.range()),
        ];
        let flops = if entry == "assign" { 3 * threads[0] * 8 * self.stride * rows.dims } else { 0 };
        let mut dispatch = self.plan.dispatch(&format!("lists {}", entry.replace('_', " ")), &kernel);
        dispatch = dispatch.params(&params).flops(flops as u64);
        let names = ["points_0", "points_1", "points_2", "points_3"];
        let parts = names.into_iter().zip(rows.points.iter().map(Buffer::range));
        dispatch = dispatch.bind_those(bindings.into_iter().chain(parts));
        dispatch.threads(threads.map(|t| t as u32))
    }

    /// Adds the centroids of a sample.
    fn cluster(&mut self, sample: &Members) -> Result<()> {
        let dims = self.params.dims as usize;
        let lists = self.params.lists as usize;
        let rows = self.rows;
        for (part, (first, ..)) in rows.of_parts().enumerate() {
            let values = rows.part.min(dims - first);
            self.add("take_sample", sample, (rows, part), None, [sample.rows.stride, values, 1])?;
        }
        self.add("begin", sample, (&sample.rows, 0), None, [self.stride, dims, 1])?;
        for _ in 0..ITERATIONS {
            self.sort_into_lists(sample)?;
            self.add("average", sample, (&sample.rows, 0), None, [lists, dims, 1])?;
        }
        Ok(())
    }

    /// Adds the rows in the order of their lists.
    fn sort_into_lists(&mut self, members: &Members) -> Result<()> {
        let rows = &members.rows;
        let lists = self.params.lists as usize;
        let pairs = rows.stride / 8;
        let a_time = (products_of_a_dispatch(self.gpu) / (8 * self.stride * rows.dims)).max(64);
        for first in (0..pairs).step_by(a_time) {
            let some = a_time.min(pairs - first);
            (self.params.first_pair, self.params.pairs) = (first as u32, some as u32);
            self.add("assign", members, (rows, 0), None, [some, 1, 1])?;
        }
        self.add("count_block", members, (rows, 0), None, [members.blocks * BLOCK, 1, 1])?;
        self.add("sum_blocks", members, (rows, 0), None, [lists, 1, 1])?;
        self.add("sum_lists", members, (rows, 0), None, [1, 1, 1])?;
        self.add("clear", members, (rows, 0), None, [members.places.max(members.tiles), 1, 1])?;
        self.add("place_rows", members, (rows, 0), None, [rows.count, 1, 1])
    }

    /// Adds what each list searches.
    fn choose(&mut self, whole: &Members, near: &Found) -> Result<Places> {
        let dims = self.params.dims as usize;
        let mut placed = Vec::new();
        for (part, (first, ..)) in whole.rows.of_parts().enumerate() {
            let values = whole.rows.part.min(dims - first);
            self.gpu.check_fits("the rows by list", (whole.places * values * 4) as u64)?;
            let points = Buffer::<f32>::zeroed(self.gpu, "points by list", whole.places * values).range();
            let threads = [whole.places / 4, values, 1];
            self.add("place_points", whole, (&whole.rows, part), Some(&points), threads)?;
            placed.push(points);
        }
        self.add("make_tiles", whole, (&whole.rows, 0), None, [self.stride, 1, 1])?;
        let centres = Places {
            points: vec![self.centroids.range()],
            part: self.params.dims as usize,
            count: self.stride,
            dims: self.rows.dims,
            names: Buffer::of_range(&self.list_names.range()),
            tiles: self.stride / TILE,
            lists: None,
        };
        search(self.gpu, self.plan, &centres, near)?;
        self.add("choose_candidates", whole, (&whole.rows, 0), None, [self.params.lists as usize, 1, 1])?;
        Ok(Places {
            points: placed,
            part: whole.rows.part,
            count: whole.places,
            dims: self.rows.dims,
            names: Buffer::of_range(&whole.names.range()),
            tiles: whole.tiles,
            lists: Some(Candidates {
                tiles: Buffer::of_range(&whole.tile_table.range()),
                quads: Buffer::of_range(&self.candidates.range()),
                budget: self.params.budget as usize,
            }),
        })
    }
}
