//! One live layout: rows of a network laid out by t-SNE, following the training.

use std::any::Any;
use std::collections::BTreeMap;

use super::build::{iteration_work, prepare_tsne, refresh_plan, refresh_work};
use super::credit::Credit;
use super::filters::Filters;
use super::images::Images;
use super::progress::{Due, Progress, is_first};
use super::reexaggeration::Reexaggeration;
use super::seen::Seen;
use super::source::{LayoutId, LayoutSource, RowSource};
use crate::embed::{Settings, State, Tsne};
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, TensorView, Work};
use crate::nn::{TensorKind, TopK, Trainer};

/// Fewest points, as a multiple of the perplexity, of a layout that is exaggerated again: fewer are all neighbours, and collapse.
const MIN_REEXAGGERATED: f32 = 10.0;
/// A t-SNE layout of a source's rows.
pub struct Layout {
    /// Node whose rows are laid out: 0 is the input, n is layer n − 1; 0 for the filters of all layers.
    pub node: usize,
    /// Tensor of the node.
    pub kind: TensorKind,
    /// True while it iterates, false while it is paused.
    pub running: bool,
    /// Steps between two readings of the rows; where images are forwarded for them, between two feature passes.
    pub every: u32,
    id: LayoutId,
    pub(super) source: Box<dyn RowSource>,
    pub(super) tsne: Tsne,
    pub(super) tsne_bytes: u64,
    pub(super) refresh: Work,
    pub(super) iteration: Work,
    /// GPU time in milliseconds that it may use.
    pub(super) credit: Credit,
    pub(super) progress: Progress,
    pub(super) settings: Settings,
    pub(super) wanted_perplexity: f32,
    pub(super) reexaggeration: Reexaggeration,
    pub(super) seen: Seen,
    /// Points to be moved once the layout has begun: position, and whether it is pinned.
    pub(super) waiting_points: BTreeMap<u32, ([f32; 2], bool)>,
}

impl Layout {
    /// A layout that begins with its next refresh.
    pub(super) fn new(gpu: &Gpu, id: LayoutId, source: Box<dyn RowSource>) -> Result<Self> {
        let (node, kind) = source.source().node_and_kind();
        let (settings, perplexity) = (Settings::DEFAULT, source.perplexity());
        let (tsne, tsne_bytes) = prepare_tsne(gpu, &*source, perplexity, settings)?;
        Ok(Self {
            node,
            kind,
            running: true,
            every: 1,
            id,
            source,
            refresh: refresh_work(gpu, &tsne),
            iteration: iteration_work(gpu, &tsne),
            tsne,
            tsne_bytes,
            credit: Credit::default(),
            progress: Progress::new(),
            settings,
            wanted_perplexity: perplexity,
            reexaggeration: Reexaggeration::new(&settings),
            seen: Seen::default(),
            waiting_points: BTreeMap::new(),
        })
    }

    /// Its number.
    pub fn id(&self) -> LayoutId {
        self.id
    }

    /// The source of its rows.
    pub fn source(&self) -> LayoutSource {
        self.source.source()
    }

    /// Positions on the GPU, two values a row; rows that are left out stand at 1e15.
    pub fn positions(&self) -> BufferRange {
        self.tsne.positions()
    }

    /// Flags on the GPU: bit 0 for rows that are left out, bit 1 for pinned ones.
    pub fn flags(&self) -> BufferRange {
        self.tsne.flags()
    }

    /// The rows: tile `i` is row `i`.
    pub fn rows(&self) -> &TensorView {
        self.source.rows()
    }

    /// Picture of each row.
    pub fn tiles(&self) -> &TensorView {
        self.source.tiles()
    }

    /// Group of each row: its class or its layer.
    pub fn labels(&self) -> Option<&Buffer<u32>> {
        self.source.labels()
    }

    /// The images, where images are laid out.
    pub fn images(&self) -> Option<&Images> {
        (&*self.source as &dyn Any).downcast_ref()
    }

    /// The filters, where all filters of the network are laid out.
    pub fn filters(&self) -> Option<&Filters> {
        (&*self.source as &dyn Any).downcast_ref()
    }

    /// True if the tiles of one node's tensor are laid out.
    pub fn is_of_tiles(&self) -> bool {
        matches!(self.source(), LayoutSource::Tensor { .. })
    }

    /// The t-SNE itself, for tests and pictures.
    pub fn tsne(&self) -> &Tsne {
        &self.tsne
    }

