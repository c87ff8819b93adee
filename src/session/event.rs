//! States of a run, its stop condition, and the events that it hands out.

use super::metrics::{EpochMetrics, StepMetrics};
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
}

/// Images of the data set that are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Validation images, held out of the training images.
    Validation,
    /// Test images.
    Test,
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
    /// The result of an evaluation over the test images.
    Test {
        /// Mean loss.
        loss: f32,
        /// Share classified correctly, 0 to 1.
        accuracy: f32,
        /// The same with the average of the last weights, where there is one.
        average: Option<Score>,
    },
    /// The result of an evaluation over the validation images that was asked for.
    Validation {
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
