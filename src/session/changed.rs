//! Settings of a run after a command.

use super::command::{Command, DataCommand, NetworkCommand, TrainCommand};
use super::settings::RunSettings;
use crate::nn::{Edit, Hyper};

impl RunSettings {
    /// These settings after a command that is applied before step `step` + 1.
    pub fn changed(&self, command: &Command, step: u32) -> Self {
        let mut to = self.clone();
        match command {
            Command::Train(command) => to.change_training(*command, step),
            Command::Data(command) => to.change_data(*command),
            Command::Network(NetworkCommand::Freeze(layer)) if to.frozen.contains(&layer.0) => {}
            Command::Network(NetworkCommand::Freeze(layer)) => to.frozen.push(layer.0),
            Command::Network(NetworkCommand::Thaw(layer)) => to.frozen.retain(|other| *other != layer.0),
            Command::Network(NetworkCommand::Edit(edit)) => {
                to.frozen.retain(|layer| !matches!(edit, Edit::RemoveLayer { layer: gone } if gone == layer));
            }
            // These are in the network itself, and layouts look at the run and are no part of it.
            Command::Network(_) | Command::Layout(_) => {}
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
            TrainCommand::SetAverage(value) => hyper.averaging = value,
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
            DataCommand::Relabel { image, class } => self.data_edits.relabel(image, class),
            DataCommand::LeaveOut(image) => self.data_edits.leave_out(image),
            DataCommand::RestoreImage(image) => self.data_edits.restore(image),
        }
    }
}
