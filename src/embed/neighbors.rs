//! The neighbor search of a layout: exact, or by an IVF index.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder};

use super::ivf::Ivf;
use super::knn::{Knn, KnnResult, PointSet, TILE, identify_rows};
use super::options::NeighborSearch;
use super::rows::Rows;

/// Storage buffers that the distances by lists bind beside those of the points.
const LIST_BINDINGS: usize = 5;

/// The neighbors of every row, in any order.
pub(super) struct Neighbors {
    /// Indices and distances.
    pub result: KnnResult,
    /// Dispatches of the search.
    pub plan: Plan,
}

impl Neighbors {
    /// Prepares the search of the `k` nearest of each row, `chunk` rows to a buffer.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn new(
        gpu: &Gpu,
        rows: &Rows,
        k: usize,
        chunk: usize,
        search: NeighborSearch,
    ) -> Result<Self> {
        let result = KnnResult::new(gpu, rows.count, k, chunk, false);
        let mut plan = PlanBuilder::new(gpu);
        let lists = search.lists(gpu.is_software(), rows.count);
        // Rows in four buffers and the lists together are more than every adapter can bind.
        let most = gpu.limits.max_storage_buffers_per_shader_stage as usize;
        let fits = rows.points.len() + LIST_BINDINGS <= most;
        if lists.is_some() && !fits {
            log::info!("{} binds {most} buffers: neighbors are searched among all rows", gpu.info.name);
        }
        match lists.filter(|_| fits) {
            Some([lists, probes]) => Ivf::new(gpu, rows, k, [lists, probes])?.search(&mut plan, &result)?,
            None => search_all(&mut plan, rows, &result)?,
        }
        Ok(Self { result, plan: plan.finish() })
    }
}

/// Records the search of the neighbors of all rows among all.
fn search_all(plan: &mut PlanBuilder<'_>, rows: &Rows, result: &KnnResult) -> Result<()> {
    let points = PointSet {
        points: rows.points.iter().map(Buffer::range).collect(),
        part: rows.part,
        slots: rows.stride,
        dims: rows.dims,
        row_ids: Buffer::zeroed(plan.gpu(), "row ids", rows.stride),
        tiles: rows.stride / TILE,
        candidates: None,
    };
    identify_rows(plan, rows.flags.range(), &points.row_ids, rows.count)?;
    Knn::new(plan.gpu(), &points, result)?.record(plan)
}
