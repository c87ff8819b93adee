//! One live embedding: a layer's filters or maps, images, or all filters of the network, laid out by t-SNE. It follows the training.

use super::TensorKind;
use super::budget::Budget;
use super::filter_layout::Filters;
use super::forwarding::Forward;
use super::image_layout::Images;
use super::refresh::Refresh;
use super::stirring::Stirring;
use crate::embed::{Options, Settings, State, Tsne, TsneBuilder, usual_components};
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, TensorView};

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
/// Points for each of the perplexity from which on a layout is stirred: fewer are all neighbours, and collapse.
const POINTS_STIRRED: f32 = 10.0;
/// Frames whose time may be saved.
const SAVED: f64 = 8.0;

/// What of a layout waits to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Nothing,
    /// The rows changed since they were read.
    Rows,
    /// There are no affinities.
    Affinities,
    /// Affinities and positions.
    Everything,
}

/// What is laid out.
pub(super) enum Content {
    /// The tiles of a layer's tensor.
    Tiles,
    /// Images, by a layer's activations.
    Images(Images),
    /// All filters, by how they respond.
    Filters(Filters),
}

/// A layout of the tiles of one layer, of images by a layer's activations, or of all filters.
pub struct Embedding {
    /// The layer, 0 for the input; of all filters it is 0.
    pub layer: usize,
    /// Which of its tensors.
    pub kind: TensorKind,
    /// Whether it iterates.
    pub running: bool,
    /// Steps from one reading of the rows to the next. What has rows of its own forwards images for them.
    pub every: u32,
    pub(super) id: u64,
    pub(super) tsne: Tsne,
    pub(super) view: TensorView,
    pub(super) content: Content,
    pub(super) forward: Option<Forward>,
    pub(super) refresh: Refresh,
    due: Due,
    /// What the refresh under way makes.
    making: Due,
    /// Iterations until it rests.
    pub(super) left: u32,
    /// Iterations since the rows were read.
    since: u32,
    /// What the dispatches of an iteration cost.
    pub(super) iteration: Budget,
    /// Dispatches of an iteration under way that are recorded already.
    pub(super) part: usize,
    /// Milliseconds of GPU time that it may use.
    pub(super) credit_ms: f64,
    settings: Settings,
    wanted_perplexity: f32,
    stirring: Stirring,
    state: Option<State>,
    /// How often it began anew: states of before are of no interest.
    pub(super) era: u32,
    rows_kept: Option<u32>,
    divergences: Vec<[f64; 2]>,
    row_bytes: u64,
    tsne_bytes: u64,
}

/// Whether the tiles of a view can be laid out.
pub(super) fn can_be_laid_out(view: &TensorView) -> bool {
    view.tiles() >= FEWEST
}

/// How the neighbours of what is laid out are sought: wide activations of many images by their principal components.
fn options(content: &Content, view: &TensorView) -> Options {
    let [rows, channels, height, width] = view.extents.map(|extent| extent as usize);
    let components = match content {
        Content::Images(_) => usual_components(rows, channels * height * width),
        _ => None,
    };
    Options { components, ..Options::default() }
}

