//! Wide rows reduced to their principal components, in which neighbours are sought.
//!
//! Block power iteration `Q ← orth(X Xᵀ Q)` with directions to spare, without the covariance of `dims`² values, and then the
//! principal directions within the subspace, by Jacobi's method on the small matrix `Qᵀ X Xᵀ Q` (Halko, Martinsson and Tropp 2011,
//! algorithms 4.4 and 5.3). Directions are those of a sample of the rows, spread evenly; all rows are taken along them. Nothing is read
//! back.

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::rows::Rows;
use super::search::products_of_a_dispatch;

const REDUCTION: Source = wgsl!("embed/reduction.wgsl", ReductionParams);
/// Components at most: the small matrix is turned by one workgroup.
pub(super) const MOST_COMPONENTS: usize = 112;
/// Directions to spare at least.
const SPARE: usize = 8;
const ITERATIONS: usize = 5;
/// Sweeps of Jacobi's method; the matrix is nearly diagonal before the first.
const SWEEPS: usize = 8;
/// Rows that the directions are found from.
const SAMPLE: usize = 16_384;
/// Bytes of sums that are not yet added up.
const MOST_PARTS: usize = 16 << 20;
/// Rounds of a thread's loops in one dispatch: the software adapter's driver ends them after 65 535.
const MOST_ROUNDS: usize = 40_000;

params! {
    struct ReductionParams {
        dims: u32, quads: u32, sample: u32, columns: u32, slices: u32, first: u32, end: u32, kept: u32, all: u32, first_dim: u32, first_pair: u32, pairs: u32,
    }
}

/// Rows along their principal components.
pub(super) struct Reduction {
    /// `[component, i]`, with the flags of the rows they are made of.
    pub rows: Rows,
    /// Makes them of the rows.
    pub plan: Plan,
}

impl Reduction {
    /// The rows reduced to `components` and what makes them so; the rows themselves and nothing to do where none are asked for or the
    /// rows have no more values.
    ///
    /// # Errors
    /// As those of [`Reduction::new`].
    pub fn or_as_they_are(
        gpu: &Gpu,
        rows: &Rows,
        components: Option<usize>,
        bytes: u64,
    ) -> Result<(Rows, Plan)> {
        match components.filter(|components| *components < rows.dims) {
            None => Ok((rows.share(), Plan::default())),
            Some(components) => Self::new(gpu, rows, components, bytes).map(|made| (made.rows, made.plan)),
        }
    }

    /// Prepares to reduce centred rows to `components` values each, in buffers of at most `bytes`.
    ///
    /// # Errors
    /// When the rows have not more values than that, there are too many, or they do not fit the adapter.
    pub fn new(gpu: &Gpu, rows: &Rows, components: usize, bytes: u64) -> Result<Self> {
        if components == 0 || components > MOST_COMPONENTS || components >= rows.dims {
            let what = format!("rows of {} values cannot be reduced to {components} components", rows.dims);
            let most = MOST_COMPONENTS.min(rows.dims - 1);
            return Err(Error::usage(what, format!("take from 1 to {most}, or leave the rows as they are")));
        }
        let (part, points) = Rows::parts(gpu, rows.stride, components, bytes)?;
        let reduced = Rows {
            count: rows.count,
            dims: components,
            stride: rows.stride,
            part,
            points,
            bytes,
            flags: Buffer::of_range(&rows.flags.range()),
            summary: Buffer::of_range(&rows.summary.range()),
        };
        let columns = (components + SPARE).next_multiple_of(16);
        let sample = rows.stride.min(SAMPLE);
        let mut steps = Steps::new(gpu, rows, columns, sample);
        steps.find_subspace()?;
        steps.turn()?;
        steps.project_all(&reduced)?;
        Ok(Self { rows: reduced, plan: steps.plan.finish() })
    }
}

/// The plan in the making.
struct Steps<'a> {
    gpu: &'a Gpu,
    plan: PlanBuilder<'a>,
    rows: &'a Rows,
    params: ReductionParams,
    directions: Buffer<f32>,
    turned: Buffer<f32>,
    projected: Buffer<f32>,
    parts: Buffer<f32>,
    products: Buffer<f32>,
    turns: Buffer<f32>,
    order: Buffer<u32>,
}

impl<'a> Steps<'a> {
    fn new(gpu: &'a Gpu, rows: &'a Rows, columns: usize, sample: usize) -> Self {
        let widest = rows.dims.max(columns);
        let slices = (MOST_PARTS / (widest * columns * 4)).clamp(1, 32);
        let params = ReductionParams {
            dims: rows.dims as u32,
            all: rows.dims as u32,
            quads: (rows.stride / 4) as u32,
            sample: (sample / 4) as u32,
            columns: columns as u32,
            slices: slices as u32,
            kept: columns as u32,
            ..Default::default()
        };
        Self {
            gpu,
            plan: PlanBuilder::new(gpu),
            rows,
            params,
            directions: Buffer::zeroed(gpu, "directions", rows.dims * columns),
            turned: Buffer::zeroed(gpu, "principal directions", rows.dims * columns),
            projected: Buffer::zeroed(gpu, "sample along directions", columns * sample),
            parts: Buffer::zeroed(gpu, "sums of slices", slices * widest * columns),
            products: Buffer::zeroed(gpu, "products", columns * columns),
            turns: Buffer::zeroed(gpu, "turns", columns * columns),
            order: Buffer::zeroed(gpu, "order", columns),
        }
    }

