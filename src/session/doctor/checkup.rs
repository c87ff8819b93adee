//! The evidence of an examination: losses, accuracies, and the weights of each layer with their change over some steps.

use crate::nn::{Network, Role, TensorRange};
use crate::session::metrics::EpochMetrics;
use crate::session::ranking::FilterRanking;
use crate::session::settings::RunSettings;

/// Share of the squares of a filter's weights from which on it looks at one channel alone.
const SINGLE_SHARE: f64 = 0.9;
/// Steps before which nothing is concluded from losses and from changes of the weights.
const SETTLED: u32 = 50;
/// Channels of a color image.
const COLORS: usize = 3;

/// The weights of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerCheckup {
    /// Number of the layer.
    pub layer: u32,
    /// Its name.
    pub name: String,
    /// Number of its filters or units.
    pub filters: usize,
    /// Root mean square of its weights.
    pub size: f64,
    /// The same when the run began, where it began with random weights.
    pub begun: Option<f64>,
    /// Root mean square of their change a step over the watched steps, in proportion to them; none where no step was made.
    pub change: Option<f64>,
    /// The part of it that is no change of their length as a vector, as by weight decay alone.
    pub turn: Option<f64>,
    /// It is frozen as a whole.
    pub frozen: bool,
    /// Factor of the run's learning rate.
    pub rate_factor: f32,
    /// Numbers of its filters that look at one color channel alone; none where it does not see the colors of the image.
    pub single_color: Option<Vec<u32>>,
}

/// Facts of a run when it is examined.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// Steps finished.
    pub step: u32,
    /// Settings of the run.
    pub settings: RunSettings,
    /// Learning rate after the schedule.
    pub learning_rate: f64,
    /// Names of the classes; empty where the loss knows none.
    pub classes: Vec<String>,
    /// Training images of each class.
    pub training_images: Vec<usize>,
    /// Loss of equal probabilities, where the loss is the plain cross-entropy.
    pub guess: Option<f64>,
    /// Mean loss and accuracy of the last steps.
    pub recent: Option<(f64, f64)>,
    /// Epochs finished.
    pub epochs: Vec<EpochMetrics>,
    /// Error of a step whose numbers were not finite.
    pub halted: Option<String>,
    /// The filters by the loss without each, and their signs; none where the network has none that can be deleted.
    pub ranking: Option<FilterRanking>,
    /// The layers with weights, in order.
    pub layers: Vec<LayerCheckup>,
    /// Dropout layers: numbers and rates.
    pub dropouts: Vec<(u32, f32)>,
    /// Images are wide enough to be shifted.
    pub can_shift: bool,
}

impl Checkup {
    /// False while a run is so young that its losses and weights say nothing.
    pub(super) fn has_settled(&self) -> bool {
        self.step >= SETTLED
    }
}

/// Values of all parameters at a step.
pub(in crate::session) struct Copied {
    pub step: u32,
    pub values: Vec<f32>,
}

/// Change of a vector and the part of it that stands on the vector, both by length in proportion to it.
fn change_and_turn(now: &[f32], before: &[f32]) -> [f64; 2] {
    let (mut length, mut changed, mut along) = (0.0, 0.0, 0.0);
    for (now, before) in now.iter().zip(before) {
        let (now, before) = (f64::from(*now), f64::from(*before));
        let difference = now - before;
        length += before * before;
        changed += difference * difference;
        along += difference * before;
    }
    let length = length.max(f64::MIN_POSITIVE);
    let turned = (changed - along * along / length).max(0.0);
    [changed, turned].map(|squares| (squares / length).sqrt())
}

fn root_mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    (values.map(|value| value * value).sum::<f64>() / count).sqrt()
}

