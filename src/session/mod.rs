//! A run: one trainer, its journal and its files; commands applied between two steps.
//!
//! The session records work into an encoder of the caller, as much as a budget allows, and may stop in the middle of
//! a step: the unit is the dispatch. Numbers come back through the read-back ring a few frames later.

mod arrivals;
mod budget;
mod checkpoint;
mod command;
mod embedding;
mod embeddings;
mod fault;
mod filter_layout;
mod forwarding;
mod headless;
mod image_layout;
mod journal;
mod keeping;
mod layer_info;
mod metrics;
mod options;
mod rate;
mod recording;
mod refresh;
mod run_folder;
mod steering;
mod stirring;

use std::collections::VecDeque;

pub use crate::files::{create_folder, write_whole};
use arrivals::Arrivals;
use budget::Budget;
pub use command::Command;
pub use embedding::{Embedding, FILTER_PERPLEXITY};
use embeddings::Embeddings;
pub use filter_layout::Filters;
pub use headless::{Event, Limit};
pub use image_layout::{ImageSet, ImageSource, Images};
pub use journal::{Entry, Header, JOURNAL_FILE};
pub use layer_info::{LayerInfo, TensorKind};
pub use metrics::{EpochMetrics, METRICS_FILE, Metrics, StepMetrics};
pub use options::RunSettings;
use rate::Rate;
use recording::{Phase, Purpose, Wanted};
pub use run_folder::{NETWORK_FILE, RunFolder};

use crate::gpu::{Gpu, TensorView};
use crate::nn::Trainer;

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Nothing, until it is played.
    Paused,
    /// Making steps.
    Training,
    /// Evaluating at the end of an epoch, or on demand.
    Validating,
    /// The limit of steps or epochs is reached.
    Finished,
}

/// Which images an evaluation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The validation images, held out of the training images.
    Validation,
    /// The test images.
    Test,
}

/// A running network with its data, journal and files.
pub struct Session {
    trainer: Trainer,
    settings: RunSettings,
    title: String,
    classes: Vec<String>,
    test_labels: Vec<u8>,
    /// Of the images that are trained on, in the order of images.
    train_labels: Vec<u8>,
    layers: Vec<LayerInfo>,
    metrics: Metrics,
    folder: Option<RunFolder>,
    /// How the run began.
    header: Header,
    /// The commands of the run; after a resume also those that its files hold beyond the checkpoint.
    journal: Vec<Entry>,
    /// How many of them were carried out; the others follow at their steps.
    carried_out: usize,
    /// The journal's file lacks something, because it could not be written or a kill cut it short.
    journal_behind: bool,
    playing: bool,
    single_step: bool,
    limit: Option<Limit>,
    phase: Phase,
    /// Evaluations to begin when the step is done.
    wanted: VecDeque<Wanted>,
    /// Commands that wait for the end of a step.
    pending: Vec<Command>,
    /// Something is recorded that was not submitted yet: what the CPU writes now would come before it.
    unsubmitted: bool,
    /// Steps whose results were not copied for the CPU yet.
    uncopied_steps: usize,
    /// The probes' columns are older than the weights or the pin.
    stale: bool,
    step_budget: Budget,
    evaluation_budget: Budget,
    arrivals: Arrivals,
    embeddings: Embeddings,
    events: Vec<Event>,
    rate: Rate,
    /// How often a step was halted because its numbers were not finite.
    faults: u32,
    /// Submits of [`Session::advance`] that may not be done yet.
    submissions: Vec<wgpu::SubmissionIndex>,
}

impl Session {
    /// Where the run is kept, if it is.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_ref().map(RunFolder::path)
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        self.trainer.gpu()
    }

    /// The trainer.
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// The columns of the Network pane; the first is the input.
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// The tiles of a layer's tensor: the pinned probe's maps (a channel a tile; the input is one tile of all its
    /// channels), or the filters. None where the layer has no such tensor.
    pub fn tensor(&self, layer: usize, kind: TensorKind) -> Option<TensorView> {
        let mut view = match kind {
            TensorKind::Activations => Some(self.trainer.activations(layer, 0)),
            TensorKind::ActivationGradients => self.trainer.activation_gradients(layer, 0),
            TensorKind::Weights => self.trainer.weights(layer),
            TensorKind::WeightGradients => self.trainer.weight_gradients(layer),
        }?;
        if layer == 0 {
            (view.extents[0], view.extents[1]) = (1, view.extents[0]);
            view.strides[1] = view.strides[0];
        }
        Some(view)
    }

    /// Class probabilities of the pinned probe, one tile of 1×1 a class.
    pub fn probabilities(&self) -> TensorView {
        self.trainer.probabilities(0)
    }

    /// The classes.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// Index in the test set, and label, of the pinned probe.
    pub fn probe(&self) -> (u32, usize) {
        (self.settings.probe, usize::from(self.test_labels[self.settings.probe as usize]))
    }

    /// The class of a test image.
    pub fn test_class(&self, image: u32) -> Option<&str> {
        let label = *self.test_labels.get(image as usize)?;
        self.classes.get(usize::from(label)).map(String::as_str)
    }

    /// Images of the test set.
    pub fn test_images(&self) -> usize {
        self.trainer.feed.test_images
    }

    /// Images of a step at most.
    pub fn most_batch(&self) -> u32 {
        self.trainer.feed.most_batch() as u32
    }

    /// Images that are trained on.
    pub fn train_images(&self) -> usize {
        self.trainer.feed.train_images
    }

    /// The settings as they are now.
    pub fn settings(&self) -> &RunSettings {
        &self.settings
    }

    /// Steps recorded.
    pub fn step(&self) -> u32 {
        self.trainer.clock().step
    }

    /// Epochs and part of one.
    pub fn epoch(&self) -> f64 {
        self.trainer.epochs()
    }

    /// Network and data: `revacnn on shapes`.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The numbers.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What it is doing.
    pub fn state(&self) -> RunState {
        match self.phase {
            Phase::Evaluation { of: Purpose::Score(_), .. } => RunState::Validating,
            Phase::Step { next } if next > 0 => RunState::Training,
            Phase::Step { .. } if !self.wanted.is_empty() => RunState::Validating,
            // Rows of a layout are made beside the run.
            Phase::Step { .. } | Phase::Evaluation { .. } if self.limit_reached() => RunState::Finished,
            Phase::Step { .. } | Phase::Evaluation { .. } if self.playing || self.single_step => {
                RunState::Training
            }
            Phase::Step { .. } | Phase::Evaluation { .. } => RunState::Paused,
        }
    }

    /// Bytes that have come back from the GPU for the numbers: no pictures, and a fixed most per submit.
    pub fn bytes_read(&self) -> u64 {
        self.arrivals.bytes_read()
    }

    /// Begins or goes on making steps.
    pub fn play(&mut self) {
        self.playing = !self.limit_reached();
        self.rate.restart();
    }

    /// Whether it makes steps until it is paused.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// Stops at the end of the step.
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// Makes one step and stops; none past the limit.
    pub fn single_step(&mut self) {
        self.playing = false;
        self.single_step = !self.limit_reached();
        self.rate.restart();
    }

    /// Stops by itself at this many steps or epochs; goes on past a former limit when played.
    pub fn set_limit(&mut self, limit: Option<Limit>) {
        self.limit = limit;
    }

    /// Nothing is under way: no step, no evaluation.
    fn between_steps(&self) -> bool {
        self.phase == Phase::Step { next: 0 } && self.wanted.is_empty()
    }
}
