//! `steer.json`: what the user wants of a training that is watched.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::places::Places;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::{Role, Trainer};
use crate::session::command::{Command, DataCommand, NetworkCommand, TrainCommand};

/// Name of the file.
pub(super) const ORDERS_FILE: &str = "steer.json";

/// All that was wanted so far. A training takes it where the version is higher than that of the last one it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Orders {
    /// Counts the changes.
    pub version: u64,
    /// Values of all parameter groups: `lr`, `momentum` or `betas`, `weight_decay`; a schedule goes on from there.
    pub set: BTreeMap<String, Value>,
    /// Rows of parameters that stay as they are, by the parameters' names.
    pub freeze: BTreeMap<String, Vec<usize>>,
    /// The training waits.
    pub pause: bool,
    /// Counts the saves that were asked for.
    pub save: u64,
}

impl Orders {
    /// The orders that are in a folder; none where there are none, or the file is damaged: the next ones replace it.
    pub(super) fn open(folder: &Path) -> Self {
        let bytes = files::read_whole(&folder.join(ORDERS_FILE)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Takes what a command wants, which was carried out on the network shown; `betas` are those of an optimizer that has them.
    pub(super) fn take(
        &mut self,
        command: &Command,
        betas: Option<[f32; 2]>,
        (trainer, places): (&Trainer, &Places),
    ) {
        let (name, value) = match (command, betas) {
            (Command::Train(TrainCommand::SetLearningRate(rate)), _) => ("lr", decimal(*rate)),
            (Command::Train(TrainCommand::SetMomentum(first)), Some([_, second])) => {
                ("betas", vec![decimal(*first), decimal(second)].into())
            }
            (Command::Train(TrainCommand::SetMomentum(momentum)), None) => ("momentum", decimal(*momentum)),
            (Command::Train(TrainCommand::SetWeightDecay(decay)), _) => ("weight_decay", decimal(*decay)),
            _ => {
                self.freeze = frozen(trainer, places);
                return;
            }
        };
        self.set.insert(name.to_owned(), value);
    }

    /// Writes them as a new version.
    ///
    /// # Errors
    /// When the folder is gone, or cannot be written.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        self.version = self.version.saturating_add(1);
        let text = serde_json::to_string_pretty(self).expect("orders are plain data");
        files::write_whole(&folder.join(ORDERS_FILE), text.as_bytes())
    }
}

/// The value as it is typed: 0.1 and not the nearest number of 32 bits.
fn decimal(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The rows of parameters that are frozen: all of a layer, or those of its filters.
fn frozen(trainer: &Trainer, places: &Places) -> BTreeMap<String, Vec<usize>> {
    let mut frozen = BTreeMap::new();
    for layer in &trainer.network.layers {
        let is_frozen = |(_, id): &(usize, &u32)| layer.frozen_filters.contains(id);
        let filters: Vec<usize> =
            layer.filter_ids.iter().enumerate().filter(is_frozen).map(|(row, _)| row).collect();
        if filters.is_empty() && !layer.frozen {
            continue;
        }
        // Running statistics go on, as in a training of our own.
        for spec in layer.parameters().into_iter().filter(|spec| spec.role != Role::Buffer) {
            let name = places.name(&format!("{}.{}", layer.name, spec.name));
            let rows = if layer.frozen { (0..spec.file_shape()[0]).collect() } else { filters.clone() };
            frozen.extend(name.map(|name| (name.to_owned(), rows)));
        }
    }
    frozen
}

/// An error for a command that does not reach a training that is watched.
pub(super) fn check_reaches(command: &Command) -> Result<()> {
    let reaches = match command {
        Command::Layout(_) | Command::Data(DataCommand::PinProbe(_)) => true,
        Command::Train(command) => matches!(
            command,
            TrainCommand::SetLearningRate(_) | TrainCommand::SetMomentum(_) | TrainCommand::SetWeightDecay(_)
        ),
        Command::Network(command) => matches!(
            command,
            NetworkCommand::Freeze(_)
                | NetworkCommand::Thaw(_)
                | NetworkCommand::FreezeFilters { .. }
                | NetworkCommand::ThawFilters { .. }
        ),
        Command::Data(_) => false,
    };
    if reaches { Ok(()) } else { Err(not_here(&command.words())) }
}

/// An error for something that does not reach a training that is watched.
pub(super) fn not_here(words: &str) -> Error {
    Error::new(
        format!("not possible in a training that is watched: {words}"),
        "PyTorch trains it: learning rate, momentum, weight decay, freezing, pause and save reach it; for all else, import a checkpoint",
    )
}
