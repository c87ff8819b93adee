//! The state of a training that is watched.

use std::path::Path;
use std::time::{Duration, Instant};

use super::folder::WatchedFolder;
use super::orders::Orders;
use super::places::Places;
use super::report::CheckpointReport;
use crate::error::{Error, Result};
use crate::session::event::RunState;

/// A training that is watched.
pub struct Watched {
    pub(super) folder: WatchedFolder,
    pub(super) places: Places,
    pub(super) orders: Orders,
    /// Values of the flat buffers that the training does not have.
    pub(super) fixed: Vec<f32>,
    /// The checkpoint that is shown.
    pub(super) shown: Option<CheckpointReport>,
    /// First elements of its tensors that have gradients, in their order.
    pub(super) with_gradients: Vec<usize>,
    /// Index of the checkpoint of the past that is wanted; none for the newest.
    pub(super) wanted: Option<usize>,
    /// Checkpoints whose numbers are in the metrics.
    pub(super) counted: usize,
    /// The checkpoint shown was taken in since the last pictures were recorded.
    pub(super) arrived: bool,
    /// The checkpoint shown is to be evaluated.
    pub(super) due: bool,
    /// Every checkpoint is evaluated before the next one is shown.
    pub(super) patient: bool,
    /// Beginning of the evaluation under way, and the time before which the next one does not begin.
    pub(super) evaluation: (Option<Instant>, Option<Instant>),
    /// The last evaluation was dropped for the next checkpoint.
    pub(super) interrupted: bool,
    /// Version of the orders that the training has not taken yet.
    pub(super) awaited: Option<u64>,
    /// The last fault that was told.
    pub(super) told: Option<Error>,
    /// File that could not be taken in, with its length and the time of its last change.
    pub(super) failed: Option<(String, Option<(u64, std::time::SystemTime)>)>,
    /// It was quiet at the last look.
    pub(super) was_quiet: bool,
}

impl Watched {
    /// The checkpoint that is shown.
    pub fn shown(&self) -> Option<&CheckpointReport> {
        self.shown.as_ref()
    }

    /// True if the checkpoint that is shown has the gradients of a tensor, by its first element in the flat buffers.
    pub fn has_gradients(&self, tensor: usize) -> bool {
        self.with_gradients.binary_search(&tensor).is_ok()
    }

    /// Checks that the checkpoint that is shown has the gradients of a tensor, by its first element in the flat buffers; `name` is for the
    /// error.
    ///
    /// # Errors
    /// When it has none.
    pub fn check_gradients(&self, tensor: usize, name: &str) -> Result<()> {
        if self.has_gradients(tensor) {
            return Ok(());
        }
        let help = "they are in checkpoints that are written before zero_grad(), except of layers that PyTorch does not train; take another \
                    one, or look at the weights";
        Err(Error::new(format!("this checkpoint has no gradients of {name}"), help))
    }

    /// Folder of the training.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// The newest checkpoint.
    pub fn newest(&self) -> Option<&CheckpointReport> {
        self.folder.reports.last()
    }

    /// True if the training was not asked to wait.
    pub fn goes_on(&self) -> bool {
        !self.orders.pause
    }

    /// Time since the newest checkpoint, where that is long for this training: it may have ended.
    pub fn quiet_for(&self) -> Option<Duration> {
        self.folder.quiet_for()
    }

    /// True until the checkpoint that is shown is evaluated.
    pub fn awaits_evaluation(&self) -> bool {
        self.due || self.evaluation.0.is_some()
    }

    /// True if a checkpoint of the past is shown, or wanted.
    pub(super) fn is_in_past(&self) -> bool {
        self.wanted.is_some()
    }

    /// Sends the orders to the training, as a new version.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn send(&mut self) -> Result<()> {
        self.orders.write(&self.folder.path)?;
        self.awaited = Some(self.orders.version);
        Ok(())
    }

    /// The evaluation under way is done.
    pub(super) fn end_evaluation(&mut self) {
        let took = self.evaluation.0.take().map_or(Duration::ZERO, |began| began.elapsed());
        self.interrupted = false;
        // Where it fits between two checkpoints the next one begins with the next checkpoint; else half of the time is left to these, which
        // are shown at once then.
        let rests = !self.patient && took > self.folder.gap;
        self.evaluation.1 = if rests { Instant::now().checked_add(took) } else { None };
    }

    /// Steps of the checkpoints, in their order.
    pub(in crate::session) fn steps(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.folder.reports.iter().map(|report| report.step)
    }
}

/// State of a session that goes on, and of the training that it watches, where it does.
pub(in crate::session) fn going_on(watched: Option<&Watched>) -> RunState {
    let quiet = watched.is_some_and(|watched| watched.quiet_for().is_some());
    if quiet { RunState::Waiting } else { RunState::Training }
}
