//! Moments of a run.

use serde::{Deserialize, Serialize};

/// A moment between two steps: earlier ones are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(in crate::session) struct Moment {
    /// Number of resets before it: each begins the steps anew.
    pub life: u32,
    /// Number of steps finished since.
    pub step: u32,
    /// Number of commands that had changed the run by then, resets included.
    pub commands: u32,
}

impl Moment {
    /// Resets and steps before it.
    pub(in crate::session) fn time(self) -> (u32, u32) {
        (self.life, self.step)
    }
}
