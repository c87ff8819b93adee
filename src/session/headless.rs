//! A session without a window: the same recording, one submit after the other.

use super::{EpochMetrics, Session, StepMetrics};
use crate::error::{Error, Result};

/// When a run stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCondition {
    /// After this many steps, counted from the beginning of the run.
    Steps(u32),
    /// After this many epochs, counted from the beginning of the run.
    Epochs(u32),
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step's numbers arrived.
    Step(StepMetrics),
    /// An epoch and its validation ended.
    Epoch(EpochMetrics),
    /// An evaluation over the test images ended.
    Test {
        /// Mean loss.
        loss: f32,
        /// Share classified rightly, 0 to 1.
        accuracy: f32,
    },
    /// An evaluation over the validation images ended that was asked for in between.
    Validation {
        /// Mean loss.
        loss: f32,
        /// Share classified rightly, 0 to 1.
        accuracy: f32,
    },
    /// A command failed, or the GPU reported a fault; the run goes on as before.
    Fault(Error),
}

/// GPU milliseconds in one submit: long enough that submitting costs nothing, short enough to stop at once.
const SUBMIT_MS: f64 = 100.0;

impl Session {
    /// Records, submits and takes in one stretch of work, at most two submits ahead of the GPU; returns whether
    /// there was anything to do.
    pub fn advance(&mut self) -> bool {
        self.poll();
        let mut encoder = self.gpu().encoder("headless");
        let recorded = self.record(&mut encoder, SUBMIT_MS);
        let submission = self.gpu().submit(encoder);
        self.after_submit();
        match self.submissions.len() {
            2.. => {
                let oldest = self.submissions.remove(0);
                self.gpu().wait_for(oldest);
            }
            _ => self.gpu().poll(),
        }
        self.submissions.push(submission);
        recorded
    }

    /// Waits for the GPU and takes in all that is on its way.
    pub fn settle(&mut self) {
        self.submissions.clear();
        self.gpu().wait();
        self.poll();
        let errors = self.gpu().take_errors();
        let help = "update the graphics driver, or take another adapter";
        self.events.extend(
            errors.into_iter().map(|e| Event::Fault(Error::new(format!("the GPU reports: {e}"), help))),
        );
    }

    /// What happened since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Hash of parameters, moments and clock. Waits for the GPU.
    pub fn state_hash(&self) -> String {
        self.trainer.state_hash()
    }

    /// Brings the probes up to date, so that pictures show the present weights.
    ///
    /// # Errors
    /// When the GPU reports a fault.
    pub fn refresh(&mut self) -> Result<()> {
        self.stale = true;
        while self.advance() {}
        self.settle();
        let faults =
            self.events.iter().find_map(|e| if let Event::Fault(f) = e { Some(f.clone()) } else { None });
        faults.map_or(Ok(()), Err)
    }
}
