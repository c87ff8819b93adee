//! Life of a session: begun, resumed, saved to its folder.

use std::path::Path;
use std::rc::Rc;

use super::checkpoint::{Checkpoint, CheckpointState, MODEL_FILE, foreign};
use super::command::{Command, DataCommand};
use super::effects::Effects;
use super::event::Event;
use super::inspect::{self, Inspect};
use super::journal::Journal;
use super::journal_file::{Header, differing_bits};
use super::measure::Measurements;
use super::metrics::Metrics;
use super::progress::Progress;
use super::readback::Readback;
use super::run::Run;
use super::run_folder::{NETWORK_FILE, RunFolder, StoredRun, read_clock};
use super::settings::RunSettings;
use super::state::Session;
use super::statistics::Statistics;
use super::throughput::Throughput;
use super::timeline::Timeline;
use super::{branch_files, identity, kept, metrics_file, replay, start_file};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layouts::Layouts;
use crate::nn::{Model, Network, Trainer};

impl Session {
    /// Begins a run of `network` (a preset or a TOML file) on the data set of `settings`. With a folder, its files are
    /// kept there.
    ///
    /// # Errors
    /// When the data, the network or a setting is faulty, or does not fit the adapter; when the folder is not free.
    pub fn new(gpu: Rc<Gpu>, network: &str, settings: RunSettings, folder: Option<&Path>) -> Result<Self> {
        folder.map_or(Ok(()), RunFolder::check_free)?;
        let data = Dataset::open(&settings.dataset)?;
        let mut session = Self::on(gpu, &data, network, settings)?;
        folder.map_or(Ok(()), |path| session.keep(path)).map(|()| session)
    }

    /// As [`Session::new`] on the data set of `settings`, which is open already; it is kept nowhere.
    ///
    /// # Errors
    /// As there.
    pub fn on(gpu: Rc<Gpu>, data: &Dataset, network: &str, settings: RunSettings) -> Result<Self> {
        let network = Network::open(network, data.shape.into(), data.classes.len())?;
        Self::assemble(gpu, data, network, settings)
    }

    /// Begins a run of an imported network on the data set `data`, which is that of `settings`; it is kept nowhere.
    ///
    /// # Errors
    /// When the images or classes of the data are not the network's, a setting is faulty, or it does not fit the adapter.
    pub fn import(gpu: Rc<Gpu>, model: Model, data: &Dataset, settings: RunSettings) -> Result<Self> {
        start_file::import(gpu, model, data, settings)
    }

    /// Keeps a run that was kept nowhere in the folder `path` from now on: its past, its branches and what is to come of its commands.
    ///
    /// # Errors
    /// When the folder is not free or cannot be written; then the run is kept nowhere, and another folder can be tried.
    pub fn keep(&mut self, path: &Path) -> Result<()> {
        kept::keep(self, path)
    }

    /// Goes on with the run in the folder `path`, bit for bit as if it had never stopped: the commands that the journal holds
    /// after the checkpoint are carried out again at their steps.
    ///
    /// # Errors
    /// When the folder holds no run, or its files are damaged or do not belong together or to the data. Nothing
    /// is changed there.
    pub fn resume(gpu: Rc<Gpu>, path: &Path) -> Result<Self> {
        let run = RunFolder::open(path)?;
        let (folder, state) = (run.folder.clone(), run.checkpoint.state.clone());
        let mut session = Self::load(gpu, path, run)?;
        session.events.extend(folder.tidy(&state).map(Event::Notice));
        session.folder = Some(folder);
        Ok(session)
    }

    /// The run in the folder `path` at its last checkpoint, to look at: another program may be training there, and nothing is
    /// written.
    ///
    /// # Errors
    /// As [`Session::resume`].
    pub fn look_at(gpu: Rc<Gpu>, path: &Path) -> Result<Self> {
        Self::load(gpu, path, RunFolder::look_at(path)?)
    }

    /// A run made again from a journal: a run's folder or one of the journals in it. It is on its way to step `to` of the last life,
    /// by default to where the model of the folder or else the journal ends, and is kept nowhere.
    ///
    /// # Errors
    /// When there is no such journal, it is damaged, it ends before `to`, or its network or its data are not there.
    pub fn replay(gpu: Rc<Gpu>, path: &Path, to: Option<u32>) -> Result<Self> {
        replay::replay(gpu, path, to)
    }

    /// A session of what a folder holds, without the folder.
    fn load(gpu: Rc<Gpu>, path: &Path, run: StoredRun) -> Result<Self> {
        let state = &run.checkpoint.state;
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
        let file = path.join(NETWORK_FILE);
        let parse = |text: &str| Network::parse(text, data.shape.into(), data.classes.len());
        let stored = parse(&run.network).map_err(|e| e.within(file.display()))?;
        // A kill between the model and this file leaves the network of before a change here.
        let changes = run.journal.changes_network() || run.branches.branches.len() > 1;
        if stored.to_toml() != state.network && !changes {
            return Err(foreign(&file, "it is not the network that the model has"));
        }
        let network = parse(&state.network).map_err(|e| e.within(path.join(MODEL_FILE).display()))?;
        let mut session = Self::assemble(gpu, &data, network, state.settings.clone())?;
        start_file::read(path, run.journal.header.value.start.as_deref(), &mut session.run.trainer)?;
        session.restore(run)?;
        session.restore_probes(path);
        Ok(session)
    }

