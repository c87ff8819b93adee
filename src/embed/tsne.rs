//! t-SNE: rows, affinities, layout, and the step that moves it (delta-bar-delta gains and momentum, Jacobs 1988).
//!
//! The schedule lies on the GPU: with exaggeration e the step is n / e (Belkina et al. 2019), after it n.

use std::ops::Range;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

use super::affinities::{Affinities, rows_of_a_chunk};
use super::forces::{Method, Repulsion, attract};
use super::grid::Grid;
use super::neighbours::Neighbours;
use super::options::{Options, layout_bytes};
use super::principal::principal_components;
use super::reduction::Reduction;
use super::rows::Rows;

mod reads;

const TSNE: Source = wgsl!("embed/tsne.wgsl", TsneParams, Grid, Settings, State);
/// Blocks of the sums over all points.
const MOST_BLOCKS: usize = 256;
/// Entries of the ring of divergences.
const HISTORY: usize = 1024;
/// How often a refresh tells how far it is.
const TOLD: usize = 100;
const LEFT_OUT: u32 = 1;

params! { struct TsneParams { count: u32, stride: u32, seed: u32, blocks: u32, unit: f32 } }

params! {
    /// Settings that may change while it runs.
    pub struct Settings {
        /// Factor of the attraction at first.
        exaggeration: f32,
        /// Iterations with it.
        exaggeration_iterations: f32,
        /// Step size; 0 takes the number of rows.
        learning_rate: f32,
        /// Share of the last step that is kept, at first.
        early_momentum: f32,
        /// The same after the exaggeration.
        momentum: f32,
        /// Step size with exaggeration; 0 takes the number of rows divided by it.
        early_learning_rate: f32,
    }
}

impl Settings {
    /// Exaggeration 12 for 50 iterations; then momentum 0.9.
    pub const USUAL: Self = Self {
        exaggeration: 12.0,
        exaggeration_iterations: 50.0,
        learning_rate: 0.0,
        early_momentum: 0.8,
        momentum: 0.9,
        early_learning_rate: 0.0,
    };
}

params! {
    /// State of a layout.
    pub struct State {
        /// Iterations made.
        iteration: u32,
        /// Points that are pinned.
        pinned: u32,
        /// Z = Σ q̃ of the last iteration.
        normaliser: f32,
        /// Kullback-Leibler divergence before the last iteration's step.
        divergence: f32,
        /// Mean position.
        mean_x: f32,
        /// Mean position.
        mean_y: f32,
        /// Exaggeration in use.
        exaggeration: f32,
        /// Step size in use.
        rate: f32,
        /// Momentum in use.
        momentum: f32,
        /// Not used.
        motion: f32,
    }
}

/// A layout of rows in two dimensions.
pub struct Tsne {
    rows: Rows,
    /// The rows, or what they are reduced to.
    sought: Rows,
    reduction: Plan,
    affinities: Affinities,
    neighbours_plan: Plan,
    reading: Plan,
    refresh: Plan,
    begin: Plan,
    putting: Plan,
    put: Buffer<[f32; 4]>,
    iteration: Plan,
    settings: Buffer<Settings>,
    state: Buffer<State>,
    positions: Buffer<[f32; 2]>,
    motions: Buffer<[f32; 4]>,
    history: Buffer<[f32; 2]>,
    neighbours: usize,
    perplexity: f32,
    repulsion: Repulsion,
}

