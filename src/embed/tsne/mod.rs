//! t-SNE: rows, affinities, layout, and the step that moves it (delta-bar-delta gains and momentum, Jacobs 1988).
//!
//! The schedule is on the GPU: with exaggeration e the learning rate is n / e (Belkina et al. 2019), after it n.

use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source, Stage, TensorView};
use crate::{params, wgsl};

use super::affinities::{Affinities, rows_per_chunk};
use super::attraction::attract;
use super::far_rows::pull_in;
use super::grid::Grid;
use super::knn::KnnResult;
use super::memory::layout_bytes;
use super::neighbors::search_neighbors;
use super::order::Order;
use super::pca::Pca;
use super::pca_init::principal_components;
use super::repulsion::{Repulsion, method_for};
use super::rows::{Rows, Summary};

mod builder;
mod carried;
mod judged;
mod points;
mod read;
mod run;
mod settings;
#[cfg(test)]
mod tests;

pub use builder::TsneBuilder;
pub use settings::{Settings, State, check_perplexity};

use points::{Divergence, Pin, Points};

const TSNE: Source = wgsl!("embed/tsne.wgsl", TsneParams, Grid, Settings, State, Divergence, Pin, Summary);
/// Blocks of the sums over all points.
const MAX_BLOCKS: usize = 256;

params! { struct TsneParams { count: u32, stride: u32, seed: u32, blocks: u32, unit: f32 } }

/// A layout of rows in two dimensions.
pub struct Tsne {
    rows: Rows,
    /// Rows of the neighbor search: `rows`, or their principal components.
    searched: Rows,
    affinities: Affinities,
    repulsion: Repulsion,
    points: Points,
    params: TsneParams,
    perplexity: f32,
    neighbors: usize,
    plans: Plans,
}

/// Prepared dispatches of a layout.
#[derive(Default)]
struct Plans {
    /// Rows read, scaled, centered, and projected on principal components.
    read: Plan,
    /// Projection on principal components; empty without them.
    project: Plan,
    search: Plan,
    affinities: Plan,
    /// All of a refresh.
    refresh: Plan,
    /// Initial positions.
    begin: Plan,
    step: Plan,
    pin: Plan,
}

impl TsneBuilder {
    /// Room and plans for a layout of the rows (tiles) of `view`: [`Tsne::refresh`] or [`Tsne::read_rows`] and then [`Tsne::reset`] must
    /// follow.
    ///
    /// # Errors
    /// When there are fewer than 4 rows, a setting or an option is out of range, or something does not fit the adapter.
    pub fn build(&self, gpu: &Gpu, view: &TensorView) -> Result<Tsne> {
        Tsne::build(gpu, view, self)
    }
}

impl Tsne {
    /// A layout with default options: reads the rows (tiles) of `view`, computes their affinities, and starts along their principal
    /// components.
    ///
    /// # Errors
    /// As [`TsneBuilder::build`].
    pub fn new(gpu: &Gpu, view: &TensorView, perplexity: f32, settings: Settings, seed: u32) -> Result<Self> {
        let tsne = TsneBuilder::new(perplexity).settings(settings).seed(seed).build(gpu, view)?;
        tsne.refresh(gpu);
        tsne.reset(gpu);
        Ok(tsne)
    }

