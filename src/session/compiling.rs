//! The wait for the driver's compiler: a step begins once all that it runs is compiled, and a window goes on until then.

use std::time::Instant;

use super::event::Event;
use super::state::Session;

/// True once the driver has compiled what a step and the probes' maps run; `waits` until then. Where it refused a kernel, that is an event, and
/// the run pauses.
pub(super) fn is_done(session: &mut Session, waits: bool) -> bool {
    let trainer = &session.run.trainer;
    let plans = [trainer.step_plan(), trainer.refresh_plan()];
    let since = &mut session.progress.tune_pauses.compiles_since;
    if !plans.iter().all(|plan| plan.is_compiled()) {
        since.get_or_insert_with(Instant::now);
        if !waits {
            return false;
        }
    }
    let refused = plans.iter().find_map(|plan| plan.wait_compiled().err());
    if let Some(since) = since.take() {
        log::info!(
            "the first step waited {:.2} s for its kernels to be compiled",
            since.elapsed().as_secs_f64()
        );
    }
    if let Some(refused) = refused.filter(|_| session.progress.trains()) {
        session.events.push(Event::Fault(refused));
        session.pause();
    }
    true
}
