//! What goes into an encoder: steps and evaluations, a budget's worth, from wherever the last encoder stopped.

use std::time::Instant;

use super::arrivals::{Arrival, Timed};
use super::rate::Stretch;
use super::{LayoutId, Session, Split, StopCondition};
use crate::data::HISTORY_LEN;
use crate::gpu::Plan;

/// What is being recorded.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// A training step, from this dispatch on.
    Step { next: usize },
    /// An evaluation: this many passes are left, the first of them from this dispatch on.
    Evaluation { of: Purpose, passes: usize, next: usize },
}

/// What images are evaluated for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Purpose {
    /// Their loss and accuracy.
    Score(Wanted),
    /// The rows of the layout with this number.
    Rows(LayoutId),
}

/// An evaluation.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Wanted {
    /// Which images.
    pub part: Split,
    /// Whether it belongs to the end of an epoch, so that it makes a row of the metrics.
    pub ends_epoch: bool,
}

impl Session {
    /// Evaluates once the step is done, beside the run, which goes on after it; the result is an [`super::Event`].
    pub fn evaluate(&mut self, part: Split) {
        self.wanted.push_back(Wanted { part, ends_epoch: false });
    }

    pub(super) fn limit_reached(&self) -> bool {
        self.limit.is_some_and(|limit| match limit {
            StopCondition::Steps(steps) => self.trainer.clock().step >= steps,
            StopCondition::Epochs(epochs) => self.trainer.clock().epoch >= epochs,
        })
    }

    fn begin_evaluation(&mut self, of: Wanted) {
        let feed = &self.trainer.feed;
        let range = if of.part == Split::Test { feed.test() } else { feed.validation() };
        self.begin_passes(range, Purpose::Score(of));
    }

    /// What the CPU writes comes before all that an encoder holds, so commands and evaluations begin with one.
    fn begin_encoder(&mut self) {
        self.write_held_entry();
        if self.between_steps() {
            self.carry_out_pending();
        } else if self.phase == (Phase::Step { next: 0 })
            && let Some(of) = self.wanted.pop_front()
        {
            self.begin_evaluation(of);
        }
        if self.between_steps() {
            self.begin_forward();
        }
        self.trainer.supply();
        self.follow_views();
    }

