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

/// The curve with each point the mean of it and of those before it, of which one counts `smoothing` times the next: an exponential moving
/// average without the bias of its beginning. `smoothing` is 0, as it is, up to, not including, 1.
pub(crate) fn smoothed(curve: Vec<[f64; 2]>, smoothing: f64) -> Vec<[f64; 2]> {
    let (mut sum, mut weight) = (0.0, 0.0);
    let mean = |[x, y]: [f64; 2]| {
        if !y.is_finite() {
            return [x, y];
        }
        (sum, weight) = (smoothing * sum + y, smoothing * weight + 1.0);
        [x, sum / weight]
    };
    curve.into_iter().map(mean).collect()
}

/// Value of a curve at `x`, between its points; none before the first and after the last.
pub(crate) fn value_at(curve: &[[f64; 2]], x: f64) -> Option<f64> {
    let after = curve.iter().position(|point| point[0] >= x)?;
    let to = curve[after];
    let from = curve[after.saturating_sub(1)];
    if x < from[0] {
        return None;
    }
    let width = to[0] - from[0];
    let share = if width > 0.0 { (x - from[0]) / width } else { 1.0 };
    Some(from[1] + share * (to[1] - from[1]))
}

fn by_epoch(metrics: &Metrics, of: fn(&EpochMetrics) -> Option<f32>) -> Vec<[f64; 2]> {
    metrics.epochs.iter().filter_map(|e| Some([e.at.unwrap_or(e.epoch.into()), of(e)?.into()])).collect()
}

/// Means of consecutive steps, after the means of the epochs that no step is known of, each in the middle of its epoch.
fn training(
    metrics: &Metrics,
    of: fn(&StepMetrics) -> f32,
    of_epoch: fn(&EpochMetrics) -> f32,
) -> Vec<[f64; 2]> {
    let first = metrics.steps.first().map_or(f64::INFINITY, |step| step.epoch);
    let before = metrics.epochs.iter().filter(|e| e.at.is_none() && f64::from(e.epoch) <= first);
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
    fn smoothing_keeps_a_constant_and_halves_a_spike() {
        let curve = vec![[0.0, 4.0], [1.0, 4.0], [2.0, 8.0]];
        assert_eq!(smoothed(curve.clone(), 0.0), curve);
        // Weights 1, 1/2 and 1/4: (8 + 2 + 1) / 1.75.
        let last = smoothed(curve, 0.5)[2][1];
        assert!((last - 11.0 / 1.75).abs() < 1e-12, "{last}");
        let with_nan = smoothed(vec![[0.0, 1.0], [1.0, f64::NAN], [2.0, 3.0]], 0.5);
        assert!(with_nan[1][1].is_nan() && (with_nan[2][1] - 3.5 / 1.5).abs() < 1e-12);
    }

    #[test]
    fn a_value_lies_between_its_neighbors() {
        let curve = [[1.0, 10.0], [2.0, 20.0], [2.0, 30.0], [4.0, 50.0]];
        for (x, value) in [(1.0, 10.0), (1.25, 12.5), (2.0, 20.0), (3.0, 40.0), (4.0, 50.0)] {
            assert_eq!(value_at(&curve, x), Some(value), "{x}");
        }
        assert_eq!([0.9, 4.1].map(|x| value_at(&curve, x)), [None, None]);
        assert_eq!(value_at(&[], 1.0), None);
    }

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
