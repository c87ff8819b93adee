//! Randomized PCA: wide rows projected on their principal components before the neighbor search.
//!
//! Block power iteration `Q ← orth(X Xᵀ Q)` with oversampling, without the `dims`² covariance, then the principal directions within
//! the subspace by Jacobi's method on the small matrix `Qᵀ X Xᵀ Q` (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.3).
//! Directions come from a sample of the rows, spread evenly, without those far apart from most; all rows are projected on them. Nothing
//! is read back.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, Source, Stage};
use crate::{params, wgsl};

use super::knn::products_per_dispatch;
use super::rows::Rows;
use apart::Apart;

mod apart;
#[cfg(test)]
mod tests;

const SUBSPACE: Source = wgsl!("embed/pca_subspace.wgsl", PcaParams);
const ROTATION: Source = wgsl!("embed/pca_rotation.wgsl", RotationParams);
/// Most components: one workgroup diagonalizes the small matrix.
const MAX_COMPONENTS: usize = 112;
/// Oversampling: further directions, at least.
const SPARE: usize = 8;
const ITERATIONS: usize = 5;
/// Turns of Gram-Schmidt.
const PASSES: u32 = 3;
/// Sweeps of Jacobi's method; the matrix is nearly diagonal before the first.
const SWEEPS: usize = 8;
/// Rows that the directions are computed from.
const SAMPLE: usize = 16_384;
/// Bytes of partial sums.
const MAX_PARTIAL_BYTES: usize = 16 << 20;
/// Rounds of a thread's loops in one dispatch: the software adapter's driver ends them after 65 535.
const MAX_ROUNDS: usize = 40_000;

params! {
    struct PcaParams {
        dims: u32, quads: u32, sample: u32, columns: u32, slices: u32, first: u32, end: u32, kept: u32, all: u32, first_dim: u32, first_pair: u32, pairs: u32, passes: u32,
    }
}
params! { struct RotationParams { dims: u32, columns: u32, slices: u32 } }

/// Rows projected on their principal components.
pub(super) struct Pca {
    /// `[component, i]`, with the flags of the rows.
    pub projected: Rows,
    rows: Rows,
    params: PcaParams,
    /// `[d, c]`: orthonormal basis of the subspace.
    directions: Buffer<f32>,
    /// `[d, c]`: principal directions.
    rotated: Buffer<f32>,
    /// `[c, i]`: sample projected on the basis.
    sample: Buffer<f32>,
    /// `[slice, d, c]`.
    partial_sums: Buffer<f32>,
    /// `[a, b]`: products of the projected sample.
    products: Buffer<f32>,
    /// `[a, b]`: eigenvectors of the products, as columns.
    rotation: Buffer<f32>,
    /// `[c]`: column of the rotation, by falling variance.
    order: Buffer<u32>,
    apart: Apart,
}

impl Pca {
    /// Room for centered rows projected on `components` directions, in buffers of at most `max_bytes`.
    ///
    /// # Errors
    /// When the rows have not more values than that, there are too many, or they do not fit the adapter.
    pub(super) fn new(gpu: &Gpu, rows: &Rows, components: usize, max_bytes: u64) -> Result<Self> {
        if components == 0 || components > MAX_COMPONENTS || components >= rows.dims {
            let what = format!("rows of {} values cannot be reduced to {components} components", rows.dims);
            let most = MAX_COMPONENTS.min(rows.dims - 1);
            return Err(Error::usage(what, format!("take from 1 to {most}, or leave the rows as they are")));
        }
        let (part, points) = Rows::split(gpu, rows.stride, components, max_bytes)?;
        let columns = (components + SPARE).next_multiple_of(16);
        let sample = rows.stride.min(SAMPLE);
        let widest = rows.dims.max(columns);
        let slices = (MAX_PARTIAL_BYTES / (widest * columns * 4)).clamp(1, 32);
        let params = PcaParams {
            dims: rows.dims as u32,
            all: rows.dims as u32,
            quads: (rows.stride / 4) as u32,
            sample: (sample / 4) as u32,
            columns: columns as u32,
            slices: slices as u32,
            kept: columns as u32,
            ..Default::default()
        };
        Ok(Self {
            projected: Rows { dims: components, part, points, ..rows.clone() },
            rows: rows.clone(),
            params,
            directions: Buffer::zeroed(gpu, "directions", rows.dims * columns),
            rotated: Buffer::zeroed(gpu, "principal directions", rows.dims * columns),
            sample: Buffer::zeroed(gpu, "projected sample", columns * sample),
            partial_sums: Buffer::zeroed(gpu, "partial sums", slices * widest * columns),
            products: Buffer::zeroed(gpu, "products", columns * columns),
            rotation: Buffer::zeroed(gpu, "rotation", columns * columns),
            order: Buffer::zeroed(gpu, "order", columns),
            apart: Apart::new(gpu, rows),
        })
    }

    /// Records the projection.
    ///
    /// # Errors
    /// When a kernel cannot be made.
    pub(super) fn record(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        self.find_subspace(plan)?;
        self.rotate(plan)?;
        self.project_all(plan)?;
        self.apart.lengthen(plan, &self.projected)
    }

