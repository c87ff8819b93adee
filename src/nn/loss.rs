//! The loss: softmax cross-entropy.
//!
//! `p = softmax(z)`, `loss = −ln p[label]`, `∂loss/∂z[c] = p[c] − [c = label]`, scaled per column: 1/batch for an
//! image that is trained on, 1 for a probe, 0 for padding.

use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::nn::Columns;
use crate::{params, wgsl};

const SOFTMAX_CROSS_ENTROPY: Source = wgsl!("nn/softmax_cross_entropy.wgsl");

params! { struct SoftmaxCrossEntropyParams { classes: u32, columns: u32, train_columns: u32 } }

/// Buffers of the loss.
pub struct SoftmaxCrossEntropy {
    /// Drawn columns (see [`crate::data::Column`]).
    pub columns: BufferRange,
    /// `[classes, n]`.
    pub logits: BufferRange,
    /// `[classes, n]`.
    pub probabilities: BufferRange,
    /// `[classes, n]`.
    pub logits_gradient: BufferRange,
    /// Loss and correctness of each column, `[n]` of two values.
    pub results: BufferRange,
}

impl SoftmaxCrossEntropy {
    /// Its dispatch.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(&self, gpu: &Gpu, classes: usize, columns: Columns) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&SOFTMAX_CROSS_ENTROPY, "softmax_cross_entropy", &[])?;
        plan.dispatch("softmax cross-entropy", &kernel)
            .bind("columns", self.columns.clone())
            .bind("logits", self.logits.clone())
            .bind("probabilities", self.probabilities.clone())
            .bind("logits_gradient", self.logits_gradient.clone())
            .bind("results", self.results.clone())
            .params(&SoftmaxCrossEntropyParams {
                classes: classes as u32,
                columns: columns.quads as u32 * 4,
                train_columns: columns.train_quads as u32 * 4,
            })
            .threads([columns.quads as u32 * 4, 1, 1])?;
        Ok(plan.finish())
    }
}

/// The twin, for one image: loss, gradient of the logits (scaled), probabilities.
pub fn softmax_cross_entropy_twin(logits: &[f64], label: usize, scale: f64) -> (f64, Vec<f64>, Vec<f64>) {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|z| (z - largest).exp()).sum();
    let probabilities: Vec<f64> = logits.iter().map(|z| (z - largest).exp() / sum).collect();
    let is_label = |c: usize| if c == label { 1.0 } else { 0.0 };
    let gradient = probabilities.iter().enumerate().map(|(c, p)| scale * (p - is_label(c))).collect();
    (sum.ln() + largest - logits[label], gradient, probabilities)
}
