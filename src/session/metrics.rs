//! What a session knows of itself on the CPU: numbers a few frames old.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::files;

/// One epoch's results.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EpochMetrics {
    /// Epochs finished, from 1.
    pub epoch: u32,
    /// Steps finished.
    pub step: u32,
    /// Training throughput of the epoch, images a second of wall time (validation left out).
    pub images_per_s: f64,
    /// Mean training loss over the epoch, before each step's update.
    pub train_loss: f32,
    /// Share of the epoch's training images classified rightly, 0 to 1.
    pub train_accuracy: f32,
    /// Mean loss over the validation images.
    pub val_loss: f32,
    /// Share of the validation images classified rightly, 0 to 1.
    pub val_accuracy: f32,
}

/// One step's results.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Steps finished, from 1.
    pub step: u32,
    /// Epochs and part of one, by images seen.
    pub epoch: f64,
    /// Mean loss over the batch.
    pub loss: f32,
    /// Share of the batch classified rightly, 0 to 1.
    pub accuracy: f32,
}

/// Everything that the panes show as numbers.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Every step whose numbers have arrived, oldest first.
    pub steps: Vec<StepMetrics>,
    /// Every finished epoch, oldest first.
    pub epochs: Vec<EpochMetrics>,
    /// Training images a second over the last second or so.
    pub images_per_s: f64,
    /// GPU milliseconds of training in the last frame.
    pub train_ms: f64,
    /// GPU milliseconds of embeddings in the last frame that had any.
    pub embed_ms: f64,
}

impl Metrics {
    /// Mean loss and accuracy over the last `count` steps.
    pub fn recent(&self, count: usize) -> Option<(f64, f64)> {
        let last = &self.steps[self.steps.len().saturating_sub(count)..];
        let mean = |of: fn(&StepMetrics) -> f32| {
            last.iter().map(|s| f64::from(of(s))).sum::<f64>() / last.len() as f64
        };
        (!last.is_empty()).then(|| (mean(|s| s.loss), mean(|s| s.accuracy)))
    }
}

/// The file of the epochs in a run's folder.
pub const METRICS_FILE: &str = "metrics.csv";
const METRICS_HEAD: &str = "epoch,step,images_per_s,train_loss,train_accuracy,val_loss,val_accuracy";

/// Writes the epochs; a kill at any moment leaves the old or the new file.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(super) fn write(folder: &Path, epochs: &[EpochMetrics]) -> Result<()> {
    let row = |e: &EpochMetrics| {
        let [train, val] = [(e.train_loss, e.train_accuracy), (e.val_loss, e.val_accuracy)];
        format!("{},{},{:.1},{},{},{},{}\n", e.epoch, e.step, e.images_per_s, train.0, train.1, val.0, val.1)
    };
    let rows: String = epochs.iter().map(row).collect();
    files::write_whole(&folder.join(METRICS_FILE), format!("{METRICS_HEAD}\n{rows}").as_bytes())
}

fn parse(line: &str) -> Option<EpochMetrics> {
    let cells: Vec<&str> = line.split(',').collect();
    let [epoch, step, images_per_s, train_loss, train_accuracy, val_loss, val_accuracy] = cells[..] else {
        return None;
    };
    Some(EpochMetrics {
        epoch: epoch.parse().ok()?,
        step: step.parse().ok()?,
        images_per_s: images_per_s.parse().ok()?,
        train_loss: train_loss.parse().ok()?,
        train_accuracy: train_accuracy.parse().ok()?,
        val_loss: val_loss.parse().ok()?,
        val_accuracy: val_accuracy.parse().ok()?,
    })
}

/// Reads the epochs.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub(super) fn read(folder: &Path) -> Result<Vec<EpochMetrics>> {
    let path = folder.join(METRICS_FILE);
    let bytes = files::read_whole(&path)?;
    let text = String::from_utf8_lossy(&bytes);
    let help = "bring the file back from a copy, resume another run, or begin anew";
    let mut lines = text.lines();
    if lines.next() != Some(METRICS_HEAD) {
        return Err(Error::new(format!("{}, line 1, is damaged", path.display()), help));
    }
    let row = |(index, line)| {
        parse(line)
            .ok_or_else(|| Error::new(format!("{}, line {}, is damaged", path.display(), index + 2), help))
    };
    lines.enumerate().map(row).collect()
}