impl Tsne {
    /// Reads the rows (the tiles of `view`), makes their affinities and begins a layout along their principal components; its seed
    /// matters only where these are flat.
    ///
    /// # Errors
    /// When there are fewer than 4 rows, a setting is out of range, or something does not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView, perplexity: f32, settings: Settings, seed: u32) -> Result<Self> {
        let tsne = Self::prepare(gpu, view, perplexity, settings, seed)?;
        tsne.refresh(gpu);
        tsne.reset(gpu);
        Ok(tsne)
    }

    /// The same without doing anything yet: [`Tsne::refresh`] or [`Tsne::read_rows`] and then [`Tsne::reset`] must follow.
    ///
    /// # Errors
    /// As those of [`Tsne::new`].
    pub fn prepare(
        gpu: &Gpu,
        view: &TensorView,
        perplexity: f32,
        settings: Settings,
        seed: u32,
    ) -> Result<Self> {
        Self::prepare_with(gpu, view, perplexity, settings, seed, &Options::default())
    }

    /// The same as `options` say.
    ///
    /// # Errors
    /// As those of [`Tsne::new`], and when an option is out of range.
    pub fn prepare_with(
        gpu: &Gpu,
        view: &TensorView,
        perplexity: f32,
        settings: Settings,
        seed: u32,
        options: &Options,
    ) -> Result<Self> {
        check_perplexity(perplexity)?;
        let bytes = options.most_bytes(gpu);
        let rows = Rows::new(gpu, view, bytes)?;
        let (perplexity, k) = supported(perplexity, rows.count);
        gpu.check_memory("the layout", layout_bytes(rows.count, rows.dims, k, options, gpu.is_software()))?;
        let (sought, reduction) = Reduction::or_as_they_are(gpu, &rows, options.components, bytes)?;
        let a_chunk = rows_of_a_chunk(rows.count, k, bytes);
        let neighbours = Neighbours::new(gpu, &sought, k, a_chunk, options.search)?;
        let affinities = Affinities::new(gpu, &rows, &neighbours, perplexity)?;
        let Points { positions, motions, history, state, settings: settings_buffer, put } =
            Points::new(gpu, rows.count, rows.stride);
        let components = Buffer::<[f32; 2]>::zeroed(gpu, "components", rows.count);
        let attraction = Buffer::<[f32; 4]>::zeroed(gpu, "attraction", rows.count);
        let mut iteration = PlanBuilder::new(gpu);
        attract(gpu, &mut iteration, &affinities, &positions.range(), &attraction.range())?;
        let method = options.method.unwrap_or_else(|| Method::for_points(gpu, rows.count));
        let flags = rows.flags.range();
        let repulsion = Repulsion::new(gpu, &mut iteration, &positions, &flags, rows.count, method)?;
        let blocks = rows.count.div_ceil(1024).min(MOST_BLOCKS);
        let bindings = [
            ("settings", settings_buffer.range()),
            ("state", state.range()),
            ("flags", rows.flags.range()),
            ("attraction", attraction.range()),
            ("repulsion", repulsion.forces.range()),
            ("block_sums", Buffer::<[f32; 8]>::zeroed(gpu, "sums of blocks", blocks).range()),
            ("grid", repulsion.grid.range()),
            ("parts", repulsion.parts.range()),
            ("entropies", affinities.entropies.range()),
            ("positions", positions.range()),
            ("motions", motions.range()),
            ("history", history.range()),
            ("components", components.range()),
            ("put", put.range()),
        ];
        let params = TsneParams {
            count: rows.count as u32,
            stride: rows.stride as u32,
            seed,
            blocks: blocks as u32,
            unit: repulsion.unit,
        };
        let count = rows.count;
        let mut begin = PlanBuilder::new(gpu);
        begin.extend(&principal_components(gpu, &sought, &components)?);
        add(&mut begin, &bindings, &params, &[("begin", 256)])?;
        let steps = [("sum_block", blocks * 256), ("reduce", 256), ("update", count)];
        add(&mut iteration, &bindings, &params, &steps)?;
        let mut putting = PlanBuilder::new(gpu);
        add(&mut putting, &bindings, &params, &[("put_point", 1)])?;
        let (begin, iteration, putting) = (begin.finish(), iteration.finish(), putting.finish());
        let mut tsne = Self {
            refresh: Plan::default(),
            putting,
            put,
            affinities,
            neighbours_plan: neighbours.plan,
            reading: Plan::default(),
            begin,
            iteration,
            settings: settings_buffer,
            state,
            positions,
            motions,
            history,
            neighbours: k,
            perplexity,
            rows,
            repulsion,
            sought,
            reduction,
        };
        tsne.follow(gpu, view)?;
        tsne.set_settings(gpu, settings)?;
        Ok(tsne)
    }

    /// The perplexity in use: what was asked for, or the most that so many rows support.
    pub fn perplexity(&self) -> f32 {
        self.perplexity
    }

    /// Neighbours of a row.
    pub fn neighbours(&self) -> usize {
        self.neighbours
    }

    /// How the points push each other.
    pub fn repulsion(&self) -> &Repulsion {
        &self.repulsion
    }

    /// Buffers that the neighbours and affinities of the rows take.
    pub fn chunks(&self) -> usize {
        self.affinities.chunks.len()
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.rows.count
    }

    /// The next iteration uses these settings.
    ///
    /// # Errors
    /// When one is out of range; then nothing changes.
    pub fn set_settings(&self, gpu: &Gpu, settings: Settings) -> Result<()> {
        let least = |name: &str, value: f32, least: f32| {
            if value.is_finite() && value >= least {
                return Ok(());
            }
            Err(Error::usage(format!("the {name} is {value}"), format!("give it a value of {least} or more")))
        };
        least("exaggeration", settings.exaggeration, 1.0)?;
        least("number of iterations with exaggeration", settings.exaggeration_iterations, 0.0)?;
        least("learning rate", settings.learning_rate, 0.0)?;
        least("early learning rate", settings.early_learning_rate, 0.0)?;
        for momentum in [settings.momentum, settings.early_momentum] {
            if !(0.0..1.0).contains(&momentum) {
                let what = format!("the momentum is {momentum}");
                return Err(Error::usage(what, "give it a value from 0 to below 1"));
            }
        }
        self.settings.write(gpu, 0, &[settings]);
        Ok(())
    }

    /// From the next refresh on the rows are the tiles of `view`, as many and as large as before.
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
        self.reading = self.rows.reading(gpu, view)?;
        self.reading.extend(&self.reduction);
        self.refresh = self.reading.clone();
        self.refresh.extend(&self.neighbours_plan);
        self.refresh.extend(&self.affinities.plan);
        Ok(())
    }

    /// Reads the rows anew and makes their affinities; the layout goes on from where it is. No result is waited for.
    pub fn refresh(&self, gpu: &Gpu) {
        submit_each(gpu, &self.refresh);
    }

    /// Reads the rows anew, and no more: enough to begin along the principal components.
    pub fn read_rows(&self, gpu: &Gpu) {
        submit_each(gpu, &self.reading);
    }

    /// A refresh, timed: seconds until the rows are read and their neighbours known, then until the affinities are. Waits, and tells
    /// now and then the share of the dispatches that are done.
    pub fn refresh_timed(&self, gpu: &Gpu, tell: &mut dyn FnMut(f64)) -> [f64; 2] {
        let all = self.refresh.len();
        let some = all.div_ceil(TOLD).max(1);
        let mut done = 0;
        let mut seconds = |plan: &Plan| {
            let began = Instant::now();
            for index in 0..plan.len() {
                submit(gpu, plan, index..index + 1);
                done += 1;
                if done % some == 0 {
                    gpu.wait();
                    tell(done as f64 / all as f64);
                }
            }
            gpu.wait();
            began.elapsed().as_secs_f64()
        };
        let neighbours = seconds(&self.reading) + seconds(&self.neighbours_plan);
        [neighbours, seconds(&self.affinities.plan)]
    }

    /// The dispatches that read the rows, and reduce them where that was asked for.
    pub fn reading_plan(&self) -> &Plan {
        &self.reading
    }

    /// The dispatches of a refresh.
    pub fn refresh_plan(&self) -> &Plan {
        &self.refresh
    }

    /// How many dispatches of a refresh, from the first on, read the rows; the others work on a copy.
    pub fn reading_len(&self) -> usize {
        self.reading.len()
    }

    /// On the GPU: the largest absolute value of the rows (as bits), the number of rows that are not left out.
    pub fn summary(&self) -> BufferRange {
        self.rows.summary.range()
    }

    /// The dispatches that begin anew.
    pub fn begin_plan(&self) -> &Plan {
        &self.begin
    }

    /// Back to the principal components, at iteration 0.
    pub fn reset(&self, gpu: &Gpu) {
        submit_each(gpu, &self.begin);
    }

    /// Goes on from where another layout of as many rows is.
    pub fn take_over(&self, gpu: &Gpu, other: &Self) {
        let mut encoder = gpu.encoder("t-SNE");
        let pairs = [
            (self.positions.range(), other.positions.range()),
            (self.motions.range(), other.motions.range()),
            (self.history.range(), other.history.range()),
            (self.state.range(), other.state.range()),
            (self.rows.flags.range(), other.rows.flags.range()),
        ];
        for (to, of) in pairs {
            encoder.copy_buffer_to_buffer(&of.buffer, 0, &to.buffer, 0, to.size.min(of.size));
        }
        gpu.submit(encoder);
    }

    /// The dispatches of one iteration.
    pub fn iteration_plan(&self) -> &Plan {
        &self.iteration
    }

    /// Submits iterations, some at a time, so that no submit takes long. No result is waited for.
    pub fn iterate(&self, gpu: &Gpu, iterations: usize) {
        let a_submit = (30_000_000 / (self.rows.stride * self.rows.stride)).clamp(1, 50);
        for first in (0..iterations).step_by(a_submit) {
            let mut encoder = gpu.encoder("t-SNE");
            for _ in first..(first + a_submit).min(iterations) {
                self.iteration.encode(&mut encoder);
            }
            gpu.submit(encoder);
        }
    }

    /// Positions on the GPU: two values a row. Rows that are left out stand at 1e15.
    pub fn positions(&self) -> BufferRange {
        self.positions.range()
    }

    /// Puts row `index` somewhere and, if it is pinned, keeps it there, while it goes on exerting forces. A submit of its own;
    /// nothing is waited for.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn place(&self, gpu: &Gpu, index: usize, position: [f32; 2], pinned: bool) -> Result<()> {
        if index >= self.rows.count || !position.iter().all(|p| p.is_finite()) {
            let what = format!("row {index} cannot be put at {position:?}");
            return Err(Error::new(what, format!("there are rows 0 to {}", self.rows.count - 1)));
        }
        let [x, y] = position;
        self.put.write(gpu, 0, &[[index as f32, x, y, if pinned { 1.0 } else { 0.0 }]]);
        submit_each(gpu, &self.putting);
        Ok(())
    }

    /// The layout's [`State`] on the GPU.
    pub fn state_range(&self) -> BufferRange {
        self.state.range()
    }

    /// Which rows are left out (bit 0) or pinned (bit 1), on the GPU.
    pub fn flags(&self) -> BufferRange {
        self.rows.flags.range()
    }
}

