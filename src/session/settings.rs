//! Settings of a run, which a checkpoint keeps.

use serde::{Deserialize, Serialize};

use super::command::{Command, DataCommand, NetworkCommand, TrainCommand};
use crate::data::Augmentation;
use crate::nn::{Hyper, TrainerOptions};

/// Settings of a run at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Data set: a built-in name or a path.
    pub dataset: String,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// Number of images per step.
    pub batch: u32,
    /// Random augmentation of training images.
    pub augmentation: Augmentation,
    /// Optimizer settings.
    pub hyper: Hyper,
    /// Frozen layers, counted from 0.
    pub frozen: Vec<u32>,
    /// Index in the test set of the pinned probe.
    pub probe: u32,
}

impl RunSettings {
    /// These settings after a command that is applied before step `step` + 1.
    pub fn changed(&self, command: Command, step: u32) -> Self {
        let mut to = self.clone();
        match command {
            Command::Train(command) => to.change_training(command, step),
            Command::Data(command) => to.change_data(command),
            Command::Network(NetworkCommand::Freeze(layer)) if to.frozen.contains(&layer.0) => {}
            Command::Network(NetworkCommand::Freeze(layer)) => to.frozen.push(layer.0),
            Command::Network(NetworkCommand::Thaw(layer)) => to.frozen.retain(|other| *other != layer.0),
            // Layouts look at the run and are no part of it.
            Command::Layout(_) => {}
        }
        to
    }

    fn change_training(&mut self, command: TrainCommand, step: u32) {
        let hyper = &mut self.hyper;
        match command {
            TrainCommand::SetLearningRate(value) => hyper.learning_rate = value,
            TrainCommand::SetMomentum(value) => hyper.momentum = value,
            TrainCommand::SetWeightDecay(value) => hyper.weight_decay = value,
            TrainCommand::SetNesterov(value) => hyper.nesterov = value,
            TrainCommand::SetOptimizer(kind) if kind != hyper.optimizer => {
                *hyper = Hyper { since: step, ..hyper.with_optimizer(kind) };
            }
            TrainCommand::SetOptimizer(_) => {}
            TrainCommand::SetBeta2(value) => hyper.beta2 = value,
            TrainCommand::SetEpsilon(value) => hyper.epsilon = value,
            TrainCommand::SetL1Decay(value) => hyper.l1_decay = value,
            TrainCommand::SetClipNorm(value) => hyper.clip_norm = value,
            TrainCommand::SetSchedule(value) => hyper.schedule = value,
            TrainCommand::SetWarmup(value) => hyper.warmup = value,
            TrainCommand::SetBatch(batch) => self.batch = batch,
            TrainCommand::Reset(seed) => (self.seed, hyper.since) = (seed, 0),
        }
    }

    fn change_data(&mut self, command: DataCommand) {
        match command {
            DataCommand::SetShift(value) => self.augmentation.shift = value,
            DataCommand::SetFlip(value) => self.augmentation.flip = value,
            DataCommand::SetRotation(value) => self.augmentation.rotation = value,
            DataCommand::SetScale(value) => self.augmentation.scale = value,
            DataCommand::SetBrightness(value) => self.augmentation.brightness = value,
            DataCommand::SetContrast(value) => self.augmentation.contrast = value,
            DataCommand::SetCutout(value) => self.augmentation.cutout = value,
            DataCommand::PinProbe(index) => self.probe = index,
        }
    }

    /// The trainer's options.
    pub fn trainer(&self) -> TrainerOptions {
        TrainerOptions {
            batch: self.batch as usize,
            hyper: self.hyper,
            seed: self.seed,
            augmentation: self.augmentation,
            ..TrainerOptions::default()
        }
    }
}
