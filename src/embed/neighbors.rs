//! The neighbor search of a layout: exact, or by an IVF index.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder};

use super::ivf::Ivf;
use super::knn::{Knn, KnnResult, PointSet, TILE, identify_rows};
use super::options::NeighborSearch;
use super::rows::Rows;
use super::scratch::Scratch;

/// Storage buffers that the distances by lists bind beside those of the points.
const LIST_BINDINGS: usize = 5;

/// The dispatches that find the nearest of each row, in any order, within the memory of `scratch` as far as that goes; and the row in each slot
/// of the index, `u32::MAX` where there is none, if there is an index.
///
/// # Errors
/// When something does not fit the adapter.
pub(super) fn search_neighbors(
    gpu: &Gpu,
    rows: &Rows,
    result: &KnnResult,
    search: NeighborSearch,
    mut scratch: Scratch,
) -> Result<(Plan, Option<Buffer<u32>>)> {
    let mut plan = PlanBuilder::new(gpu);
    let lists = search.lists(gpu.is_software(), rows.count);
    // Rows in four buffers and the lists together are more than every adapter can bind.
    let most = gpu.limits.max_storage_buffers_per_shader_stage as usize;
    let fits = rows.points.len() + LIST_BINDINGS <= most;
    if lists.is_some() && !fits {
        log::info!("{} binds {most} buffers: neighbors are searched among all rows", gpu.info.name);
    }
    let row_ids = match lists.filter(|_| fits) {
        Some(lists) => {
            let index = Ivf::new(gpu, rows, result.k, lists, &mut scratch)?;
            index.search(&mut plan, result, &mut scratch)?;
            Some(index.row_ids())
        }
        None => {
            search_all(&mut plan, rows, result, &mut scratch)?;
            None
        }
    };
    Ok((plan.finish(), row_ids))
}

/// Records the search of the neighbors of all rows among all.
fn search_all(
    plan: &mut PlanBuilder<'_>,
    rows: &Rows,
    result: &KnnResult,
    scratch: &mut Scratch,
) -> Result<()> {
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
    Knn::new(plan.gpu(), &points, result, scratch)?.record(plan)
}
