//! The clock: position of the training in steps and epochs, and its counters, advanced on the GPU.
//!
//! Values that change from step to step must be on the GPU, because writes from the CPU do not interleave with the
//! dispatches of one submit. The CPU knows step and epoch by the same integer arithmetic, without reading back.

use super::batch::BatchSizes;
use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

const TICK: Source = wgsl!("data/tick.wgsl", Clock, StepRecord, TickParams);
/// Twins of the kernels: shader, entry point, path of the twin.
pub(super) const TWINS: &[(&str, &str, &str)] = &[
    ("data/tick.wgsl", "count_evaluation", "data::twin::count_evaluation"),
    ("data/tick.wgsl", "tick", "data::twin::tick"),
];

params! { struct TickParams { batch: u32, micro_batch: u32, train_slots: u32, train_images: u32 } }

params! {
    /// The clock and the counters that advance with it.
    pub struct Clock {
        /// Steps finished.
        step: u32,
        /// Epochs finished.
        epoch: u32,
        /// Images of this epoch that earlier steps drew.
        cursor: u32,
        /// Images of this step drawn and counted so far.
        drawn: u32,
        /// Sum of the losses of this step's images so far.
        step_loss: f32,
        /// Images of this step classified correctly so far.
        step_correct: u32,
        /// Sum of the losses of this epoch's finished steps.
        epoch_loss: f32,
        /// Images of this epoch's finished steps classified correctly.
        epoch_correct: u32,
        /// Images of this epoch's finished steps.
        epoch_images: u32,
        /// `epoch_loss` of the last finished epoch.
        done_loss: f32,
        /// `epoch_correct` of the last finished epoch.
        done_correct: u32,
        /// `epoch_images` of the last finished epoch.
        done_images: u32,
        /// Next position of the image order to evaluate.
        eval_cursor: u32,
        /// One past the last position to evaluate.
        eval_end: u32,
        /// Sum of the losses of the evaluated images.
        eval_loss: f32,
        /// Evaluated images classified correctly.
        eval_correct: u32,
        /// Norm of all gradients of the last step together, at its end.
        gradient_norm: f32,
        /// 1 from the end of a step with a non-finite loss or gradient on: steps have no effect, that one too.
        halted: u32,
    }
}

impl Clock {
    /// Advances step, epoch and cursor by one step of `batch` images of `train_images`. True if an epoch ended.
    pub fn advance(&mut self, batch: u32, train_images: u32) -> bool {
        self.step += 1;
        self.cursor += batch;
        let ended = self.cursor >= train_images;
        if ended {
            self.cursor -= train_images;
            self.epoch += 1;
        }
        ended
    }

    /// Epochs with their fraction, by images drawn.
    pub fn epochs(&self, train_images: u32) -> f64 {
        f64::from(self.epoch) + f64::from(self.cursor) / f64::from(train_images)
    }
}

params! {
    /// Results of a training step.
    pub struct StepRecord {
        /// Step, from 1.
        step: u32,
        /// Mean loss of its images.
        loss: f32,
        /// Share of its images that were classified correctly; −1 for a step that was halted.
        accuracy: f32,
        /// Epochs seen after it.
        epochs: f32,
    }
}

/// Entries of the ring of the last steps' results.
pub const HISTORY_LEN: usize = 256;

/// Plan that counts the results of an evaluation's pass.
///
/// # Errors
/// When a buffer does not fit.
pub(super) fn count_evaluation(
    gpu: &Gpu,
    sizes: BatchSizes,
    train_images: usize,
    [clock, results]: [&BufferRange; 2],
) -> Result<Plan> {
    let mut plan = PlanBuilder::new(gpu);
    let kernel = gpu.kernel(&TICK, "count_evaluation", &[])?;
    plan.dispatch("count_evaluation", &kernel)
        .bind("clock", clock.clone())
        .bind("results", results.clone())
        .params(&params(sizes, train_images))
        .threads([1, 1, 1])?;
    Ok(plan.finish())
}

/// Plan that ends a step, by the sums of the squares of its gradients, each in the first of four values.
///
/// # Errors
/// When a buffer does not fit.
pub(super) fn tick(
    gpu: &Gpu,
    sizes: BatchSizes,
    train_images: usize,
    [clock, history, squares]: [&BufferRange; 3],
) -> Result<Plan> {
    let mut plan = PlanBuilder::new(gpu);
    let kernel = gpu.kernel(&TICK, "tick", &[("SQUARES", (squares.size / 16) as u32)])?;
    plan.dispatch("tick", &kernel)
        .bind("clock", clock.clone())
        .bind("history", history.clone())
        .bind("squares", squares.clone())
        .params(&params(sizes, train_images))
        .threads([1, 1, 1])?;
    Ok(plan.finish())
}

fn params(sizes: BatchSizes, train_images: usize) -> TickParams {
    TickParams {
        batch: sizes.batch as u32,
        micro_batch: sizes.micro_batch as u32,
        train_slots: sizes.train_slots as u32,
        train_images: train_images as u32,
    }
}
