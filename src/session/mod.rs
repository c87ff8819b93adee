//! A run: one trainer, its journal and its files; commands applied between two steps.
//!
//! The session records work into an encoder of the caller, as much as a budget allows, and may stop in the middle of
//! a step: the unit is the dispatch. Numbers come back through the read-back ring a few frames later.

mod arrivals;
mod budget;
mod checkpoint;
mod command;
mod files;
mod headless;
mod journal;
mod layer_info;
mod metrics;
mod options;
mod rate;
mod run_folder;

use std::path::Path;
use std::rc::Rc;

use arrivals::Arrivals;
use budget::Budget;
use checkpoint::{Checkpoint, CheckpointState};
pub use command::Command;
pub use files::{create_folder, write_whole};
pub use headless::{Event, Limit};
pub use journal::{Entry, Header, JOURNAL_FILE};
pub use layer_info::{LayerInfo, TensorKind};
pub use metrics::{EpochMetrics, Metrics, StepMetrics};
pub use options::RunSettings;
use rate::Rate;
pub use run_folder::{METRICS_FILE, NETWORK_FILE, RunFolder};

use crate::data::{Clock, Dataset};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Plan, TensorView};
use crate::nn::{Hyper, Network, Shape, Trainer};

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

/// What is being recorded.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// A training step, from this dispatch on.
    Step { next: usize },
    /// An evaluation that the next encoder begins: what it begins with is written from the CPU, before all that
    /// an encoder holds.
    Beginning { part: Part },
    /// An evaluation: this many passes are left, the first of them from this dispatch on.
    Evaluation { part: Part, passes: usize, next: usize },
}

/// A running network with its data, journal and files.
pub struct Session {
    trainer: Trainer,
    settings: RunSettings,
    title: String,
    classes: Vec<String>,
    test_labels: Vec<u8>,
    fingerprint: String,
    layers: Vec<LayerInfo>,
    metrics: Metrics,
    folder: Option<RunFolder>,
    playing: bool,
    single_step: bool,
    limit: Option<Limit>,
    phase: Phase,
    /// Commands that wait for the end of a step.
    pending: Vec<Command>,
    /// The probes' columns are older than the weights or the pin.
    stale: bool,
    step_budget: Budget,
    evaluation_budget: Budget,
    arrivals: Arrivals,
    events: Vec<Event>,
    rate: Rate,
    /// Submits of [`Session::advance`] that may not be done yet.
    submissions: Vec<wgpu::SubmissionIndex>,
}

impl Session {
    /// Begins a run of `network` (a preset or a TOML file) on the data set of `settings`. With a folder, its files are kept there.
    ///
    /// # Errors
    /// When the data, the network or a setting is faulty, or does not fit the adapter.
    pub fn new(gpu: Rc<Gpu>, network: &str, settings: RunSettings, folder: Option<&Path>) -> Result<Self> {
        let data = Dataset::open(&settings.dataset)?;
        let shape = Shape::new(data.shape.channels, data.shape.height, data.shape.width);
        let network = Network::open(network, shape, data.classes.len())?;
        let mut session = Self::assemble(gpu, &data, network, settings)?;
        if let Some(path) = folder {
            let header = session.header();
            session.folder = Some(RunFolder::create(path, &session.trainer.network.to_toml(), &header)?);
            session.save()?;
        }
        Ok(session)
    }

    /// Goes on with the run in `folder`, bit for bit as if it had never stopped.
    ///
    /// # Errors
    /// When the folder holds no run, or its files are damaged or do not belong together or to the data.
    pub fn resume(gpu: Rc<Gpu>, path: &Path) -> Result<Self> {
        let (folder, state, network) = RunFolder::open(path)?;
        let data = Dataset::open(&state.settings.dataset)?;
        if data.fingerprint() != state.data_fingerprint {
            return Err(Error::new(
                format!(
                    "the data set {} is not the one that {} was trained on",
                    state.settings.dataset,
                    path.display()
                ),
                "bring the old data back, or begin a new run",
            ));
        }
        let shape = Shape::new(data.shape.channels, data.shape.height, data.shape.width);
        let network = Network::parse(&network, shape, data.classes.len())
            .map_err(|e| e.within(path.join(NETWORK_FILE).display()))?;
        let mut session = Self::assemble(gpu, &data, network, state.settings.clone())?;
        session.restore(folder)?;
        Ok(session)
    }