    /// Iteration and divergence, a few frames old.
    pub fn state(&self) -> Option<&State> {
        self.seen.state()
    }

    /// Iterations and divergences, for a chart.
    pub fn divergences(&self) -> &[[f64; 2]] {
        self.seen.divergences()
    }

    /// Bytes on the GPU: rows, neighbours, affinities, positions.
    pub fn bytes(&self) -> u64 {
        self.source.bytes() + self.tsne_bytes
    }

    /// Number of rows that are left out because a value of theirs is not finite, a few frames old.
    pub fn left_out(&self) -> u32 {
        self.seen.rows_kept.map_or(0, |kept| self.rows().tiles().saturating_sub(kept))
    }

    /// True if all its rows are alike, as those of a dead layer are, a few frames old; then all points are in one place.
    pub fn all_alike(&self) -> bool {
        self.seen.state().is_some_and(|state| state.alike == 1)
    }

    /// Number of times that it was exaggerated again, because its points fitted changed rows worse.
    pub fn reexaggerations(&self) -> u32 {
        self.reexaggeration.times()
    }

    /// Settings in use.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Perplexity asked for; the one in use may be less (see [`Layout::perplexity`]).
    pub fn wanted_perplexity(&self) -> f32 {
        self.wanted_perplexity
    }

    /// Perplexity in use: a third of the other rows at most.
    pub fn perplexity(&self) -> f32 {
        self.tsne.perplexity()
    }

    /// Estimated GPU milliseconds of a refresh, and of an iteration.
    pub fn costs_ms(&self) -> (f64, f64) {
        (self.refresh.cost_ms(0..self.refresh_len()), self.iteration.total_ms())
    }

    /// True if its rows follow the training; tensors of the run always do.
    pub fn follows(&self) -> bool {
        self.source.features().is_none_or(|features| features.follows())
    }

    /// Step whose weights its images went through last, where they went through any.
    pub fn forwarded_at(&self) -> Option<u32> {
        self.source.features().and_then(|features| features.step())
    }

    /// Number of images that it forwards.
    pub fn forwards(&self) -> usize {
        self.source.features().map_or(0, |features| features.samples().len())
    }

    /// True while it neither iterates nor is about to.
    pub fn rests(&self) -> bool {
        let forwards = self.source.features().is_some_and(|features| features.is_to_come());
        let waits = if self.running {
            self.progress.is_iterating()
                || self.iteration.is_under_way()
                || self.progress.due() > Due::Nothing
        } else {
            self.progress.due() > Due::Rows
        };
        !waits && !forwards && !self.refresh.is_under_way()
    }

    /// True while it is laid out for the first time, or from the beginning.
    pub fn begins(&self) -> bool {
        self.progress.makes_affinities() || self.running && is_first(self.reexaggeration.iterations())
    }

    /// Recorded share of the refresh under way, 0 to 1.
    pub fn refresh_progress(&self) -> Option<f64> {
        self.refresh.progress()
    }

    /// True while its images wait to be forwarded.
    pub fn wants_features(&self) -> bool {
        self.source.features().is_some_and(|features| features.is_wanted())
    }

    /// Dispatches of a refresh that does not begin the layout.
    pub(super) fn refresh_len(&self) -> usize {
        self.tsne.refresh_plan().len()
    }

    /// Sets the settings of the next iteration.
    ///
    /// # Errors
    /// When one is out of range; then nothing changes.
    pub fn set_settings(&mut self, gpu: &Gpu, settings: Settings) -> Result<()> {
        self.tsne.set_settings(gpu, settings)?;
        self.settings = settings;
        self.progress.wake();
        Ok(())
    }

    /// Makes the affinities again with another perplexity; positions stay. No kernel is compiled for it, and nothing is waited for.
    ///
    /// # Errors
    /// When it is out of range or does not fit; then nothing changes.
    pub fn set_perplexity(&mut self, gpu: &Gpu, perplexity: f32) -> Result<()> {
        let (tsne, bytes) = prepare_tsne(gpu, &*self.source, perplexity, self.settings)?;
        tsne.take_over(gpu, &self.tsne);
        (self.tsne, self.tsne_bytes) = (tsne, bytes);
        self.wanted_perplexity = perplexity;
        self.take_plans(Due::Affinities);
        self.progress.wake();
        Ok(())
    }

