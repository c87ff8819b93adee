//! The losses, each with the gradient of what the network puts out. Gradients are scaled per column: 1/batch for an
//! image that is trained on, 1 for a probe, 0 for padding.
//!
//! - `softmax_cross_entropy`: `p = softmax z`, target `t[c] = (1 − ε)·[c = label] + ε/K`, `loss = −Σ t[c]·ln p[c]`, `∂/∂z[c] = p[c] − t[c]`;
//!   `ε` is `label_smoothing` (Szegedy et al. 2016, section 7), `K` the number of classes
//! - `svm_hinge`: `Σ_{c ≠ label} max(0, z[c] − z[label] + margin)` (Weston and Watkins 1999), as ConvNetJS's SVM layer
//! - `l2_regression`: `1/K · Σ (z[c] − t[c])²`, the mean over all `K` outputs; the target is 1 for the label and 0 for the other
//!   classes, or the image itself as the network sees it (`target = "image"`, for autoencoders)

use serde::{Deserialize, Serialize};
use toml::Table;

use super::{Columns, Shape};
use crate::data::Column;
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const SOFTMAX_CROSS_ENTROPY: Source =
    wgsl!("nn/softmax_cross_entropy.wgsl", Column, SoftmaxCrossEntropyParams);
const SVM_HINGE: Source = wgsl!("nn/svm_hinge.wgsl", Column, SvmHingeParams);
const L2_REGRESSION: Source = wgsl!("nn/l2_regression.wgsl", Column, L2RegressionParams);

params! {
    struct SoftmaxCrossEntropyParams { classes: u32, columns: u32, train_columns: u32, label_smoothing: f32 }
}
params! { struct SvmHingeParams { classes: u32, columns: u32, train_columns: u32, margin: f32 } }
params! { struct L2RegressionParams { outputs: u32, classes: u32, columns: u32, train_columns: u32 } }

/// What an L2 regression goes for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// 1 for the label's output, 0 for the others.
    #[default]
    Class,
    /// The image itself.
    Image,
}

/// What a network is trained to make small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax and cross-entropy.
    SoftmaxCrossEntropy {
        /// Share of the target that is spread over all classes, 0 to below 1.
        #[serde(default)]
        label_smoothing: f32,
    },
    /// Multi-class support vector machine.
    SvmHinge {
        /// By how much the label's score must lead, finite and above 0.
        #[serde(default = "one")]
        margin: f32,
    },
    /// Mean squared error.
    L2Regression {
        /// What the outputs go for.
        #[serde(default)]
        target: Target,
    },
}

fn one() -> f32 {
    1.0
}

impl Default for Loss {
    fn default() -> Self {
        Self::SoftmaxCrossEntropy { label_smoothing: 0.0 }
    }
}

/// Buffers of a loss.
pub struct LossBuffers {
    /// Drawn columns (see [`crate::data::Column`]).
    pub columns: BufferRange,
    /// `[c, y, x, n]` of the images.
    pub images: BufferRange,
    /// `[c, y, x, n]` of what the network puts out: logits `[classes, 1, 1, n]`, or images.
    pub outputs: BufferRange,
    /// `[classes, n]`: the classes' shares, as far as the loss has such.
    pub probabilities: BufferRange,
    /// Gradient of the outputs.
    pub gradient: BufferRange,
    /// Loss and correctness of each column, `[n]` of two values.
    pub results: BufferRange,
}

impl Loss {
    /// Reads the `loss` table of a network file.
    ///
    /// # Errors
    /// When it is no loss, or a setting is out of range.
    pub fn parse(table: Table) -> Result<Self> {
        let loss: Self = table.try_into().map_err(|e: toml::de::Error| {
            let known = "softmax_cross_entropy, svm_hinge or l2_regression";
            Error::new(e.message().to_owned(), format!("give it a `kind` ({known}) and the settings it has"))
        })?;
        let (name, value, valid) = match loss {
            Self::SoftmaxCrossEntropy { label_smoothing } => {
                ("label_smoothing", label_smoothing, (0.0..1.0).contains(&label_smoothing))
            }
            Self::SvmHinge { margin } => ("margin", margin, margin.is_finite() && margin > 0.0),
            Self::L2Regression { .. } => return Ok(loss),
        };
        if valid {
            return Ok(loss);
        }
        Err(Error::new(format!("{name} is {value}"), "give label_smoothing 0 to below 1, margin above 0"))
    }

