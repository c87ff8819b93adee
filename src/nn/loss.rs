//! The losses, each with the gradient of the network's output. Gradients are scaled per sample: 1/batch for an
//! image that is trained on, 1 for a probe, 0 for padding.
//!
//! - `softmax_cross_entropy`: `p = softmax z`, target `t[c] = (1 − ε)·[c = label] + ε/K`, `loss = −Σ t[c]·ln p[c]`, `∂/∂z[c] = p[c] − t[c]`;
//!   `ε` is `label_smoothing` (Szegedy et al. 2016, section 7), `K` the number of classes
//! - `svm_hinge`: `Σ_{c ≠ label} max(0, z[c] − z[label] + margin)` (Weston and Watkins 1999), as ConvNetJS's SVM layer
//! - `l2_regression`: `1/K · Σ (z[c] − t[c])²`, the mean over all `K` outputs; the target is 1 for the label and 0 for the other
//!   classes, or the image itself as the network sees it (`target = "image"`, for autoencoders)

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table;

use super::layer_build::BatchExtent;
use super::shape::Shape;
use crate::data::Sample;
use crate::error::{Error, Result};
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const SOFTMAX_CROSS_ENTROPY: Source =
    wgsl!("nn/softmax_cross_entropy.wgsl", Sample, SoftmaxCrossEntropyParams);
const SVM_HINGE: Source = wgsl!("nn/svm_hinge.wgsl", Sample, SvmHingeParams);
const L2_REGRESSION: Source = wgsl!("nn/l2_regression.wgsl", Sample, L2RegressionParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[
    ("nn/l2_regression.wgsl", "toward_class", "nn::twin::loss"),
    ("nn/l2_regression.wgsl", "toward_image", "nn::twin::loss"),
    ("nn/softmax_cross_entropy.wgsl", "softmax_cross_entropy", "nn::twin::loss"),
    ("nn/svm_hinge.wgsl", "svm_hinge", "nn::twin::loss"),
];

params! {
    struct SoftmaxCrossEntropyParams { classes: u32, slots: u32, train_slots: u32, label_smoothing: f32 }
}
params! { struct SvmHingeParams { classes: u32, slots: u32, train_slots: u32, margin: f32 } }
params! { struct L2RegressionParams { outputs: u32, classes: u32, slots: u32, train_slots: u32 } }

/// Target of an L2 regression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// 1 for the label's output, 0 for the others.
    #[default]
    Class,
    /// The image itself.
    Image,
}

/// The training objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// Softmax and cross-entropy.
    SoftmaxCrossEntropy {
        /// Share of the target spread over all classes, 0 to below 1.
        #[serde(default)]
        label_smoothing: f32,
    },
    /// Multi-class support vector machine.
    SvmHinge {
        /// Required lead of the label's score, finite and above 0.
        #[serde(default = "one")]
        margin: f32,
    },
    /// Mean squared error.
    L2Regression {
        /// Target of the outputs.
        #[serde(default)]
        target: Target,
    },
}

impl std::str::FromStr for Loss {
    type Err = Error;