/// What a layout keeps from one iteration to the next.
struct Points {
    positions: Buffer<[f32; 2]>,
    motions: Buffer<[f32; 4]>,
    history: Buffer<[f32; 2]>,
    state: Buffer<State>,
    settings: Buffer<Settings>,
    put: Buffer<[f32; 4]>,
}

impl Points {
    fn new(gpu: &Gpu, count: usize, stride: usize) -> Self {
        Self {
            positions: Buffer::zeroed(gpu, "positions", stride),
            motions: Buffer::zeroed(gpu, "motions", count),
            history: Buffer::zeroed(gpu, "divergences", HISTORY),
            state: Buffer::zeroed(gpu, "state", 1),
            settings: Buffer::zeroed(gpu, "settings", 1),
            put: Buffer::zeroed(gpu, "put", 1),
        }
    }
}

fn check_perplexity(perplexity: f32) -> Result<()> {
    if perplexity.is_finite() && perplexity >= 1.0 {
        return Ok(());
    }
    let what = format!("the perplexity is {perplexity}");
    Err(Error::usage(what, "give it a value of 1 or more, such as 30"))
}

/// The perplexity that so many rows support, three neighbours for each of it; and the neighbours.
fn supported(perplexity: f32, rows: usize) -> (f32, usize) {
    let perplexity = perplexity.min((rows - 1) as f32 / 3.0);
    // A hair more, lest rounding takes the last neighbour.
    (perplexity, ((3.0 * perplexity + 1e-3) as usize).clamp(1, rows - 1))
}

/// Adds entry points of the step, each with its number of threads, and what they bind.
fn add(
    plan: &mut PlanBuilder<'_>,
    bindings: &[(&str, BufferRange)],
    params: &TsneParams,
    entries: &[(&'static str, usize)],
) -> Result<()> {
    for (entry, threads) in entries {
        let kernel = plan.gpu().kernel(&TSNE, entry, &[])?;
        let mut dispatch = plan.dispatch(&format!("t-SNE {entry}"), &kernel).params(params);
        dispatch = dispatch.bind_those(bindings.iter().cloned());
        dispatch.threads([*threads as u32, 1, 1])?;
    }
    Ok(())
}

/// Submits each dispatch by itself: some take as long as a submit should.
fn submit_each(gpu: &Gpu, plan: &Plan) {
    (0..plan.len()).for_each(|index| submit(gpu, plan, index..index + 1));
}

fn submit(gpu: &Gpu, plan: &Plan, dispatches: Range<usize>) {
    let mut encoder = gpu.encoder("t-SNE");
    plan.record(&mut encoder.begin_compute_pass(&Default::default()), dispatches);
    gpu.submit(encoder);
}
