//! The live layouts of a trainer: when their rows are read, and their share of the GPU's time.
//!
//! Rows are read at the end of a step, when weights, gradients and maps belong together. While the network trains, layouts take
//! a small share of the time, each as much as the others; what one does not use at once it may use later, and what it used too
//! much it waits for. A layout that was just opened has more, until it is laid out for the first time.

use std::ops::Range;

use super::credit::{self, MAX_ITERATIONS};
use super::filters::Filters;
use super::images::Images;
use super::layout::Layout;
use super::source::{LayoutId, LayoutSource, RowSource};
use super::tensor_tiles::TensorTiles;
use crate::embed::{Drift, State};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Cost, Gpu, ReadbackRing, Recorder, TimedPasses};
use crate::nn::{TensorKind, TopK, Trainer, node_name};

/// Most timed passes per encoder.
const MAX_PASSES: u32 = 32;
/// Read-backs that may be on their way at once.
const READBACKS: usize = 48;

/// A timed pass of a layout.
struct Timed {
    layout: LayoutId,
    is_refresh: bool,
    piece: Cost,
}

/// A read-back of a layout; the number is the generation that it is of.
#[derive(Clone, Copy)]
enum Told {
    State(u32),
    /// The number of rows that are not left out.
    Kept(u32),
    /// The network's top classes of an image.
    Classes {
        image: u32,
    },
}

/// The live layouts, in the order in which they were opened.
pub struct Layouts {
    pub(super) open: Vec<Layout>,
    next_id: u64,
    /// By node: change of its filters over the last epoch, where it has any.
    pub(super) drifts: Vec<Option<Drift>>,
    /// The filters are to be kept for comparison before the next step.
    pub(super) keep_filters: bool,
    passes: TimedPasses<Timed>,
    told: ReadbackRing<(LayoutId, Told)>,
    /// Layout and image whose top classes are to come back.
    asked: Option<(LayoutId, u32)>,
}

impl Layouts {
    /// None open.
    ///
    /// # Errors
    /// When the copies of the filters do not fit the adapter.
    pub fn new(trainer: &Trainer) -> Result<Self> {
        let gpu = trainer.gpu();
        Ok(Self {
            open: Vec::new(),
            next_id: 0,
            drifts: drifts(trainer)?,
            keep_filters: true,
            passes: TimedPasses::new(gpu, MAX_PASSES),
            told: ReadbackRing::new(gpu, size_of::<State>() as u64, READBACKS),
            asked: None,
        })
    }

    /// The open layouts.
    pub fn open_ones(&self) -> &[Layout] {
        &self.open
    }

    /// An open layout.
    pub fn find(&self, id: LayoutId) -> Option<&Layout> {
        self.open.iter().find(|layout| layout.id() == id)
    }

    /// An open layout, to be changed.
    pub fn find_mut(&mut self, id: LayoutId) -> Option<&mut Layout> {
        self.open.iter_mut().find(|layout| layout.id() == id)
    }

    /// Number of the next layout.
    pub fn next_id(&self) -> LayoutId {
        LayoutId(self.next_id)
    }

    /// Leaves out numbers below `next`, which were given before.
    pub fn skip_ids(&mut self, next: u64) {
        self.next_id = self.next_id.max(next);
    }

    /// Checks a source against the network and the data; returns its number of rows.
    ///
    /// # Errors
    /// When there is no such node or tensor, fewer than 4 rows, or more images than the data set has.
    pub fn check(trainer: &Trainer, source: LayoutSource) -> Result<usize> {
        match source {
            LayoutSource::Tensor { node, kind } => {
                Ok(TensorTiles::open(trainer, node, kind)?.rows().tiles() as usize)
            }
            LayoutSource::Images(source) => Images::check(trainer, source).map(|()| source.count),
            LayoutSource::Filters => Ok(Filters::count_in(trainer)),
        }
    }

