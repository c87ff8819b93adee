//! Work that a run has to do and has under way: steps, evaluations, and the passes of a layout's images.

use std::collections::VecDeque;
use std::time::Instant;

use super::evaluator::{Evaluator, Overtaken};
use super::event::{Score, Split, StopCondition};
use super::readback::EvaluationRequest;
use crate::data::HISTORY_LEN;
use crate::gpu::{Buffer, CostModel, Work};
use crate::layouts::{Layout, LayoutId};
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
    /// Steps after which it pauses; none where it plays without end.
    pub steps_left: Option<u32>,
    /// No step begins.
    pub held: bool,
    pub single_step: bool,
    /// A way through time is under way.
    pub travels: bool,
    pub limit: Option<StopCondition>,
    /// A training step.
    pub step: Work,
    /// Number of times that a step was taken back since the last one ended.
    pub taken_back: u32,
    /// Passes of evaluations.
    pub evaluator: Evaluator,
    /// Evaluations of a network that was changed meanwhile; while there are any, the one under way is of them.
    pub overtaken: Option<Overtaken>,
    /// Result with the average that waits for the one with the weights themselves, and the step that it belongs to.
    pub average_score: Option<(u32, Score)>,
    /// The evaluation under way; its last piece may be recorded and the next pass not begun.
    pub passes: Option<Passes>,
    /// Evaluations to begin when the step is done.
    pub requests: VecDeque<EvaluationRequest>,
    /// Something is recorded that is not submitted: what the CPU writes now would come before it.
    pub unsubmitted: bool,
    /// Estimated GPU milliseconds of the run in what was recorded last, and its compute passes.
    pub recorded: (f64, u32),
    /// Steps whose results were not copied for read-back.
    pub uncopied_steps: usize,
    /// The probes' maps are older than the weights or the pin.
    pub probes_stale: bool,
    /// Submits of [`Session::advance`](super::Session::advance) that may not be done yet.
    pub submissions: Vec<wgpu::SubmissionIndex>,
    /// Number of times that a step was halted because its numbers were not finite.
    pub faults: u32,
    pub tune_pauses: TunePauses,
}

/// Turns of the autotuner while the run goes on, which take half of the time at most, and the wait for the compiler before.
#[derive(Debug, Default)]
pub(super) struct TunePauses {
    /// Step at which the session began.
    pub began_at: Option<u32>,
    /// Time before which the next kernel is not timed.
    pub rests_until: Option<Instant>,
    /// No kernel is timed for now.
    pub held: bool,
    /// Time since which the next step waits for its kernels to be compiled.
    pub compiles_since: Option<Instant>,
}

impl Progress {
    /// Nothing under way, paused.
    pub(super) fn new(trainer: &Trainer) -> Self {
        Self {
            playing: false,
            steps_left: None,
            held: false,
            single_step: false,
            travels: false,
            limit: None,
            step: Work::new(trainer.step_plan().clone(), CostModel::SOFTWARE),
            taken_back: 0,
            evaluator: Evaluator::new(trainer),
            overtaken: None,
            average_score: None,
            passes: None,
            requests: VecDeque::new(),
            unsubmitted: false,
            recorded: (0.0, 0),
            uncopied_steps: 0,
            probes_stale: true,
            submissions: Vec::new(),
            faults: 0,
            tune_pauses: TunePauses::default(),
        }
    }

    /// Takes the trainer's new plans.
    pub(super) fn take_plans(&mut self, trainer: &Trainer) {
        self.step.replace(trainer.step_plan().clone());
        self.evaluator.take_plans(trainer);
        self.probes_stale = true;
    }

    /// Asks for an evaluation when the step is done: with the average of the last weights, where there is one, and with the weights.
    pub(super) fn request(&mut self, split: Split, ends_epoch: bool) {
        if !self.evaluator.averaged.plan().is_empty() {
            self.requests.push_back(EvaluationRequest { split, ends_epoch, averaged: true });
        }
        self.requests.push_back(EvaluationRequest { split, ends_epoch, averaged: false });
    }

    /// True while an evaluation over a split waits or is under way.
    pub(super) fn is_evaluating(&self, split: Split) -> bool {
        let under_way = self.passes.map(|passes| passes.of);
        let under_way = matches!(under_way, Some(Purpose::Score(of)) if of.split == split);
        under_way || self.requests.iter().any(|of| of.split == split)
    }

    /// Marks of the layers that fire in the evaluation under way; none where nobody wants to know.
    pub(super) fn fired<'a>(&'a self, trainer: &'a Trainer) -> Option<&'a Buffer<u32>> {
        self.overtaken.as_ref().map_or(Some(trainer.fired().1), |of| of.fired.as_ref())
    }

    /// The next evaluation to begin.
    pub(super) fn next_request(&mut self) -> Option<EvaluationRequest> {
        let requests = self.overtaken.as_mut().map_or(&mut self.requests, |of| &mut of.requests);
        requests.pop_front()
    }

