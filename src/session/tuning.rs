//! Autotuning while a run goes on: it begins on the usual choice of kernels, and takes the fastest ones as they are found, between two steps.
//!
//! All candidates give the same bits, so that the run is the same whenever that is.

use std::time::Instant;

use super::state::Session;
use crate::nn::TuneTurn;

/// Takes a turn where the run has made a step since the session began, and the last timing was long enough ago: candidates are compiled in the
/// background at first, while the run goes on, and then those of one kernel are timed in a turn. No step or evaluation may be under way, and
/// nothing recorded that is not submitted. A way through time arrives before it.
pub(super) fn take_turn(session: &mut Session) {
    session.arrive();
    let (progress, trainer) = (&mut session.progress, &mut session.run.trainer);
    let step = trainer.clock().step;
    let begins = *progress.tune_pauses.began_at.get_or_insert(step) == step;
    let begun = Instant::now();
    let held = progress.tune_pauses.held;
    if begins
        || held
        || !progress.trains()
        || progress.tune_pauses.rests_until.is_some_and(|until| begun < until)
    {
        return;
    }
    match trainer.tune_next() {
        Ok(TuneTurn::Timed) => {
            progress.take_plans(trainer);
            progress.tune_pauses.rests_until = Some(Instant::now() + begun.elapsed());
        }
        Ok(TuneTurn::Compiling | TuneTurn::Done) => {}
        Err(error) => log::info!("kernels stay as they are: {error}"),
    }
}