    /// Opens a layout in place of the one that its source replaces, in a run of `batch` images per step.
    ///
    /// # Errors
    /// As [`Layouts::check`], or when it does not fit the adapter; then nothing changes.
    pub fn open(&mut self, trainer: &Trainer, source: LayoutSource, batch: u32) -> Result<()> {
        Self::check(trainer, source)?;
        let id = self.next_id();
        let mut layout = Layout::new(trainer.gpu(), id, open_rows(trainer, source)?)
            .map_err(|error| refusal(trainer, source, &error))?;
        layout.every = default_interval(trainer, source, batch);
        if let Some(index) = self.open.iter().position(|open| source.replaces(&open.source())) {
            let former = self.open.remove(index);
            if source.keeps_cadence() {
                (layout.running, layout.every) = (former.running, former.every);
            }
        }
        self.next_id += 1;
        self.open.push(layout);
        Ok(())
    }

    /// Closes a layout.
    pub fn close(&mut self, id: LayoutId) {
        self.open.retain(|layout| layout.id() != id);
    }

    /// Moves a point of an open layout, as soon as the layout has begun; row and position must be valid.
    pub fn move_point(&mut self, gpu: &Gpu, id: LayoutId, row: u32, position: [f32; 2], pinned: bool) {
        self.find_mut(id).into_iter().for_each(|layout| layout.move_point(gpu, row, position, pinned));
    }

    /// Sum over a filter's coefficients of their absolute change over the last whole epoch, by filter; 0 before one ended.
    pub fn filter_drift(&self, node: usize) -> Option<&Buffer<f32>> {
        self.drifts.get(node)?.as_ref().map(|drift| &drift.values)
    }

    /// Asks for the network's top classes of an image; see [`Images::top_classes`].
    pub fn ask_for_image(&mut self, id: LayoutId, image: u32) {
        self.asked = Some((id, image));
    }

    /// The run was reset: earlier drifts do not count.
    pub fn restart(&mut self, gpu: &Gpu) {
        for drift in self.drifts.iter().flatten() {
            drift.values.write(gpu, 0, &vec![0.0; drift.values.len()]);
        }
        self.keep_filters = true;
        self.open.iter_mut().for_each(Layout::step_made);
    }

    /// The evaluation under way was given up: feature passes begin again.
    pub fn restart_features(&mut self) {
        self.open.iter_mut().for_each(Layout::restart_features);
    }

    /// True if a feature pass waits to begin.
    pub fn want_features(&self) -> bool {
        self.open.iter().any(Layout::wants_features)
    }

    /// Begins the feature pass of a layout that waits for one; returns the layout, and the images by their index in the loader's
    /// order of images.
    ///
    /// # Errors
    /// When it does not fit the adapter; it is not retried.
    pub fn begin_features(&mut self, trainer: &Trainer) -> Result<Option<(LayoutId, Range<usize>)>> {
        let Some(layout) = self.open.iter_mut().find(|layout| layout.wants_features()) else {
            return Ok(None);
        };
        let samples = layout.begin_features(trainer)?;
        Ok(Some((layout.id(), samples)))
    }

    /// Takes what is laid out from where the run keeps it now, and moves points that waited. Call between two submits; returns
    /// what is wrong with a layout, which is paused.
    pub fn follow(&mut self, trainer: &Trainer) -> Vec<Error> {
        let mut errors = Vec::new();
        for layout in &mut self.open {
            layout.move_waiting_points(trainer.gpu());
            if let Err(error) = layout.follow(trainer) {
                errors.push(error);
                layout.running = false;
            }
        }
        errors
    }

    /// Records what comes before the first step.
    pub fn record_begin(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if std::mem::take(&mut self.keep_filters) {
            self.drifts.iter().flatten().for_each(|drift| drift.keep.encode(encoder));
        }
    }

