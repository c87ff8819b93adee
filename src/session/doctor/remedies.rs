//! Remedies: commands, with what is to come of them.

use super::checkup::Checkup;
use super::finding::{Expected, Remedy};
use crate::session::command::{Command, NetworkCommand, TrainCommand};

/// Share of the learning rate that is left where it is too high.
const SLOWER: f32 = 0.1;

/// Commands for the network after which the problem is gone; none without any.
pub(super) fn cure(commands: Vec<NetworkCommand>) -> Option<Remedy> {
    let commands: Vec<Command> = commands.into_iter().map(Command::Network).collect();
    (!commands.is_empty()).then_some(Remedy { commands, expected: Expected::Gone, loss_change: None })
}

/// A command after which the validation loss is lower.
pub(super) fn lowers(command: impl Into<Command>) -> Option<Remedy> {
    Some(Remedy { commands: vec![command.into()], expected: Expected::LowerLoss, loss_change: None })
}

/// A tenth of the learning rate.
pub(super) fn slower(checkup: &Checkup, expected: Expected) -> Option<Remedy> {
    let rate = SLOWER * checkup.settings.hyper.learning_rate;
    let remedy = lowers(TrainCommand::SetLearningRate(rate)).filter(|_| rate > 0.0)?;
    Some(Remedy { expected, ..remedy })
}