    fn assemble(gpu: Rc<Gpu>, data: &Dataset, network: Network, settings: RunSettings) -> Result<Self> {
        let title = format!("{} on {}", network.name, data.name);
        let trainer = Trainer::new(Rc::clone(&gpu), data, network, settings.trainer())?;
        let mut session = Self {
            layers: layer_info::describe(&trainer.network),
            step_budget: Budget::new(trainer.step_plan()),
            evaluation_budget: Budget::new(trainer.evaluation_plan()),
            arrivals: Arrivals::new(&gpu),
            trainer,
            settings,
            title,
            classes: data.classes.clone(),
            test_labels: data.test.labels.clone(),
            fingerprint: data.fingerprint(),
            metrics: Metrics::default(),
            folder: None,
            playing: false,
            single_step: false,
            limit: None,
            phase: Phase::Step { next: 0 },
            pending: Vec::new(),
            stale: true,
            events: Vec::new(),
            rate: Rate::default(),
            submissions: Vec::new(),
        };
        let probe = session.settings.probe;
        session.carry_out(Command::PinProbe(probe))?;
        Ok(session)
    }

    fn header(&self) -> Header {
        Header {
            revacnn: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.trainer.network.name.clone(),
            data_fingerprint: self.fingerprint.clone(),
            adapter: self.gpu().info.name.clone(),
            settings: self.settings.clone(),
        }
    }

    fn restore(&mut self, folder: RunFolder) -> Result<()> {
        let parameters = &self.trainer.parameters;
        let Checkpoint { values, moments, state } =
            folder.load(&parameters.tensors, parameters.values.len())?;
        let words: [u32; Clock::WORDS] = state.clock.try_into().map_err(|_| {
            Error::new("the checkpoint's clock is damaged", "resume another run, or begin anew")
        })?;
        let clock: Clock = bytemuck::cast(words);
        parameters.values.write(self.trainer.gpu(), 0, &values);
        parameters.moments.write(self.trainer.gpu(), 0, &moments);
        self.trainer.set_clock(clock);
        self.metrics.epochs = folder.rewind(clock.step)?;
        self.folder = Some(folder);
        Ok(())
    }

    /// Writes the checkpoint, if the run has a folder. Waits for the GPU.
    ///
    /// # Errors
    /// When a file cannot be written; then the last good one stays.
    pub fn save(&mut self) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let gpu = self.trainer.gpu();
        let parameters = &self.trainer.parameters;
        let checkpoint = Checkpoint {
            values: parameters.values.read(gpu),
            moments: parameters.moments.read(gpu),
            state: CheckpointState {
                settings: self.settings.clone(),
                data_fingerprint: self.fingerprint.clone(),
                clock: self.trainer.feed.clock().read(gpu),
                content_hash: String::new(),
            },
        };
        folder.save(&checkpoint, &parameters.tensors, &self.metrics.epochs)
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

