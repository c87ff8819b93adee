//! Metrics of a run on the CPU, a few frames old.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::step_times::StepTimes;
/// Mean absolute change of a layer's weights over an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerChange {
    /// Name of the layer.
    pub layer: String,
    /// Mean over its weights, biases left out.
    pub change: f32,
}

/// Results of an epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Number of epochs finished, from 1.
    pub epoch: u32,
    /// Number of steps finished.
    pub step: u32,
    /// Training throughput of the epoch in images per second of wall time, without the validation.
    pub images_per_s: f64,
    /// Mean training loss over the epoch, before each step's update.
    pub train_loss: f32,
    /// Share of the epoch's training images classified correctly, 0 to 1.
    pub train_accuracy: f32,
    /// Mean loss over the validation images.
    pub val_loss: f32,
    /// Share of the validation images classified correctly, 0 to 1.
    pub val_accuracy: f32,
    /// Mean loss over the validation images with the average of the last weights, where there is one.
    #[serde(default)]
    pub average_val_loss: Option<f32>,
    /// Share of the validation images that the average classifies correctly, 0 to 1.
    #[serde(default)]
    pub average_val_accuracy: Option<f32>,
    /// Images trained on since the run began, repeated ones too.
    #[serde(default)]
    pub images: Option<u64>,
    /// Share of weight decay in what a step lowers, beside the loss: `λ/2·Σw² + λ₁·Σ|w|` at the end of the epoch. None for AdamW, whose
    /// decay is apart from the loss.
    #[serde(default)]
    pub decay_loss: Option<f32>,
    /// Median GPU milliseconds an image of forward pass, backward pass and update, where they were measured.
    #[serde(default)]
    pub forward_ms: Option<f32>,
    /// See `forward_ms`.
    #[serde(default)]
    pub backward_ms: Option<f32>,
    /// See `forward_ms`.
    #[serde(default)]
    pub update_ms: Option<f32>,
    /// Mean absolute change of each layer's weights over the epoch; empty where the epoch was not watched from its beginning on: the network
    /// was changed within it, or the run taken up again.
    #[serde(skip)]
    pub weight_changes: Vec<LayerChange>,
    /// Epochs with their fraction, where it is of a checkpoint and not of the end of an epoch.
    #[serde(skip)]
    pub at: Option<f64>,
}

/// Results of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Number of steps finished, from 1.
    pub step: u32,
    /// Epochs by images seen, with fraction.
    pub epoch: f64,
    /// Mean loss over the batch.
    pub loss: f32,
    /// Share of the batch classified correctly, 0 to 1.
    pub accuracy: f32,
}

/// Points of a run's history of steps at most: more than a chart has pixels. Even, because they are merged by twos.
const MAX_POINTS: usize = 4096;
/// Last steps that are kept one by one.
const MAX_RECENT: usize = 64;

/// Metrics of a run.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// The whole run, oldest first, in a bounded number of points: each is the mean of equally many consecutive steps, the last
    /// one perhaps of fewer, and has the number of its last step.
    pub steps: Vec<StepMetrics>,
    /// Finished epochs, oldest first.
    pub epochs: Vec<EpochMetrics>,
    /// Nodes of the rectifying layers of which no unit fired for any validation image of the last epoch.
    pub dead: Vec<usize>,
    /// Training images per second over the last second or so.
    pub images_per_s: f64,
    /// GPU milliseconds of training in the last frame.
    pub train_ms: f64,
    /// GPU milliseconds of layouts in the last frame that had any.
    pub layouts_ms: f64,
    /// GPU time of the parts of a step, of the last steps that were timed by parts.
    pub step_times: Option<StepTimes>,
    /// Share of weight decay in what a step lowers, as it was last measured (see [`EpochMetrics::decay_loss`]).
    pub decay_loss: Option<f32>,
    /// The last steps, one by one, newest last.
    recent: VecDeque<StepMetrics>,
    /// Number of times that points were merged by twos.
    merges: u32,
    /// Steps in the last point.
    in_last: u32,
    /// Number of the last step.
    last: u32,
}

impl Metrics {
    /// Takes in the results of the next step.
    pub(super) fn add(&mut self, step: StepMetrics) {
        self.last = step.step;
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(step);
        if self.in_last < 1 << self.merges
            && let Some(last) = self.steps.last_mut()
        {
            *last = mean([(*last, self.in_last), (step, 1)]);
            self.in_last += 1;
            return;
        }
        if self.steps.len() == MAX_POINTS {
            self.steps = self.steps.chunks(2).map(|two| mean([(two[0], 1), (two[1], 1)])).collect();
            self.merges += 1;
        }
        self.steps.push(step);
        self.in_last = 1;
    }