    /// Adds a dispatch over the usual buffers, unless `instead` names others.
    fn add(
        &mut self,
        entry: &'static str,
        params: &ReductionParams,
        instead: &[(&str, BufferRange)],
        threads: [usize; 3],
    ) -> Result<()> {
        let kernel = self.gpu.kernel(&REDUCTION, entry, &[])?;
        let usual = [
            ("directions", self.directions.range()),
            ("known_directions", self.directions.range()),
            ("projected", self.projected.range()),
            ("known_projected", self.projected.range()),
            ("parts", self.parts.range()),
            ("known_parts", self.parts.range()),
            ("products", self.products.range()),
            ("turns", self.turns.range()),
            ("known_turns", self.turns.range()),
            ("order", self.order.range()),
            ("known_order", self.order.range()),
            ("turned", self.turned.range()),
        ];
        let kept = usual.into_iter().filter(|(name, _)| !instead.iter().any(|(other, _)| other == name));
        let points = if entry == "project" { params.pairs * 8 } else { params.sample * 4 };
        let products = u64::from(points) * u64::from(params.dims) * u64::from(params.columns);
        let mut dispatch =
            self.plan.dispatch(&format!("reduction {}", entry.replace('_', " ")), &kernel).params(params);
        dispatch = dispatch.bind_those(instead.iter().cloned().chain(kept));
        let flops = if entry.ends_with("project") { 2 * products } else { 0 };
        dispatch.flops(flops).threads(threads.map(|t| t as u32))
    }

    /// Adds the points along the directions, some at a time, so that no dispatch takes long.
    fn project(&mut self, params: &ReductionParams, instead: &[(&str, BufferRange)]) -> Result<()> {
        let columns = params.kept.next_multiple_of(16) as usize;
        let pairs = params.sample as usize / 2;
        let a_time = (products_of_a_dispatch(self.gpu) / (8 * columns * params.dims as usize)).max(64);
        for first in (0..pairs).step_by(a_time) {
            let some = a_time.min(pairs - first);
            let params = ReductionParams { first_pair: first as u32, pairs: some as u32, ..*params };
            self.add("project", &params, instead, [some, columns / 16, 1])?;
        }
        Ok(())
    }

    /// Adds the sample along the directions.
    fn project_sample(&mut self) -> Result<()> {
        let rows = self.rows;
        for (first_dim, dims, points) in rows.of_parts() {
            let params = ReductionParams { first_dim: first_dim as u32, dims: dims as u32, ..self.params };
            self.project(&params, &[("points", points)])?;
        }
        Ok(())
    }

    /// Adds directions[:, c] = X Xᵀ directions[:, c], orthonormal, some times over.
    fn find_subspace(&mut self) -> Result<()> {
        let (params, rows) = (self.params, self.rows);
        let [dims, columns] = [params.dims, params.columns].map(|value| value as usize);
        self.add("begin", &params, &[], [dims * columns / 4, 1, 1])?;
        let rounds = 3 * (dims.div_ceil(256 / (columns / 4)) + dims.div_ceil(256) * (columns / 4) + 64);
        let a_time = (MOST_ROUNDS / rounds).max(1);
        for _ in 0..ITERATIONS {
            self.project_sample()?;
            for (first_dim, dims, points) in rows.of_parts() {
                let params = ReductionParams { first_dim: first_dim as u32, dims: dims as u32, ..params };
                let groups = [dims.div_ceil(4), columns / 8, params.slices as usize];
                self.add("back_project", &params, &[("points", points)], groups)?;
            }
            self.add("sum_parts", &params, &[], [dims * columns / 4, 1, 1])?;
            for first in (0..columns).step_by(a_time) {
                let end = (first + a_time).min(columns) as u32;
                let params = ReductionParams { first: first as u32, end, ..params };
                self.add("orthonormalise", &params, &[], [256, 1, 1])?;
            }
        }
        Ok(())
    }

    /// Adds turned = the principal directions within the subspace, by falling variance.
    fn turn(&mut self) -> Result<()> {
        let params = self.params;
        let [dims, columns] = [params.dims, params.columns].map(|value| value as usize);
        self.project_sample()?;
        let own =
            ReductionParams { dims: params.columns, all: params.columns, quads: params.sample, ..params };
        let points = [("points", self.projected.range())];
        self.add("back_project", &own, &points, [columns / 4, columns / 8, params.slices as usize])?;
        self.add("begin_turning", &own, &[], [columns * columns, 1, 1])?;
        for _ in 0..SWEEPS {
            self.add("sweep", &params, &[], [256, 1, 1])?;
        }
        self.add("rank", &params, &[], [256, 1, 1])?;
        self.add("turn_directions", &params, &[], [dims * columns / 4, 1, 1])?;
        self.add("fix_signs", &params, &[], [columns / 4, 1, 1])
    }

    /// Adds reduced[c, i] = Σ_d points[d, i] · turned[d, c] for all rows.
    fn project_all(&mut self, reduced: &Rows) -> Result<()> {
        let rows = self.rows;
        for (first, components, projected) in reduced.of_parts() {
            for (first_dim, dims, points) in rows.of_parts() {
                let params = ReductionParams {
                    sample: self.params.quads,
                    first: first as u32,
                    kept: components as u32,
                    first_dim: first_dim as u32,
                    dims: dims as u32,
                    ..self.params
                };
                let instead = [
                    ("points", points),
                    ("projected", projected.clone()),
                    ("known_directions", self.turned.range()),
                ];
                self.project(&params, &instead)?;
            }
        }
        Ok(())
    }
}
