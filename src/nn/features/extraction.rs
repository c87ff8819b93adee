//! Activations and predictions of the images of an evaluation.

use std::ops::Range;

use super::top_k::TopK;
use crate::data::{Clock, Sample};
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::nn::shape::Shape;
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const FEATURES: Source = wgsl!("nn/features.wgsl", Clock, FeatureParams);
const PREDICTIONS: Source = wgsl!("nn/predictions.wgsl", Clock, Sample, TopK, PredictionParams);
/// Twins of the kernels.
pub(crate) const TWINS: &[KernelTwin] = &[
    ("nn/features.wgsl", "copy_features", "nn::twin::feature_row"),
    ("nn/predictions.wgsl", "copy_predictions", "nn::twin::predictions"),
];

params! {
    struct FeatureParams {
        channels: u32, height: u32, width: u32, shrink: u32, slots: u32, begin: u32, micro_batch: u32,
    }
}
params! { struct PredictionParams { classes: u32, slots: u32, begin: u32, micro_batch: u32 } }

/// An evaluation whose activations are copied out pass by pass.
pub struct Extraction {
    /// The clock.
    pub clock: BufferRange,
    /// Positions of the images in the image order.
    pub positions: Range<usize>,
    /// Images of a pass.
    pub micro_batch: usize,
    /// Slots of a pass, with padding and probes.
    pub slots: usize,
}

impl Extraction {
    /// Copies each image's activations `[c, y, x, n]` into `features`: `[i, c, y, x]`, pixels averaged over squares of side
    /// `shrink` (1: as they are).
    ///
    /// # Errors
    /// When a buffer is too small or does not fit the adapter.
    pub fn features(
        &self,
        plan: &mut PlanBuilder<'_>,
        (activations, shape): (BufferRange, Shape),
        shrink: usize,
        features: BufferRange,
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&FEATURES, "copy_features", &[])?;
        let dims = shrunk(shape, shrink).len();
        plan.dispatch("features", &kernel)
            .bind("clock", self.clock.clone())
            .bind("activations", activations)
            .bind("features", features)
            .params(&FeatureParams {
                channels: shape.channels as u32,
                height: shape.height as u32,
                width: shape.width as u32,
                shrink: shrink as u32,
                slots: self.slots as u32,
                begin: self.positions.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([(self.micro_batch * dims) as u32, 1, 1])
    }

    /// Copies each image's label (from `samples`, see [`crate::data::Sample`]), prediction and [`TopK`] classes, by its
    /// outputs `[class, n]` and class probabilities: one element per image. A prediction is [`TopK::NONE`] where no output
    /// is a number, or `classes` is 0.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn predictions(
        &self,
        plan: &mut PlanBuilder<'_>,
        [samples, outputs, probabilities]: [BufferRange; 3],
        classes: usize,
        [labels, predictions, best]: [BufferRange; 3],
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&PREDICTIONS, "copy_predictions", &[])?;
        plan.dispatch("predictions", &kernel)
            .bind("clock", self.clock.clone())
            .bind("samples", samples)
            .bind("outputs", outputs)
            .bind("probabilities", probabilities)
            .bind("labels", labels)
            .bind("predictions", predictions)
            .bind("best", best)
            .params(&PredictionParams {
                classes: classes as u32,
                slots: self.slots as u32,
                begin: self.positions.start as u32,
                micro_batch: self.micro_batch as u32,
            })
            .threads([self.micro_batch as u32, 1, 1])
    }
}

/// Shape after averaging over squares of side `shrink`.
pub fn shrunk(shape: Shape, shrink: usize) -> Shape {
    Shape { height: shape.height.div_ceil(shrink), width: shape.width.div_ceil(shrink), ..shape }
}
