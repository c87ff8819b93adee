//! What a session knows of itself on the CPU: numbers a few frames old.

use serde::Serialize;

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
