//! The filters of a session ranked at once.

use super::ranking::FilterRanking;
use super::state::Session;
use crate::error::{Error, Result};

/// Has the filters of a session ranked over this number of validation images, beside the run.
pub(super) fn want_ranking(session: &mut Session, images: usize) {
    let (now, version) = (session.moment(), session.run.forward_version);
    session.measurements.rankings.want(images, now, version);
}

/// The ranking of a session's filters as they are, over this number of validation images; `beside` is told the share that is done. Finishes
/// the step or evaluation that is under way, and waits for the GPU. The run's bits stay as they are.
///
/// # Errors
/// When there are no such images or filters, or they do not fit the adapter.
pub fn rank_filters(
    session: &mut Session,
    images: usize,
    beside: &mut dyn FnMut(f64),
) -> Result<FilterRanking> {
    let (now, version) = (session.moment(), session.run.forward_version);
    let rankings = &mut session.measurements.rankings;
    rankings.check(session.run.seen(), images)?;
    rankings.want(images, now, version);
    while let Some(done) = session.rankings().progress() {
        session.advance();
        session.check_events()?;
        beside(done);
    }
    let missing = || Error::new("the filters could not be ranked", "see the messages above");
    session.rankings().result().cloned().ok_or_else(missing)
}
