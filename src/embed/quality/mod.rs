//! Quality of a layout: how well it preserves neighborhoods, and how well the neighbors were searched, on the GPU.
//!
//! Of some rows, the distances to all others are measured; the nearest in the layout, and their ranks in the data, are counted. Ranks
//! are numbers of nearer rows, equal ones by index, so that nothing is sorted but the few nearest of each chunk of rows.
//!
//! Trustworthiness (Venna and Kaski 2001): `1 − 2 / (n k (2n − 3k − 1)) Σ_i Σ_{j ∈ U_i} (r_ij − k)`, where U_i are those of the k
//! nearest in the layout that are not among the k nearest in the data, and r_ij is j's rank there. Neighborhood preservation:
//! the mean share of the k nearest in the data that are among the k nearest in the layout.

mod distances;
mod space;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::gpu::{BufferRange, Gpu};
use distances::Distances;
pub(super) use space::Space;
pub use space::unit;

/// Slack of a distance that counts as no farther than the last: rounding may decide between equal ones.
const SLACK: f32 = 1.0 + 1e-5;

/// Quality of a layout over a sample of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Share of nearest neighbors preserved, 0 to 1.
    pub preserved: f64,
    /// 1 where every neighbor in the layout is one in the data.
    pub trustworthiness: f64,
}

/// Asks for the kernels by which a layout of `count` rows is judged, so that they are compiled with those of the layout.
///
/// # Errors
/// When one cannot be made.
pub fn load_kernels(gpu: &Gpu, count: usize) -> Result<()> {
    distances::load_kernels(gpu, count)
}

/// Rows of which some are judged.
pub(super) struct Judge<'g> {
    pub gpu: &'g Gpu,
    /// `[i]`: bit 0 where row i is left out.
    pub flags: BufferRange,
    /// Number of rows.
    pub count: usize,
    /// Rows that are not left out.
    pub kept: Vec<usize>,
}

impl<'g> Judge<'g> {
    /// Distances in a space, of which the `wanted` nearest or the ranks of `targets` rows are asked for.
    fn distances(&self, space: &Space, wanted: usize, targets: usize) -> Result<Distances<'g>> {
        Distances::new(self.gpu, space, &self.flags, self.count, [wanted, targets])
    }

    /// Quality by the `k` nearest of at most `sample` rows, spread evenly. Waits.
    ///
    /// # Errors
    /// When a kernel cannot be made, or the distances from one row to all others do not fit the adapter.
    pub(super) fn quality(&self, data: &Space, layout: &Space, k: usize, sample: usize) -> Result<Quality> {
        let n = self.kept.len();
        // Fewer rows have fewer neighbors; the formula wants n > 3 k / 2.
        let k = k.min((n.saturating_sub(1)) / 2).max(1);
        let every = n.div_ceil(sample.max(1)).max(1);
        let chosen: Vec<usize> = self.kept.iter().copied().step_by(every).collect();
        let (in_layout, in_data) = (self.distances(layout, k, 0)?, self.distances(data, 0, k)?);
        let (mut shared, mut beyond) = (0, 0);
        for samples in chosen.chunks(in_data.samples()) {
            in_layout.measure(samples);
            in_data.measure(samples);
            for nearer in in_data.count_nearer(&in_layout.nearest(samples.len())?, 1.0)?.concat() {
                let rank = nearer as usize + 1;
                shared += usize::from(rank <= k);
                beyond += rank.saturating_sub(k);
            }
        }
        let (n, k, judged) = (n as f64, k as f64, chosen.len().max(1) as f64);
        let scale = 2.0 / (judged * k * (2.0 * n - 3.0 * k - 1.0)).max(1.0);
        Ok(Quality { preserved: shared as f64 / (judged * k), trustworthiness: 1.0 - scale * beyond as f64 })
    }

    /// Recall of a neighbor search among `searched` rows: share of the exact `k` nearest of a row among its `k` neighbors, over at most
    /// `sample` rows, spread evenly. Any neighbor as near as the k-th counts: one than which fewer than k rows are nearer. `neighbors`
    /// gives those of some rows. Waits.
    ///
    /// # Errors
    /// As [`Judge::quality`].
    pub(super) fn recall(
        &self,
        searched: &Space,
        k: usize,
        neighbors: impl Fn(&[usize]) -> Vec<u32>,
        sample: usize,
    ) -> Result<f64> {
        let most = k.min(self.kept.len().saturating_sub(1));
        let every = self.count.div_ceil(sample.max(1)).max(1);
        let chosen: Vec<usize> =
            self.kept.iter().copied().filter(|row| row.is_multiple_of(every) && most > 0).collect();
        let distances = self.distances(searched, 0, k)?;
        let mut found = 0;
        for samples in chosen.chunks(distances.samples()) {
            distances.measure(samples);
            let there = |own: &[u32]| own.iter().copied().filter(|row| *row != u32::MAX).collect();
            let own: Vec<Vec<u32>> = neighbors(samples).chunks(k).map(there).collect();
            for nearer in distances.count_nearer(&own, SLACK)? {
                found += nearer.iter().filter(|nearer| (**nearer as usize) < most).count().min(most);
            }
        }
        Ok(found as f64 / (chosen.len() * most).max(1) as f64)
    }
}
