//! States of a run, its stop condition, and the events that it hands out.

use std::ops::Range;

use super::metrics::{EpochMetrics, StepMetrics};
use crate::data::DataLoader;
use crate::error::Error;

/// Activity of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Idle until it is played.
    Paused,
    /// Training.
    Training,
    /// Evaluating at the end of an epoch, or on demand.
    Validating,
    /// Stopped by its stop condition.
    Finished,
    /// A training that is watched has written no checkpoint for a while.
    Waiting,
}

/// Images of the data set that are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Training images, those that are left out too.
    Training,
    /// Validation images, held out of the training images.
    Validation,
    /// Test images.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// Name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// Positions of its images in the image order of a loader.
    pub(super) fn range(self, loader: &DataLoader) -> Range<usize> {
        match self {
            Self::Training => loader.training(),
            Self::Validation => loader.validation(),
            Self::Test => loader.test(),
        }
    }
}

/// Stop condition of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCondition {
    /// Number of steps, counted from the beginning of the run.
    Steps(u32),
    /// Number of epochs, counted from the beginning of the run.
    Epochs(u32),
}

/// Result of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean loss.
    pub loss: f32,
    /// Share classified correctly, 0 to 1.
    pub accuracy: f32,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The metrics of a step have arrived.
    Step(StepMetrics),
    /// The metrics of an epoch and its validation have arrived.
    Epoch(EpochMetrics),
    /// The result of an evaluation that was asked for.
    Evaluated {
        /// Its images.
        split: Split,
        /// Mean loss.
        loss: f32,
        /// Share classified correctly, 0 to 1.
        accuracy: f32,
        /// The same with the average of the last weights, where there is one.
        average: Option<Score>,
    },
    /// A failed command or a fault of the GPU; the run goes on as before.
    Fault(Error),
    /// A fault of the run's files that was mended or passed over; the run goes on.
    Notice(Error),
}
