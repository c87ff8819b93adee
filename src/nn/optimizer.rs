//! The optimizers over all parameters at once: SGD with momentum and its relatives, in PyTorch's conventions.
//!
//! `g` is the clipped gradient `+ decay·w + l1·sign w` (AdamW: without `decay·w`), `η` the scheduled learning rate, `μ` the momentum:
//!
//! - `sgd`: `m ← μ·m + g`, `w ← w − η·m` (Nesterov: `w − η·(g + μ·m)`) (Sutskever et al. 2013)
//! - `adagrad`: `s ← s + g²`, `w ← w − η·g / (√s + ε)` (Duchi et al. 2011)
//! - `windowed_adagrad`: `s ← β·s + (1−β)·g²`, `w ← w − η·g / √(s + ε)` (ConvNetJS)
//! - `adadelta`: `s` alike, `d = √(m + ε) / √(s + ε)·g`, `m ← β·m + (1−β)·d²`, `w ← w − η·d` (Zeiler 2012)
//! - `rmsprop`: `s` alike, `m ← μ·m + g / (√s + ε)`, `w ← w − η·m` (Tieleman and Hinton 2012)
//! - `adam`: `m ← μ·m + (1−μ)·g`, `s` alike, `w ← w − η·m̂ / (√ŝ + ε)`, `m̂ = m / (1−μᵗ)`, `ŝ = s / (1−βᵗ)` (Kingma and Ba 2015)
//! - `adamw`: `w ← w·(1 − η·decay)`, then as Adam (Loshchilov and Hutter 2019)
//!
//! Decay applies to weights, not to biases. Each layer may have a factor on `η`. A frozen parameter keeps its value and moments, and counts in no norm.
//!
//! One dispatch does it all, the average of the weights with it. Its workgroups add the sums of squares that the sums of the gradients
//! left (`gradient_sums.rs`), each the same ones in the same order: that costs 1 to 4 loads a thread, and saves the two dispatches of a
//! norm by itself, 4.2 µs on an H100. It moves 40 bytes a parameter, 48 with an average: 0.4 µs for `revacnn`, so the 2.1 µs
//! of a dispatch that waits are what it takes there.

use super::average::{SPAN, least_share};
use super::hyper::{Hyper, Schedule, StepsPerEpoch};
use super::parameters::{Parameters, square_sums};
use crate::data::{Clock, DataLoader};
use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::nn::twin::KernelTwin;
use crate::{params, wgsl};

const OPTIMIZER: Source = wgsl!("nn/optimizer.wgsl", Clock, HyperValues, OptimizerParams);
/// Twins of the kernels.
pub(super) const TWINS: &[KernelTwin] =
    &[("nn/optimizer.wgsl", "update", "nn::twin::optimizer_step, and nn::twin::average_step")];

params! {
    struct HyperValues {
        /// 0 sgd, 1 adagrad, 2 windowed adagrad, 3 adadelta, 4 rmsprop, 5 adam, 6 adamw
        optimizer: u32,
        nesterov: u32,
        /// Step at which this optimizer began.
        since: u32,
        /// 0 constant, 1 step, 2 cosine
        schedule: u32,
        learning_rate: f32,
        momentum: f32,
        beta2: f32,
        epsilon: f32,
        weight_decay: f32,
        l1_decay: f32,
        /// 0 for no clipping.
        clip_norm: f32,
        /// Natural logarithms of momentum and beta2.
        log_momentum: f32,
        log_beta2: f32,
        /// Epochs of warm-up, and of the schedule's period.
        warmup: f32,
        period: f32,
        factor: f32,
        train_images: f32,
        batch: f32,
        /// Share by which the average moves at least, and the span of a short run's.
        average_share: f32,
        average_span: f32,
    }
}
params! { struct OptimizerParams { squares: u32 } }

/// The optimizer of a network.
pub struct Optimizer {
    hyper: Buffer<HyperValues>,
}

/// Natural logarithm; of 0 a number as good as minus infinity.
fn log(value: f32) -> f32 {
    f64::from(value).ln().max(-1e4) as f32
}

impl Optimizer {
    /// Optimizer with these hyper-parameters.
    pub fn new(gpu: &Gpu, hyper: Hyper, epoch: StepsPerEpoch) -> Self {
        let optimizer = Self { hyper: Buffer::zeroed(gpu, "hyper", 1) };
        optimizer.set(gpu, hyper, epoch);
        optimizer
    }

    /// Sets the hyper-parameters of the next steps.
    pub fn set(&self, gpu: &Gpu, hyper: Hyper, epoch: StepsPerEpoch) {
        let (schedule, period, factor) = match hyper.schedule {
            Schedule::Constant => (0, 1.0, 1.0),
            Schedule::Step { epochs, factor } => (1, epochs, factor),
            Schedule::Cosine { epochs } => (2, epochs, 1.0),
        };
        let values = HyperValues {
            optimizer: hyper.optimizer as u32,
            nesterov: u32::from(hyper.nesterov),
            since: hyper.since,
            schedule,
            learning_rate: hyper.learning_rate,
            momentum: hyper.momentum,
            beta2: hyper.beta2,
            epsilon: hyper.epsilon,
            weight_decay: hyper.weight_decay,
            l1_decay: hyper.l1_decay,
            clip_norm: hyper.clip_norm,
            log_momentum: log(hyper.momentum),
            log_beta2: log(hyper.beta2),
            warmup: hyper.warmup,
            period,
            factor,
            train_images: epoch.train_images as f32,
            batch: epoch.batch as f32,
            average_share: least_share(&hyper, epoch) as f32,
            average_span: SPAN,
        };
        self.hyper.write(gpu, 0, &[values]);
    }

    /// Plan that updates the parameters by the gradients of a step, and their average where `averages`.
    ///
    /// # Errors
    /// When a buffer does not fit.
    pub fn build(
        &self,
        gpu: &Gpu,
        parameters: &Parameters,
        loader: &DataLoader,
        averages: bool,
    ) -> Result<Plan> {
        let mut plan = PlanBuilder::new(gpu);
        let constants = [("SQUARES", square_sums(gpu) as u32), ("AVERAGES", u32::from(averages))];
        let kernel = gpu.kernel(&OPTIMIZER, "update", &constants)?;
        plan.dispatch("optimizer", &kernel)
            .bind("hyper", self.hyper.range())
            .bind("clock", loader.clock().range())
            .bind("flags", parameters.flags.range())
            .bind("moments", parameters.moments.range())
            .bind("second_moments", parameters.second_moments.range())
            .bind("values", parameters.values.range())
            .bind("last_gradients", parameters.last_gradients.range())
            .bind_those([("averages", parameters.averages.range())])
            .params(&OptimizerParams { squares: parameters.first_square() as u32 })
            .threads([parameters.values.len().div_ceil(4) as u32, 1, 1])?;
        Ok(plan.finish())
    }
}
