//! One live embedding: a layer's filters or maps laid out by t-SNE, which follows the training.

use super::TensorKind;
use crate::embed::{Settings, State, Tsne};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, TensorView};

/// The perplexity of ReVACNN, which small layers support.
pub const FILTER_PERPLEXITY: f32 = 5.0;
/// The usual perplexity for images.
const IMAGE_PERPLEXITY: f32 = 30.0;
/// Iterations after it is opened, until it rests.
const FIRST: u32 = 1000;
/// Iterations after the rows or a setting changed, until it rests.
const AGAIN: u32 = 250;
/// Iterations at least from one reading of the rows to the next: a layout that is for ever given new affinities gets nowhere.
const BETWEEN: u32 = 10;
/// Points of the divergence's chart at most.
const MOST_POINTS: usize = 1000;
/// Rows that can be laid out.
const FEWEST: u32 = 4;

/// The images of a layout of images.
pub struct Images {
    /// A tile an image.
    pub tiles: TensorView,
    /// The class of each.
    pub labels: Buffer<u32>,
    /// What the network takes each for.
    pub predictions: Buffer<u32>,
}

/// A layout of the tiles of one layer, or of images by a layer's activations.
pub struct Embedding {
    /// The layer; 0 is the input.
    pub layer: usize,
    /// Which of its tensors.
    pub kind: TensorKind,
    /// Whether it iterates.
    pub running: bool,
    /// Steps from one refresh of the affinities to the next.
    pub every: u32,
    pub(super) id: u64,
    pub(super) tsne: Tsne,
    pub(super) view: TensorView,
    /// The rows changed since they were read.
    pub(super) due: bool,
    /// Iterations until it rests.
    pub(super) left: u32,
    /// Iterations since the rows were read.
    since: u32,
    pub(super) refresh_ms: f64,
    pub(super) iteration_ms: f64,
    pub(super) images: Option<Images>,
    settings: Settings,
    wanted_perplexity: f32,
    state: Option<State>,
    divergences: Vec<[f64; 2]>,
}

/// Whether the tiles of a view can be laid out.
pub(super) fn can_be_laid_out(view: &TensorView) -> bool {
    view.tiles() >= FEWEST
}

impl Embedding {
    pub(super) fn new(
        gpu: &Gpu,
        id: u64,
        layer: usize,
        kind: TensorKind,
        view: TensorView,
        images: Option<Images>,
    ) -> Result<Self> {
        let perplexity = if images.is_some() { IMAGE_PERPLEXITY } else { FILTER_PERPLEXITY };
        let tsne = Tsne::new(gpu, &view, perplexity, Settings::USUAL, 1)?;
        Ok(Self {
            layer,
            kind,
            running: true,
            every: 1,
            id,
            tsne,
            view,
            due: false,
            left: FIRST,
            since: 0,
            refresh_ms: 2.0,
            iteration_ms: 0.4,
            settings: Settings::USUAL,
            images,
            wanted_perplexity: perplexity,
            state: None,
            divergences: Vec::new(),
        })
    }

    /// The layout's positions on the GPU, two values a row; rows that are left out stand at 1e15.
    pub fn positions(&self) -> BufferRange {
        self.tsne.positions()
    }

    /// Which rows are left out (bit 0) or pinned (bit 1), on the GPU.
    pub fn flags(&self) -> BufferRange {
        self.tsne.flags()
    }

    /// The images, where images are laid out.
    pub fn images(&self) -> Option<&Images> {
        self.images.as_ref()
    }

    /// What is laid out.
    pub fn view(&self) -> &TensorView {
        &self.view
    }

    /// A number that no other embedding of the session has or had.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The layout, for tests and pictures.
    pub fn tsne(&self) -> &Tsne {
        &self.tsne
    }

    /// Iteration and divergence, a few frames old.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Iteration and divergence, for a chart.
    pub fn divergences(&self) -> &[[f64; 2]] {
        &self.divergences
    }

