//! The average of the last weights, which evaluations report beside the weights themselves.
//!
//! After step t the average moves by the share α = max(B / (N·E), s / (t + s)) towards the weights: over the last s-th of the
//! run at first (polynomial-decay averaging, Shamir and Zhang 2013), and over E epochs at most (B images of a step, N of an
//! epoch). So it needs no planned end, and forgets the beginning.

use super::hyper::{Hyper, StepsPerEpoch};
use super::parameters::Parameters;
use super::twin::KernelTwin;
use crate::data::{Clock, DataLoader};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const AVERAGE: Source = wgsl!("nn/average.wgsl", AverageParams, Clock);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] = &[("nn/average.wgsl", "average", "nn::twin::average_step")];
/// The average is over the last `1 / SPAN` of a short run.
pub(super) const SPAN: f32 = 8.0;

params! { struct AverageParams { least_share: f32, span: f32 } }

/// The average of a network's weights.
pub(super) struct Average {
    params: Buffer<AverageParams>,
}

/// Share by which the average moves at least, after each step.
pub(super) fn least_share(hyper: &Hyper, epoch: StepsPerEpoch) -> f64 {
    let images = f64::from(hyper.averaging) * epoch.train_images as f64;
    if images > 0.0 { (epoch.batch as f64 / images).min(1.0) } else { 1.0 }
}

impl Average {
    /// An average whose span is yet to be set.
    pub(super) fn new(gpu: &Gpu) -> Self {
        Self { params: Buffer::zeroed(gpu, "average", 1) }
    }

    /// Sets the span of the next steps.
    pub(super) fn set(&self, gpu: &Gpu, hyper: &Hyper, epoch: StepsPerEpoch) {
        let least_share = least_share(hyper, epoch) as f32;
        self.params.write(gpu, 0, &[AverageParams { least_share, span: SPAN }]);
    }

    /// Records the move of the average after a step.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub(super) fn record(
        &self,
        plan: &mut PlanBuilder<'_>,
        parameters: &Parameters,
        loader: &DataLoader,
    ) -> Result<()> {
        let kernel = plan.gpu().kernel(&AVERAGE, "average", &[])?;
        plan.dispatch("average of weights", &kernel)
            .bind("params", self.params.range())
            .bind("clock", loader.clock().range())
            .bind("values", parameters.values.range())
            .bind("averages", parameters.averages.range())
            .threads([parameters.values.len().div_ceil(4) as u32, 1, 1])
    }
}