    /// True while an evaluation waits to begin.
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty() || self.overtaken.is_some()
    }

    /// The network was changed: evaluations go on with what it was, and the pass of a layout's rows is dropped. The layers that fire may be
    /// the same ones after it.
    pub(super) fn overtake(&mut self, fired: Option<Buffer<u32>>) {
        if let Some(Passes { of: Purpose::Features(_), .. }) = self.passes {
            self.passes = None;
            self.evaluator.stop();
        }
        if let Some(overtaken) = &mut self.overtaken {
            overtaken.fired = fired;
        } else if self.passes.is_some() || !self.requests.is_empty() {
            let requests = std::mem::take(&mut self.requests);
            self.overtaken = Some(Overtaken { evaluator: self.evaluator.clone(), fired, requests });
        }
    }

    /// The evaluation under way goes on with these passes, or has ended.
    pub(super) fn set_passes(&mut self, passes: Option<Passes>) {
        self.passes = passes;
        self.overtaken.take_if(|of| passes.is_none() && of.requests.is_empty());
    }

    /// Works of evaluations: of the network, or of what it was when the one under way was asked for.
    pub(super) fn evaluator(&mut self) -> &mut Evaluator {
        self.overtaken.as_mut().map_or(&mut self.evaluator, |of| &mut of.evaluator)
    }

    /// The passes under way: of the weights, or of their average.
    pub(super) fn pass_work(&mut self) -> &mut Work {
        let averages = self.averages();
        self.evaluator().work(averages)
    }

    /// True while the average of the last weights is evaluated.
    pub(super) fn averages(&self) -> bool {
        matches!(self.passes, Some(Passes { of: Purpose::Score(of), .. }) if of.averaged)
    }

    /// True while a pass of an evaluation is under way.
    pub(super) fn pass_is_under_way(&self) -> bool {
        self.overtaken.as_ref().map_or(&self.evaluator, |of| &of.evaluator).is_under_way()
    }

    /// True while neither a step nor an evaluation is under way.
    pub(super) fn is_between(&self) -> bool {
        self.passes.is_none() && !self.step.is_under_way()
    }

    /// True while nothing is under way and no evaluation waits.
    pub(super) fn is_idle(&self) -> bool {
        self.is_between() && !self.has_requests()
    }

    /// True while no step or evaluation of the run is under way, or waits; a layout's images may be.
    pub(super) fn is_run_idle(&self) -> bool {
        let scores = matches!(self.passes, Some(Passes { of: Purpose::Score(_), .. }));
        !scores && !self.step.is_under_way() && !self.has_requests()
    }

    /// True if it is to train.
    pub(super) fn trains(&self) -> bool {
        self.playing || self.single_step || self.travels
    }

    /// Plays until it is paused, or pauses.
    pub(super) fn set_playing(&mut self, playing: bool) {
        (self.playing, self.steps_left) = (playing, None);
    }

    /// True if a step may begin, as far as others hold none up.
    pub(super) fn takes_step(&self) -> bool {
        !self.held && self.uncopied_steps < HISTORY_LEN
    }

    /// Counts a step that has ended; returns whether more are to follow.
    pub(super) fn counts_step(&mut self) -> bool {
        self.steps_left = self.steps_left.map(|left| left.saturating_sub(1));
        !self.steps_are_made()
    }

    /// True once the steps that were asked for are made.
    pub(super) fn steps_are_made(&self) -> bool {
        self.steps_left == Some(0)
    }

    /// True if the stop condition holds.
    pub(super) fn limit_reached(&self, trainer: &Trainer) -> bool {
        self.limit.is_some_and(|limit| match limit {
            StopCondition::Steps(steps) => trainer.clock().step >= steps,
            StopCondition::Epochs(epochs) => trainer.clock().epoch >= epochs,
        })
    }

    /// Preparation of a layout under way, in words, and its share that is done, 0 to 1; none while it can iterate.
    pub(super) fn of_layout(&self, layout: &Layout, trainer: &Trainer) -> Option<(&'static str, f64)> {
        if let Some(passes) = self.passes.filter(|p| p.of == Purpose::Features(layout.id())) {
            let all = layout.forwards().div_ceil(trainer.sizes().micro_batch).max(1);
            return Some(("forwarding", 1.0 - passes.left as f64 / all as f64));
        }
        if layout.wants_features() {
            return Some(("forwarding", 0.0));
        }
        layout.refresh_progress().map(|done| ("finding neighbours", done))
    }

    /// Drops what is under way, and the evaluation of an epoch that has not ended.
    pub(super) fn stop(&mut self) {
        (self.playing, self.single_step) = (false, false);
        self.step.stop();
        self.evaluator.stop();
        self.average_score = None;
        self.passes = None;
        let overtaken = self.overtaken.take().map(|of| of.requests).unwrap_or_default();
        self.requests = overtaken.into_iter().chain(std::mem::take(&mut self.requests)).collect();
        self.requests.retain(|request| !request.ends_epoch);
        self.uncopied_steps = 0;
    }
}
