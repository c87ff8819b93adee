//! A step whose numbers are not finite takes no effect on the GPU; here the run stops before it and says where it arose.

use super::recording::Phase;
use super::{Event, Session};
use crate::data::Clock;
use crate::error::Error;

impl Session {
    /// Step `step` was halted: waits for the GPU, goes back to the state before it, and says in which layer numbers
    /// stopped being finite. Steps recorded after it had no effect either.
    pub(super) fn halt(&mut self, step: u32) {
        self.faults += 1;
        self.playing = false;
        self.single_step = false;
        self.submissions.clear();
        self.gpu().wait();
        self.arrivals.forget();
        self.wanted.retain(|wanted| !wanted.ends_epoch);
        self.phase = Phase::Step { next: 0 };
        self.embeddings.open.iter_mut().for_each(super::Embedding::forward_lost);
        self.uncopied_steps = 0;
        self.rate.restart();
        let halted = self.trainer.feed.clock().read(self.trainer.gpu())[0];
        let clock = Clock { drawn: 0, step_loss: 0.0, step_correct: 0, ..halted };
        let layer = self.trainer.first_not_finite(clock);
        self.trainer.set_clock(Clock { halted: 0, ..clock });
        self.stale = true;
        let place = layer.unwrap_or_else(|| "its loss".to_owned());
        self.events.push(Event::Fault(Error::new(
            format!(
                "in step {step} numbers stopped being finite, first in {place}; the state before it is kept"
            ),
            "lower the learning rate, or clip the gradients (--clip-norm), and go on",
        )));
    }
}
