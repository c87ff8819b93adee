//! The session: its parts, and what can be asked of it.

use std::path::Path;

use super::command::Command;
use super::distributions::Distributions;
use super::doctor::Doctor;
use super::effects::Effect;
use super::event::{Event, RunState, Split, StopCondition};
use super::inspect::Inspection;
use super::progress::{Progress, Purpose};
use super::ranking::Rankings;
use super::timeline::{Timeline, TimelineShown, shown};
use super::watch::{Watched, going_on};
use super::{concern::concern, journal::Journal, measure::Measurements, readback::Readback};
use super::{metrics::Metrics, pending::Pending, run::Run, run_folder::RunFolder};
use super::{settings::RunSettings, throughput::Throughput, trial::Trial, twin_run::TwinRun};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, TensorView};
use crate::layouts::{
    ImageSet, ImageSource, Layout, LayoutId, Layouts, can_be_laid_out, default_images, images_of, max_images,
};
use crate::nn::{LayerInfo, TensorKind, Trainer};

/// A running network with its data, journal, files and live layouts.
pub struct Session {
    pub(super) run: Run,
    pub(super) progress: Progress,
    pub(super) readback: Readback,
    pub(super) throughput: Throughput,
    pub(super) metrics: Metrics,
    pub(super) layouts: Layouts,
    /// The layouts of the journal are open (see [`Session::restore_layouts`]).
    pub(super) layouts_restored: bool,
    pub(super) journal: Journal,
    /// Measurements beside the run.
    pub(super) measurements: Measurements,
    pub(super) folder: Option<RunFolder>,
    /// Commands that wait for the end of a step.
    pub(super) pending: Pending,
    pub(super) events: Vec<Event>,
    /// Error of the last save, if it failed.
    pub(super) unsaved: Option<Error>,
    /// Its past, and ways through it.
    pub(super) timeline: Timeline,
}