    /// Its settings as a network file holds them.
    pub fn to_table(self) -> Table {
        Table::try_from(self).expect("a loss is plain data")
    }

    /// What it is and its unit, for charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftmaxCrossEntropy { .. } => "cross-entropy, nats",
            Self::SvmHinge { .. } => "multi-class hinge",
            Self::L2Regression { .. } => "mean squared error",
        }
    }

    /// Whether it tells classes apart, so that there is an accuracy.
    pub fn has_classes(self) -> bool {
        self != Self::L2Regression { target: Target::Image }
    }

    /// The shape that a network must put out.
    pub fn output(self, image: Shape, classes: usize) -> Shape {
        if self.has_classes() { Shape::new(classes, 1, 1) } else { image }
    }

    /// Its dispatch.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(
        self,
        gpu: &Gpu,
        buffers: &LossBuffers,
        (outputs, classes): (usize, usize),
        columns: Columns,
    ) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        let all = columns.quads as u32 * 4;
        let (outputs, classes, train_columns) =
            (outputs as u32, classes as u32, columns.train_quads as u32 * 4);
        let (source, entry) = match self {
            Self::SoftmaxCrossEntropy { .. } => (&SOFTMAX_CROSS_ENTROPY, "softmax_cross_entropy"),
            Self::SvmHinge { .. } => (&SVM_HINGE, "svm_hinge"),
            Self::L2Regression { target: Target::Class } => (&L2_REGRESSION, "toward_class"),
            Self::L2Regression { target: Target::Image } => (&L2_REGRESSION, "toward_image"),
        };
        let kernel = gpu.kernel(source, entry, &[])?;
        let mut dispatch = plan
            .dispatch("loss", &kernel)
            .bind("columns", buffers.columns.clone())
            .bind("outputs", buffers.outputs.clone())
            .bind("probabilities", buffers.probabilities.clone())
            .bind("gradient", buffers.gradient.clone())
            .bind("results", buffers.results.clone());
        dispatch = match self {
            Self::SoftmaxCrossEntropy { label_smoothing } => dispatch.params(&SoftmaxCrossEntropyParams {
                classes,
                columns: all,
                train_columns,
                label_smoothing,
            }),
            Self::SvmHinge { margin } => {
                dispatch.params(&SvmHingeParams { classes, columns: all, train_columns, margin })
            }
            Self::L2Regression { target } => {
                let params = L2RegressionParams { outputs, classes, columns: all, train_columns };
                let images = if target == Target::Image { Some(&buffers.images) } else { None };
                let dispatch = dispatch.params(&params);
                images.into_iter().fold(dispatch, |dispatch, images| dispatch.bind("images", images.clone()))
            }
        };
        dispatch.threads([all, 1, 1])?;
        Ok(plan.finish())
    }
}

/// What a loss's twin makes of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LossTwin {
    /// The loss.
    pub loss: f64,
    /// Whether the largest output is the label's.
    pub correct: bool,
    /// Gradient of the outputs, scaled.
    pub gradient: Vec<f64>,
    /// The classes' shares.
    pub probabilities: Vec<f64>,
}

/// The softmax of some scores, and the logarithm of its divisor with the largest score.
fn softmax(z: &[f64]) -> (Vec<f64>, f64) {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.iter().map(|z| (z - largest).exp()).sum();
    (z.iter().map(|z| (z - largest).exp() / sum).collect(), sum.ln() + largest)
}

/// The twin of a loss, for one image: its outputs, its label, and the image itself where that is the target.
pub fn loss_twin(
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
                if c == label { 0.0 } else { (outputs[c] - outputs[label] + f64::from(margin)).max(0.0) }
            };
            let mut gradient: Vec<f64> =
                (0..classes).map(|c| if excess(c) > 0.0 { 1.0 } else { 0.0 }).collect();
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