    /// Records training, an evaluation or a refresh of the probes worth about `budget_ms` of GPU time; returns
    /// whether anything was recorded. Call [`Session::after_submit`] after the submit.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, budget_ms: f64) -> bool {
        if !self.unsubmitted {
            self.begin_encoder();
        }
        self.unsubmitted = true;
        let gpu = std::rc::Rc::clone(self.trainer.gpu());
        self.embeddings.begin(encoder);
        let trains = self.playing || self.single_step;
        let mut left_ms = budget_ms;
        let mut recorded = false;
        while left_ms > 0.0 && self.may_go_on(recorded) {
            left_ms -= self.record_some(encoder, left_ms);
            recorded = true;
        }
        // What the run took, where it took anything: a step may be longer or shorter than the budget.
        self.embeddings.grant(if recorded { budget_ms - left_ms } else { budget_ms }, recorded || trains);
        let refreshed = !recorded && std::mem::take(&mut self.stale);
        if refreshed {
            self.trainer.refresh_plan().encode(encoder);
            self.embeddings.after_probes(&gpu, encoder);
        }
        // The credit did not last at the end of the last step, or rows of a layout's own are there.
        let rests = !recorded && self.phase == (Phase::Step { next: 0 });
        self.embeddings.record_refreshes(&gpu, encoder, rests);
        let moved = self.embeddings.record_iterations(&gpu, encoder);
        self.embeddings.copy(encoder);
        if !recorded {
            return refreshed || moved;
        }
        if self.arrivals.copy(encoder, &self.trainer.feed, &mut self.rate) {
            self.uncopied_steps = 0;
        }
        true
    }

    fn may_go_on(&self, recorded: bool) -> bool {
        match self.phase {
            Phase::Evaluation { next: 0, .. } => return self.trainer.has_evaluation_pass(),
            Phase::Step { next: 0 } => {}
            _ => return true,
        }
        let others_wait = !self.wanted.is_empty()
            || recorded
                && (!self.pending.is_empty() || self.has_command_again() || self.embeddings.want_forward());
        let remembered = self.uncopied_steps < HISTORY_LEN;
        (self.playing || self.single_step)
            && self.trainer.has_step()
            && !self.limit_reached()
            && !others_wait
            && remembered
    }

    /// Records a stretch of the present plan; returns its estimated cost in milliseconds.
    fn record_some(&mut self, encoder: &mut wgpu::CommandEncoder, budget_ms: f64) -> f64 {
        match self.phase {
            Phase::Step { next } => {
                let (range, cost) = self.step_budget.fit(next, budget_ms);
                self.arrivals.record(encoder, self.trainer.step_plan(), range.clone(), Timed::Step);
                self.phase = Phase::Step { next: range.end };
                let whole = range.end == self.trainer.step_plan().len();
                let images = if whole { self.settings.batch } else { 0 };
                let ends_epoch = whole && self.end_step();
                if whole {
                    let step = self.trainer.clock().step;
                    self.embeddings.after_step(self.trainer.gpu(), encoder, step, ends_epoch);
                }
                self.rate.record(Stretch { cost_ms: cost, training: true, images, ends_epoch });
                cost
            }
            Phase::Evaluation { of, passes, next } => {
                let plan: &Plan = self.trainer.evaluation_plan();
                let (range, cost) = self.evaluation_budget.fit(next, budget_ms);
                self.arrivals.record(encoder, plan, range.clone(), Timed::Evaluation);
                let whole = range.end == plan.len();
                let stretch = Stretch { cost_ms: cost, training: false, images: 0, ends_epoch: false };
                self.rate.record(stretch);
                if whole {
                    self.trainer.end_evaluation_pass();
                }
                self.phase = if whole {
                    self.end_pass(encoder, of, passes)
                } else {
                    Phase::Evaluation { of, passes, next: range.end }
                };
                cost
            }
        }
    }

    /// A pass of an evaluation was recorded, and so many were left with it; what comes next.
    fn end_pass(&mut self, encoder: &mut wgpu::CommandEncoder, of: Purpose, passes: usize) -> Phase {
        let last = passes < 2;
        let goes_on = match of {
            Purpose::Score(of) if last => {
                self.arrivals.evaluated(encoder, &self.trainer, of);
                false
            }
            Purpose::Score(_) => true,
            // Where the layout was closed, nobody wants the other passes.
            Purpose::Rows(id) => self.take_pass(encoder, id, last) && !last,
        };
        if goes_on { Phase::Evaluation { of, passes: passes - 1, next: 0 } } else { Phase::Step { next: 0 } }
    }

    /// Returns whether an epoch ended too.
    fn end_step(&mut self) -> bool {
        self.phase = Phase::Step { next: 0 };
        self.single_step = false;
        self.stale = false;
        self.uncopied_steps += 1;
        let ends_epoch = self.trainer.tick();
        if ends_epoch {
            self.wanted.push_back(Wanted { part: Split::Validation, ends_epoch });
        }
        if self.limit_reached() {
            self.playing = false;
        }
        ends_epoch
    }

    /// Call after the submit that holds what [`Session::record`] recorded.
    pub fn after_submit(&mut self) {
        self.unsubmitted = false;
        self.arrivals.after_submit();
        self.embeddings.after_submit();
    }

    /// Takes in the numbers that have arrived. Call once a frame, after the device was polled.
    pub fn poll(&mut self) {
        if let Some(time_ms) = self.embeddings.poll() {
            self.metrics.embed_ms = time_ms;
        }
        let arrivals = self.arrivals.take();
        let done: Vec<Stretch> = arrivals.iter().flat_map(Arrival::stretches).copied().collect();
        if !done.is_empty() {
            self.rate.arrived(&done, Instant::now());
            self.metrics.images_per_s = self.rate.images_per_s();
        }
        let faults = self.faults;
        for arrival in arrivals {
            self.take_in(arrival);
            if self.faults != faults {
                // The others tell of steps that had no effect either.
                break;
            }
        }
    }
}
