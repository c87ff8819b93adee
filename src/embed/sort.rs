//! Sort of the entries of each row by key, for rows of any length: a row that is a neighbor of all others has as many entries as
//! there are rows.
//!
//! Short rows are heap-sorted, a thread each; long ones go through Batcher's bitonic sort, a workgroup each. The software adapter's
//! driver ends a thread's loops after 65 535 rounds: rows of up to about 200 000 entries are sorted there.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const SORT: Source = wgsl!("embed/sort.wgsl", SortParams);
/// Longest row sorted by one thread.
const SHORT: usize = 1024;
/// Rows sorted by one dispatch.
const MAX_ROWS: usize = 16_384;
/// Workgroups that sort long rows.
const MAX_GROUPS: usize = 256;

params! { struct SortParams { first: u32, end: u32, width: u32, groups: u32 } }

/// The entries to sort.
pub(super) struct Entries {
    /// Number of rows.
    pub count: usize,
    /// Entries of every row; 0 where `bounds` has them.
    pub width: usize,
    /// `[count + 1]`: first entry of each row. Not read where `width` is not 0.
    pub bounds: BufferRange,
    /// Sort keys.
    pub keys: Buffer<u32>,
    /// Values moved with the keys.
    pub values: Buffer<f32>,
}

/// Records the sort of each row by key.
pub(super) fn sort_entries(plan: &mut PlanBuilder<'_>, entries: &Entries) -> Result<()> {
    let max_long = entries.keys.len() / SHORT + 1;
    let groups = max_long.min(MAX_GROUPS);
    let long = Buffer::<u32>::zeroed(plan.gpu(), "long rows", 1 + max_long);
    let stage = Stage::new(plan.gpu(), &SORT, &[])
        .with("bounds", entries.bounds.clone())
        .with("keys", entries.keys.range())
        .with("values", entries.values.range())
        .with("long", long.range());
    let params = SortParams { width: entries.width as u32, groups: groups as u32, ..Default::default() };
    stage.dispatch(plan, "begin", &params, [1, 1, 1])?;
    for first in (0..entries.count).step_by(MAX_ROWS) {
        let end = (first + MAX_ROWS).min(entries.count);
        let params = SortParams { first: first as u32, end: end as u32, ..params };
        stage.dispatch(plan, "sort_short", &params, [(end - first) as u32, 1, 1])?;
    }
    // Rows of a short fixed width are never long.
    if entries.width == 0 || entries.width > SHORT {
        stage.dispatch(plan, "sort_long", &params, [groups as u32 * 256, 1, 1])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::testing::{open_gpu, run};
    use crate::embed::twin;

    #[test]
    fn rows_of_any_length_are_sorted_as_by_the_twin() {
        let gpu = open_gpu();
        // Lengths by `bounds`, or all of one width.
        let lengths: [(&[u32], usize); 3] =
            [(&[0, 1, 2, 3, 64, 1023, 1024, 1025, 0, 3001, 5], 0), (&[7; 100], 7), (&[1500; 3], 1500)];
        for (lengths, width) in lengths {
            let mut starts = vec![0];
            lengths.iter().for_each(|length| starts.push(starts[starts.len() - 1] + length));
            let all = starts[lengths.len()];
            // Keys that differ within all rows: an odd factor permutes the numbers below 2^32.
            let entries: Vec<(u32, f32)> =
                (0..all).map(|e| (e.wrapping_mul(2_654_435_761), e as f32)).collect();
            let keys: Vec<u32> = entries.iter().map(|entry| entry.0).collect();
            let values: Vec<f32> = entries.iter().map(|entry| entry.1).collect();
            let sorted = Entries {
                count: lengths.len(),
                width,
                bounds: Buffer::from_slice(&gpu, "bounds", &starts).range(),
                keys: Buffer::from_slice(&gpu, "keys", &keys),
                values: Buffer::from_slice(&gpu, "values", &values),
            };
            run(&gpu, |plan| sort_entries(plan, &sorted));
            let found: Vec<(u32, f32)> =
                sorted.keys.read(&gpu).into_iter().zip(sorted.values.read(&gpu)).collect();
            assert_eq!(found, twin::sort::rows(&starts, &entries), "width {width}");
            assert_ne!(found, entries, "the control");
            assert_ne!(found, twin::sort::rows(&[0, all], &entries), "the control of rows");
        }
    }
}
