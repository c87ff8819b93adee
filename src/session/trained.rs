//! A session trained without a window, with a callback.

use std::ops::ControlFlow;

use super::event::{Event, RunState, StopCondition};
use super::state::Session;
use crate::error::Result;

/// Trains until the stop condition holds. Each event goes to `callback` as it arrives, some steps after it happened: it may read the session
/// and apply commands to it. By [`ControlFlow::Break`] it ends the training with the step under way, and gets no further event. The session
/// is paused afterwards, unless the condition holds, and the condition stays set. A run that has a folder is saved by [`Session::save`] alone.
///
/// # Errors
/// When the callback fails, or the training does: its GPU, or a loss that is no number.
pub fn train(
    session: &mut Session,
    until: StopCondition,
    callback: &mut dyn FnMut(&mut Session, &Event) -> Result<ControlFlow<()>>,
) -> Result<()> {
    session.set_limit(Some(until));
    session.play();
    let trained = train_on(session, callback);
    session.pause();
    trained
}

fn train_on(
    session: &mut Session,
    callback: &mut dyn FnMut(&mut Session, &Event) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut ended = false;
    loop {
        let busy = session.advance();
        let idle = !busy && matches!(session.state(), RunState::Paused | RunState::Finished);
        if idle {
            session.settle();
        }
        for event in session.take_events() {
            if let Event::Fault(fault) = event {
                return Err(fault);
            }
            if !ended && callback(session, &event)?.is_break() {
                ended = true;
                session.pause();
            }
        }
        if idle && matches!(session.state(), RunState::Paused | RunState::Finished) {
            return Ok(());
        }
    }
}
