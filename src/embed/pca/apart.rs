//! Rows far apart from most: few of them would take the principal directions, and leave the others none.
//!
//! They do not count in the directions, nor in the mean. What is left of them in the subspace may be nothing, so that they would lie amid
//! the others: their projections are made as long as the rows are.

use crate::embed::rows::{Rows, Summary};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

const APART: Source = wgsl!("embed/pca_apart.wgsl", ApartParams, Summary);

params! {
    struct ApartParams { count: u32, quads: u32, sample: u32, dims: u32, first_dim: u32, which: u32 }
}

/// Rows of which some may be far apart from most.
pub(super) struct Apart {
    rows: Rows,
    /// `[i]`: squared lengths of row i, and of its projection.
    squares: Buffer<[f32; 2]>,
}

impl Apart {
    pub(super) fn new(gpu: &Gpu, rows: &Rows) -> Self {
        Self { rows: rows.clone(), squares: Buffer::zeroed(gpu, "squared lengths", rows.stride) }
    }

    fn stage<'g>(&self, gpu: &'g Gpu) -> (Stage<'g>, ApartParams) {
        let rows = &self.rows;
        let stage = Stage::new(gpu, &APART, &[])
            .labelled("rows apart")
            .with("flags", rows.flags.range())
            .with("summary", rows.summary.range())
            .with("lengths", rows.lengths.range())
            .with("squares", self.squares.range());
        let (count, quads) = (rows.count as u32, rows.stride as u32 / 4);
        (stage, ApartParams { count, quads, ..Default::default() })
    }

    /// Records `projected`, `sample` quads of rows on each of `columns` directions, without the rows that are far apart, and centered
    /// without them.
    pub(super) fn leave_out(
        &self,
        plan: &mut PlanBuilder<'_>,
        projected: BufferRange,
        [sample, columns]: [u32; 2],
    ) -> Result<()> {
        let (stage, params) = self.stage(plan.gpu());
        let params = ApartParams { sample, ..params };
        stage.with("projected", projected).dispatch(plan, "leave_out", &params, [columns * 64, 1, 1])
    }

    /// Records projections of rows that are far apart, as long as the rows.
    pub(super) fn lengthen(&self, plan: &mut PlanBuilder<'_>, projected: &Rows) -> Result<()> {
        let (stage, params) = self.stage(plan.gpu());
        let mut each = |rows: &Rows, which, entry| {
            for (first_dim, dims, points) in rows.parts() {
                let params = ApartParams { dims: dims as u32, first_dim: first_dim as u32, which, ..params };
                stage.clone().with("points", points).dispatch(plan, entry, &params, [params.count, 1, 1])?;
            }
            Ok(())
        };
        each(&self.rows, 0, "add_squares")?;
        each(projected, 1, "add_squares")?;
        each(projected, 1, "lengthen")
    }
}
