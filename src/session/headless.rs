//! A session without a window: advanced submit by submit, and settled.

use super::event::Event;
use super::state::Session;
use crate::error::Result;

/// GPU milliseconds of one submit: long enough that submitting costs nothing, short enough to stop at once.
const SUBMIT_MS: f64 = 100.0;
/// Submits ahead of the GPU.
const MAX_AHEAD: usize = 2;

impl Session {
    /// Records and submits work without a window, at most two submits ahead of the GPU, and takes in results; returns whether
    /// there was anything to do.
    pub fn advance(&mut self) -> bool {
        self.poll();
        self.is_compiled(true);
        let mut encoder = self.gpu().encoder("headless");
        let trains = self.progress.trains();
        let budget_ms = if trains { self.layouts.submit_ms(SUBMIT_MS) } else { SUBMIT_MS };
        let recorded = self.record(&mut encoder, budget_ms);
        let submission = self.gpu().submit(encoder);
        self.after_submit();
        if self.progress.submissions.len() >= MAX_AHEAD {
            let oldest = self.progress.submissions.remove(0);
            self.gpu().wait_for(oldest);
        } else {
            self.gpu().poll();
        }
        self.progress.submissions.push(submission);
        // A way may wait for what is coming back.
        recorded || self.timeline.request.is_some()
    }

    /// Waits for the GPU and takes in all that is on its way.
    pub fn settle(&mut self) {
        self.progress.submissions.clear();
        self.gpu().wait();
        self.poll();
        let fault = self.gpu().check().err();
        self.events.extend(fault.map(Event::Fault));
    }

    /// An error when one of the events that were not taken yet is a fault: the first.
    ///
    /// # Errors
    /// As it says.
    pub fn check_events(&self) -> Result<()> {
        let mut events = self.events.iter();
        let fault = events.find_map(|e| if let Event::Fault(f) = e { Some(f.clone()) } else { None });
        fault.map_or(Ok(()), Err)
    }

    /// Brings the probes up to date, so that pictures show the present weights.
    ///
    /// # Errors
    /// When the GPU reports a fault.
    pub fn refresh(&mut self) -> Result<()> {
        self.progress.probes_stale = true;
        while self.advance() {}
        self.settle();
        self.check_events()
    }
}
