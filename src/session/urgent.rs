//! Changes of the network and of its weights that wait neither for an evaluation nor for the end of a step: who clicks sees them in the next frame.
//!
//! The journal tells at which step a change was made, not when in real time. A change during an evaluation is made after the step that was
//! evaluated, in new buffers; the evaluation goes on with the former ones. A step that has begun is taken back and begins again with the
//! changed network: until its optimizer runs, it writes nothing that lasts.

use super::command::{Command, NetworkCommand};
use super::state::Session;

/// Most times that a step is taken back, so that changes without end do not keep a run from learning.
const MAX_TAKEN_BACK: u32 = 3;

fn is_edit(command: &Command) -> bool {
    matches!(command, Command::Network(NetworkCommand::Edit(_) | NetworkCommand::EditWeights(_)))
}

/// True for a change that evaluations do not hold up: no step is under way, and the run is at its end, where all commands are carried out.
pub(super) fn may_overtake(session: &Session, command: &Command) -> bool {
    let (progress, timeline) = (&session.progress, &session.timeline);
    let here = session.moment();
    let at_end = timeline.reached <= here && session.journal.changes_to_come().next().is_none();
    let stays = at_end && !timeline.is_saved_elsewhere(here);
    is_edit(command) && stays && !progress.step.is_under_way() && !session.is_travelling()
}

/// True if the commands that wait may be carried out. Nothing may be recorded that is not submitted.
pub(super) fn commands_go(session: &Session) -> bool {
    let waiting = &session.pending;
    session.progress.is_idle()
        || !waiting.is_empty() && waiting.iter().all(|command| may_overtake(session, command))
}

/// See [`Session::put_changes_first`].
pub(super) fn put_first(session: &mut Session) -> bool {
    if edit_awaits_step(session) {
        take_back_step(session);
    }
    if !session.progress.unsubmitted && !session.pending.is_empty() && commands_go(session) {
        session.carry_out_pending();
    }
    edit_awaits_step(session)
}

/// True while a change of the network waits for the end of the step under way.
fn edit_awaits_step(session: &Session) -> bool {
    session.progress.step.is_under_way() && session.pending.iter().any(is_edit)
}

/// Takes back the step under way where a change of the network waits for its end, and nothing of it lasts yet.
fn take_back_step(session: &mut Session) {
    let progress = &mut session.progress;
    let allowed = !progress.unsubmitted && progress.trains() && progress.taken_back < MAX_TAKEN_BACK;
    if let Some(recorded) = progress.step.recorded().filter(|_| allowed)
        && session.run.trainer.take_back(recorded)
    {
        progress.step.stop();
        progress.taken_back += 1;
    }
}
