//! Curves of a run over its epochs: of training, of validation, and of validation with the average of the last weights.

use crate::session::{EpochMetrics, Metrics, StepMetrics};

/// Points of a training curve at most; each is the mean of consecutive steps.
const MAX_POINTS: usize = 240;

/// Points `[epoch, value]` of training, validation and averaged weights.
pub(crate) type Curves = [Vec<[f64; 2]>; 3];

/// The loss.
pub(crate) fn loss_curves(metrics: &Metrics) -> Curves {
    let validation = |e: &EpochMetrics| Some(e.val_loss);
    [
        training(metrics, |s| s.loss, |e| e.train_loss),
        by_epoch(metrics, validation),
        by_epoch(metrics, |e| e.average_val_loss),
    ]
}

/// The accuracy in percent.
pub(crate) fn accuracy_curves(metrics: &Metrics) -> Curves {
    let validation = |e: &EpochMetrics| Some(e.val_accuracy);
    let curves = [
        training(metrics, |s| s.accuracy, |e| e.train_accuracy),
        by_epoch(metrics, validation),
        by_epoch(metrics, |e| e.average_val_accuracy),
    ];
    curves.map(|points| points.into_iter().map(|[x, y]| [x, 100.0 * y]).collect())
}

fn by_epoch(metrics: &Metrics, of: fn(&EpochMetrics) -> Option<f32>) -> Vec<[f64; 2]> {
    metrics.epochs.iter().filter_map(|e| Some([f64::from(e.epoch), f64::from(of(e)?)])).collect()
}

/// Means of consecutive steps, after the means of the epochs that no step is known of, each in the middle of its epoch.
fn training(
    metrics: &Metrics,
    of: fn(&StepMetrics) -> f32,
    of_epoch: fn(&EpochMetrics) -> f32,
) -> Vec<[f64; 2]> {
    let first = metrics.steps.first().map_or(f64::INFINITY, |step| step.epoch);
    let before = metrics.epochs.iter().filter(|e| f64::from(e.epoch) <= first);
    let before = before.map(|e| [f64::from(e.epoch) - 0.5, f64::from(of_epoch(e))]);
    let length = metrics.steps.len().div_ceil(MAX_POINTS).max(1);
    let mean = |part: &[StepMetrics], of: &dyn Fn(&StepMetrics) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    let steps = metrics.steps.chunks(length);
    before.chain(steps.map(|part| [mean(part, &|s| s.epoch), mean(part, &|s| f64::from(of(s)))])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_run_has_its_epochs_and_then_its_steps() {
        let epoch = |epoch: u32| EpochMetrics {
            epoch,
            train_loss: 1.0 / epoch as f32,
            train_accuracy: 0.25,
            val_loss: 2.0,
            average_val_loss: (epoch > 1).then_some(0.5),
            ..EpochMetrics::default()
        };
        let step = |at: f64| StepMetrics { step: 1, epoch: at, loss: 0.125, accuracy: 0.75 };
        let mut metrics = Metrics::default();
        metrics.epochs = vec![epoch(1), epoch(2)];
        let [training, validation, average] = loss_curves(&metrics);
        assert_eq!(training, [[0.5, 1.0], [1.5, 0.5]]);
        assert_eq!((validation, average), (vec![[1.0, 2.0], [2.0, 2.0]], vec![[2.0, 0.5]]));
        metrics.steps = vec![step(2.25), step(2.5)];
        metrics.epochs.push(epoch(3));
        assert_eq!(loss_curves(&metrics)[0], [[0.5, 1.0], [1.5, 0.5], [2.25, 0.125], [2.5, 0.125]]);
        assert_eq!(accuracy_curves(&metrics)[0][1..3], [[1.5, 25.0], [2.25, 75.0]]);
    }
}