    /// Whether it neither iterates nor is about to.
    pub fn rests(&self) -> bool {
        !self.running || (self.left == 0 && !self.due)
    }

    /// Estimated GPU milliseconds of reading the rows, and of an iteration.
    pub fn costs_ms(&self) -> (f64, f64) {
        (self.refresh_ms, self.iteration_ms)
    }

    /// The settings in use.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The perplexity asked for; what is in use may be less (see [`Embedding::perplexity`]).
    pub fn wanted_perplexity(&self) -> f32 {
        self.wanted_perplexity
    }

    /// The perplexity in use: a third of the other rows at most.
    pub fn perplexity(&self) -> f32 {
        self.tsne.perplexity()
    }

    /// The next iteration uses these settings.
    ///
    /// # Errors
    /// When one is out of range; then nothing changes.
    pub fn set_settings(&mut self, gpu: &Gpu, settings: Settings) -> Result<()> {
        self.tsne.set_settings(gpu, settings)?;
        self.settings = settings;
        self.left = self.left.max(AGAIN);
        Ok(())
    }

    /// Makes the affinities anew with another perplexity; positions stay.
    ///
    /// # Errors
    /// When it is out of range; then nothing changes.
    pub fn set_perplexity(&mut self, gpu: &Gpu, perplexity: f32) -> Result<()> {
        let tsne = Tsne::new(gpu, &self.view, perplexity, self.settings, 1)?;
        tsne.take_over(gpu, &self.tsne);
        self.tsne = tsne;
        self.wanted_perplexity = perplexity;
        self.left = self.left.max(AGAIN);
        Ok(())
    }

    /// Begins anew along the principal components.
    pub fn reset(&mut self, gpu: &Gpu) {
        self.tsne.refresh(gpu);
        self.tsne.reset(gpu);
        self.divergences.clear();
        self.left = FIRST;
    }

    /// Puts a row somewhere and pins it there, or lets it go. Positions are the layout's own.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn place(&mut self, gpu: &Gpu, row: usize, position: [f32; 2], pinned: bool) -> Result<()> {
        self.tsne.place(gpu, row, position, pinned)?;
        self.left = self.left.max(AGAIN);
        Ok(())
    }

    /// The rows changed.
    pub(super) fn mark_due(&mut self) {
        // Images are forwarded again on demand.
        self.due = self.images.is_none();
    }

    /// What the layout follows may lie in another buffer now.
    pub(super) fn follow(&mut self, gpu: &Gpu, view: Option<TensorView>) -> Result<()> {
        if self.images.is_some() {
            return Ok(());
        }
        let Some(view) = view else {
            return Err(Error::new("the layer has lost what was laid out", "close its embedding"));
        };
        let same = self.view.buffer == view.buffer
            && (self.view.offset, self.view.extents, self.view.strides)
                == (view.offset, view.extents, view.strides);
        if !same {
            self.tsne.follow(gpu, &view)?;
            self.view = view;
            self.due = true;
        }
        Ok(())
    }

    /// Whether the rows are to be read now.
    pub(super) fn may_refresh(&self) -> bool {
        self.due && self.running && (self.since >= BETWEEN || self.left == 0)
    }

    /// So many iterations were recorded.
    pub(super) fn iterated(&mut self, iterations: u32) {
        self.left -= iterations;
        self.since += iterations;
    }

    /// A refresh was recorded.
    pub(super) fn refreshed(&mut self) {
        (self.due, self.since) = (false, 0);
        self.left = self.left.max(AGAIN);
    }

    pub(super) fn take_state(&mut self, state: State) {
        let known = self.divergences.last().map_or(-1.0, |last| last[0]);
        if state.iteration > 0 && f64::from(state.iteration) != known {
            self.divergences.push([f64::from(state.iteration), f64::from(state.divergence)]);
        }
        if self.divergences.len() > MOST_POINTS {
            let mut index = 0;
            self.divergences.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
        self.state = Some(state);
    }
}
