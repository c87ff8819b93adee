//! A trainer with its settings and the facts of its data that a user interface shows.

use super::command::NetworkCommand;
use super::edited::EditedFilters;
use super::held_out::Of;
use super::settings::RunSettings;
use crate::data::{Dataset, split_order};
use crate::error::Result;
use crate::layouts::ImageSet;
use crate::nn::{LayerInfo, Trainer};

/// A trainer, its settings, and the names and labels of its data.
pub(super) struct Run {
    pub trainer: Trainer,
    pub settings: RunSettings,
    /// Network and data: `revacnn on shapes`.
    pub title: String,
    pub classes: Vec<String>,
    pub test_labels: Vec<u8>,
    /// Numbers and classes of the validation images, in the loader's order.
    pub validation_images: Vec<(u32, u8)>,
    /// Numbers and classes of the test images.
    pub test_images: Vec<(u32, u8)>,
    /// Labels of the training images, in the loader's order.
    pub train_labels: Vec<u8>,
    /// The nodes of the network, the input first.
    pub layers: Vec<LayerInfo>,
    /// Filters changed since the last epoch ended.
    pub edited: EditedFilters,
    /// Number of times that the network was changed.
    pub network_version: u32,
}

impl Run {
    pub(super) fn new(trainer: Trainer, data: &Dataset, settings: RunSettings) -> Self {
        let order = split_order(data.train.len(), data.test.len());
        let (trained, others) = order.split_at(trainer.loader.train_images);
        let (validated, tested) = others.split_at(trainer.loader.validation_images);
        let train_class = |image: &u32| data.train.labels[*image as usize];
        Self {
            title: format!("{} on {}", trainer.network.name, data.name),
            classes: data.classes.clone(),
            test_labels: data.test.labels.clone(),
            validation_images: validated.iter().map(|image| (*image, train_class(image))).collect(),
            test_images: tested.iter().copied().zip(data.test.labels.iter().copied()).collect(),
            train_labels: trained.iter().map(train_class).collect(),
            layers: LayerInfo::of(&trainer.network),
            network_version: 0,
            trainer,
            settings,
            edited: EditedFilters::default(),
        }
    }

    /// Carries out a change of the network that keeps its layers and filters.
    ///
    /// # Errors
    /// When it is none of this network; then nothing changes.
    pub(super) fn change_in_place(&mut self, command: &NetworkCommand) -> Result<()> {
        let trainer = &mut self.trainer;
        match command {
            NetworkCommand::FreezeFilters { layer, filters } => {
                trainer.set_filters_frozen(layer.0, filters, true)
            }
            NetworkCommand::ThawFilters { layer, filters } => {
                trainer.set_filters_frozen(layer.0, filters, false)
            }
            NetworkCommand::SetLayerRate { layer, factor } => trainer.set_rate_factor(layer.0, *factor),
            NetworkCommand::SetLoss(loss) => trainer.set_loss(*loss),
            NetworkCommand::EditWeights(edit) => {
                trainer.edit_weights(edit)?;
                self.edited.mark([(edit.layer, edit.filter)], trainer.clock());
                Ok(())
            }
            NetworkCommand::Freeze(_) | NetworkCommand::Thaw(_) | NetworkCommand::Edit(_) => Ok(()),
        }
    }

    /// The run as it is measured.
    pub(super) fn seen(&self) -> Of<'_> {
        Of { trainer: &self.trainer, version: self.network_version }
    }

    /// Class of an image of a set.
    pub(super) fn class_of(&self, set: ImageSet, image: u32) -> Option<&str> {
        let labels = if set == ImageSet::Train { &self.train_labels } else { &self.test_labels };
        self.classes.get(usize::from(*labels.get(image as usize)?)).map(String::as_str)
    }
}
