//! A twin beside a session: when it begins, how far it goes, and when it ends.
//!
//! It begins at the end of a step, after the commands that were given before it was asked for and before those given later. It makes as
//! many steps as the run: the run waits for it where an encoder ended with it behind. It waits where the run is paused, on a way through time, or at a step before its own.
//! It ends where the run comes to a moment that is not after its beginning on the same course.

use super::command::Command;
use super::event::Event;
use super::state::Session;
use super::twin_run::TwinRun;
use crate::error::{Error, Result};
use crate::gpu::Recorder;

/// True while a twin is asked for and has not begun.
pub fn twin_is_wanted(session: &Session) -> bool {
    session.measurements.beside.wanted.is_some()
}

/// Begins a twin as soon as no step or evaluation is under way, in place of the one before; or ends it.
///
/// # Errors
/// When the run is on a way through time, its weights are not finite, or the twin does not fit.
pub(super) fn ask(session: &mut Session, on: bool) -> Result<()> {
    if !on {
        let beside = &mut session.measurements.beside;
        (beside.wanted, beside.twin) = (None, None);
        return Ok(());
    }
    if session.is_travelling() {
        return Err(on_its_way());
    }
    let trainer = &session.run.trainer;
    if !trainer.parameters.values.read(trainer.gpu()).iter().all(|value| value.is_finite()) {
        let what = "the network has weights that are not finite, so that a twin has nothing to go on from";
        return Err(Error::new(what, "go back to a step before, or reset the run"));
    }
    let beside = &mut session.measurements.beside;
    (beside.wanted, beside.twin) = (Some(session.pending.end()), None);
    if session.progress.unsubmitted || !is_time(session) { Ok(()) } else { begin(session) }
}

fn on_its_way() -> Error {
    let what = "the run is on its way to another step, and a twin begins where it stands";
    Error::new(what, "press Twin once it has arrived, or stop the way by Esc")
}

/// True if what is wanted may begin where it does not disturb an evaluation: nothing under way, on its way back, or to be carried out before.
fn is_time(session: &Session) -> bool {
    let (progress, pending) = (&session.progress, &session.pending);
    session.measurements.beside.wanted == Some(pending.carried_out())
        && progress.is_idle()
        && !session.readback.awaits_evaluation()
}

/// Begins what is wanted from the run as it is. No step may be under way, and nothing recorded that is not submitted.
fn begin(session: &mut Session) -> Result<()> {
    let from = (session.timeline.branch, session.moment());
    let beside = &mut session.measurements.beside;
    beside.wanted = None;
    beside.twin = Some(TwinRun::begin(&session.run.trainer, &session.metrics, from)?);
    Ok(())
}

/// A command is about to be carried out, after this number of others that had waited: what was asked for before it begins without it.
pub(super) fn before_command(session: &mut Session, command: &Command, waited: u64) {
    let due = session.measurements.beside.wanted.is_some_and(|wanted| wanted <= waited);
    if due
        && !command.is_view()
        && let Err(error) = begin(session)
    {
        session.events.push(Event::Fault(error));
    }
}

/// Begins the twin that is wanted, ends it where the run has left its course, and says whether the run waits for it in this encoder. Nothing
/// may be recorded that is not submitted.
pub(super) fn take_turn(session: &mut Session) {
    let travels = session.is_travelling();
    if twin_is_wanted(session) && (travels || is_time(session)) {
        let begun = if travels { Err(on_its_way()) } else { begin(session) };
        session.measurements.beside.wanted = None;
        session.events.extend(begun.err().map(Event::Fault));
    }
    let (here, timeline) = (session.moment(), &session.timeline);
    let beside = &mut session.measurements.beside;
    let gone = |twin: &mut TwinRun| !travels && !timeline.goes_on_from(twin.from, here);
    if let Some(twin) = beside.twin.take_if(gone) {
        session.events.push(Event::Notice(left(twin.since())));
    }
    let beside = &mut session.measurements.beside;
    beside.waits = travels;
    beside.behind = !travels && beside.twin.as_ref().is_some_and(|twin| twin.is_behind(here.step));
}

/// Notice of a twin whose beginning, at this step, is no past of the run any more.
fn left(step: u32) -> Error {
    let what = format!("the twin has ended: the run does not come from step {step} any more, where it began");
    Error::new(what, "press Twin to begin another one")
}

/// Records the twin's steps up to the run's, worth about `left_ms`. Returns their estimated milliseconds; none where it has nothing to do, now or
/// soon.
pub(super) fn record(session: &mut Session, recorder: &mut Recorder<'_>, left_ms: f64) -> Option<f64> {
    let to = session.step();
    let beside = &mut session.measurements.beside;
    if beside.wanted.is_some() {
        return Some(0.0);
    }
    let twin = beside.twin.as_mut().filter(|twin| !beside.waits && twin.is_behind(to))?;
    // Where a step is finished whatever it takes, somebody waits for it.
    let budget_ms = if left_ms.is_finite() { left_ms } else { 0.0 };
    Some(twin.record(recorder, to, budget_ms))
}
