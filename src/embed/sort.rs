//! Rows of entries sorted by key, whatever their lengths: a row that is neighbour of all others has as many entries as there are
//! rows.
//!
//! Short rows are sorted in heaps, a thread each; long ones by Batcher's bitonic sort, a workgroup each. The software adapter's
//! driver ends a thread's loops after 65 535 rounds: it sorts rows of up to some 200 000 entries.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const SORT: Source = wgsl!("embed/sort.wgsl", SortParams);
/// Entries of a row that one thread sorts.
const SHORT: usize = 1024;
/// Rows that one dispatch sorts, so that it does not take long.
const MOST_ROWS: usize = 16_384;
/// Workgroups that sort long rows at most.
const MOST_GROUPS: usize = 256;

params! { struct SortParams { first: u32, end: u32, width: u32, groups: u32 } }

/// Where the rows are.
pub(super) struct Entries {
    /// Number of rows.
    pub count: usize,
    /// Entries of every row; 0 where `bounds` tells.
    pub width: usize,
    /// `[count + 1]`: the first entry of each row. Anything where `width` is not 0.
    pub bounds: BufferRange,
    /// What they are sorted by.
    pub keys: Buffer<u32>,
    /// What goes with each key.
    pub values: Buffer<f32>,
}

/// Adds the dispatches that sort each row by key.
pub(super) fn sort_entries(
    gpu: &Gpu,
    plan: &mut PlanBuilder<'_>,
    label: &str,
    entries: &Entries,
) -> Result<()> {
    let most_long = entries.keys.len() / SHORT + 1;
    let groups = most_long.min(MOST_GROUPS);
    let long = Buffer::<u32>::zeroed(gpu, "long rows", 1 + most_long);
    let bindings = [
        ("bounds", entries.bounds.clone()),
        ("keys", entries.keys.range()),
        ("values", entries.values.range()),
        ("long", long.range()),
    ];
    let mut add = |entry: &'static str, rows: Range<usize>, threads: usize| {
        let params = SortParams {
            first: rows.start as u32,
            end: rows.end as u32,
            width: entries.width as u32,
            groups: groups as u32,
        };
        let kernel = gpu.kernel(&SORT, entry, &[])?;
        let mut dispatch = plan.dispatch(&format!("{label} {}", entry.replace('_', " ")), &kernel);
        if kernel.check_params::<SortParams>().is_ok() {
            dispatch = dispatch.params(&params);
        }
        dispatch = dispatch.bind_those(bindings.iter().cloned());
        dispatch.threads([threads as u32, 1, 1])
    };
    add("begin", 0..0, 1)?;
    for first in (0..entries.count).step_by(MOST_ROWS) {
        let end = (first + MOST_ROWS).min(entries.count);
        add("sort_short", first..end, end - first)?;
    }
    // What cannot be long is not sorted as such.
    if entries.width == 0 || entries.width > SHORT {
        add("sort_long", 0..0, groups * 256)?;
    }
    Ok(())
}
