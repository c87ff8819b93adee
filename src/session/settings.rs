//! Settings of a run, which a checkpoint keeps.

use serde::{Deserialize, Serialize};

use crate::data::{Augmentation, DataEdits, Fit, Source};
use crate::error::Error;
use crate::gpu::{Gpu, Precision};
use crate::nn::{Hyper, Network, TrainerOptions};

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
    /// Frozen layers, by their numbers.
    pub frozen: Vec<u32>,
    /// Index in the test set of the pinned probe.
    pub probe: u32,
    /// Changes of the training images by hand.
    #[serde(default, skip_serializing_if = "DataEdits::is_empty")]
    pub data_edits: DataEdits,
    /// Precision of the products that was asked for: it takes effect on adapters that have it.
    #[serde(default, skip_serializing_if = "Precision::is_usual")]
    pub precision: Precision,
}

impl RunSettings {
    /// The usual settings of a run on a data set, a built-in name or a path: those of `revacnn train` without further options.
    pub fn of(dataset: &str) -> Self {
        Self {
            dataset: dataset.to_owned(),
            seed: 1,
            batch: 64,
            augmentation: Augmentation::default(),
            hyper: Hyper::default(),
            frozen: Vec::new(),
            data_edits: DataEdits::default(),
            probe: 0,
            precision: Precision::default(),
        }
    }

    /// A small run on the digits.
    #[cfg(test)]
    pub(crate) fn of_digits() -> Self {
        Self { batch: 60, ..Self::of("digits") }
    }

    /// Way of pictures of other proportions to the size of the data set's images.
    pub fn fit(&self) -> Fit {
        Source::parse(&self.dataset).reading.fit
    }

    /// Marks the layers of a network that are frozen.
    pub(super) fn freeze(&self, network: &mut Network) {
        network.layers.iter_mut().for_each(|layer| layer.frozen = self.frozen.contains(&layer.id));
    }

    /// The reason why this adapter does not compute in the precision that was asked for, where it does not.
    pub(super) fn refused(&self, gpu: &Gpu) -> Option<Error> {
        gpu.mixed_refusal().filter(|_| self.precision == Precision::Mixed)
    }

    /// The trainer's options.
    pub fn trainer(&self) -> TrainerOptions {
        TrainerOptions {
            batch: self.batch as usize,
            hyper: self.hyper,
            seed: self.seed,
            augmentation: self.augmentation,
            precision: self.precision,
            ..TrainerOptions::default()
        }
    }
}
