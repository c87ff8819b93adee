//! IVF index for the neighbor search: rows in lists about centroids ("inverted files", Sivic and Zisserman 2003; Jégou, Douze and
//! Schmid 2011), compared exactly with the rows of the lists nearest to their own.
//!
//! Centroids come from k-means (Lloyd's algorithm) on a sample spread evenly, initialized at rows spread evenly. Rows are sorted by
//! list, by index within it, without atomics: the same rows give the same lists, bit for bit. All rows of a list share their
//! candidates, so that the search takes them by tiles as it does all rows.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::knn::{Candidates, Knn, KnnResult, POINTS, PointSet, TILE, products_per_dispatch};
use super::rows::Rows;
use super::scratch::{Role, Scratch};

mod members;
#[cfg(test)]
mod tests;

pub(super) use members::count_bytes;
use members::{BLOCK, Members, sample_of};

const KMEANS: Source = wgsl!("embed/ivf_kmeans.wgsl", IvfParams);
const LISTS: Source = wgsl!("embed/ivf_lists.wgsl", IvfParams);
const CANDIDATES: Source = wgsl!("embed/ivf_candidates.wgsl", IvfParams);
/// Iterations of Lloyd's algorithm.
const ITERATIONS: usize = 5;
/// Lists ranked by distance for each probe: lists are of unequal length.
const RANKED: usize = 4;

params! {
    struct IvfParams {
        count: u32, quads: u32, dims: u32, lists: u32, list_quads: u32, step: u32, rest: u32, blocks: u32, slot_quads: u32, tiles: u32,
        probes: u32, budget: u32, source_quads: u32,
        part: u32, first_dim: u32, first_pair: u32, pairs: u32, rounds: u32,
    }
}

/// An IVF index.
pub(super) struct Ivf {
    whole: Members,
    sample: Members,
    /// Nearest lists of each list.
    near: KnnResult,
    /// `[d, list]`, lists padded to a multiple of 16.
    centroids: Buffer<f32>,
    /// `[list]`: itself, `u32::MAX` where it has no rows.
    list_ids: Buffer<u32>,
    /// `[list, budget]`: candidate quads, `u32::MAX` past the last.
    candidates: BufferRange,
    params: IvfParams,
}

impl Ivf {
    /// Room for an index of all rows in `lists` lists, of which `probes` are searched for the `k` nearest.
    ///
    /// # Errors
    /// When something does not fit the adapter.
    pub(super) fn new(
        gpu: &Gpu,
        rows: &Rows,
        k: usize,
        [lists, probes]: [usize; 2],
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let lists = lists.clamp(1, rows.count);
        let probes = probes.clamp(1, lists);
        gpu.check_fits("the counts of lists", count_bytes(rows.count, lists))?;
        let whole = Members::new(gpu, rows.clone(), lists, scratch);
        let sample = Members::new(gpu, sample_of(gpu, rows, lists), lists, scratch);
        // At least as many candidates as neighbors, padding and the row itself among them.
        let budget = (probes * (rows.count.div_ceil(4 * lists) + 1)).max(k / 2 + 4).next_multiple_of(8);
        let ranked = (RANKED * probes).min(lists - 1).max(1);
        gpu.check_fits("the candidates", (lists * budget * 4) as u64)?;
        let stride = lists.next_multiple_of(16);
        Ok(Self {
            whole,
            sample,
            near: KnnResult::new(gpu, lists, ranked, lists, true),
            centroids: Buffer::zeroed(gpu, "centroids", stride * rows.dims.next_multiple_of(4)),
            list_ids: Buffer::zeroed(gpu, "list ids", stride),
            candidates: scratch.take(gpu, Role::Source, "candidates", lists * budget),
            params: IvfParams {
                lists: lists as u32,
                list_quads: (stride / 4) as u32,
                dims: rows.dims.next_multiple_of(4) as u32,
                probes: ranked as u32,
                budget: budget as u32,
                ..Default::default()
            },
        })
    }

    /// Records the index and the search of the neighbors of all rows by it.
    ///
    /// # Errors
    /// When something does not fit the adapter.
    pub(super) fn search(
        &self,
        plan: &mut PlanBuilder<'_>,
        result: &KnnResult,
        scratch: &mut Scratch,
    ) -> Result<()> {
        // 1. Centroids of a sample.
        self.cluster(plan)?;
        // 2. All rows by list.
        self.sort_into_lists(plan, &self.whole)?;
        // 3. Points by list, and the candidates of each list.
        let points = self.choose_candidates(plan, scratch)?;
        // 4. The nearest candidates of each row.
        Knn::new(plan.gpu(), &points, result, scratch)?.record(plan)
    }

