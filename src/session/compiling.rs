//! The wait for the driver's compiler: a step begins once all that it runs is compiled, and a window goes on until then.

use std::time::{Duration, Instant};

use super::event::Event;
use super::state::Session;

/// A wait that the log tells of by default.
const LONG: Duration = Duration::from_millis(500);

/// True once the driver has compiled what a step and the probes' maps run; `waits` until then, as it does where nobody compiles in the
/// background. Where a kernel was refused, that is an event, and the run pauses.
pub(super) fn is_done(session: &mut Session, waits: bool) -> bool {
    let trainer = &session.run.trainer;
    let waits = waits || !trainer.gpu().compiles_ahead();
    let plans = [trainer.step_plan(), trainer.refresh_plan()];
    let since = &mut session.progress.tune_pauses.compiles_since;
    if !plans.iter().all(|plan| plan.is_compiled()) {
        since.get_or_insert_with(Instant::now);
        if !waits {
            return false;
        }
    }
    let refused = plans.iter().find_map(|plan| plan.wait_compiled().err());
    if let Some(waited) = since.take().map(|since| since.elapsed()) {
        let level = if waited < LONG { log::Level::Debug } else { log::Level::Info };
        log::log!(level, "the driver compiled kernels for {:.1} s before this step", waited.as_secs_f64());
    }
    if let Some(refused) = refused.filter(|_| session.progress.trains()) {
        session.events.push(Event::Fault(refused));
        session.pause();
        session.progress.single_step = false;
    }
    true
}