    /// A step was recorded: records the drifts of the filters at the end of an epoch, and marks the rows that it changed.
    pub fn after_step(&mut self, recorder: &mut Recorder<'_>, step: u32, ends_epoch: bool) {
        if ends_epoch {
            let encoder = recorder.encoder();
            for drift in self.drifts.iter().flatten() {
                drift.measure.encode(encoder);
                drift.keep.encode(encoder);
            }
        }
        for layout in self.open.iter_mut().filter(|layout| step.is_multiple_of(layout.every)) {
            layout.step_made();
        }
    }

    /// The probes' maps were computed again.
    pub fn after_probes(&mut self) {
        let of_probe = |kind| matches!(kind, TensorKind::Activations | TensorKind::ActivationGradients);
        for layout in self.open.iter_mut().filter(|layout| layout.is_of_tiles() && of_probe(layout.kind)) {
            layout.rows_changed();
        }
    }

    /// Records the copies after a pass of a layout's images; returns whether the layout is still open.
    pub fn after_pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        id: LayoutId,
        last: bool,
        step: u32,
    ) -> bool {
        let layout = self.find_mut(id);
        let there = layout.is_some();
        layout.into_iter().for_each(|layout| layout.after_pass(encoder, last, step));
        there
    }

    /// Grants the layouts a share of the milliseconds that the run took, or had.
    pub fn grant(&mut self, time_ms: f64, training: bool) {
        let shares: Vec<f64> = self.open.iter().map(|layout| self.share(layout, training)).collect();
        for (layout, share) in self.open.iter_mut().zip(shares) {
            layout.grant(share * time_ms, time_ms);
        }
    }

    /// Share of a layout in the time of the run.
    fn share(&self, layout: &Layout, training: bool) -> f64 {
        let awake = self.open.iter().filter(|layout| !layout.rests()).count();
        let beginning = self.open.iter().filter(|layout| layout.begins()).count();
        credit::share(training, awake, layout.begins().then_some(beginning))
    }

    /// Milliseconds of a submit, at most `most_ms`, in which no layout that begins has a larger share than it can use.
    pub fn submit_ms(&self, most_ms: f64) -> f64 {
        let beginning = self.open.iter().filter(|layout| layout.begins());
        let submit_ms =
            |layout: &Layout| credit::submit_ms(layout.iteration.total_ms(), self.share(layout, true));
        beginning.map(submit_ms).fold(most_ms, f64::min)
    }

    /// Index of the first layout that has credit for a piece of a refresh. Tensors of the run are `readable` only at the end of a
    /// step.
    pub fn next_refresh(&mut self, readable: bool) -> Option<usize> {
        self.open.iter_mut().position(|layout| layout.has_credit() && layout.refreshes(readable))
    }

    /// Records a piece of a layout's refresh.
    pub fn record_refresh(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, index: usize) {
        let layout = &mut self.open[index];
        let ends = self.passes.compute(encoder, "t-SNE", |pass| {
            let piece = layout.record_refresh(pass);
            let ends = piece.ends;
            (Timed { layout: layout.id(), is_refresh: true, piece }, ends)
        });
        if ends {
            layout.refreshed(gpu);
            let summary = layout.tsne().summary();
            let told = (layout.id(), Told::Kept(layout.generation()));
            // The second word.
            self.told.copy(encoder, &summary.buffer, summary.offset + 4, 4, told);
        }
    }

    /// Index of the first layout from `from` on that has credit for iterations.
    pub fn next_iterating(&self, from: usize) -> Option<usize> {
        let iterates = |layout: &Layout| layout.has_credit() && layout.iterates();
        Some(from + self.open.get(from..)?.iter().position(iterates)?)
    }

    /// Records as many iterations of a layout as its credit allows, or a part of one.
    pub fn record_iterations(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder, index: usize) {
        let layout = &mut self.open[index];
        let ends = self.passes.compute(encoder, "t-SNE", |pass| {
            let piece = layout.record_iterations(gpu, pass, MAX_ITERATIONS);
            let ends = piece.ends;
            (Timed { layout: layout.id(), is_refresh: false, piece }, ends)
        });
        if ends {
            let state = layout.tsne().state_range();
            let told = (layout.id(), Told::State(layout.generation()));
            self.told.copy(encoder, &state.buffer, state.offset, size_of::<State>() as u64, told);
        }
    }

    /// Records the copies of this encoder's times, and of what was asked for.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if let Some((id, image)) = self.asked.take() {
            let images = self.find(id).and_then(Layout::images);
            if let Some(best) = images.and_then(|images| images.best(image)) {
                let told = (id, Told::Classes { image });
                self.told.copy(encoder, &best.buffer, best.offset, best.size, told);
            }
        }
        self.passes.copy(encoder);
    }

    /// Call after the submit of the encoder.
    pub fn after_submit(&mut self) {
        self.passes.after_submit();
        self.told.after_submit();
    }

    /// Takes in what has arrived while the run is training or not; returns milliseconds of GPU time of the last encoder whose times did.
    pub fn poll(&mut self, training: bool) -> Option<f64> {
        for ((id, told), bytes) in self.told.take() {
            let Some(layout) = self.find_mut(id) else { continue };
            match told {
                Told::State(generation) if generation == layout.generation() => {
                    layout.take_state(bytemuck::pod_read_unaligned(&bytes));
                }
                Told::Kept(generation) if generation == layout.generation() => {
                    layout.take_kept(bytemuck::pod_read_unaligned(&bytes));
                }
                Told::Classes { image } => {
                    let best: TopK = bytemuck::pod_read_unaligned(&bytes);
                    layout.take_classes(image, best);
                }
                Told::State(_) | Told::Kept(_) => {}
            }
        }
        let mut total = None;
        for encoder in self.passes.take() {
            total = Some(encoder.iter().map(|(_, time_ms)| time_ms).sum());
            for (timed, time_ms) in encoder {
                if let Some(layout) = self.find_mut(timed.layout) {
                    layout.learn(timed.is_refresh, &timed.piece, time_ms, training);
                }
            }
        }
        total
    }
}

