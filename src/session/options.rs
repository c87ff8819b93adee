//! What a run is made of: the settings that a checkpoint keeps.

use serde::{Deserialize, Serialize};

use super::Command;
use crate::data::Augmentation;
use crate::nn::{Hyper, TrainerOptions};

/// Settings of a run, as they are at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Data set: a built-in name or a path.
    pub dataset: String,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// Images of a step.
    pub batch: u32,
    /// How training images are changed at random.
    pub augmentation: Augmentation,
    /// Optimizer settings.
    pub hyper: Hyper,
    /// Layers, counted from 0, whose parameters stay as they are.
    pub frozen: Vec<u32>,
    /// Index in the test set of the pinned probe.
    pub probe: u32,
}

impl RunSettings {
    /// The settings that a command before step `step` makes of these.
    pub fn changed(&self, command: Command, step: u32) -> Self {
        let mut to = self.clone();
        match command {
            Command::SetLearningRate(value) => to.hyper.learning_rate = value,
            Command::SetMomentum(value) => to.hyper.momentum = value,
            Command::SetWeightDecay(value) => to.hyper.weight_decay = value,
            Command::SetNesterov(value) => to.hyper.nesterov = value,
            Command::SetOptimizer(kind) if kind != to.hyper.optimizer => {
                to.hyper = Hyper { since: step, ..to.hyper.with_optimizer(kind) };
            }
            Command::SetOptimizer(_) => {}
            Command::SetBeta2(value) => to.hyper.beta2 = value,
            Command::SetEpsilon(value) => to.hyper.epsilon = value,
            Command::SetL1Decay(value) => to.hyper.l1_decay = value,
            Command::SetClipNorm(value) => to.hyper.clip_norm = value,
            Command::SetSchedule(value) => to.hyper.schedule = value,
            Command::SetWarmup(value) => to.hyper.warmup = value,
            Command::SetBatch(batch) => to.batch = batch,
            Command::SetShift(value) => to.augmentation.shift = value,
            Command::SetFlip(value) => to.augmentation.flip = value,
            Command::SetRotation(value) => to.augmentation.rotation = value,
            Command::SetScale(value) => to.augmentation.scale = value,
            Command::SetBrightness(value) => to.augmentation.brightness = value,
            Command::SetContrast(value) => to.augmentation.contrast = value,
            Command::SetCutout(value) => to.augmentation.cutout = value,
            Command::Freeze(layer) if to.frozen.contains(&layer) => {}
            Command::Freeze(layer) => to.frozen.push(layer),
            Command::Thaw(layer) => to.frozen.retain(|other| *other != layer),
            Command::Reset(seed) => (to.seed, to.hyper.since) = (seed, 0),
            Command::PinProbe(index) => to.probe = index,
        }
        to
    }

    /// The trainer's part of the settings.
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
