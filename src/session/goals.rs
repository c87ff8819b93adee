//! Notices of soft goals that are gone with their filters.

use crate::error::Error;
use crate::nn::Network;

/// A notice where a change of the network takes goals with it.
pub(super) fn lost(before: &Network, after: &Network) -> Option<Error> {
    let lost = before.lost_goals(after);
    let (layer, goal) = lost.first()?;
    let more = if lost.len() > 1 { format!(", and {} more", lost.len() - 1) } else { String::new() };
    let what = format!("a goal is gone with what it was for: {} of {layer}{more}", goal.words());
    Some(Error::new(what, "set it again for the filters that there are; undo brings both back"))
}