    /// A loss as the command line writes it: its kind, and after a colon its number, where it has one.
    fn from_str(text: &str) -> Result<Self> {
        let (kind, number) = text.split_once(':').map_or((text, None), |(kind, number)| (kind, Some(number)));
        let known = "softmax_cross_entropy[:SMOOTHING], svm_hinge[:MARGIN] or l2_regression";
        let unknown = || Error::usage(format!("no loss is called {text:?}"), format!("take {known}"));
        let number = number.map(|number| number.parse::<f32>().map_err(|_| unknown())).transpose()?;
        match (kind, number) {
            ("softmax_cross_entropy", number) => {
                Self::SoftmaxCrossEntropy { label_smoothing: number.unwrap_or(0.0) }.checked()
            }
            ("svm_hinge", number) => Self::SvmHinge { margin: number.unwrap_or(1.0) }.checked(),
            ("l2_regression", None) => Ok(Self::L2Regression { target: Target::Class }),
            _ => Err(unknown()),
        }
    }
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
    /// Drawn samples, one per slot (see [`crate::data::Sample`]).
    pub samples: BufferRange,
    /// `[c, y, x, n]` of the images.
    pub images: BufferRange,
    /// `[c, y, x, n]` of the network's output: logits `[classes, 1, 1, n]`, or images.
    pub outputs: BufferRange,
    /// `[classes, n]`: class probabilities, where the loss has them.
    pub probabilities: BufferRange,
    /// Gradient of the outputs.
    pub gradient: BufferRange,
    /// Loss and correctness of each slot, `[n]` of two values.
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
        loss.checked()
    }

    /// The loss, if its settings are in range.
    ///
    /// # Errors
    /// When one is not.
    pub fn checked(self) -> Result<Self> {
        let (name, value, valid) = match self {
            Self::SoftmaxCrossEntropy { label_smoothing } => {
                ("label_smoothing", label_smoothing, (0.0..1.0).contains(&label_smoothing))
            }
            Self::SvmHinge { margin } => ("margin", margin, margin.is_finite() && margin > 0.0),
            Self::L2Regression { .. } => return Ok(self),
        };
        if valid {
            return Ok(self);
        }
        Err(Error::new(format!("{name} is {value}"), "give label_smoothing 0 to below 1, margin above 0"))
    }

    /// Settings as a network file holds them.
    pub fn to_table(self) -> Table {
        Table::try_from(self).expect("a loss is plain data")
    }

    /// Name and unit, for charts.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftmaxCrossEntropy { .. } => "cross-entropy, nats",
            Self::SvmHinge { .. } => "multi-class hinge",
            Self::L2Regression { .. } => "mean squared error",
        }
    }

    /// True for a classification loss, which has an accuracy.
    pub fn has_classes(self) -> bool {
        self != Self::L2Regression { target: Target::Image }
    }

    /// Name of the outputs' target, for people.
    pub(crate) fn target_name(self) -> &'static str {
        if self.has_classes() { "classes" } else { "the image" }
    }

    /// Output shape that a network must have.
    pub fn output(self, image: Shape, classes: usize) -> Shape {
        if self.has_classes() { Shape::new(classes, 1, 1) } else { image }
    }

    /// The dispatch.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(
        self,
        gpu: &Gpu,
        buffers: &LossBuffers,
        (outputs, classes): (usize, usize),
        extent: BatchExtent,
    ) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        let slots = extent.quads as u32 * 4;
        let (outputs, classes, train_slots) = (outputs as u32, classes as u32, extent.train_quads as u32 * 4);
        let (source, entry) = match self {
            Self::SoftmaxCrossEntropy { .. } => (&SOFTMAX_CROSS_ENTROPY, "softmax_cross_entropy"),
            Self::SvmHinge { .. } => (&SVM_HINGE, "svm_hinge"),
            Self::L2Regression { target: Target::Class } => (&L2_REGRESSION, "toward_class"),
            Self::L2Regression { target: Target::Image } => (&L2_REGRESSION, "toward_image"),
        };
        let kernel = gpu.kernel(source, entry, &[])?;
        let mut dispatch = plan
            .dispatch("loss", &kernel)
            .bind("samples", buffers.samples.clone())
            .bind("outputs", buffers.outputs.clone())
            .bind("probabilities", buffers.probabilities.clone())
            .bind("gradient", buffers.gradient.clone())
            .bind("results", buffers.results.clone());
        dispatch = match self {
            Self::SoftmaxCrossEntropy { label_smoothing } => {
                dispatch.params(&SoftmaxCrossEntropyParams { classes, slots, train_slots, label_smoothing })
            }
            Self::SvmHinge { margin } => {
                dispatch.params(&SvmHingeParams { classes, slots, train_slots, margin })
            }
            Self::L2Regression { target } => {
                let params = L2RegressionParams { outputs, classes, slots, train_slots };
                let images = if target == Target::Image { Some(&buffers.images) } else { None };
                let dispatch = dispatch.params(&params);
                images.into_iter().fold(dispatch, |dispatch, images| dispatch.bind("images", images.clone()))
            }
        };
        dispatch.threads([slots, 1, 1])?;
        Ok(plan.finish())
    }
}
