//! The time of a run: key-frames of its past, branches that were left, and the way through it that is under way.
//!
//! Going to a moment restores the last key-frame before it, and trains on from there with the commands of the journal. A command at
//! a moment of the past begins a new branch; the former one is kept with its commands, and with its key-frames as long as they fit.

mod branch;
mod key_frames;
mod past;
mod shown;

pub(super) use branch::Branch;
pub(super) use key_frames::KeyFrame;
pub(super) use past::{Ending, Timeline, Travel, Undone};
pub(super) use shown::shown;
pub use shown::{BranchShown, Mark, TimelineShown};