    /// `[slot]`: row in it, rows by list; `u32::MAX` where there is none.
    pub(super) fn row_ids(&self) -> Buffer<u32> {
        self.whole.row_ids.clone()
    }

    /// Lists padded to a multiple of 16.
    fn stride(&self) -> usize {
        4 * self.params.list_quads as usize
    }

    /// Parameters of a dispatch over `members` that reads part number `part` of `source`.
    fn params(&self, members: &Members, source: &Rows, part: usize) -> IvfParams {
        let rows = &members.rows;
        let all = self.whole.rows.count;
        IvfParams {
            count: rows.count as u32,
            quads: (rows.stride / 4) as u32,
            step: (all / rows.count) as u32,
            rest: (all % rows.count) as u32,
            blocks: members.blocks as u32,
            rounds: members.rounds as u32,
            slot_quads: (members.slots / 4) as u32,
            tiles: members.tiles as u32,
            source_quads: (source.stride / 4) as u32,
            part: rows.part as u32,
            first_dim: source.parts().nth(part).map_or(0, |(first, ..)| first as u32),
            ..self.params
        }
    }

    /// Kernels of k-means over `members`.
    fn kmeans<'g>(&self, gpu: &'g Gpu, members: &Members, source: &Rows, part: usize) -> Stage<'g> {
        let rows = &members.rows;
        Stage::new(gpu, &KMEANS, &[("PARTS", rows.points.len() as u32)])
            .labelled("IVF")
            .with("source", part_range(source, part))
            .with("source_flags", source.flags.range())
            .with("sample", rows.points[0].range())
            .with("sample_flags", rows.flags.range())
            .with("flags", rows.flags.range())
            .with("centroids", self.centroids.range())
            .with("centroids_in", self.centroids.range())
            .with("list_of", members.list_of.range())
            .with("bounds_in", members.bounds.range())
            .with("row_ids_in", members.row_ids.range())
            .with_all(POINTS.into_iter().zip(rows.points.iter().map(Buffer::range)))
    }

    /// Records the centroids of the sample.
    fn cluster(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let sample = &self.sample;
        let rows = &self.whole.rows;
        for (part, (_, dims, _)) in rows.parts().enumerate() {
            let threads = [sample.rows.stride as u32, dims as u32, 1];
            let params = self.params(sample, rows, part);
            self.kmeans(plan.gpu(), sample, rows, part).dispatch(plan, "sample_rows", &params, threads)?;
        }
        self.by_parts(plan, "init_centroids", self.stride())?;
        for _ in 0..ITERATIONS {
            self.sort_into_lists(plan, sample)?;
            self.by_parts(plan, "average", self.params.lists as usize)?;
        }
        Ok(())
    }

    /// Records a kernel over centroids and the dimensions of the sample.
    fn by_parts(&self, plan: &mut PlanBuilder<'_>, entry: &'static str, centroids: usize) -> Result<()> {
        let sample = &self.sample;
        for (part, (_, dims, _)) in sample.rows.parts().enumerate() {
            let params = self.params(sample, &sample.rows, part);
            let threads = [centroids as u32, dims as u32, 1];
            self.kmeans(plan.gpu(), sample, &sample.rows, part).dispatch(plan, entry, &params, threads)?;
        }
        Ok(())
    }

    /// Records the list of each row, and the rows in the order of their lists.
    fn sort_into_lists(&self, plan: &mut PlanBuilder<'_>, members: &Members) -> Result<()> {
        self.assign(plan, members)?;
        self.place(plan, members)
    }

    /// Records the list of each row, a part of the rows per dispatch, so that none takes long.
    fn assign(&self, plan: &mut PlanBuilder<'_>, members: &Members) -> Result<()> {
        let rows = &members.rows;
        let stage = self.kmeans(plan.gpu(), members, rows, 0);
        let products = 8 * self.stride() * rows.dims;
        let pairs = rows.stride / 8;
        let per_dispatch = (products_per_dispatch(plan.gpu()) / products).max(64);
        for first in (0..pairs).step_by(per_dispatch) {
            let some = per_dispatch.min(pairs - first);
            let params =
                IvfParams { first_pair: first as u32, pairs: some as u32, ..self.params(members, rows, 0) };
            let dispatch = stage.begin(plan, "assign", &params)?.flops((3 * some * products) as u64);
            dispatch.threads([some as u32, 1, 1])?;
        }
        Ok(())
    }

    /// Records the rows in the order of their lists: a counting sort.
    fn place(&self, plan: &mut PlanBuilder<'_>, members: &Members) -> Result<()> {
        let params = self.params(members, &members.rows, 0);
        let stage = Stage::new(plan.gpu(), &LISTS, &[])
            .labelled("IVF")
            .with("list_of_in", members.list_of.range())
            .with("ranks", members.ranks.range())
            .with("counts", members.counts.clone())
            .with("bounds", members.bounds.range())
            .with("row_ids", members.row_ids.range())
            .with("tiles", members.tile_table.range());
        stage.dispatch(plan, "count_block", &params, [(members.blocks * BLOCK) as u32, 1, 1])?;
        stage.dispatch(plan, "scan_blocks", &params, [params.lists, 1, 1])?;
        stage.dispatch(plan, "scan_lists", &params, [1, 1, 1])?;
        stage.dispatch(plan, "clear", &params, [members.slots.max(members.tiles) as u32, 1, 1])?;
        stage.dispatch(plan, "place_rows", &params, [params.count, 1, 1])
    }

    /// Records the points by list and the candidates of each list.
    fn choose_candidates(&self, plan: &mut PlanBuilder<'_>, scratch: &mut Scratch) -> Result<PointSet> {
        let (whole, gpu) = (&self.whole, plan.gpu());
        let mut make = |rows: &Buffer<f32>| {
            let len = whole.slots * (rows.len() / whole.rows.stride);
            gpu.check_fits("the rows by list", (len * 4) as u64)?;
            Ok(scratch.take(gpu, Role::Source, "points by list", len))
        };
        let points: Vec<BufferRange> = whole.rows.points.iter().map(&mut make).collect::<Result<_>>()?;
        for (part, (first, dims, _)) in whole.rows.parts().enumerate() {
            let all = &points[first / whole.rows.part];
            let bytes = |dims: usize| (whole.slots * dims * 4) as u64;
            // With the padding of the values, 0 in the rows as well.
            let dims = dims.next_multiple_of(4);
            let offset = all.offset + bytes(first % whole.rows.part);
            let params = self.params(whole, &whole.rows, part);
            let threads = [params.slot_quads, dims as u32, 1];
            let stage = self.candidates(gpu, part);
            let stage = stage.with("slot_points", BufferRange::new(&all.buffer, offset, bytes(dims)));
            stage.dispatch(plan, "copy_points", &params, threads)?;
        }
        let (stage, params) = (self.candidates(gpu, 0), self.params(whole, &whole.rows, 0));
        stage.dispatch(plan, "make_tiles", &params, [self.stride() as u32, 1, 1])?;
        // Done before the search that takes the same.
        Knn::new(gpu, &self.centroid_points(), &self.near, &mut scratch.clone())?.record(plan)?;
        stage.dispatch(plan, "choose_candidates", &params, [params.lists, 1, 1])?;
        Ok(PointSet {
            points,
            part: whole.rows.part,
            slots: whole.slots,
            dims: whole.rows.dims,
            row_ids: whole.row_ids.clone(),
            tiles: whole.tiles,
            candidates: Some(Candidates {
                tiles: whole.tile_table.clone(),
                quads: self.candidates.clone(),
                budget: self.params.budget as usize,
            }),
        })
    }

    /// Kernels of the candidates, over part number `part` of the rows.
    fn candidates<'g>(&self, gpu: &'g Gpu, part: usize) -> Stage<'g> {
        let whole = &self.whole;
        Stage::new(gpu, &CANDIDATES, &[])
            .labelled("IVF")
            .with("source", part_range(&whole.rows, part))
            .with("bounds_in", whole.bounds.range())
            .with("row_ids_in", whole.row_ids.range())
            .with("tiles", whole.tile_table.range())
            .with("list_ids", self.list_ids.range())
            .with("near", self.near.chunks[0].indices.range())
            .with("candidates", self.candidates.clone())
    }

    /// The centroids as points of a search.
    fn centroid_points(&self) -> PointSet {
        PointSet {
            points: vec![self.centroids.range()],
            part: self.params.dims as usize,
            slots: self.stride(),
            dims: self.whole.rows.dims,
            row_ids: self.list_ids.clone(),
            tiles: self.stride() / TILE,
            candidates: None,
        }
    }
}

/// Range of piece number `part` of rows.
fn part_range(rows: &Rows, part: usize) -> BufferRange {
    rows.parts().nth(part).expect("there are as many").2
}
