//! Moments of a run.

use serde::{Deserialize, Serialize};

/// A moment between two steps: earlier ones are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(super) struct Moment {
    /// Number of resets before it: the steps count from each.
    pub life: u32,
    /// Number of steps finished since.
    pub step: u32,
    /// Number of commands that had changed the run by then, resets included.
    pub commands: u32,
}

impl Moment {
    /// Resets and steps before it.
    pub(super) fn time(self) -> (u32, u32) {
        (self.life, self.step)
    }
}
