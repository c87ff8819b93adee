//! Options of a trainer.

use super::hyper::Hyper;
use crate::data::{Augmentation, DataLoader, MAX_PROBES};
use crate::error::{Error, Result};
use crate::gpu::Precision;

/// Options of a trainer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainerOptions {
    /// Images of a step.
    pub batch: usize,
    /// Images of one pass at most, where the adapter would allow more.
    pub micro_batch: Option<usize>,
    /// Optimizer and its hyper-parameters.
    pub hyper: Hyper,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
    /// Random changes of training images.
    pub augmentation: Augmentation,
    /// Number of probes, 1 to [`crate::data::MAX_PROBES`].
    pub probes: usize,
    /// Precision of the products.
    pub precision: Precision,
}

impl Default for TrainerOptions {
    fn default() -> Self {
        Self {
            batch: 64,
            micro_batch: None,
            hyper: Hyper::default(),
            seed: 1,
            augmentation: Augmentation::default(),
            probes: 4,
            precision: Precision::default(),
        }
    }
}

impl TrainerOptions {
    /// These options, checked against the data.
    ///
    /// # Errors
    /// When one is out of range.
    pub(super) fn checked(self, loader: &DataLoader) -> Result<Self> {
        let options =
            Self { hyper: self.hyper.checked()?, augmentation: self.augmentation.checked()?, ..self };
        check_batch(options.batch, loader)?;
        if !(1..=MAX_PROBES).contains(&options.probes) {
            let what = format!("the number of probes is {}", options.probes);
            return Err(Error::usage(what, format!("give it a value from 1 to {MAX_PROBES}")));
        }
        Ok(options)
    }
}

/// An error unless the data has enough images for a batch.
pub(super) fn check_batch(batch: usize, loader: &DataLoader) -> Result<()> {
    let most = loader.max_batch();
    if (1..=most).contains(&batch) {
        return Ok(());
    }
    let why = if most == loader.train_images {
        "the number of training images"
    } else {
        "the images on the GPU at a time; or allow them more memory (--image-memory)"
    };
    Err(Error::usage(format!("the batch is {batch}"), format!("give it a value from 1 to {most}, {why}")))
}