impl Session {
    /// Folder of the run, if it is kept.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(RunFolder::path)
    }

    /// Error of the last [`Session::save`], if it failed: what was reached since the save before is kept nowhere yet.
    pub fn unsaved(&self) -> Option<&Error> {
        self.unsaved.as_ref()
    }

    /// Leaves the run's folder as it is: nothing is written there any more. Layouts that the journal leaves open stay closed.
    pub fn detach(&mut self) {
        self.folder = None;
        self.forget_layouts();
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        self.run.trainer.gpu()
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.run.trainer
    }

    /// Number of times that the network was changed: after a change, nodes and tiles are others.
    pub fn network_version(&self) -> u32 {
        self.run.network_version
    }

    /// True for a filter, by the numbers of its layer and itself, that a command changed since the last epoch ended, or the last checkpoint.
    pub fn is_filter_edited(&self, filter: (u32, u32)) -> bool {
        self.run.edited.has(filter, self.run.trainer.clock())
    }

    /// The nodes of the network, the input first.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.run.layers
    }

    /// Tiles of a node's tensor (see [`Trainer::tensor`]).
    pub fn tensor(&self, node: usize, kind: TensorKind) -> Option<TensorView> {
        self.run.trainer.tensor(node, kind)
    }

    /// Class probabilities of the pinned probe, one tile of 1×1 a class.
    pub fn probabilities(&self) -> TensorView {
        self.run.trainer.probabilities(0)
    }

    /// The classes.
    pub fn class_names(&self) -> &[String] {
        &self.run.classes
    }

    /// Index in the test set, and label, of the test image of the settings, which is the pinned probe unless another one is pinned.
    pub fn probe(&self) -> (u32, usize) {
        let probe = self.run.settings.probe;
        (probe, usize::from(self.run.test_labels[probe as usize]))
    }

    /// Class of the pinned probe, where it is known.
    pub fn probe_class(&self) -> Option<usize> {
        match self.inspection().probes().pinned() {
            Some(probe) => probe.class.map(usize::from),
            None => Some(self.probe().1),
        }
    }

    /// Counts histograms from now on, at 1 to 5 % of the training's time.
    pub fn count_distributions(&mut self) {
        self.measurements.distributions.on = true;
    }

    /// Histograms of steps over the run; none unless they are counted.
    pub fn distributions(&self) -> &Distributions {
        &self.measurements.distributions
    }

    /// Single images: the probes, and what the network says of them and of others.
    pub fn inspection(&self) -> &Inspection {
        &self.measurements.inspection
    }

    /// The filters by the loss without each.
    pub fn rankings(&self) -> &Rankings {
        &self.measurements.rankings
    }

    /// Examinations of the run; see [`Control::Examine`](super::Control::Examine).
    pub fn doctor(&self) -> &Doctor {
        &self.measurements.doctor
    }

    /// The run beside it, without what was done since it began; see [`Control::Twin`](super::Control::Twin).
    pub fn twin(&self) -> Option<&TwinRun> {
        self.measurements.beside.twin.as_ref()
    }

    /// Class of a test image.
    pub fn test_class(&self, image: u32) -> Option<&str> {
        self.class_of(ImageSet::Test, image)
    }

    /// Number of test images.
    pub fn test_images(&self) -> usize {
        self.run.trainer.loader.test_images
    }

    /// Labels of the test images.
    pub fn test_labels(&self) -> &[u8] {
        &self.run.test_labels
    }

    /// Most images per step.
    pub fn max_batch(&self) -> u32 {
        self.run.trainer.loader.max_batch() as u32
    }

    /// Number of training images.
    pub fn train_images(&self) -> usize {
        self.run.trainer.loader.train_images
    }

    /// The settings as they are now.
    pub fn settings(&self) -> &RunSettings {
        &self.run.settings
    }

    /// The settings once the commands that wait for the end of the step are carried out.
    pub fn coming_settings(&self) -> RunSettings {
        let after = |settings: RunSettings, command: &Command| settings.changed(command, self.step());
        self.pending.iter().fold(self.run.settings.clone(), after)
    }

    /// Steps recorded.
    pub fn step(&self) -> u32 {
        self.run.trainer.clock().step
    }

    /// Epochs by images drawn, with fraction.
    pub fn epoch(&self) -> f64 {
        self.run.trainer.epochs()
    }

    /// Number of steps per epoch.
    pub fn steps_per_epoch(&self) -> u32 {
        (self.train_images() as u32).div_ceil(self.run.settings.batch)
    }

    /// Network and data: `revacnn on shapes`.
    pub fn title(&self) -> &str {
        &self.run.title
    }

    /// The metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A sign that the run cannot learn, with what to do.
    pub fn concern(&self) -> Option<Error> {
        concern(&self.run, &self.metrics).filter(|_| self.run.watched.is_none())
    }

    /// True once a step was halted because its numbers were not finite.
    pub fn was_halted(&self) -> bool {
        self.progress.faults > 0
    }

    /// Present activity.
    pub fn state(&self) -> RunState {
        let progress = &self.progress;
        match progress.passes.map(|passes| passes.of) {
            Some(Purpose::Score(_)) => RunState::Validating,
            None if progress.step.is_under_way() => RunState::Training,
            None if progress.has_requests() => RunState::Validating,
            // Rows of a layout are made beside the run.
            _ if self.limit_reached() => RunState::Finished,
            _ if progress.trains() || self.goes_on() => going_on(self.watched()),
            _ => RunState::Paused,
        }
    }

    pub(super) fn limit_reached(&self) -> bool {
        self.progress.limit_reached(&self.run.trainer)
    }

    /// Bytes of metrics that have come back from the GPU: no pictures, and a fixed maximum per submit.
    pub fn bytes_read(&self) -> u64 {
        self.readback.bytes_read() + self.measurements.statistics.bytes_read()
    }

    /// Trains until it is paused.
    pub fn play(&mut self) {
        self.stop_way();
        self.journal.wait_after(u32::MAX);
        self.progress.set_playing(!self.limit_reached() && self.run.watched.is_none());
        self.throughput.restart();
    }

    /// True while it trains until it is paused.
    pub fn is_playing(&self) -> bool {
        self.progress.playing
    }

    /// The training elsewhere that is watched, where one is.
    pub fn watched(&self) -> Option<&Watched> {
        self.run.watched.as_deref()
    }

    /// True while training goes on until it is paused, here or in a training that is watched.
    pub fn goes_on(&self) -> bool {
        self.watched().map_or(self.progress.playing, Watched::goes_on)
    }

    /// Stops at the end of the step, and on a way through time where it is.
    pub fn pause(&mut self) {
        self.stop_way();
        self.progress.playing = false;
    }

    /// Trains one step; none past the stop condition.
    pub fn single_step(&mut self) {
        self.stop_way();
        self.journal.wait_after(u32::MAX);
        self.progress.playing = false;
        self.progress.single_step = !self.limit_reached() && self.run.watched.is_none();
        self.throughput.restart();
    }

    /// Sets or removes the stop condition.
    pub fn set_limit(&mut self, limit: Option<StopCondition>) {
        self.progress.limit = limit;
    }

    /// Evaluates once the step is done, beside the run, which goes on after it; the result is an [`Event`].
    pub fn evaluate(&mut self, split: Split) {
        self.progress.request(split, false);
    }

    /// True while an evaluation over a split waits or is under way.
    pub fn is_evaluating(&self, split: Split) -> bool {
        self.progress.is_evaluating(split)
    }

    /// Events since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// True on a way through time, until it ends or is stopped.
    pub fn is_travelling(&self) -> bool {
        self.timeline.travel.is_some() || self.timeline.request.is_some()
    }

    /// The time of the run, for a user interface.
    pub fn timeline(&self) -> TimelineShown {
        let shown = shown(&self.timeline, &self.journal, self.step(), &self.trainer().network);
        shown.watching(self.watched())
    }

    /// Hash of parameters, moments and clock. Waits for the GPU.
    pub fn state_hash(&self) -> String {
        self.run.trainer.state_hash()
    }

    /// Measures the effect of each command from now on beside the run, whose bits stay; see [`Session::effects`].
    ///
    /// # Errors
    /// When the images do not fit the adapter; then nothing is measured.
    pub fn measure_effects(&mut self) -> Result<()> {
        self.measurements.begin(self.run.seen())
    }

    /// The commands that were measured, with their effects, oldest first.
    pub fn effects(&self) -> &[Effect] {
        self.measurements.effects.rows()
    }

    /// Number of held-out images by whose loss effects are measured; 0 where they are not.
    pub fn held_out_images(&self) -> usize {
        self.measurements.images()
    }

    /// The change on trial.
    pub fn trial(&self) -> Option<&Trial> {
        self.measurements.trial.as_ref()
    }

    /// View of the filters of the layer that makes a node, as the change on trial would make them.
    pub fn trial_filters(&self, node: usize) -> Option<TensorView> {
        self.trial()?.filters(&self.run.trainer, node)
    }

    /// The live layouts, in the order in which they were opened.
    pub fn layouts(&self) -> &[Layout] {
        self.layouts.open_ones()
    }

    /// A live layout.
    pub fn layout(&self, id: LayoutId) -> Option<&Layout> {
        self.layouts.find(id)
    }

    /// True if a layer has such a tensor, with at least 4 tiles.
    pub fn can_lay_out(&self, node: usize, kind: TensorKind) -> bool {
        can_be_laid_out(&self.run.trainer, node, kind)
    }

    /// Number of images of a set.
    pub fn images_of(&self, set: ImageSet) -> usize {
        images_of(&self.run.trainer, set)
    }

    /// Class of an image of a set.
    pub fn class_of(&self, set: ImageSet, image: u32) -> Option<&str> {
        self.run.class_of(set, image)
    }

    /// Most images whose rows by a node's activations fit one binding of the adapter.
    pub fn max_images(&self, node: usize, set: ImageSet) -> usize {
        max_images(&self.run.trainer, node, set)
    }

    /// Default layout of images: test images by the last hidden layer, as many as the adapter lays out quickly.
    pub fn default_images(&self) -> ImageSource {
        default_images(&self.run.trainer)
    }

    /// Asks for a layout's image; frames later there are [`Images::top_classes`](crate::layouts::Images::top_classes).
    pub fn ask_for_image(&mut self, layout: impl Into<LayoutId>, image: u32) {
        self.layouts.ask_for_image(layout.into(), image);
    }

    /// Total change of each filter's coefficients over the last whole epoch, on the GPU; 0 before one ended.
    pub fn filter_drift(&self, node: usize) -> Option<&Buffer<f32>> {
        self.layouts.filter_drift(node)
    }

    /// Preparation of a layout under way, in words, and its share that is done, 0 to 1; none while it can iterate.
    pub fn layout_progress(&self, layout: impl Into<LayoutId>) -> Option<(&'static str, f64)> {
        self.progress.of_layout(self.layouts.find(layout.into())?, &self.run.trainer)
    }

    /// Estimated GPU milliseconds of forwarding this number of images.
    pub fn forward_ms(&self, images: usize) -> f64 {
        let passes = images.div_ceil(self.run.trainer.sizes().micro_batch);
        passes as f64 * self.progress.evaluator.plain.total_ms()
    }
}