impl Embedding {
    /// A layout that begins with the next refresh; `bytes` are what its rows take.
    pub(super) fn new(
        gpu: &Gpu,
        id: u64,
        (layer, kind): (usize, TensorKind),
        view: TensorView,
        (content, forward, bytes): (Content, Option<Forward>, u64),
    ) -> Result<Self> {
        let perplexity = match content {
            Content::Images(_) => IMAGE_PERPLEXITY,
            _ => FILTER_PERPLEXITY,
        };
        let before = gpu.bytes_allocated();
        let options = options(&content, &view);
        let builder = TsneBuilder::new(perplexity).seed(1).options(options);
        let tsne = gpu.within_memory(|| builder.build(gpu, &view))?;
        let tsne_bytes = gpu.bytes_allocated() - before;
        // A GPU is thought to be faster than what the budget begins with, before anything was measured.
        let speed = if gpu.is_software() { 0.3 } else { 0.02 };
        let iteration = Budget::scaled(tsne.iteration_plan(), speed);
        Ok(Self {
            layer,
            kind,
            running: true,
            every: 1,
            id,
            refresh: Refresh::new(gpu, &tsne),
            tsne,
            view,
            content,
            forward,
            due: Due::Everything,
            making: Due::Nothing,
            left: FIRST,
            since: 0,
            iteration,
            part: 0,
            credit_ms: 0.0,
            settings: Settings::USUAL,
            wanted_perplexity: perplexity,
            stirring: Stirring::new(&Settings::USUAL),
            state: None,
            era: 0,
            rows_kept: None,
            divergences: Vec::new(),
            row_bytes: bytes,
            tsne_bytes,
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
        if let Content::Images(images) = &self.content { Some(images) } else { None }
    }

    /// The filters, where all filters of the network are laid out.
    pub fn filters(&self) -> Option<&Filters> {
        if let Content::Filters(filters) = &self.content { Some(filters) } else { None }
    }

    /// Whether the tiles of one layer's tensor are laid out.
    pub fn is_of_tiles(&self) -> bool {
        matches!(self.content, Content::Tiles)
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

    /// Bytes on the GPU: rows, neighbours, affinities, positions.
    pub fn bytes(&self) -> u64 {
        self.row_bytes + self.tsne_bytes
    }

    /// Rows that are left out because a value of theirs is not finite, a few frames old.
    pub fn left_out(&self) -> u32 {
        self.rows_kept.map_or(0, |kept| self.view.tiles().saturating_sub(kept))
    }

    /// How often its points were drawn together again, because they fitted the rows worse after those changed.
    pub fn stirred(&self) -> u32 {
        self.stirring.times()
    }

    /// Whether it neither iterates nor is about to.
    pub fn rests(&self) -> bool {
        let forwards = self.forward.as_ref().is_some_and(Forward::is_to_come);
        let waits = if self.running {
            self.left > 0 || self.part > 0 || self.due > Due::Nothing
        } else {
            self.due > Due::Rows
        };
        !waits && !forwards && !self.refresh.under_way()
    }

    /// Estimated GPU milliseconds of reading the rows, and of an iteration.
    pub fn costs_ms(&self) -> (f64, f64) {
        (self.refresh.total_ms(), self.iteration.total_ms())
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

    /// Makes the affinities anew with another perplexity; positions stay. No kernel is compiled for it, and nothing is waited for.
    ///
    /// # Errors
    /// When it is out of range or does not fit; then nothing changes.
    pub fn set_perplexity(&mut self, gpu: &Gpu, perplexity: f32) -> Result<()> {
        let before = gpu.bytes_allocated();
        let options = options(&self.content, &self.view);
        let builder = TsneBuilder::new(perplexity).settings(self.settings).seed(1).options(options);
        let tsne = gpu.within_memory(|| builder.build(gpu, &self.view))?;
        self.tsne_bytes = gpu.bytes_allocated() - before;
        tsne.take_over(gpu, &self.tsne);
        self.tsne = tsne;
        self.wanted_perplexity = perplexity;
        self.take_plans(Due::Affinities);
        self.left = self.left.max(AGAIN);
        Ok(())
    }

    /// The layout has other plans; a refresh under way begins again.
    fn take_plans(&mut self, least: Due) {
        // Half of the affinities are none.
        let lost = if self.refresh.under_way() { self.making.max(Due::Affinities) } else { Due::Nothing };
        self.due = self.due.max(lost).max(least);
        self.refresh.take(&self.tsne);
        self.iteration.take(self.tsne.iteration_plan());
        self.part = 0;
    }

    /// Begins anew along the principal components.
    pub fn reset(&mut self) {
        self.due = Due::Everything;
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
        self.due = self.due.max(Due::Rows);
    }

    /// What the layout follows may lie in another buffer now.
    pub(super) fn follow(&mut self, gpu: &Gpu, view: Option<TensorView>) -> Result<()> {
        if !self.is_of_tiles() {
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
            self.take_plans(Due::Rows);
        }
        Ok(())
    }

    /// Whether it is being laid out for the first time, or from the beginning.
    pub fn begins(&self) -> bool {
        let makes = self.refresh.under_way() && self.making >= Due::Affinities;
        self.due >= Due::Affinities || makes || self.running && self.stirring.made() < FIRST
    }

    /// It may use so much more of this much time; what it does not use it saves for a few frames.
    pub(super) fn grant(&mut self, more_ms: f64, time_ms: f64) {
        let most_ms = (SAVED * more_ms).min(time_ms);
        self.credit_ms = if self.rests() { 0.0 } else { (self.credit_ms + more_ms).min(most_ms) };
    }

    /// Whether a refresh may begin now. Rows of a tensor of the run may be read where a step `ended`; rows of its own at any time.
    fn may_begin(&self, ended: bool) -> bool {
        let readable = self.forward.as_ref().map_or(ended, Forward::is_complete);
        let wanted = match self.due {
            Due::Nothing => false,
            Due::Rows => self.running && (self.since >= BETWEEN || self.left == 0),
            Due::Affinities | Due::Everything => true,
        };
        readable && wanted
    }

    /// Whether a piece of a refresh may be recorded now; begins one where it may.
    pub(super) fn refreshes(&mut self, ended: bool) -> bool {
        if self.refresh.under_way() {
            return true;
        }
        let begins = self.may_begin(ended);
        if begins {
            // Half an iteration changes nothing; it begins again.
            self.part = 0;
            self.making = std::mem::replace(&mut self.due, Due::Nothing);
            self.refresh.start(self.making == Due::Everything);
        }
        begins
    }

    /// A refresh was recorded to its end.
    pub(super) fn refreshed(&mut self, gpu: &Gpu) {
        let began = self.making == Due::Everything;
        self.since = 0;
        self.left = self.left.max(if began { FIRST } else { AGAIN });
        if began {
            self.divergences.clear();
            self.era += 1;
            self.stirring = Stirring::new(&self.settings);
            self.tsne.set_settings(gpu, self.settings).expect("they were checked");
        } else {
            self.stirring.refreshed(self.making == Due::Rows);
        }
    }

    /// Whether it is to iterate now.
    pub(super) fn iterates(&self) -> bool {
        self.running
            && (self.left > 0 || self.part > 0)
            && self.due < Due::Affinities
            && !self.refresh.under_way()
    }

    /// So many iterations are about to be recorded.
    pub(super) fn iterated(&mut self, gpu: &Gpu, iterations: u32) {
        if let Some(settings) = self.stirring.before_iterations(iterations, &self.settings) {
            self.tsne.set_settings(gpu, settings).expect("they are within range");
            self.left = self.left.max(AGAIN);
        }
        self.left -= iterations.min(self.left);
        self.since += iterations;
    }

    /// Rows that are not left out.
    pub(super) fn take_kept(&mut self, rows: u32) {
        self.rows_kept = Some(rows);
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
        if self.view.tiles() as f32 >= POINTS_STIRRED * self.perplexity() {
            self.stirring.observe(&state);
        }
        self.state = Some(state);
    }
}
