//! The twin of the losses.

use crate::nn::loss::{Loss, Target};

/// Result of a loss's twin for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LossTwin {
    /// The loss.
    pub loss: f64,
    /// True if the largest output is the label's.
    pub correct: bool,
    /// Gradient of the outputs, scaled.
    pub gradient: Vec<f64>,
    /// Class probabilities.
    pub probabilities: Vec<f64>,
}

/// Softmax of the scores, and the logarithm of the sum of their exponentials.
fn softmax(z: &[f64]) -> (Vec<f64>, f64) {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    (z.iter().map(|z| (z - largest).exp() / sum).collect(), sum.ln() + largest)
}

/// Loss and gradient of one image: of its outputs, its label, and the image itself where that is the target.
pub fn loss(
    loss: Loss,
    outputs: &[f64],
    label: usize,
    image: &[f64],
    scale: f64,
    classes: usize,
) -> LossTwin {
    let is_label = |c: usize| if c == label { 1.0 } else { 0.0 };
    let correct = loss.has_classes() && outputs.iter().all(|z| *z <= outputs[label]);
    let scaled = |values: Vec<f64>| -> Vec<f64> { values.into_iter().map(|v| scale * v).collect() };
    match loss {
        Loss::SoftmaxCrossEntropy { label_smoothing } => {
            let smoothing = f64::from(label_smoothing);
            let (p, log_sum) = softmax(outputs);
            let target = |c: usize| (1.0 - smoothing) * is_label(c) + smoothing / classes as f64;
            let loss = outputs.iter().enumerate().map(|(c, z)| target(c) * (log_sum - z)).sum();
            let gradient = scaled(p.iter().enumerate().map(|(c, p)| p - target(c)).collect());
            LossTwin { loss, correct, gradient, probabilities: p }
        }
        Loss::SvmHinge { margin } => {
            let excess = |c: usize| {
                let excess = outputs[c] - outputs[label] + f64::from(margin);
                // NaN counts: it must not hide.
                if c == label || excess <= 0.0 { 0.0 } else { excess }
            };
            let mut gradient: Vec<f64> =
                (0..classes).map(|c| if excess(c) == 0.0 { 0.0 } else { 1.0 }).collect();
            gradient[label] = -gradient.iter().sum::<f64>();
            let loss = (0..classes).map(excess).sum();
            LossTwin { loss, correct, gradient: scaled(gradient), probabilities: softmax(outputs).0 }
        }
        Loss::L2Regression { target } => {
            let count = outputs.len() as f64;
            let target_of = |i: usize| if target == Target::Image { image[i] } else { is_label(i) };
            let off: Vec<f64> = outputs.iter().enumerate().map(|(i, z)| z - target_of(i)).collect();
            let probabilities = match target {
                Target::Class => outputs.iter().map(|z| z.clamp(0.0, 1.0)).collect(),
                Target::Image => vec![0.0; classes],
            };
            let loss = off.iter().map(|d| d * d).sum::<f64>() / count;
            let gradient = scaled(off.iter().map(|d| 2.0 * d / count).collect());
            LossTwin { loss, correct, gradient, probabilities }
        }
    }
}
