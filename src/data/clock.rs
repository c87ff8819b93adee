//! Where training is: a few numbers that live on the GPU and advance themselves.
//!
//! What changes from step to step must be on the GPU, because writes from the CPU do not interleave with the
//! dispatches of one submit. The CPU knows step and epoch by the same integer arithmetic, without reading back.

use crate::params;

params! {
    /// The clock and the counters that advance with it.
    pub struct Clock {
        /// Steps finished.
        step: u32,
        /// Epochs finished.
        epoch: u32,
        /// Images of this epoch that earlier steps drew.
        cursor: u32,
        /// Images of this step that were drawn and counted so far.
        drawn: u32,
        /// Sum of the losses of this step's images so far.
        step_loss: f32,
        /// Images of this step classified rightly so far.
        step_correct: u32,
        /// Sum of the losses of this epoch's finished steps.
        epoch_loss: f32,
        /// Images of this epoch's finished steps classified rightly.
        epoch_correct: u32,
        /// Images of this epoch's finished steps.
        epoch_images: u32,
        /// `epoch_loss` of the last finished epoch.
        done_loss: f32,
        /// `epoch_correct` of the last finished epoch.
        done_correct: u32,
        /// `epoch_images` of the last finished epoch.
        done_images: u32,
        /// Next place in the order of images to evaluate.
        eval_cursor: u32,
        /// First place that is not evaluated any more.
        eval_end: u32,
        /// Sum of the losses of the evaluated images.
        eval_loss: f32,
        /// Evaluated images classified rightly.
        eval_correct: u32,
        /// Norm of all gradients of the last step.
        gradient_norm: f32,
        /// 1 since a step whose loss or gradients were not finite: no step takes effect any more.
        halted: u32,
    }
}

/// Entries of the ring of steps' results that the shaders write.
pub const HISTORY_LEN: usize = 256;
