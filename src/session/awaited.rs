//! Commands whose effect somebody waits for, steps that are counted, and rests between two steps: a program steers the run so.

use super::command::Command;
use super::pending::Ticket;
use super::state::Session;
use crate::error::Result;

/// A command that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Carried out: steps finished before it.
    Done(u32),
    /// Waiting for the end of the step under way; [`outcomes`] tells of it.
    Waits(Ticket),
}

/// Applies a command as [`Session::apply`] does; where it waits, [`outcomes`] tells once of its effect. A position of a drag that another
/// one replaces has the outcome of that one.
///
/// # Errors
/// As [`Session::apply`]; then nothing changes.
pub fn apply_awaited(session: &mut Session, command: Command) -> Result<Taken> {
    session.apply(command)?;
    let ticket = session.pending.await_last();
    Ok(ticket.map_or(Taken::Done(session.step()), Taken::Waits))
}

/// Awaited commands that were carried out since the last call, each with the steps finished before it, or its error.
pub fn outcomes(session: &mut Session) -> Vec<(Ticket, Result<u32>)> {
    session.pending.take_outcomes()
}

/// Trains this number of steps more, then pauses; fewer where it is paused or its stop condition holds before.
pub fn train_steps(session: &mut Session, steps: u32) {
    session.play();
    session.progress.steps_left = Some(steps).filter(|_| session.is_playing());
}

/// Trains on after a pause that nobody asked for, such as that of a save: for the steps that were left, where they were counted.
pub fn play_on(session: &mut Session) {
    let left = session.progress.steps_left;
    if !session.progress.steps_are_made() {
        session.play();
        session.progress.steps_left = left.filter(|_| session.is_playing());
    }
}

/// Steps that are left of those that were asked for; none while it trains without end, or is paused.
pub fn steps_left(session: &Session) -> Option<u32> {
    session.progress.steps_left.filter(|_| session.is_playing())
}

/// Begins no further step, or does again: what is recorded next ends the step under way, if there is one.
pub fn hold(session: &mut Session, on: bool) {
    session.progress.held = on;
}

/// True between two steps, with all submitted: buffers of the run are those of the last whole step.
pub fn is_between_steps(session: &Session) -> bool {
    !session.progress.step.is_under_way() && !session.progress.unsubmitted
}