    /// Takes the t-SNE's new plans; a refresh under way begins again.
    pub(super) fn take_plans(&mut self, due: Due) {
        self.progress.drop_refresh();
        self.progress.want(due);
        self.refresh.replace(refresh_plan(&self.tsne));
        self.refresh.keep_together(self.tsne.reading_len());
        self.iteration.replace(self.tsne.iteration_plan().clone());
    }

    /// Starts again along the principal components.
    pub fn reset(&mut self) {
        self.progress.want(Due::Everything);
    }

    /// Lets its rows follow the training, or stay as they are; only where images are forwarded for them.
    pub fn set_follows(&mut self, follows: bool) {
        self.source.features_mut().into_iter().for_each(|features| features.set_follows(follows));
    }

    /// Forwards its images again once the step is done, where it has images.
    pub fn request_refresh(&mut self) {
        self.source.features_mut().into_iter().for_each(|features| features.want());
    }

    /// Moves a point to a position in the layout's own coordinates and pins it there, or lets it go.
    ///
    /// # Errors
    /// When there is no such row, or the position is not finite.
    pub fn place(&mut self, gpu: &Gpu, row: usize, position: [f32; 2], pinned: bool) -> Result<()> {
        self.tsne.place(gpu, row, position, pinned)?;
        self.progress.wake();
        Ok(())
    }

    /// As [`Layout::place`] for a valid row and position, but after the layout has begun, which puts every point elsewhere.
    pub(super) fn move_point(&mut self, gpu: &Gpu, row: u32, position: [f32; 2], pinned: bool) {
        self.waiting_points.insert(row, (position, pinned));
        self.move_waiting_points(gpu);
    }

    /// Moves the points that waited for the layout to begin. Call between two submits.
    pub(super) fn move_waiting_points(&mut self, gpu: &Gpu) {
        if self.progress.begins() {
            return;
        }
        for (row, (position, pinned)) in std::mem::take(&mut self.waiting_points) {
            self.place(gpu, row as usize, position, pinned).expect("row and position were checked");
        }
    }

    /// The rows changed.
    pub(super) fn rows_changed(&mut self) {
        self.progress.want(Due::Rows);
    }

    /// A step was made, or the run was reset.
    pub(super) fn step_made(&mut self) {
        let running = self.running;
        match self.source.features_mut() {
            Some(features) if features.follows() && running => features.want(),
            Some(_) => {}
            None => self.rows_changed(),
        }
    }

    /// Takes its rows from where the run keeps them now.
    pub(super) fn follow(&mut self, trainer: &Trainer) -> Result<()> {
        if self.source.follow(trainer)? {
            self.tsne.follow(trainer.gpu(), self.source.rows())?;
            self.take_plans(Due::Rows);
        }
        Ok(())
    }

    /// Begins its feature pass; returns the images to be evaluated, by their index in the loader's order of images.
    pub(super) fn begin_features(&mut self, trainer: &Trainer) -> Result<std::ops::Range<usize>> {
        if let Err(error) = self.source.prepare(trainer) {
            self.source.features_mut().into_iter().for_each(|features| features.cancel());
            return Err(error);
        }
        Ok(self.source.features().map_or(0..0, |features| features.samples().clone()))
    }

    /// Records the copies after a pass of its images, the last one or not, with the weights of this step.
    pub(super) fn after_pass(&mut self, encoder: &mut wgpu::CommandEncoder, last: bool, step: u32) {
        self.source.after_pass(encoder, last, step);
        if last {
            self.rows_changed();
        }
    }

    /// The evaluation under way was given up.
    pub(super) fn restart_features(&mut self) {
        self.source.features_mut().into_iter().for_each(|features| features.restart());
    }

    /// Number of times that it began.
    pub(super) fn generation(&self) -> u32 {
        self.seen.generation
    }

    /// The number of rows that are not left out has come back.
    pub(super) fn take_kept(&mut self, rows: u32) {
        self.seen.rows_kept = Some(rows);
    }

    /// A state has come back.
    pub(super) fn take_state(&mut self, state: State) {
        self.seen.take(state);
        if self.rows().tiles() as f32 >= MIN_REEXAGGERATED * self.perplexity() {
            self.reexaggeration.observe(&state);
        }
    }

    /// The network's top classes of an image have come back.
    pub(super) fn take_classes(&mut self, image: u32, best: TopK) {
        if let Some(images) = (&mut *self.source as &mut dyn Any).downcast_mut::<Images>() {
            images.set_top_classes(image, best);
        }
    }
}
