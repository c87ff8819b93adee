//! Judging a layout on the GPU. All of it waits.

use super::Tsne;
use crate::embed::quality::{Judge, Quality, Space};
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, TensorView};

impl Tsne {
    fn judge<'g>(&self, gpu: &'g Gpu) -> Judge<'g> {
        let left_out = self.left_out(gpu);
        let mut kept: Vec<usize> = (0..self.rows.count).collect();
        kept.retain(|row| left_out.binary_search(row).is_err());
        Judge { gpu, flags: self.rows.flags.range(), count: self.rows.count, kept }
    }

    /// Quality of positions `[i, 2]` of these rows, by the `k` nearest of at most `sample` rows, spread evenly. `given` are the rows as
    /// they were given, one axis of values each, whose differences are multiplied by `unit`: that of [`quality::unit`].
    ///
    /// # Errors
    /// When they are other rows, or the distances from one row to all others do not fit the adapter.
    ///
    /// [`quality::unit`]: crate::embed::quality::unit
    pub fn quality(
        &self,
        gpu: &Gpu,
        given: (&TensorView, f32),
        positions: BufferRange,
        [k, sample]: [usize; 2],
    ) -> Result<Quality> {
        let (view, unit) = given;
        if view.extents != [self.rows.count as u32, 1, 1, self.rows.dims as u32] {
            let what = format!("rows of {:?} values are not those of the layout", view.extents);
            return Err(Error::new(what, "judge it by the rows that it was made of"));
        }
        let data = Space::of_view(gpu, view, unit, self.rows.max_bytes);
        let layout = Space::of_positions(positions, self.rows.count);
        self.judge(gpu).quality(&data, &layout, k, sample)
    }

    /// Recall of the neighbor search over at most `sample` rows, spread evenly: share of their exact nearest rows that are among their
    /// neighbors. The rows are those that were searched: what a projection before the search changes is no fault of it.
    ///
    /// # Errors
    /// When the distances from one row to all others do not fit the adapter.
    pub fn recall(&self, gpu: &Gpu, sample: usize) -> Result<f64> {
        let neighbors = |rows: &[usize]| self.affinities.read_neighbors_of(gpu, rows);
        self.judge(gpu).recall(&Space::of_rows(&self.searched), self.neighbors, neighbors, sample)
    }
}