    fn subspace<'g>(&self, gpu: &'g Gpu) -> Stage<'g> {
        Stage::new(gpu, &SUBSPACE, &[])
            .labelled("PCA")
            .with("directions", self.directions.range())
            .with("directions_in", self.directions.range())
            .with("projected", self.sample.range())
            .with("projected_in", self.sample.range())
            .with("partial_sums", self.partial_sums.range())
            .with("partial_sums_in", self.partial_sums.range())
    }

    /// Records directions[:, c] = X Xᵀ directions[:, c], orthonormalized, [`ITERATIONS`] times.
    fn find_subspace(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let params = self.params;
        let [dims, columns] = [params.dims, params.columns].map(|value| value as usize);
        let all = [params.dims * params.columns / 4, 1, 1];
        let stage = self.subspace(plan.gpu());
        stage.dispatch(plan, "begin", &params, all)?;
        let rounds =
            PASSES as usize * (dims.div_ceil(256 / (columns / 4)) + dims.div_ceil(256) * (columns / 4) + 64);
        let per_dispatch = (MAX_ROUNDS / rounds).max(1);
        // Of wide rows even one direction takes a dispatch for each turn.
        let passes = if rounds > MAX_ROUNDS { 1 } else { PASSES };
        for _ in 0..ITERATIONS {
            self.project_sample(plan)?;
            for (first_dim, dims, points) in self.rows.parts() {
                let params = PcaParams { first_dim: first_dim as u32, dims: dims as u32, ..params };
                self.back_project(plan, &params, points)?;
            }
            stage.dispatch(plan, "sum_parts", &params, all)?;
            for first in (0..columns).step_by(per_dispatch) {
                let end = (first + per_dispatch).min(columns) as u32;
                let params = PcaParams { first: first as u32, end, passes, ..params };
                for _ in 0..PASSES / passes {
                    stage.dispatch(plan, "orthonormalize", &params, [256, 1, 1])?;
                }
            }
        }
        Ok(())
    }

    /// Records rotated = the principal directions within the subspace, by falling variance.
    fn rotate(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let PcaParams { dims, columns, sample, slices, .. } = self.params;
        self.project_sample(plan)?;
        let small = PcaParams { dims: columns, all: columns, quads: sample, ..self.params };
        self.back_project(plan, &small, self.sample.range())?;
        let stage = Stage::new(plan.gpu(), &ROTATION, &[])
            .labelled("PCA")
            .with("directions_in", self.directions.range())
            .with("partial_sums_in", self.partial_sums.range())
            .with("products", self.products.range())
            .with("rotation", self.rotation.range())
            .with("rotation_in", self.rotation.range())
            .with("order", self.order.range())
            .with("order_in", self.order.range())
            .with("rotated", self.rotated.range());
        let params = RotationParams { dims, columns, slices };
        stage.dispatch(plan, "begin_rotation", &params, [columns * columns, 1, 1])?;
        for _ in 0..SWEEPS {
            stage.dispatch(plan, "sweep", &params, [256, 1, 1])?;
        }
        stage.dispatch(plan, "rank_columns", &params, [256, 1, 1])?;
        stage.dispatch(plan, "rotate_directions", &params, [dims * columns / 4, 1, 1])?;
        stage.dispatch(plan, "fix_signs", &params, [columns * 64, 1, 1])
    }

    /// Records projected[c, i] = Σ_d points[d, i] · rotated[d, c] for all rows.
    fn project_all(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        for (first, components, projected) in self.projected.parts() {
            let stage = self
                .subspace(plan.gpu())
                .with("projected", projected)
                .with("directions_in", self.rotated.range());
            for (first_dim, dims, points) in self.rows.parts() {
                let params = PcaParams {
                    sample: self.params.quads,
                    first: first as u32,
                    kept: components as u32,
                    first_dim: first_dim as u32,
                    dims: dims as u32,
                    ..self.params
                };
                project(plan, &stage.clone().with("points", points), &params)?;
            }
        }
        Ok(())
    }

    /// Records the sample projected on the directions.
    fn project_sample(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let stage = self.subspace(plan.gpu());
        for (first_dim, dims, points) in self.rows.parts() {
            let params = PcaParams { first_dim: first_dim as u32, dims: dims as u32, ..self.params };
            project(plan, &stage.clone().with("points", points), &params)?;
        }
        let PcaParams { sample, columns, .. } = self.params;
        self.apart.leave_out(plan, self.sample.range(), [sample, columns])
    }

    /// Records partial sums of points · projected sample.
    fn back_project(
        &self,
        plan: &mut PlanBuilder<'_>,
        params: &PcaParams,
        points: BufferRange,
    ) -> Result<()> {
        let threads = [params.dims.div_ceil(4), params.columns / 8, params.slices];
        self.subspace(plan.gpu())
            .with("points", points)
            .begin(plan, "back_project", params)?
            .flops(flops(params.sample * 4, params))
            .threads(threads)
    }
}

/// Records points projected on directions, a part per dispatch, so that none takes long.
fn project<'g>(plan: &mut PlanBuilder<'g>, stage: &Stage<'g>, params: &PcaParams) -> Result<()> {
    let columns = params.kept.next_multiple_of(16) as usize;
    let pairs = params.sample as usize / 2;
    let per_dispatch = (products_per_dispatch(plan.gpu()) / (8 * columns * params.dims as usize)).max(64);
    for first in (0..pairs).step_by(per_dispatch) {
        let some = per_dispatch.min(pairs - first) as u32;
        let params = PcaParams { first_pair: first as u32, pairs: some, ..*params };
        let dispatch = stage.begin(plan, "project", &params)?.flops(flops(some * 8, &params));
        dispatch.threads([some, columns as u32 / 16, 1])?;
    }
    Ok(())
}

/// Operations of a product of `points` points with the directions.
fn flops(points: u32, params: &PcaParams) -> u64 {
    2 * u64::from(points) * u64::from(params.dims) * u64::from(params.columns)
}