    /// Images of the test set.
    pub fn test_images(&self) -> usize {
        self.trainer.feed.test_images
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
            Phase::Beginning { .. } | Phase::Evaluation { .. } => RunState::Validating,
            Phase::Step { next } if next > 0 || self.playing || self.single_step => RunState::Training,
            Phase::Step { .. } if self.limit_reached() => RunState::Finished,
            Phase::Step { .. } => RunState::Paused,
        }
    }

    /// Begins or goes on making steps.
    pub fn play(&mut self) {
        self.playing = true;
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

    /// Makes one step and stops.
    pub fn single_step(&mut self) {
        self.playing = false;
        self.single_step = true;
    }

    /// Stops by itself at this many steps or epochs.
    pub fn set_limit(&mut self, limit: Option<Limit>) {
        self.limit = limit;
    }

    fn limit_reached(&self) -> bool {
        self.limit.is_some_and(|limit| match limit {
            Limit::Steps(steps) => self.trainer.clock().step >= steps,
            Limit::Epochs(epochs) => self.trainer.clock().epoch >= epochs,
        })
    }

    fn between_steps(&self) -> bool {
        self.phase == Phase::Step { next: 0 }
    }

    /// Applies a command before the next step, and writes it to the journal.
    ///
    /// # Errors
    /// When a value is out of range; then nothing changes. What fails later is an [`Event::Fault`].
    pub fn apply(&mut self, command: Command) -> Result<()> {
        self.check(command)?;
        if self.between_steps() {
            self.carry_out_and_log(command)
        } else {
            self.pending.push(command);
            Ok(())
        }
    }

    fn check(&self, command: Command) -> Result<()> {
        self.changed_hyper(command).checked()?;
        let (name, value, most) = match command {
            Command::SetBatch(batch) => ("batch", batch.wrapping_sub(1), self.train_images() as u32 - 1),
            Command::PinProbe(index) => ("probe", index, self.test_images() as u32 - 1),
            Command::SetShift(shift) => ("shift", shift, 127),
            _ => return Ok(()),
        };
        if value <= most {
            return Ok(());
        }
        let first = u32::from(name == "batch");
        let what = format!("the {name} is {}", value.wrapping_add(first));
        Err(Error::usage(what, format!("give it a value from {first} to {}", most + first)))
    }

    fn changed_hyper(&self, command: Command) -> Hyper {
        let mut hyper = self.settings.hyper;
        match command {
            Command::SetLearningRate(value) => hyper.learning_rate = value,
            Command::SetMomentum(value) => hyper.momentum = value,
            Command::SetWeightDecay(value) => hyper.weight_decay = value,
            Command::SetNesterov(value) => hyper.nesterov = value,
            _ => (),
        }
        hyper
    }

    fn carry_out_and_log(&mut self, command: Command) -> Result<()> {
        self.carry_out(command)?;
        if let Some(folder) = &self.folder {
            folder.log(self.trainer.clock().step, command)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, command: Command) -> Result<()> {
        match command {
            Command::SetLearningRate(_)
            | Command::SetMomentum(_)
            | Command::SetWeightDecay(_)
            | Command::SetNesterov(_) => {
                let hyper = self.changed_hyper(command);
                self.trainer.set_hyper(hyper)?;
                self.settings.hyper = hyper;
            }
            Command::SetBatch(batch) => {
                self.trainer.set_batch(batch as usize)?;
                self.settings.batch = batch;
                self.step_budget = Budget::new(self.trainer.step_plan());
                self.evaluation_budget = Budget::new(self.trainer.evaluation_plan());
                self.stale = true;
            }
            Command::SetShift(shift) => {
                self.settings.shift = shift;
                self.trainer.set_augmentation(shift, self.settings.flip);
            }
            Command::SetFlip(flip) => {
                self.settings.flip = flip;
                self.trainer.set_augmentation(self.settings.shift, flip);
            }
            Command::Reset(seed) => {
                self.settings.seed = seed;
                self.trainer.reset(seed);
                self.metrics = Metrics::default();
                self.arrivals.forget();
                self.rate.restart();
                self.stale = true;
            }
            Command::PinProbe(index) => {
                self.settings.probe = index;
                // The pinned image, and the three after it.
                let all = self.test_images();
                let probes: Vec<_> = (0..4).map(|i| (index as usize + i) % all).collect();
                self.trainer.feed.set_probes(self.trainer.gpu(), &probes);
                self.stale = true;
            }
        }
        Ok(())
    }

    /// Begins an evaluation, whose result is an [`Event`]; the run goes on after it.
    pub fn evaluate(&mut self, part: Part) {
        self.phase = Phase::Beginning { part };
    }

    fn begin_evaluation(&mut self, part: Part) {
        let feed = &self.trainer.feed;
        let range = if part == Part::Test { feed.test() } else { feed.validation() };
        feed.begin_evaluation(self.trainer.gpu(), range.clone());
        let passes = range.len().div_ceil(self.trainer.sizes().micro_batch);
        self.phase = Phase::Evaluation { part, passes, next: 0 };
    }

    /// Records training, an evaluation or a refresh of the probes worth about `budget_ms` of GPU time; returns
    /// whether anything was recorded. Call [`Session::after_submit`] after the submit.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, budget_ms: f64) -> bool {
        if self.between_steps() {
            for command in std::mem::take(&mut self.pending) {
                if let Err(error) = self.carry_out_and_log(command) {
                    self.events.push(Event::Fault(error));
                }
            }
        }
        if let Phase::Beginning { part } = self.phase {
            self.begin_evaluation(part);
        }
        let mut left_ms = budget_ms;
        let mut recorded = false;
        while left_ms > 0.0 && self.may_go_on(recorded) {
            left_ms -= self.record_some(encoder, left_ms);
            recorded = true;
        }
        if !recorded && self.stale {
            self.trainer.refresh_plan().encode(encoder);
            self.stale = false;
            return true;
        }
        if recorded {
            self.arrivals.copy(encoder, &self.trainer.feed);
        }
        recorded
    }

    fn may_go_on(&self, recorded: bool) -> bool {
        match self.phase {
            Phase::Beginning { .. } => return false,
            Phase::Step { next: 0 } => (),
            _ => return true,
        }
        // Writes from the CPU come before all that is recorded in this encoder, so commands wait for the next one.
        let commands_wait = recorded && !self.pending.is_empty();
        (self.playing || self.single_step) && !self.limit_reached() && !commands_wait
    }

    /// Records a stretch of the present plan; returns its estimated cost in milliseconds.
    fn record_some(&mut self, encoder: &mut wgpu::CommandEncoder, budget_ms: f64) -> f64 {
        match self.phase {
            Phase::Step { next } => {
                let (range, cost) = self.step_budget.fit(next, budget_ms);
                self.arrivals.record(encoder, self.trainer.step_plan(), range.clone(), arrivals::Timed::Step);
                self.phase = Phase::Step { next: range.end };
                if range.end == self.trainer.step_plan().len() {
                    self.end_step();
                }
                cost
            }
            Phase::Beginning { .. } => budget_ms,
            Phase::Evaluation { part, passes, next } => {
                let plan: &Plan = self.trainer.evaluation_plan();
                let (range, cost) = self.evaluation_budget.fit(next, budget_ms);
                self.arrivals.record(encoder, plan, range.clone(), arrivals::Timed::Evaluation);
                let whole = range.end == plan.len();
                self.phase = match (whole, passes) {
                    (false, _) => Phase::Evaluation { part, passes, next: range.end },
                    (true, 2..) => Phase::Evaluation { part, passes: passes - 1, next: 0 },
                    (true, _) => {
                        self.arrivals.evaluated(encoder, &self.trainer, part);
                        Phase::Step { next: 0 }
                    }
                };
                cost
            }
        }
    }

    fn end_step(&mut self) {
        self.phase = Phase::Step { next: 0 };
        self.single_step = false;
        self.stale = false;
        self.rate.count(self.settings.batch);
        self.metrics.images_per_s = self.rate.images_per_s();
        if self.trainer.tick() {
            self.rate.end_epoch();
            self.evaluate(Part::Validation);
        }
        if self.limit_reached() {
            self.playing = false;
        }
    }

    /// Call after the submit that holds what [`Session::record`] recorded.
    pub fn after_submit(&mut self) {
        self.arrivals.after_submit();
    }

    /// Takes in the numbers that have arrived. Call once a frame, after the device was polled.
    pub fn poll(&mut self) {
        for arrival in self.arrivals.take() {
            self.take_in(arrival);
        }
    }
}