/// By node: the change of its filters over an epoch, where it has any.
pub(super) fn drifts(trainer: &Trainer) -> Result<Vec<Option<Drift>>> {
    let drift = |node| trainer.weights(node).map(|view| Drift::new(trainer.gpu(), &view)).transpose();
    (0..=trainer.network.layers.len()).map(drift).collect()
}

/// The rows of a source that was checked.
pub(super) fn open_rows(trainer: &Trainer, source: LayoutSource) -> Result<Box<dyn RowSource>> {
    let rows: Result<Box<dyn RowSource>> = match source {
        LayoutSource::Tensor { node, kind } => {
            TensorTiles::open(trainer, node, kind).map(|rows| Box::new(rows) as _)
        }
        LayoutSource::Images(images) => Images::open(trainer, images).map(|rows| Box::new(rows) as _),
        LayoutSource::Filters => Filters::open(trainer).map(|rows| Box::new(rows) as _),
    };
    rows.map_err(|error| refusal(trainer, source, &error))
}

/// An error of a layout with what it is a layout of.
pub(super) fn refusal(trainer: &Trainer, source: LayoutSource, error: &Error) -> Error {
    match source {
        LayoutSource::Tensor { node, .. } => {
            error.clone().within(node_name(&trainer.network, node).unwrap_or_default())
        }
        LayoutSource::Images(images) => Images::refusal(trainer, images, error),
        LayoutSource::Filters => error.clone().within("all filters"),
    }
}

/// Steps between two readings of the rows of a layout that was just opened in a run of `batch` images per step.
fn default_interval(trainer: &Trainer, source: LayoutSource, batch: u32) -> u32 {
    match source {
        LayoutSource::Tensor { .. } => 1,
        LayoutSource::Images(_) => (trainer.loader.train_images as u32).div_ceil(batch),
        LayoutSource::Filters => Filters::default_interval(trainer, batch),
    }
}