    fn build(gpu: &Gpu, view: &TensorView, builder: &TsneBuilder) -> Result<Self> {
        let options = &builder.options;
        check_perplexity(builder.perplexity)?;
        let max_bytes = options.buffer_limit(gpu);
        let rows = Rows::new(gpu, view, max_bytes)?;
        let (perplexity, k) = supported(builder.perplexity, rows.count);
        let bytes = layout_bytes(rows.count, rows.dims, k, options, gpu.is_software());
        gpu.check_memory("the layout", bytes)?;
        let components = options.components.filter(|components| *components < rows.dims);
        let pca = components.map(|count| Pca::new(gpu, &rows, count, max_bytes)).transpose()?;
        let searched = pca.as_ref().map_or_else(|| rows.clone(), |pca| pca.projected.clone());
        let chunk = rows_per_chunk(rows.count, k, max_bytes);
        let nearest = KnnResult::new(gpu, rows.count, k, chunk, false);
        let mut affinities = Affinities::new(gpu, &rows, &nearest, perplexity)?;
        let (search, row_ids) =
            search_neighbors(gpu, &searched, &nearest, options.search, affinities.scratch())?;
        // The software adapter's processor has caches for all positions.
        let row_ids = row_ids.filter(|_| builder.by_list && !gpu.profile().large_tiles);
        affinities.set_order(row_ids.map(|row_ids| Order::new(gpu, row_ids)));
        let blocks = rows.count.div_ceil(1024).min(MAX_BLOCKS);
        let scratch = &mut affinities.scratch_after();
        let points = Points::new(gpu, [rows.count, rows.stride, blocks], scratch);
        let method = method_for(options, gpu.is_software(), gpu.profile().large_tiles, rows.count);
        let of = (rows.count, affinities.order());
        let repulsion = Repulsion::within(gpu, &points.positions, &rows.flags.range(), of, method, scratch)?;
        let params = TsneParams {
            count: rows.count as u32,
            stride: rows.stride as u32,
            seed: builder.seed,
            blocks: blocks as u32,
            unit: repulsion.unit,
        };
        let plans = Plans { search, ..Plans::default() };
        let mut tsne =
            Self { rows, searched, affinities, repulsion, points, params, perplexity, neighbors: k, plans };
        tsne.plans.project = plan_of(gpu, |plan| pca.map_or(Ok(()), |pca| pca.record(plan)))?;
        tsne.plans.affinities = plan_of(gpu, |plan| tsne.affinities.record(plan))?;
        tsne.plans.begin = plan_of(gpu, |plan| tsne.record_begin(plan))?;
        tsne.plans.step = plan_of(gpu, |plan| tsne.record_step(plan))?;
        tsne.plans.pin =
            plan_of(gpu, |plan| tsne.stage(gpu).dispatch(plan, "pin_point", &params, [1, 1, 1]))?;
        tsne.follow(gpu, view)?;
        tsne.set_settings(gpu, builder.settings)?;
        Ok(tsne)
    }

    /// One iteration.
    fn record_step(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        let (stage, params, points) = (self.stage(plan.gpu()), &self.params, &self.points);
        // 1. Attraction by the neighbors: Σ_j p_ij q̃_ij (y_i − y_j).
        let order = self.affinities.order();
        order.map_or(Ok(()), |order| order.arrange(plan, points.positions.range()))?;
        attract(plan, (&self.affinities, order), points.positions.range(), points.attraction.clone())?;
        // 2. Repulsion by all other points: Σ_j q̃_ij² (y_i − y_j), pair by pair or by a mesh.
        self.repulsion.record(plan)?;
        // 3. Sums over blocks of points: terms of Z, of the divergence, of the mean.
        stage.dispatch(plan, "sum_block", params, [params.blocks * 256, 1, 1])?;
        // 4. Their totals, and the schedule: exaggeration, learning rate, momentum.
        stage.dispatch(plan, "reduce", params, [256, 1, 1])?;
        // 5. Gains, velocities, positions.
        stage.dispatch(plan, "update", params, [params.count, 1, 1])
    }

    /// Initial positions.
    fn record_begin(&self, plan: &mut PlanBuilder<'_>) -> Result<()> {
        // 1. Two principal components.
        principal_components(plan, &self.searched, self.points.components.range())?;
        // 2. Positions along them, velocities 0, gains 1, iteration 0.
        let stage = self.stage(plan.gpu());
        stage.dispatch(plan, "begin", &self.params, [256, 1, 1])?;
        stage.dispatch(plan, "begin_state", &self.params, [256, 1, 1])
    }

    /// One refresh.
    fn record_refresh(&self, plan: &mut PlanBuilder<'_>) {
        // 1. Rows: read, scaled, centered, far ones pulled in; projected on their principal components where that was asked for.
        plan.extend(&self.plans.read);
        // 2. Nearest neighbors.
        plan.extend(&self.plans.search);
        // 3. Affinities.
        plan.extend(&self.plans.affinities);
    }

