//! Initial positions: two principal components of centered rows, by simultaneous power iteration (Golub and Van Loan, "orthogonal
//! iteration").
//!
//! A few digits are enough for a start. Signs are fixed by the largest component of each direction. Rows far from most do not count in
//! the directions, so that one outlier does not take the first of them. A second component far smaller than the first is made
//! orthogonal to it over the rows, too: directions alone leave the first one's rounding in it.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::rows::{Rows, Summary};

const PCA_INIT: Source = wgsl!("embed/pca_init.wgsl", PcaInitParams, Summary);
/// Iterations; each shrinks the third component by λ₃ / λ₂.
const ITERATIONS: usize = 24;

params! { struct PcaInitParams { count: u32, stride: u32, dims: u32, first_dim: u32, last: u32 } }

/// Records `components`, two a row.
pub(super) fn principal_components(
    plan: &mut PlanBuilder<'_>,
    rows: &Rows,
    components: BufferRange,
) -> Result<()> {
    let directions = Buffer::<[f32; 2]>::zeroed(plan.gpu(), "directions", rows.dims);
    let stage = Stage::new(plan.gpu(), &PCA_INIT, &[])
        .labelled("initial")
        .with("directions", directions.range())
        .with("directions_in", directions.range())
        .with("components", components.clone())
        .with("components_in", components)
        .with("flags", rows.flags.range())
        .with("summary", rows.summary.range())
        .with("lengths", rows.lengths.range());
    let params = PcaInitParams {
        count: rows.count as u32,
        stride: rows.stride as u32,
        dims: rows.dims as u32,
        ..Default::default()
    };
    stage.dispatch(plan, "begin", &params, [params.dims, 1, 1])?;
    stage.dispatch(plan, "orthonormalize", &params, [256, 1, 1])?;
    for _ in 0..ITERATIONS {
        by_parts(plan, &stage, rows, &params, "project", |_| params.count)?;
        stage.dispatch(plan, "purify", &params, [256, 1, 1])?;
        by_parts(plan, &stage, rows, &params, "back_project", |dims| dims * 64)?;
        stage.dispatch(plan, "orthonormalize", &params, [256, 1, 1])?;
    }
    stage.dispatch(plan, "fix_signs", &params, [256, 1, 1])?;
    by_parts(plan, &stage, rows, &params, "project", |_| params.count)?;
    stage.dispatch(plan, "purify", &PcaInitParams { last: 1, ..params }, [256, 1, 1])
}

/// Records a kernel over each buffer of the points, `threads` for the dimensions of each.
fn by_parts<'g>(
    plan: &mut PlanBuilder<'g>,
    stage: &Stage<'g>,
    rows: &Rows,
    params: &PcaInitParams,
    entry: &'static str,
    threads: impl Fn(u32) -> u32,
) -> Result<()> {
    for (first_dim, dims, points) in rows.parts() {
        let params = PcaInitParams { first_dim: first_dim as u32, dims: dims as u32, ..*params };
        let threads = [threads(params.dims), 1, 1];
        stage.clone().with("points", points).dispatch(plan, entry, &params, threads)?;
    }
    Ok(())
}
