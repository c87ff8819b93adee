//! Rows far beyond most others: pulled in, so that one outlier does not cost the others their digits in `f32`.
//!
//! A row more than 1024 times as long as usual is far, where at most an eighth of the rows are. It is the neighbor of none but other
//! far rows, so that its distance matters only against theirs, whose order a logarithm keeps. Where no row is far nothing changes.

use crate::error::Result;
use crate::gpu::{PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::rows::{Rows, Summary};

const FAR_ROWS: Source = wgsl!("embed/far_rows.wgsl", FarParams, Summary);

params! { struct FarParams { count: u32, stride: u32, dims: u32, first_dim: u32 } }

/// Records the lengths of centered rows, and far ones pulled in.
///
/// # Errors
/// When a kernel cannot be made.
pub(super) fn pull_in(plan: &mut PlanBuilder<'_>, rows: &Rows) -> Result<()> {
    let count = rows.count as u32;
    let stage = Stage::new(plan.gpu(), &FAR_ROWS, &[])
        .labelled("rows")
        .with("flags", rows.flags.range())
        .with("summary", rows.summary.range())
        .with("lengths", rows.lengths.range())
        .with("middles", rows.middles.range());
    let params = FarParams { count, stride: rows.stride as u32, ..Default::default() };
    let each = |plan: &mut _, entry| {
        for (first_dim, dims, points) in rows.parts() {
            let params = FarParams { dims: dims as u32, first_dim: first_dim as u32, ..params };
            stage.clone().with("points", points).dispatch(plan, entry, &params, [count, 1, 1])?;
        }
        Ok(())
    };
    each(plan, "measure")?;
    stage.dispatch(plan, "find_far", &params, [256, 1, 1])?;
    each(plan, "pull_in")
}

#[cfg(test)]
mod tests {
    use super::pull_in;
    use crate::embed::testing::{open_gpu, run, upload, whole_rows};
    use crate::embed::twin;

    #[test]
    fn far_rows_are_pulled_in_and_others_scaled_as_by_the_twin() {
        let gpu = open_gpu();
        let middles: Vec<f64> = (0..7).map(|d| f64::from(d) - 300.0).collect();
        for (factor, far) in [(1.0, 0), (100.0, 3), (1e4, 3), (1e7, 1), (1e4, 30)] {
            let mut rows = whole_rows(60, 7, 3);
            rows[..far].iter_mut().flatten().for_each(|value| *value = factor * (*value + 1.0));
            rows.iter_mut().for_each(|row| row.iter_mut().zip(&middles).for_each(|(v, middle)| *v += middle));
            let made = upload(&gpu, &rows, &[], 60 * 4 * 4);
            made.middles.write(&gpu, 0, &middles.iter().map(|middle| *middle as f32).collect::<Vec<_>>());
            run(&gpu, |plan| pull_in(plan, &made));
            let (expected, apart) = twin::rows::pulled_in(&rows, &middles);
            assert_eq!(
                expected == rows,
                far == 0 || factor == 100.0 || far == 30,
                "more than an eighth are not far"
            );
            assert_eq!(apart.is_finite(), far == 1 || far == 3, "{factor}, {far}");
            let found = f64::from(made.summary.read(&gpu)[0].apart).min(3e38);
            assert!((found / apart.min(3e38) - 1.0).abs() < 1e-5, "{factor}, {far}: {found}, {apart}");
            for (found, expected) in made.read(&gpu).iter().flatten().zip(expected.iter().flatten()) {
                assert!(
                    (f64::from(*found) - expected).abs() <= 1e-5 * expected.abs().max(1e-3),
                    "{found}, {expected}"
                );
            }
        }
    }
}
