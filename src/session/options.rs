//! What a run is made of: the settings that a checkpoint keeps.

use serde::{Deserialize, Serialize};

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
    /// Largest random shift in pixels.
    pub shift: u32,
    /// Whether half of the images are flipped.
    pub flip: bool,
    /// Optimizer settings.
    pub hyper: Hyper,
    /// Index in the test set of the pinned probe.
    pub probe: u32,
}

impl RunSettings {
    /// The trainer's part of the settings.
    pub fn trainer(&self) -> TrainerOptions {
        TrainerOptions {
            batch: self.batch as usize,
            hyper: self.hyper,
            seed: self.seed,
            shift: self.shift,
            flip: self.flip,
            ..TrainerOptions::default()
        }
    }
}
