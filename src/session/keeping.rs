//! How a session begins, goes on after it was stopped, and is kept in a folder.

use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;

use super::arrivals::Arrivals;
use super::budget::Budget;
use super::checkpoint::{Checkpoint, CheckpointState, foreign};
use super::recording::Phase;
use super::run_folder::{NETWORK_FILE, RunFolder, StoredRun, read_clock};
use super::{Command, Header, Metrics, Rate, RunSettings, Session, layer_info};
use crate::data::{Dataset, split_order};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::{Network, Trainer};

impl Session {
    /// Begins a run of `network` (a preset or a TOML file) on the data set of `settings`. With a folder, its files are
    /// kept there.
    ///
    /// # Errors
    /// When the data, the network or a setting is faulty, or does not fit the adapter; when the folder is not free.
    pub fn new(gpu: Rc<Gpu>, network: &str, settings: RunSettings, folder: Option<&Path>) -> Result<Self> {
        folder.map_or(Ok(()), RunFolder::check_free)?;
        let data = Dataset::open(&settings.dataset)?;
        let network = Network::open(network, data.shape.into(), data.classes.len())?;
        let mut session = Self::assemble(gpu, &data, network, settings)?;
        if let Some(path) = folder {
            let network = session.trainer.network.to_toml();
            session.folder = Some(RunFolder::create(path, &network, &session.header)?);
            session.save()?;
        }
        Ok(session)
    }

    /// Goes on with the run in `folder`, bit for bit as if it had never stopped: the commands that the journal holds
    /// after the checkpoint are carried out again at their steps.
    ///
    /// # Errors
    /// When the folder holds no run, or its files are damaged or do not belong together or to the data. Nothing
    /// is changed there.
    pub fn resume(gpu: Rc<Gpu>, path: &Path) -> Result<Self> {
        let run = RunFolder::open(path)?;
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
        let network = Network::parse(&run.network, data.shape.into(), data.classes.len())
            .map_err(|e| e.within(file.display()))?;
        if network.to_toml() != state.network {
            return Err(foreign(&file, "it is not the network that the model has"));
        }
        let mut session = Self::assemble(gpu, &data, network, state.settings.clone())?;
        session.restore(run)?;
        Ok(session)
    }

    fn assemble(gpu: Rc<Gpu>, data: &Dataset, network: Network, settings: RunSettings) -> Result<Self> {
        let title = format!("{} on {}", network.name, data.name);
        let trainer = Trainer::new(Rc::clone(&gpu), data, network, settings.trainer())?;
        let header = Header {
            revacnn: env!("CARGO_PKG_VERSION").to_owned(),
            network: trainer.network.name.clone(),
            data_fingerprint: data.fingerprint(),
            adapter: gpu.info.name.clone(),
            settings: settings.clone(),
        };
        let filters = (0..=trainer.network.layers.len()).map(|layer| trainer.weights(layer)).collect();
        let order = split_order(data.train.len(), data.test.len());
        let trained = &order[..trainer.feed.train_images];
        let train_labels = trained.iter().map(|image| data.train.labels[*image as usize]).collect();
        let mut session = Self {
            train_labels,
            embeddings: super::Embeddings::new(&gpu, filters)?,
            layers: layer_info::describe(&trainer.network),
            step_budget: Budget::new(trainer.step_plan()),
            evaluation_budget: Budget::new(trainer.evaluation_plan()),
            arrivals: Arrivals::new(&gpu),
            trainer,
            settings,
            title,
            classes: data.classes.clone(),
            test_labels: data.test.labels.clone(),
            metrics: Metrics::default(),
            folder: None,
            header,
            journal: Vec::new(),
            carried_out: 0,
            journal_behind: false,
            playing: false,
            single_step: false,
            limit: None,
            phase: Phase::Step { next: 0 },
            wanted: VecDeque::new(),
            pending: Vec::new(),
            unsubmitted: false,
            uncopied_steps: 0,
            stale: true,
            events: Vec::new(),
            rate: Rate::default(),
            faults: 0,
            submissions: Vec::new(),
        };
        if !session.settings.frozen.is_empty() {
            session.set_frozen(&session.settings.frozen.clone())?;
        }
        let probe = Command::PinProbe(session.settings.probe);
        session.check(probe)?;
        session.carry_out(probe)?;
        session.check_prepared()?;
        Ok(session)
    }

