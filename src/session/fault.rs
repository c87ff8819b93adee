//! Recovery from numbers that are not finite: such a step takes no effect on the GPU, and the run stops before it.

use crate::data::Clock;
use crate::error::Error;
use crate::nn::Trainer;

/// Takes a trainer back to the state before its halted step `step`; tells in which layer numbers stopped being finite. Steps
/// recorded after it had no effect either. Waits for the GPU.
pub(super) fn recover(trainer: &mut Trainer, step: u32) -> Error {
    let halted = trainer.loader.clock().read(trainer.gpu())[0];
    let clock = Clock { drawn: 0, step_loss: 0.0, step_correct: 0, ..halted };
    let layer = trainer.first_not_finite(clock);
    trainer.set_clock(Clock { halted: 0, ..clock });
    let place = layer.unwrap_or_else(|| "its loss".to_owned());
    Error::new(
        format!("in step {step} numbers stopped being finite, first in {place}; the state before it is kept"),
        "lower the learning rate, or clip the gradients (--clip-norm), and go on",
    )
}
