//! The remedies of a diagnosis tried one after the other from the same moment, beside the run without any.

use super::command::TimeControl;
use super::doctor::{Diagnosis, Treatment, WATCHED_STEPS};
use super::effects::EFFECT_STEPS;
use super::event::StopCondition;
use super::examined::{carry_out, examine};
use super::state::Session;
use super::twins::{take_way, train_to};
use crate::error::Result;

/// Remedies that were tried.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Validation loss as many steps later without any remedy, where it can be measured.
    pub loss_without: Option<f64>,
    /// The remedies with their outcomes, in the order of the findings that have one.
    pub treatments: Vec<Treatment>,
}

/// Tries each remedy of a diagnosis for [`EFFECT_STEPS`] steps from where the session stands, over this number of validation images, and
/// no remedy for as many. The session should be kept nowhere: it stands elsewhere after it.
///
/// # Errors
/// When a remedy is refused, or the GPU reports a fault. One after which numbers are not finite has not come true.
pub fn try_remedies(
    session: &mut Session,
    diagnosis: &Diagnosis,
    images: usize,
    beside: &mut dyn FnMut(f64),
) -> Result<Tried> {
    let findings: Vec<_> = diagnosis.findings.iter().filter(|finding| finding.remedy.is_some()).collect();
    let share = 1.0 / (1 + findings.len()) as f64;
    take_way(session, TimeControl::SetBookmark(0))?;
    let later = session.step().saturating_add(EFFECT_STEPS - WATCHED_STEPS);
    train_on(session, later)?;
    let loss_without = examine(session, images, &mut |_| ())?.loss();
    let mut treatments = Vec::new();
    for (index, finding) in findings.into_iter().enumerate() {
        beside(share * (1 + index) as f64);
        take_way(session, TimeControl::GoToBookmark(0))?;
        take_way(session, TimeControl::Fork)?;
        carry_out(session, finding.clone(), diagnosis.loss())?;
        await_outcome(session)?;
        treatments.extend(session.doctor().treatments().last().cloned());
    }
    Ok(Tried { loss_without, treatments })
}

/// Trains until the run was examined after its last remedy, or a step was halted.
fn await_outcome(session: &mut Session) -> Result<()> {
    let Some(due) = session.doctor().treatments().last().map(|last| last.due) else { return Ok(()) };
    let halts = session.progress.faults;
    session.take_events();
    session.set_limit(Some(StopCondition::Steps(due)));
    session.play();
    while session.doctor().treatments().last().is_some_and(|last| last.outcome.is_none())
        && (session.is_playing() || session.doctor().progress().is_some())
    {
        session.advance();
        if session.progress.faults == halts {
            session.check_events()?;
        }
    }
    session.take_events();
    Ok(())
}

/// Trains up to a step, or to one that is halted.
fn train_on(session: &mut Session, step: u32) -> Result<()> {
    let halts = session.progress.faults;
    session.take_events();
    match train_to(session, step, &mut |_| true) {
        Err(error) if session.progress.faults == halts => Err(error),
        _ => {
            session.take_events();
            Ok(())
        }
    }
}
