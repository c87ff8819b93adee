//! Work that a run has to do and has under way: steps, evaluations, and the passes of a layout's images.

use std::collections::VecDeque;

use super::event::{Score, Split, StopCondition};
use super::readback::EvaluationRequest;
use crate::gpu::{CostModel, Work};
use crate::layouts::LayoutId;
use crate::nn::Trainer;

/// Purpose of an evaluation's passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    /// Loss and accuracy.
    Score(EvaluationRequest),
    /// The rows of a layout.
    Features(LayoutId),
}

/// An evaluation under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Passes {
    pub of: Purpose,
    /// Passes left, the one under way included.
    pub left: usize,
}

/// Work that a run has to do and has under way.
pub(super) struct Progress {
    pub playing: bool,
    pub single_step: bool,
    /// A way through time is under way.
    pub travels: bool,
    pub limit: Option<StopCondition>,
    /// A training step.
    pub step: Work,
    /// A pass of an evaluation.
    pub evaluation: Work,
    /// The same with the average of the last weights.
    pub average_evaluation: Work,
    /// Result with the average that waits for the one with the weights themselves, and the step that it belongs to.
    pub average_score: Option<(u32, Score)>,
    /// The evaluation under way; its last piece may be recorded and the next pass not begun.
    pub passes: Option<Passes>,
    /// Evaluations to begin when the step is done.
    pub requests: VecDeque<EvaluationRequest>,
    /// Something is recorded that is not submitted: what the CPU writes now would come before it.
    pub unsubmitted: bool,
    /// Steps whose results were not copied for read-back.
    pub uncopied_steps: usize,
    /// The probes' maps are older than the weights or the pin.
    pub probes_stale: bool,
    /// Submits of [`Session::advance`](super::Session::advance) that may not be done yet.
    pub submissions: Vec<wgpu::SubmissionIndex>,
    /// Number of times that a step was halted because its numbers were not finite.
    pub faults: u32,
}

impl Progress {
    /// Nothing under way, paused.
    pub(super) fn new(trainer: &Trainer) -> Self {
        Self {
            playing: false,
            single_step: false,
            travels: false,
            limit: None,
            step: Work::new(trainer.step_plan().clone(), CostModel::SOFTWARE),
            evaluation: Work::new(trainer.evaluation_plan().clone(), CostModel::SOFTWARE),
            average_evaluation: Work::new(trainer.average_evaluation_plan().clone(), CostModel::SOFTWARE),
            average_score: None,
            passes: None,
            requests: VecDeque::new(),
            unsubmitted: false,
            uncopied_steps: 0,
            probes_stale: true,
            submissions: Vec::new(),
            faults: 0,
        }
    }

    /// Takes the trainer's new plans.
    pub(super) fn take_plans(&mut self, trainer: &Trainer) {
        self.step.replace(trainer.step_plan().clone());
        self.evaluation.replace(trainer.evaluation_plan().clone());
        self.average_evaluation.replace(trainer.average_evaluation_plan().clone());
        self.probes_stale = true;
    }

    /// Asks for an evaluation when the step is done: with the average of the last weights, where there is one, and with the weights.
    pub(super) fn request(&mut self, split: Split, ends_epoch: bool) {
        if !self.average_evaluation.plan().is_empty() {
            self.requests.push_back(EvaluationRequest { split, ends_epoch, averaged: true });
        }
        self.requests.push_back(EvaluationRequest { split, ends_epoch, averaged: false });
    }

    /// The passes under way: of the weights, or of their average.
    pub(super) fn pass_work(&mut self) -> &mut Work {
        if self.averages() { &mut self.average_evaluation } else { &mut self.evaluation }
    }

    /// True while the average of the last weights is evaluated.
    pub(super) fn averages(&self) -> bool {
        matches!(self.passes, Some(Passes { of: Purpose::Score(of), .. }) if of.averaged)
    }

    /// True while a pass of an evaluation is under way.
    pub(super) fn pass_is_under_way(&self) -> bool {
        self.evaluation.is_under_way() || self.average_evaluation.is_under_way()
    }

    /// True while neither a step nor an evaluation is under way.
    pub(super) fn is_between(&self) -> bool {
        self.passes.is_none() && !self.step.is_under_way()
    }

    /// True while nothing is under way and no evaluation waits.
    pub(super) fn is_idle(&self) -> bool {
        self.is_between() && self.requests.is_empty()
    }

    /// True while no step or evaluation of the run is under way, or waits; a layout's images may be.
    pub(super) fn is_run_idle(&self) -> bool {
        let scores = matches!(self.passes, Some(Passes { of: Purpose::Score(_), .. }));
        !scores && !self.step.is_under_way() && self.requests.is_empty()
    }

    /// True if it is to train.
    pub(super) fn trains(&self) -> bool {
        self.playing || self.single_step || self.travels
    }

    /// True if the stop condition holds.
    pub(super) fn limit_reached(&self, trainer: &Trainer) -> bool {
        self.limit.is_some_and(|limit| match limit {
            StopCondition::Steps(steps) => trainer.clock().step >= steps,
            StopCondition::Epochs(epochs) => trainer.clock().epoch >= epochs,
        })
    }

    /// Drops what is under way, and the evaluation of an epoch that has not ended.
    pub(super) fn stop(&mut self) {
        (self.playing, self.single_step) = (false, false);
        self.step.stop();
        self.evaluation.stop();
        self.average_evaluation.stop();
        self.average_score = None;
        self.passes = None;
        self.requests.retain(|request| !request.ends_epoch);
        self.uncopied_steps = 0;
    }
}