    /// From the next refresh on the rows are the tiles of `view`, of the same number and size as before.
    ///
    /// # Errors
    /// When they are not; then nothing changes.
    pub fn follow(&mut self, gpu: &Gpu, view: &TensorView) -> Result<()> {
        let [count, channels, height, width] = view.extents.map(|extent| extent as usize);
        if (count, channels * height * width) != (self.rows.count, self.rows.dims) {
            let (rows, dims) = (self.rows.count, self.rows.dims);
            let what = format!("{count} rows of other sizes cannot take the place of {rows} rows of {dims}");
            return Err(Error::new(what, "begin a new layout"));
        }
        self.plans.read = plan_of(gpu, |plan| {
            self.rows.read_from(plan, view)?;
            pull_in(plan, &self.rows)?;
            plan.extend(&self.plans.project);
            Ok(())
        })?;
        let mut refresh = PlanBuilder::new(gpu);
        self.record_refresh(&mut refresh);
        self.plans.refresh = refresh.finish();
        Ok(())
    }

    /// Entry points of the step, and the buffers that they bind.
    fn stage<'g>(&self, gpu: &'g Gpu) -> Stage<'g> {
        let points = &self.points;
        Stage::new(gpu, &TSNE, &[])
            .labelled("t-SNE")
            .with("settings", points.settings.range())
            .with("state", points.state.range())
            .with("flags", self.rows.flags.range())
            .with("attraction", points.attraction.clone())
            .with("repulsion", self.repulsion.forces.range())
            .with("block_sums", points.block_sums.range())
            .with("grid", self.repulsion.grid.range())
            .with("parts", self.repulsion.parts.range())
            .with("entropies", self.affinities.entropies.range())
            .with("positions", points.positions.range())
            .with("velocity_gains", points.velocity_gains.range())
            .with("history", points.history.range())
            .with("components", points.components.range())
            .with("pin", points.pin.range())
            .with("summary", self.rows.summary.range())
            .with("lengths", self.rows.lengths.range())
            .with("leaders", self.affinities.leaders.range())
    }

    /// Perplexity in use: the one asked for, or the highest that the number of rows supports.
    pub fn perplexity(&self) -> f32 {
        self.perplexity
    }

    /// Neighbors of a row.
    pub fn neighbors(&self) -> usize {
        self.neighbors
    }

    /// Repulsion of the points.
    pub fn repulsion(&self) -> &Repulsion {
        &self.repulsion
    }

    /// Chunks that the neighbors and affinities of the rows are split into.
    pub fn chunks(&self) -> usize {
        self.affinities.chunks.len()
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.rows.count
    }

    /// Positions on the GPU: two values a row. Rows that are left out are at 1e15.
    pub fn positions(&self) -> BufferRange {
        self.points.positions.range()
    }

    /// [`State`] of the layout on the GPU.
    pub fn state_range(&self) -> BufferRange {
        self.points.state.range()
    }

    /// Flags of the rows on the GPU: left out (bit 0), pinned (bit 1).
    pub fn flags(&self) -> BufferRange {
        self.rows.flags.range()
    }

    /// Summary of the rows on the GPU: largest absolute value (as bits), number of rows that are not left out.
    pub fn summary(&self) -> BufferRange {
        self.rows.summary.range()
    }
}

/// Highest perplexity up to the given one that `rows` rows support, at three neighbors each; and the neighbors.
fn supported(perplexity: f32, rows: usize) -> (f32, usize) {
    let perplexity = perplexity.min((rows - 1) as f32 / 3.0);
    // A little more, so that rounding does not lose the last neighbor.
    (perplexity, ((3.0 * perplexity + 1e-3) as usize).clamp(1, rows - 1))
}

/// Plan of the dispatches that `record` adds.
fn plan_of<'g>(gpu: &'g Gpu, record: impl FnOnce(&mut PlanBuilder<'g>) -> Result<()>) -> Result<Plan> {
    let mut plan = PlanBuilder::new(gpu);
    record(&mut plan)?;
    Ok(plan.finish())
}