    /// Takes the probes that a folder keeps; where they cannot be read, the run goes on without them.
    fn restore_probes(&mut self, path: &Path) {
        let trainer = &mut self.run.trainer;
        let restored = inspect::read(path, trainer).and_then(|probes| {
            let Some(probes) = probes else { return Ok(()) };
            self.measurements.inspection.restore(probes, trainer, self.run.settings.probe)
        });
        self.events.extend(restored.err().map(Event::Notice));
    }

    /// Does what a user interface asks for about single images; the run's folder keeps the probes.
    ///
    /// # Errors
    /// When it is out of range, does not fit the GPU, or the probes cannot be written; they stay as long as the session lives.
    pub(super) fn inspect(&mut self, request: Inspect) -> Result<()> {
        let (inspection, run) = (&mut self.measurements.inspection, &mut self.run);
        let Some(stored) = inspection.request(request, &mut run.trainer, run.settings.probe)? else {
            return Ok(());
        };
        self.progress.probes_stale = true;
        if stored { self.write_probes() } else { Ok(()) }
    }

    pub(super) fn write_probes(&self) -> Result<()> {
        let probes = self.measurements.inspection.probes();
        self.folder().map_or(Ok(()), |folder| inspect::write(folder, probes, self.trainer()))
    }

    pub(super) fn assemble(
        gpu: Rc<Gpu>,
        data: &Dataset,
        mut network: Network,
        settings: RunSettings,
    ) -> Result<Self> {
        // Before it is built: what is frozen takes no statistics, so that it fits where the same layer, trained, does not.
        settings.freeze(&mut network);
        let trainer = Trainer::new(gpu, data, network, settings.trainer())?;
        let gpu = Rc::clone(trainer.gpu());
        let header = Header {
            run: Some(identity::random()?),
            revacnn: env!("CARGO_PKG_VERSION").to_owned(),
            network: trainer.network.name.clone(),
            network_toml: Some(trainer.network.to_toml()),
            data_fingerprint: data.fingerprint(),
            adapter: gpu.info.name.clone(),
            summation: gpu.summation().map(str::to_owned),
            start: None,
            settings: settings.clone(),
        };
        let layouts = Layouts::new(&trainer)?;
        let measurements = Measurements::new(Statistics::new(&trainer, &layouts)?);
        let mut session = Self {
            progress: Progress::new(&trainer),
            readback: Readback::new(&gpu, &trainer),
            throughput: Throughput::default(),
            metrics: Metrics::default(),
            layouts,
            layouts_restored: true,
            journal: Journal::new(header),
            measurements,
            folder: None,
            pending: Default::default(),
            events: settings.refused(&gpu).map(Event::Notice).into_iter().collect(),
            unsaved: None,
            timeline: Timeline::new(),
            run: Run::new(trainer, data, settings),
        };
        let RunSettings { frozen, probe, data_edits, .. } = session.run.settings.clone();
        session.run.set_data_edits(&data_edits);
        if !frozen.is_empty() {
            session.run.set_frozen(&frozen)?;
            session.progress.take_plans(&session.run.trainer);
        }
        let probe = Command::from(DataCommand::PinProbe(probe));
        session.check(&probe)?;
        session.carry_out(&probe)?;
        session.check_prepared()?;
        Ok(session)
    }

    /// An error when the driver could not make what a training step needs.
    fn check_prepared(&self) -> Result<()> {
        let Some(fault) = self.gpu().take_errors().into_iter().next() else { return Ok(()) };
        let (batch, adapter) = (self.run.settings.batch, &self.gpu().info.name);
        Err(Error::new(
            format!("{} with batch {batch} cannot be prepared on {adapter}: {fault}", self.title()),
            "take a smaller batch or a smaller network, or another adapter (see: revacnn adapters)",
        ))
    }