    /// Number of the last step whose results have arrived; 0 before the first.
    pub(super) fn last_step(&self) -> u32 {
        self.last
    }

    /// These metrics as they were at an earlier step; where points are means of several steps, the last one may lack some.
    pub(super) fn until(&self, step: u32) -> Self {
        let mut then = self.clone();
        then.steps.retain(|point| point.step <= step);
        then.epochs.retain(|epoch| epoch.step <= step);
        then.recent.retain(|recent| recent.step <= step);
        then.last = then.last.min(step);
        (then.step_times, then.decay_loss) = (None, None);
        if then.steps.len() < self.steps.len() {
            then.in_last = 1 << then.merges;
        }
        if then.recent.is_empty() && then.merges == 0 {
            then.recent = then.steps.iter().rev().take(MAX_RECENT).rev().copied().collect();
        }
        then
    }

    /// Mean loss and accuracy over the last `count` steps, 64 at most.
    pub fn recent(&self, count: usize) -> Option<(f64, f64)> {
        let count = count.min(self.recent.len());
        let mean = |of: fn(&StepMetrics) -> f32| {
            self.recent.iter().rev().take(count).map(|s| f64::from(of(s))).sum::<f64>() / count as f64
        };
        (count > 0).then(|| (mean(|s| s.loss), mean(|s| s.accuracy)))
    }
}

/// The mean of two points by their numbers of steps; the second is the later.
fn mean([(a, a_steps), (b, b_steps)]: [(StepMetrics, u32); 2]) -> StepMetrics {
    let share = f64::from(b_steps) / f64::from(a_steps + b_steps);
    let between = |a: f64, b: f64| a + (b - a) * share;
    StepMetrics {
        step: b.step,
        epoch: between(a.epoch, b.epoch),
        loss: between(a.loss.into(), b.loss.into()) as f32,
        accuracy: between(a.accuracy.into(), b.accuracy.into()) as f32,
    }
}

/// The layers whose changes are known of any epoch, in the order in which they came.
pub fn changing_layers(epochs: &[EpochMetrics]) -> Vec<&str> {
    let mut layers = Vec::new();
    for change in epochs.iter().flat_map(|epoch| &epoch.weight_changes) {
        if !layers.contains(&change.layer.as_str()) {
            layers.push(change.layer.as_str());
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_of_steps_is_bounded_and_its_points_are_means() {
        let step = |step: u32| StepMetrics {
            step,
            epoch: f64::from(step) / 100.0,
            loss: if step.is_multiple_of(2) { 2.0 } else { 0.0 },
            accuracy: step as f32 / 2e6,
        };
        let mut metrics = Metrics::default();
        for number in 1..=MAX_POINTS as u32 {
            metrics.add(step(number));
        }
        // As long as there is room each step is a point.
        assert_eq!(metrics.steps, (1..=MAX_POINTS as u32).map(step).collect::<Vec<_>>());
        let (mut most, mut capacity) = (0, 0);
        for number in MAX_POINTS as u32 + 1..=1_000_000 {
            metrics.add(step(number));
            most = most.max(metrics.steps.len());
            capacity = capacity.max(metrics.steps.capacity() + metrics.recent.capacity());
        }
        assert_eq!(most, MAX_POINTS);
        assert!(capacity <= 4 * MAX_POINTS, "{capacity}");
        // A million steps are 3907 points of 256 steps, the last of 64.
        assert_eq!((metrics.steps.len(), metrics.last_step()), (3907, 1_000_000));
        for (index, point) in metrics.steps[..3906].iter().enumerate() {
            let last = 256 * (index as u32 + 1);
            assert_eq!((point.step, point.loss), (last, 1.0));
            let middle = f64::from(last) - 127.5;
            assert!((point.epoch - middle / 100.0).abs() < 1e-6, "{index}: {point:?}");
            assert!((f64::from(point.accuracy) - middle / 2e6).abs() < 1e-6, "{index}: {point:?}");
        }
        assert_eq!(metrics.steps[3906].step, 1_000_000);
        // The last steps are there one by one.
        let (loss, accuracy) = metrics.recent(3).unwrap();
        assert_eq!((loss, accuracy as f32), (4.0 / 3.0, step(999_999).accuracy));
        assert_eq!(metrics.recent(1000), metrics.recent(MAX_RECENT));
        assert_eq!(Metrics::default().recent(50), None);
    }
}