/// The layers with weights, from the parameters as they are and as they were some steps before.
pub(in crate::session) fn layers(
    network: &Network,
    tensors: &[TensorRange],
    [before, now]: [Option<&Copied>; 2],
    began_random: bool,
) -> Vec<LayerCheckup> {
    let Some(now) = now else { return Vec::new() };
    let of = |layer: &crate::nn::NetworkLayer| {
        let name = format!("{}.weight", layer.name);
        let tensor = tensors.iter().find(|tensor| tensor.name == name && tensor.spec.role == Role::Weight)?;
        // A factor a channel, as that of normalization, is no kernel.
        let is_kernel = tensor.spec.shape.len() > 1 && !tensor.spec.is_empty();
        let range = tensor.offset..tensor.offset + tensor.len;
        let values = now.values.get(range.clone()).filter(|_| is_kernel)?;
        let size = root_mean_square(values.iter().copied().map(f64::from));
        let watched = before.filter(|before| before.step < now.step).and_then(|before| {
            let steps = f64::from(now.step - before.step);
            Some(change_and_turn(values, before.values.get(range)?).map(|change| change / steps))
        });
        let sees_colors =
            layer.inputs == [0] && layer.input_shapes[0].channels == COLORS && tensor.spec.shape[1] == COLORS;
        Some(LayerCheckup {
            layer: layer.id,
            name: layer.name.clone(),
            filters: tensor.spec.shape[0],
            size,
            begun: Some(tensor.spec.init.deviation(&tensor.spec.shape)).filter(|_| began_random),
            change: watched.map(|[change, _]| change),
            turn: watched.map(|[_, turn]| turn),
            frozen: layer.frozen,
            rate_factor: layer.rate_factor,
            single_color: sees_colors.then(|| single_color(values, &layer.filter_ids)),
        })
    };
    network.layers.iter().filter_map(of).collect()
}

/// Filters that look at one of three channels alone, from weights `[out, 3, ky, kx]`.
fn single_color(values: &[f32], ids: &[u32]) -> Vec<u32> {
    let len = values.len() / ids.len().max(1);
    let is_single = |kernel: &[f32]| {
        let squares = |channel: &[f32]| channel.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>();
        let channels: Vec<f64> = kernel.chunks((len / COLORS).max(1)).map(squares).collect();
        channels.iter().copied().fold(0.0, f64::max) > SINGLE_SHARE * channels.iter().sum::<f64>()
    };
    values.chunks(len.max(1)).zip(ids).filter(|(kernel, _)| is_single(kernel)).map(|(_, id)| *id).collect()
}

/// Dropout layers that drop anything: numbers and rates.
pub(in crate::session) fn dropouts(network: &Network) -> Vec<(u32, f32)> {
    let dropping = network.layers.iter().filter(|layer| layer.layer.kind().contains("dropout"));
    let rate = |layer: &crate::nn::NetworkLayer| {
        let rate = layer.layer.settings().get("rate")?.as_float()? as f32;
        (rate > 0.0).then_some((layer.id, rate))
    };
    dropping.filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_that_is_shortened_changes_but_does_not_turn() {
        let shorter = change_and_turn(&[2.7, 3.6], &[3.0, 4.0]);
        assert!((shorter[0] - 0.1).abs() < 1e-6 && shorter[1] < 1e-4, "{shorter:?}");
        // (−4, 3) stands on (3, 4), and is as long.
        let turned = change_and_turn(&[2.6, 4.3], &[3.0, 4.0]);
        assert!(turned.iter().all(|part| (part - 0.1).abs() < 1e-6), "{turned:?}");
    }

    #[test]
    fn a_filter_of_one_color_is_told_from_a_mixed_one() {
        let one = [0.0, 0.1, 0.5, -0.7, 0.1, 0.0];
        let mixed = [0.4, 0.1, 0.5, -0.7, 0.1, 0.6];
        assert_eq!(single_color(&[one, mixed].concat(), &[7, 3]), [7]);
        assert_eq!(single_color(&[mixed, one].concat(), &[7, 3]), [3]);
    }
}
