//! The nearest neighbours of every row.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder};

use super::lists::search_lists;
use super::options::NeighbourSearch;
use super::rows::Rows;
use super::search::{Found, Places, TILE, name_rows, search};

/// The neighbours of every row, in any order.
pub(super) struct Neighbours {
    /// What is found.
    pub found: Found,
    /// Finds them.
    pub plan: Plan,
}

impl Neighbours {
    /// Prepares to find the `k` nearest of each row, `a_chunk` rows to a buffer.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, rows: &Rows, k: usize, a_chunk: usize, how: NeighbourSearch) -> Result<Self> {
        let found = Found::new(gpu, rows.count, k, a_chunk, false);
        let mut plan = PlanBuilder::new(gpu);
        match how.lists(gpu.is_software(), rows.count) {
            Some([lists, probes]) => search_lists(gpu, &mut plan, rows, &found, lists, probes)?,
            None => search_all(gpu, &mut plan, rows, &found)?,
        }
        Ok(Self { found, plan: plan.finish() })
    }
}

/// Adds the search of the neighbours of all rows among all.
fn search_all(gpu: &Gpu, plan: &mut PlanBuilder<'_>, rows: &Rows, found: &Found) -> Result<()> {
    let places = Places {
        points: rows.points.iter().map(Buffer::range).collect(),
        part: rows.part,
        count: rows.stride,
        dims: rows.dims,
        names: Buffer::zeroed(gpu, "names of rows", rows.stride),
        tiles: rows.stride / TILE,
        lists: None,
    };
    name_rows(gpu, plan, rows.flags.range(), &places.names, rows.count)?;
    search(gpu, plan, &places, found)
}
