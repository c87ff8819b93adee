//! Feature pass: images are forwarded through the network as it is, in passes between two steps like an evaluation, and their
//! activations are copied out as a layout's rows.
//!
//! A pass over all its images belongs to one state of the weights: steps wait until it is done, and frames do not. It changes
//! nothing of the run.

use std::ops::Range;

use crate::gpu::Plan;

/// State of a feature pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    /// Begins when the step is done.
    Waiting,
    UnderWay,
}

/// The images that a layout forwards, and the copies after each of their passes.
pub struct FeaturePass {
    samples: Range<usize>,
    /// Repeated as the training goes on.
    follows: bool,
    stage: Stage,
    /// Step whose weights made the rows, where there are any.
    step: Option<u32>,
    after_each: Plan,
    after_last: Plan,
}

impl FeaturePass {
    /// A pass over these images, by their index in the loader's order of images; it is to begin at once.
    pub(super) fn new(samples: Range<usize>, follows: bool) -> Self {
        let (after_each, after_last) = (Plan::default(), Plan::default());
        Self { samples, follows, stage: Stage::Waiting, step: None, after_each, after_last }
    }

    /// The images, by their index in the loader's order of images.
    pub fn samples(&self) -> &Range<usize> {
        &self.samples
    }

    /// True if it is repeated as the training goes on.
    pub fn follows(&self) -> bool {
        self.follows
    }

    pub(super) fn set_follows(&mut self, follows: bool) {
        self.follows = follows;
    }

    /// Step whose weights made the rows, where there are any.
    pub fn step(&self) -> Option<u32> {
        self.step
    }

    /// True while it waits to begin.
    pub(super) fn is_wanted(&self) -> bool {
        self.stage == Stage::Waiting
    }

    /// True while it waits or is under way.
    pub(super) fn is_to_come(&self) -> bool {
        self.stage != Stage::Idle
    }

    /// True once there are rows, all of one state of the weights.
    pub(super) fn is_complete(&self) -> bool {
        self.stage != Stage::UnderWay && self.step.is_some()
    }

    /// Asks for a pass once the step is done.
    pub(super) fn want(&mut self) {
        if self.stage == Stage::Idle {
            self.stage = Stage::Waiting;
        }
    }

    /// The pass under way was given up and begins again.
    pub(super) fn restart(&mut self) {
        if self.stage == Stage::UnderWay {
            self.stage = Stage::Waiting;
        }
    }

    /// Gives up one that waits.
    pub(super) fn cancel(&mut self) {
        self.stage = Stage::Idle;
    }

    /// Begins, with the dispatches that follow each pass, and the last one besides.
    pub(super) fn begin(&mut self, after_each: Plan, after_last: Plan) {
        self.stage = Stage::UnderWay;
        (self.after_each, self.after_last) = (after_each, after_last);
    }

    /// Records what follows a pass, the last one or not, with the weights of this step.
    pub(super) fn after_pass(&mut self, encoder: &mut wgpu::CommandEncoder, last: bool, step: u32) {
        self.after_each.encode(encoder);
        if last {
            self.after_last.encode(encoder);
            (self.stage, self.step) = (Stage::Idle, Some(step));
        }
    }
}
