//! A trainer with its settings and the facts of its data that a user interface shows.

use super::edited::EditedFilters;
use super::settings::RunSettings;
use crate::data::{Dataset, split_order};
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
    /// Labels of the training images, in the loader's order.
    pub train_labels: Vec<u8>,
    /// The nodes of the network, the input first.
    pub layers: Vec<LayerInfo>,
    /// Filters changed since the last epoch ended.
    pub edited: EditedFilters,
}

impl Run {
    pub(super) fn new(trainer: Trainer, data: &Dataset, settings: RunSettings) -> Self {
        let order = split_order(data.train.len(), data.test.len());
        let trained = &order[..trainer.loader.train_images];
        Self {
            title: format!("{} on {}", trainer.network.name, data.name),
            classes: data.classes.clone(),
            test_labels: data.test.labels.clone(),
            train_labels: trained.iter().map(|image| data.train.labels[*image as usize]).collect(),
            layers: LayerInfo::of(&trainer.network),
            trainer,
            settings,
            edited: EditedFilters::default(),
        }
    }

    /// Class of an image of a set.
    pub(super) fn class_of(&self, set: ImageSet, image: u32) -> Option<&str> {
        let labels = if set == ImageSet::Train { &self.train_labels } else { &self.test_labels };
        self.classes.get(usize::from(*labels.get(image as usize)?)).map(String::as_str)
    }
}
