//! One live embedding: a layer's filters or maps, images, or all filters of the network, laid out by t-SNE. It follows the training.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::TensorKind;
use super::budget::Budget;
use super::filter_layout::Filters;
use super::forwarding::Forward;
use super::image_layout::{ImageSource, Images};
use super::layout_record::LayoutEntry;
use super::refresh::Refresh;
use super::stirring::Stirring;
use crate::embed::{Options, Settings, State, Tsne, usual_components};
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

/// Number of a live layout: no other one of the session has or had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LayoutId(pub u64);

impl fmt::Display for LayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for LayoutId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// The rows of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutSource {
    /// The tiles of a tensor: a layer's filters or maps.
    Tensor {
        /// The node of the network graph: 0 is the input, n is layer n − 1.
        node: usize,
        /// Which of its tensors.
        kind: TensorKind,
    },
    /// Images by the activations of a node.
    Images(ImageSource),
    /// The filters of all layers by their responses to images.
    Filters,
}

impl LayoutSource {
    /// Whether a layout of this source takes the place of one of the `other`: at most one layout is open for each node, one of
    /// images, and one of all filters.
    pub fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tensor { node, .. }, Self::Tensor { node: other, .. }) => node == other,
            (Self::Images(_), Self::Images(_)) | (Self::Filters, Self::Filters) => true,
            _ => false,
        }
    }

    /// Whether it iterates or pauses, and reads its rows as often, as the one whose place it takes.
    pub(super) fn keeps_cadence(&self) -> bool {
        matches!(self, Self::Tensor { .. })
    }
}

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
pub struct Layout {
    /// The layer, 0 for the input; of all filters it is 0.
    pub layer: usize,
    /// Which of its tensors.
    pub kind: TensorKind,
    /// Whether it iterates.
    pub running: bool,
    /// Steps from one reading of the rows to the next. What has rows of its own forwards images for them.
    pub every: u32,
    pub(super) id: LayoutId,
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
    /// Points to be moved once the layout has begun: position, and whether it is pinned.
    waiting_points: BTreeMap<u32, ([f32; 2], bool)>,
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

impl Layout {
    /// A layout that begins with the next refresh; `bytes` are what its rows take.
    pub(super) fn new(
        gpu: &Gpu,
        id: LayoutId,
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
        let prepare = || Tsne::prepare_with(gpu, &view, perplexity, Settings::USUAL, 1, &options);
        let tsne = gpu.within_memory(prepare)?;
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
            waiting_points: BTreeMap::new(),
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

    /// The rows that it lays out.
    pub fn source(&self) -> LayoutSource {
        match &self.content {
            Content::Tiles => LayoutSource::Tensor { node: self.layer, kind: self.kind },
            Content::Images(images) => LayoutSource::Images(images.source),
            Content::Filters(_) => LayoutSource::Filters,
        }
    }

    /// Whether the tiles of one layer's tensor are laid out.
    pub fn is_of_tiles(&self) -> bool {
        matches!(self.content, Content::Tiles)
    }

    /// What is laid out.
    pub fn view(&self) -> &TensorView {
        &self.view
    }

    /// Its number.
    pub fn id(&self) -> LayoutId {
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

    /// The perplexity asked for; what is in use may be less (see [`Layout::perplexity`]).
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
        let prepare = || Tsne::prepare_with(gpu, &self.view, perplexity, self.settings, 1, &options);
        let tsne = gpu.within_memory(prepare)?;
        self.tsne_bytes = gpu.bytes_allocated() - before;
        tsne.take_over(gpu, &self.tsne);
        self.tsne = tsne;
        self.wanted_perplexity = perplexity;
        self.take_plans(Due::Affinities);
        self.left = self.left.max(AGAIN);
        Ok(())
    }

    /// Sets all that commands had set of it; `usual` is the cadence that it was opened with.
    pub(super) fn restore(&mut self, gpu: &Gpu, entry: &LayoutEntry, usual: u32) -> Result<()> {
        self.running = entry.running;
        self.every = entry.every.unwrap_or(usual);
        if let Some(follows) = entry.follows {
            self.set_follows(follows);
        }
        for (row, position) in &entry.pins {
            self.move_point(gpu, *row, *position, true);
        }
        entry.settings.map_or(Ok(()), |settings| self.set_settings(gpu, settings))?;
        entry.perplexity.map_or(Ok(()), |perplexity| self.set_perplexity(gpu, perplexity))
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

    /// Moves a point of a valid row to a finite position, pinned there or not: at once, or after the layout has begun, which puts
    /// every point elsewhere.
    pub(super) fn move_point(&mut self, gpu: &Gpu, row: u32, position: [f32; 2], pinned: bool) {
        self.waiting_points.insert(row, (position, pinned));
        self.move_waiting_points(gpu);
    }

    /// Moves the points that waited for the layout to begin. Call between two submits.
    pub(super) fn move_waiting_points(&mut self, gpu: &Gpu) {
        let begins =
            self.due == Due::Everything || self.refresh.under_way() && self.making == Due::Everything;
        if begins {
            return;
        }
        for (row, (position, pinned)) in std::mem::take(&mut self.waiting_points) {
            self.place(gpu, row as usize, position, pinned).expect("row and position were checked");
        }
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