    fn restore(&mut self, run: StoredRun) -> Result<()> {
        let (header, gpu) = (&run.journal.header.value, self.gpu());
        let then = (header.adapter.as_str(), header.summation.as_deref());
        if let Some(difference) = differing_bits(then, (&gpu.info.name, gpu.summation())) {
            log::warn!("{difference}");
        }
        let clock = read_clock(run.folder.path(), &run.checkpoint.state.clock)?;
        let trainer = &mut self.run.trainer;
        let parameters = &trainer.parameters;
        let checkpoint = run.checkpoint.of_network(&parameters.tensors, parameters.values.len())?;
        parameters.values.write(trainer.gpu(), 0, &checkpoint.values);
        parameters.moments.write(trainer.gpu(), 0, &checkpoint.moments);
        parameters.second_moments.write(trainer.gpu(), 0, &checkpoint.second_moments);
        parameters.averages.write(trainer.gpu(), 0, &checkpoint.averages);
        trainer.set_clock(clock);
        self.measurements.forget(trainer);
        self.metrics.epochs = run.epochs;
        let rectified = self.run.trainer.fired().0;
        let dead = checkpoint.state.dead.iter().copied();
        self.metrics.dead = dead.filter(|node| rectified.contains(node)).collect();
        self.measurements.effects = Effects::resumed(checkpoint.state.actions.clone(), clock.step);
        self.journal = Journal::resumed(run.journal, checkpoint.state.commands);
        (self.timeline.branches, self.timeline.branch) = (run.branches.branches, run.branches.present);
        let now = self.moment();
        self.timeline.reached = now;
        self.timeline.saved = Some((self.timeline.branch, now));
        self.layouts_restored = false;
        self.events.extend(run.notices.into_iter().map(Event::Notice));
        Ok(())
    }

    /// Writes the checkpoint, if the run has a folder: finishes the step or evaluation that is under way, and waits
    /// for the GPU. What was recorded by the caller must be submitted before.
    ///
    /// # Errors
    /// When a file cannot be written, or the GPU has lost the run; then the last good checkpoint stays, the run pauses, and
    /// [`Session::unsaved`] tells it until a later save succeeds. Nothing is lost as long as the session lives.
    pub fn save(&mut self) -> Result<()> {
        if self.folder.is_none() {
            return Ok(());
        }
        self.finish_under_way();
        // Commands that waited for the end of the step are part of the run.
        self.carry_out_pending();
        let saved = self.write_checkpoint();
        self.throughput.restart();
        self.unsaved = saved.clone().err();
        if saved.is_err() {
            self.pause();
        }
        saved
    }

    pub(super) fn write_checkpoint(&mut self) -> Result<()> {
        let checkpoint = self.read_checkpoint()?;
        self.write_journal()?;
        let Some(folder) = &self.folder else { return Ok(()) };
        let tensors = &self.run.trainer.parameters.tensors;
        let changes = self.journal.changes_network() || self.timeline.branches.len() > 1;
        folder.save(&checkpoint, tensors, changes)?;
        self.timeline.saved = Some((self.timeline.branch, self.moment()));
        branch_files::write_tree(folder.path(), &self.timeline)
    }

    fn finish_under_way(&mut self) {
        let playing = std::mem::replace(&mut self.progress.playing, false);
        let faults = self.progress.faults;
        while !self.progress.is_idle() || self.measurements.is_busy() {
            self.advance();
        }
        self.settle();
        self.progress.playing = playing && self.progress.faults == faults && !self.progress.steps_are_made();
    }

    fn read_checkpoint(&self) -> Result<Checkpoint> {
        let trainer = &self.run.trainer;
        let (gpu, parameters) = (trainer.gpu(), &trainer.parameters);
        let clock = trainer.loader.clock().read(gpu)[0];
        let here = trainer.clock();
        if [clock.step, clock.epoch, clock.cursor] != [here.step, here.epoch, here.cursor] {
            return Err(Error::new(
                format!("the GPU has lost the run at step {}", here.step),
                "the last checkpoint stays as it is: go on from it by --resume",
            ));
        }
        Ok(Checkpoint {
            values: parameters.values.read(gpu),
            moments: parameters.moments.read(gpu),
            second_moments: parameters.second_moments.read(gpu),
            averages: parameters.averages.read(gpu),
            state: CheckpointState {
                run: self.journal.header().run.clone(),
                settings: self.run.settings.clone(),
                network: trainer.network.to_toml(),
                data_fingerprint: self.journal.header().data_fingerprint.clone(),
                clock: bytemuck::cast_slice(&[clock]).to_vec(),
                commands: self.journal.carried_out().len(),
                journal_check: Some(self.journal.check()),
                metrics: Some(metrics_file::text(&self.metrics.epochs)?),
                dead: self.metrics.dead.clone(),
                actions: self.effects().to_vec(),
                content_hash: String::new(),
            },
        })
    }

    /// Activations of a node (0 is the input) for test images, given by their indices in ascending order: `[i, d]`. Finishes the step
    /// or evaluation that is under way, and waits for the GPU.
    ///
    /// # Errors
    /// When there is no such node or image, or the activations of a pass do not fit the adapter.
    pub fn test_features(&mut self, node: usize, images: &[usize]) -> Result<Vec<f32>> {
        let count = self.test_images();
        if let Some(none) = images.iter().find(|image| **image >= count) {
            let what = format!("there is no test image {none}");
            return Err(Error::new(what, format!("count them from 0 to {}", count - 1)));
        }
        self.finish_under_way();
        let first = self.run.trainer.loader.test().start;
        let positions: Vec<usize> = images.iter().map(|image| first + image).collect();
        self.run.trainer.features(node, &positions)
    }
}