    /// An error when the driver could not make what a training step needs.
    fn check_prepared(&self) -> Result<()> {
        let Some(fault) = self.gpu().take_errors().into_iter().next() else { return Ok(()) };
        let (batch, adapter) = (self.settings.batch, &self.gpu().info.name);
        Err(Error::new(
            format!("{} with batch {batch} cannot be prepared on {adapter}: {fault}", self.title),
            "take a smaller batch or a smaller network, or another adapter (see: revacnn adapters)",
        ))
    }

    fn restore(&mut self, run: StoredRun) -> Result<()> {
        if run.header.adapter != self.gpu().info.name {
            let (then, now) = (&run.header.adapter, &self.gpu().info.name);
            log::warn!("the run began on {then}; on {now} the numbers may differ in their last digits");
        }
        let clock = read_clock(run.folder.path(), &run.checkpoint.state.clock)?;
        let parameters = &self.trainer.parameters;
        let checkpoint = run.checkpoint.of_network(&parameters.tensors, parameters.values.len())?;
        parameters.values.write(self.trainer.gpu(), 0, &checkpoint.values);
        parameters.moments.write(self.trainer.gpu(), 0, &checkpoint.moments);
        parameters.second_moments.write(self.trainer.gpu(), 0, &checkpoint.second_moments);
        self.trainer.set_clock(clock);
        self.metrics.epochs = run.epochs;
        self.header = run.header;
        self.journal = run.journal;
        self.carried_out = checkpoint.state.commands;
        self.journal_behind = true;
        self.folder = Some(run.folder);
        Ok(())
    }

    /// Writes the checkpoint, if the run has a folder: finishes the step or evaluation that is under way, and waits
    /// for the GPU. What was recorded by the caller must be submitted before.
    ///
    /// # Errors
    /// When a file cannot be written, or the GPU has lost the run; then the last good checkpoint stays.
    pub fn save(&mut self) -> Result<()> {
        if self.folder.is_none() {
            return Ok(());
        }
        self.finish_under_way();
        let saved = self.write_checkpoint();
        self.rate.restart();
        saved
    }

    fn write_checkpoint(&mut self) -> Result<()> {
        let checkpoint = self.read_checkpoint()?;
        let Some(folder) = &self.folder else { return Ok(()) };
        if std::mem::take(&mut self.journal_behind)
            && let Err(error) = folder.write_journal(&self.header, &self.journal)
        {
            self.journal_behind = true;
            return Err(error);
        }
        folder.save(&checkpoint, &self.trainer.parameters.tensors, &self.metrics.epochs)
    }

    pub(super) fn finish_under_way(&mut self) {
        let playing = std::mem::replace(&mut self.playing, false);
        let faults = self.faults;
        while !self.between_steps() {
            self.advance();
        }
        self.settle();
        self.playing = playing && self.faults == faults;
    }

    fn read_checkpoint(&self) -> Result<Checkpoint> {
        let gpu = self.trainer.gpu();
        let parameters = &self.trainer.parameters;
        let clock = self.trainer.feed.clock().read(gpu)[0];
        let here = self.trainer.clock();
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
            state: CheckpointState {
                settings: self.settings.clone(),
                network: self.trainer.network.to_toml(),
                data_fingerprint: self.header.data_fingerprint.clone(),
                clock: bytemuck::cast_slice(&[clock]).to_vec(),
                commands: self.carried_out,
                content_hash: String::new(),
            },
        })
    }
}
