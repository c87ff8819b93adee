//! A trainer with its settings and the facts of its data that a user interface shows.

use super::check::DataSizes;
use super::command::{Command, DataCommand, NetworkCommand, TrainCommand};
use super::edited::EditedFilters;
use super::event::Split;
use super::held_out::Of;
use super::settings::RunSettings;
use super::watch::Watched;
use crate::data::{DataEdits, Dataset};
use crate::error::Result;
use crate::layouts::ImageSet;
use crate::nn::{LayerInfo, Trainer};

/// Numbers and classes of the images of each [`Split`].
pub(super) type SplitImages = [Vec<(u32, u8)>; Split::ALL.len()];

/// A trainer, its settings, and the names and labels of its data.
pub(super) struct Run {
    pub trainer: Trainer,
    pub settings: RunSettings,
    /// Network and data: `revacnn on shapes`.
    pub title: String,
    pub classes: Vec<String>,
    pub test_labels: Vec<u8>,
    /// Numbers and classes of the training, validation and test images, by [`Split`], each in the loader's order.
    pub images: SplitImages,
    /// The nodes of the network, the input first.
    pub layers: Vec<LayerInfo>,
    /// Filters changed since the last epoch ended.
    pub edited: EditedFilters,
    /// Number of times that the network was changed.
    pub network_version: u32,
    /// Number of times that what its layers or its loss compute was changed, the network included.
    pub forward_version: u32,
    /// The training elsewhere whose checkpoints it shows, where it does; then it makes no steps of its own.
    pub watched: Option<Box<Watched>>,
}

impl Run {
    pub(super) fn new(trainer: Trainer, data: &Dataset, settings: RunSettings) -> Self {
        let order = data.order();
        let others = &order[trainer.loader.train_images..];
        let (validated, tested) = others.split_at(trainer.loader.validation_images);
        let train_class = |image: &u32| data.train.labels[*image as usize];
        Self {
            title: format!("{} on {}", trainer.network.name, data.name),
            classes: data.classes.clone(),
            test_labels: data.test.labels.clone(),
            images: [
                trainer.loader.training_classes().collect(),
                validated.iter().map(|image| (*image, train_class(image))).collect(),
                tested.iter().copied().zip(data.test.labels.iter().copied()).collect(),
            ],
            layers: LayerInfo::of(&trainer.network),
            network_version: 0,
            forward_version: 0,
            watched: None,
            trainer,
            settings,
            edited: EditedFilters::default(),
        }
    }

    /// Carries out a command that leads to the settings `to` and keeps layers and filters: no reset, no change of them, none that only looks at the run.
    /// Returns whether the trainer's plans may be others.
    ///
    /// # Errors
    /// When a value is out of range, or what it needs does not fit; then nothing changes.
    pub(super) fn change(&mut self, command: &Command, to: &RunSettings) -> Result<bool> {
        let trainer = &mut self.trainer;
        match command {
            Command::Train(TrainCommand::SetBatch(batch)) => trainer.set_batch(*batch as usize)?,
            Command::Train(_) => trainer.set_hyper(to.hyper)?,
            Command::Data(DataCommand::PinProbe(_)) | Command::Layout(_) => {}
            Command::Data(
                DataCommand::Relabel { .. } | DataCommand::LeaveOut(_) | DataCommand::RestoreImage(_),
            ) => self.set_data_edits(&to.data_edits),
            Command::Data(_) => trainer.set_augmentation(to.augmentation)?,
            Command::Network(command) => self.change_network(command, &to.frozen)?,
        }
        let others = matches!(
            command,
            Command::Train(TrainCommand::SetBatch(_) | TrainCommand::SetAverage(_)) | Command::Network(_)
        );
        Ok(others || matches!(command, Command::Data(_)) && !command.is_view())
    }

    /// Carries out a change of the network that keeps its layers and filters; `frozen` are the layers that are frozen after it.
    fn change_network(&mut self, command: &NetworkCommand, frozen: &[u32]) -> Result<()> {
        let trainer = &mut self.trainer;
        match command {
            NetworkCommand::Freeze(_) | NetworkCommand::Thaw(_) => self.set_frozen(frozen),
            NetworkCommand::FreezeFilters { layer, filters } => {
                trainer.set_filters_frozen(layer.0, filters, true)
            }
            NetworkCommand::ThawFilters { layer, filters } => {
                trainer.set_filters_frozen(layer.0, filters, false)
            }
            NetworkCommand::SetLayerRate { layer, factor } => trainer.set_rate_factor(layer.0, *factor),
            NetworkCommand::SetGoal { layer, goal, strength } => trainer.set_goal(layer.0, goal, *strength),
            NetworkCommand::SetLayer { layer, settings } => {
                trainer.set_layer_settings(layer.0, settings)?;
                self.layers = LayerInfo::of(&trainer.network);
                self.forward_version += 1;
                Ok(())
            }
            NetworkCommand::SetLoss(loss) => {
                trainer.set_loss(*loss)?;
                self.forward_version += 1;
                Ok(())
            }
            NetworkCommand::EditWeights(edit) => {
                trainer.edit_weights(edit)?;
                self.edited.mark([(edit.layer, edit.filter)], trainer.clock());
                Ok(())
            }
            NetworkCommand::Edit(_) => Ok(()),
        }
    }

    /// Changes the training images by hand.
    pub(super) fn set_data_edits(&mut self, edits: &DataEdits) {
        if edits == self.trainer.loader.edits() {
            return;
        }
        self.trainer.set_data_edits(edits);
        self.images[Split::Training as usize] = self.trainer.loader.training_classes().collect();
    }

    /// Freezes the layers with these numbers, and thaws all others.
    ///
    /// # Errors
    /// When there is no such layer, or nothing is left to train; then nothing changes.
    pub(super) fn set_frozen(&mut self, layers: &[u32]) -> Result<()> {
        let network = &self.trainer.network;
        let layers = layers.iter().map(|layer| network.layer_index(*layer)).collect::<Result<Vec<_>>>()?;
        self.trainer.set_frozen(&layers)
    }

    /// Images that commands may name.
    pub(super) fn data_sizes(&self) -> DataSizes<'_> {
        let loader = &self.trainer.loader;
        let training = &self.images[Split::Training as usize];
        DataSizes { max_batch: loader.max_batch() as u32, test_images: loader.test_images as u32, training }
    }

    /// The run as it is measured.
    pub(super) fn seen(&self) -> Of<'_> {
        Of { trainer: &self.trainer, version: self.forward_version }
    }

    /// Class of an image of a set.
    pub(super) fn class_of(&self, set: ImageSet, image: u32) -> Option<&str> {
        let split = if set == ImageSet::Train { Split::Training } else { Split::Test };
        let (_, class) = self.images[split as usize].get(image as usize)?;
        self.classes.get(usize::from(*class)).map(String::as_str)
    }
}
