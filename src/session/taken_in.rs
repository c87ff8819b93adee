//! Results as they come back from the GPU, in the form of the metrics.

use super::event::Score;
use super::metrics::{EpochMetrics, StepMetrics};
use crate::data::{Clock, StepRecord};

/// The results of the steps after step `last`, in their order, and the step that was halted because its numbers are not finite.
pub(super) fn steps(records: Vec<StepRecord>, last: u32) -> (Vec<StepMetrics>, Option<u32>) {
    let halted = records.iter().find(|record| record.accuracy < 0.0).map(|record| record.step);
    let result = |StepRecord { step, loss, accuracy, epochs }: StepRecord| {
        let epoch = f64::from(epochs);
        StepMetrics { step, epoch, loss, accuracy }
    };
    let new = |s: &StepMetrics| s.step > last && s.accuracy >= 0.0;
    let mut new: Vec<StepMetrics> = records.into_iter().map(result).filter(new).collect();
    new.sort_by_key(|s| s.step);
    (new, halted)
}

fn share(correct: u32, images: u32) -> f32 {
    correct as f32 / images.max(1) as f32
}

/// The result of an evaluation of this number of images, by the clock after it.
pub(super) fn score(clock: &Clock, images: usize) -> Score {
    let images = images as u32;
    Score { loss: clock.eval_loss / images.max(1) as f32, accuracy: share(clock.eval_correct, images) }
}

/// A row of the metrics at the end of an epoch, by its number and its last step, with the scores of the weights and of their average; the
/// rest is that of `others`.
pub(super) fn epoch(
    (epoch, step): (u32, u32),
    clock: &Clock,
    (score, average): (Score, Option<Score>),
    others: EpochMetrics,
) -> EpochMetrics {
    EpochMetrics {
        epoch,
        step,
        train_loss: clock.done_loss / clock.done_images.max(1) as f32,
        train_accuracy: share(clock.done_correct, clock.done_images),
        val_loss: score.loss,
        val_accuracy: score.accuracy,
        average_val_loss: average.map(|score| score.loss),
        average_val_accuracy: average.map(|score| score.accuracy),
        ..others
    }
}
