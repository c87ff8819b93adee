//! A line of `checkpoints.jsonl`: a checkpoint with its numbers.

use std::path::{Component, Path};

use serde::Deserialize;

use crate::error::{Error, Result};

/// A checkpoint as the training reports it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckpointReport {
    /// Steps finished.
    pub step: u32,
    /// Name of its file in the folder.
    pub file: String,
    /// Loss of the step's batch; none where it is not finite, or not reported.
    #[serde(default)]
    pub loss: Option<f32>,
    /// Share of the batch classified correctly, 0 to 1.
    #[serde(default)]
    pub accuracy: Option<f32>,
    /// Epochs with their fraction.
    #[serde(default)]
    pub epoch: Option<f64>,
    /// Learning rate of the first parameter group.
    #[serde(default, rename = "lr")]
    pub learning_rate: Option<f32>,
    /// Its momentum, where the optimizer has one of that name.
    #[serde(default)]
    pub momentum: Option<f32>,
    /// Its betas, where it has these: the first is its momentum.
    #[serde(default)]
    pub betas: Option<[f32; 2]>,
    /// Its weight decay.
    #[serde(default)]
    pub weight_decay: Option<f32>,
    /// Class of the optimizer, in small letters.
    #[serde(default)]
    pub optimizer: Option<String>,
    /// Version of `steer.json` that it follows.
    #[serde(default)]
    pub steered: u64,
}

impl CheckpointReport {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is not one, or its file is not in the folder itself.
    pub(super) fn parse(line: &str) -> Result<Self> {
        // Python writes them so.
        let line = line.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null");
        let help = "let the callback of examples/pytorch write it";
        let report: Self =
            serde_json::from_str(&line).map_err(|error| Error::new(error.to_string(), help))?;
        let mut parts = Path::new(&report.file).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(Error::new(format!("{:?} is no name of a file in the folder", report.file), help));
        }
        Ok(report)
    }

    /// Momentum, by either name.
    pub(super) fn momentum(&self) -> Option<f32> {
        self.betas.map(|[first, _]| first).or(self.momentum)
    }

    /// Epochs with their fraction; where none are reported, by the steps of `batch` of `images` images.
    pub(super) fn epochs(&self, batch: u32, images: usize) -> f64 {
        let counted = f64::from(self.step) * f64::from(batch) / images.max(1) as f64;
        self.epoch.filter(|epoch| epoch.is_finite() && *epoch >= 0.0).unwrap_or(counted)
    }
}
