//! Schedule: which works an encoder holds, each in pieces that fit its share of the time.
//!
//! The run comes first: training steps and evaluations, as the budget allows. Then layouts use what their shares of that time have
//! saved up: refreshes of their rows at the end of a step, and iterations.

use std::rc::Rc;

use super::event::{Event, Split};
use super::filling::{Filling, Stage, Turn};
use super::inspect::Evaluated;
use super::progress::{Passes, Purpose};
use super::readback::{EvaluationRequest, Timed};
use super::state::Session;
use super::throughput::WorkSpan;
use super::{arrived, beside, compiling, urgent, watch};
use crate::error::Result;
use crate::gpu::Recorder;

/// GPU milliseconds of one submit without a window: long enough that submitting costs nothing, short enough to stop at once.
pub const SUBMIT_MS: f64 = 100.0;
/// Submits ahead of the GPU.
const MAX_AHEAD: usize = 2;

impl Session {
    /// Records training, an evaluation or a refresh of the probes worth about `budget_ms` of GPU time; returns
    /// whether anything was recorded. Call [`Session::after_submit`] after the submit.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, budget_ms: f64) -> bool {
        if !self.progress.unsubmitted {
            self.begin_encoder();
            beside::take_turn(self);
        }
        self.progress.unsubmitted = true;
        if self.progress.probes_stale {
            self.measurements.inspection.run_changed();
        }
        self.layouts.record_begin(encoder);
        let (mut filling, mut recorder) =
            (Filling::new(budget_ms, self.progress.trains()), Recorder::new(encoder));
        while let Some(turn) = self.next_turn(&mut filling) {
            self.record_turn(&mut recorder, turn, &mut filling);
        }
        let followed = beside::record(self, &mut recorder, filling.left_ms());
        self.progress.recorded = (filling.took_ms + followed.unwrap_or(0.0), recorder.passes());
        self.layouts.copy(recorder.encoder());
        let (run, events) = ((self.run.seen(), &self.layouts), &mut self.events);
        let budget = (budget_ms, filling.trains, self.progress.is_between());
        let measures = self.measurements.record(recorder.encoder(), run, &mut self.readback, budget, events);
        if filling.ran {
            self.copy_results(recorder.encoder());
        }
        self.readback.copy_times(recorder.encoder());
        filling.ran || filling.probed || filling.iterated || measures || followed.is_some()
    }

    /// Estimated GPU milliseconds of training and evaluation in what [`Session::record`] recorded last.
    pub fn recorded_ms(&self) -> f64 {
        self.progress.recorded.0
    }

    /// Compute passes of steps and evaluations in what [`Session::record`] recorded last: steps with nothing between them share one.
    pub fn recorded_passes(&self) -> u32 {
        self.progress.recorded.1
    }

    /// Says whether kernels may be timed between steps from now on, as they are at first. Nothing else goes on meanwhile; they are compiled
    /// before, in the background.
    pub fn may_tune(&mut self, may: bool) {
        self.progress.tune_pauses.held = !may;
    }

    /// True once the driver has compiled what a step runs, which the next step would wait for. Where it refused a kernel, that is an event, and
    /// the run pauses.
    pub fn is_compiled(&mut self) -> bool {
        compiling::is_done(self, false)
    }

    /// Waits until [`Session::is_compiled`].
    pub fn wait_compiled(&mut self) {
        compiling::is_done(self, true);
    }

    /// True while the next step waits for the driver's compiler.
    pub fn compiles(&self) -> bool {
        self.progress.tune_pauses.compiles_since.is_some()
    }

    /// Begins commands, evaluations and feature passes: the CPU's writes come before all that an encoder holds.
    fn begin_encoder(&mut self) {
        self.write_ended_drag();
        if urgent::commands_go(self) {
            self.carry_out_pending();
        }
        self.leave();
        if self.progress.is_idle() {
            self.repeat_commands();
            super::tuning::take_turn(self);
        }
        if !self.progress.is_idle()
            && self.progress.is_between()
            && let Some(of) = self.progress.next_request()
        {
            let range = of.split.range(&self.run.trainer.loader);
            self.begin_passes(range, Purpose::Score(of));
        }
        if self.progress.is_idle() {
            match self.layouts.begin_features(&self.run.trainer) {
                Ok(Some((id, samples))) => self.begin_passes(samples, Purpose::Features(id)),
                Ok(None) => {}
                Err(error) => self.events.push(Event::Fault(error)),
            }
        }
        self.run.trainer.supply();
        let faults = self.layouts.follow(&self.run.trainer);
        self.events.extend(faults.into_iter().map(Event::Fault));
    }

    /// Begins an evaluation of images by their index in the loader's order of images.
    fn begin_passes(&mut self, samples: std::ops::Range<usize>, of: Purpose) {
        self.run.trainer.begin_evaluation(samples.clone());
        if let Some(fired) = self.progress.fired(&self.run.trainer) {
            fired.write(self.run.trainer.gpu(), 0, &vec![0; fired.len()]);
        }
        // Of a network that was changed meanwhile nobody wants to see the images.
        if let Purpose::Score(EvaluationRequest { split, averaged: false, .. }) = of
            && self.progress.overtaken.is_none()
        {
            let begins = Evaluated::Begins(&self.run.trainer, split, samples.clone());
            self.measurements.inspection.evaluated(None, begins);
        }
        let left = samples.len().div_ceil(self.progress.evaluator().micro_batch);
        self.progress.set_passes(Some(Passes { of, left }));
    }

    fn next_turn(&mut self, filling: &mut Filling) -> Option<Turn> {
        loop {
            match filling.stage {
                Stage::Run { ended } => {
                    // The maps of a network that was changed during an evaluation do not wait for the next step.
                    if self.progress.overtaken.is_some() && std::mem::take(&mut self.progress.probes_stale) {
                        return Some(Turn::Probes);
                    }
                    if ended && let Some(index) = self.layouts.next_refresh(true) {
                        return Some(Turn::Refresh(index));
                    }
                    if filling.left_ms() > 0.0 && self.run_goes_on(filling) {
                        let evaluates = self.progress.passes.is_some();
                        return Some(if evaluates { Turn::Evaluation } else { Turn::Step });
                    }
                    self.grant_shares(filling);
                    filling.stage = Stage::Probes;
                }
                Stage::Probes => {
                    filling.stage = Stage::Refreshes;
                    if !filling.ran && std::mem::take(&mut self.progress.probes_stale) {
                        return Some(Turn::Probes);
                    }
                }
                Stage::Refreshes => {
                    // The credit did not last at the end of the last step, or rows of a layout's own are there.
                    let rests = !filling.ran && self.progress.is_between();
                    if let Some(index) = self.layouts.next_refresh(rests || filling.probed) {
                        return Some(Turn::Refresh(index));
                    }
                    filling.stage = Stage::Iterations(0);
                }
                Stage::Iterations(from) => {
                    let index = self.layouts.next_iterating(from)?;
                    filling.stage = Stage::Iterations(index + 1);
                    return Some(Turn::Iterations(index));
                }
            }
        }
    }

    /// True if a piece of the run may follow.
    fn run_goes_on(&mut self, filling: &Filling) -> bool {
        let micro_batch = self.progress.evaluator().micro_batch;
        let (progress, trainer) = (&self.progress, &self.run.trainer);
        if progress.passes.is_some() {
            return progress.pass_is_under_way() || trainer.loader.has_evaluation_pass(micro_batch);
        }
        if progress.step.is_under_way() {
            return true;
        }
        // A way through time begins once nothing is coming back, which more steps would put off for ever.
        let others_wait = progress.has_requests()
            || self.timeline.request.is_some()
            || self.measurements.beside.holds_up(filling.took_ms, filling.budget_ms)
            || filling.ran
                && (!self.pending.is_empty() || self.has_command_again() || self.layouts.want_features());
        let wanted =
            if progress.travels { self.way_goes_on() } else { progress.trains() && !self.limit_reached() };
        let fits = filling.has_room_for(progress.step.total_ms());
        wanted && fits && trainer.has_step() && !others_wait && progress.takes_step()
    }

    /// Layouts have a share of what the run took, where it took anything: a step may be longer or shorter than the budget.
    fn grant_shares(&mut self, filling: &Filling) {
        let is_known = filling.ran || filling.budget_ms.is_infinite();
        let took_ms = if is_known { filling.took_ms } else { filling.budget_ms };
        self.layouts.grant(took_ms, filling.ran || filling.trains);
    }

    fn record_turn(&mut self, recorder: &mut Recorder<'_>, turn: Turn, filling: &mut Filling) {
        let gpu = Rc::clone(self.run.trainer.gpu());
        match turn {
            Turn::Step => {
                let (cost_ms, ended) = self.record_step(recorder, filling.left_ms());
                filling.took_ms += cost_ms;
                (filling.ran, filling.stage) = (true, Stage::Run { ended });
            }
            Turn::Evaluation => {
                filling.took_ms += self.record_evaluation(recorder, filling.left_ms());
                (filling.ran, filling.stage) = (true, Stage::Run { ended: false });
            }
            Turn::Probes => {
                self.run.trainer.refresh_plan().encode(recorder.encoder());
                self.layouts.after_probes();
                watch::record_arrival(self, recorder.encoder());
                filling.probed = true;
            }
            Turn::Refresh(index) => self.layouts.record_refresh(&gpu, recorder.encoder(), index),
            Turn::Iterations(index) => {
                self.layouts.record_iterations(&gpu, recorder.encoder(), index);
                filling.iterated = true;
            }
        }
    }

    /// Records a piece of a step; returns its estimated milliseconds, and whether the step ended with it.
    fn record_step(&mut self, recorder: &mut Recorder<'_>, budget_ms: f64) -> (f64, bool) {
        let step = &mut self.progress.step;
        let (of, end) = self.measurements.next_piece(recorder, &self.run.trainer, step);
        let piece = self.readback.record_until(recorder, step, (budget_ms, end), of);
        let ends_epoch = piece.ends && self.end_step();
        if piece.ends {
            self.keep_step(recorder);
            self.layouts.after_step(recorder, self.step(), ends_epoch);
            self.measurements.after_step(recorder, self.run.seen(), (&self.layouts, ends_epoch));
        }
        let images = if piece.ends { self.run.settings.batch } else { 0 };
        self.throughput.record(WorkSpan { cost_ms: piece.time_ms, training: true, images, ends_epoch });
        (piece.time_ms, piece.ends)
    }

    /// Ends a step; returns whether an epoch ended with it.
    fn end_step(&mut self) -> bool {
        let ends_epoch = self.run.trainer.tick();
        let life = self.journal.moment(0).life;
        // On a way through time the result may be known.
        let known = self.progress.travels && self.timeline.knows_epoch(life, self.run.trainer.clock().epoch);
        let progress = &mut self.progress;
        (progress.single_step, progress.taken_back) = (false, 0);
        progress.probes_stale = false;
        progress.uncopied_steps += 1;
        if ends_epoch && !known {
            progress.request(Split::Validation, true);
        }
        progress.playing &= progress.counts_step() && !progress.limit_reached(&self.run.trainer);
        ends_epoch
    }

    /// Records a piece of an evaluation; returns its estimated milliseconds.
    fn record_evaluation(&mut self, recorder: &mut Recorder<'_>, budget_ms: f64) -> f64 {
        let of = Timed::Evaluation { averaged: self.progress.averages() };
        let budget = (budget_ms, None);
        let piece = self.readback.record_until(recorder, self.progress.pass_work(), budget, of);
        let span = WorkSpan { cost_ms: piece.time_ms, training: false, images: 0, ends_epoch: false };
        self.throughput.record(span);
        if piece.ends {
            let micro_batch = self.progress.evaluator().micro_batch;
            self.run.trainer.loader.end_evaluation_pass(micro_batch);
            let left = self.progress.passes.and_then(|passes| self.end_pass(recorder, passes));
            self.progress.set_passes(left);
        }
        piece.time_ms
    }

    /// Records what follows a pass; returns what is left of the evaluation.
    fn end_pass(&mut self, recorder: &mut Recorder<'_>, passes: Passes) -> Option<Passes> {
        let last = passes.left < 2;
        let goes_on = match passes.of {
            Purpose::Score(of) => {
                if !of.averaged && self.progress.overtaken.is_none() {
                    let pass = Evaluated::Pass(&self.run.trainer, last);
                    self.measurements.inspection.evaluated(Some(recorder), pass);
                }
                if last {
                    self.readback.copy_evaluation(recorder.encoder(), &self.run.trainer, of);
                    let fired = self.progress.fired(&self.run.trainer);
                    if let Some(fired) = fired.filter(|_| of.ends_epoch && !of.averaged) {
                        self.readback.copy_fired(recorder.encoder(), fired);
                    }
                }
                true
            }
            // Where the layout was closed, nobody wants the other passes.
            Purpose::Features(id) => {
                self.layouts.after_pass(recorder.encoder(), id, last, self.run.trainer.clock().step)
            }
        };
        (goes_on && !last).then_some(Passes { left: passes.left - 1, ..passes })
    }

    /// Records the copies of the run's results.
    fn copy_results(&mut self, encoder: &mut wgpu::CommandEncoder) {
        if self.readback.has_room() {
            self.readback.copy_history(encoder, &self.run.trainer.loader, self.throughput.take_recorded());
            self.progress.uncopied_steps = 0;
        }
    }

    /// Call after the submit that holds what [`Session::record`] recorded.
    pub fn after_submit(&mut self) {
        self.progress.unsubmitted = false;
        self.readback.after_submit();
        self.layouts.after_submit();
        self.measurements.after_submit();
    }

    /// Takes in the results that have arrived. Call once a frame, after the device was polled.
    pub fn poll(&mut self) {
        arrived::poll(self);
    }

    /// Records and submits work without a window, at most two submits ahead of the GPU, and takes in results; returns whether
    /// there was anything to do.
    pub fn advance(&mut self) -> bool {
        self.poll();
        self.wait_compiled();
        let mut encoder = self.gpu().encoder("headless");
        let trains = self.progress.trains();
        let budget_ms = if trains { self.layouts.submit_ms(SUBMIT_MS) } else { SUBMIT_MS };
        let recorded = self.record(&mut encoder, budget_ms);
        let submission = self.gpu().submit(encoder);
        self.after_submit();
        if self.progress.submissions.len() >= MAX_AHEAD {
            let oldest = self.progress.submissions.remove(0);
            self.gpu().wait_for(oldest);
        } else {
            self.gpu().poll();
        }
        self.progress.submissions.push(submission);
        // A way may wait for what is coming back.
        recorded || self.timeline.request.is_some()
    }

    /// Waits for the GPU and takes in all that is on its way.
    pub fn settle(&mut self) {
        self.progress.submissions.clear();
        self.gpu().wait();
        self.poll();
        let fault = self.gpu().check().err();
        self.events.extend(fault.map(Event::Fault));
    }

    /// An error when one of the events that were not taken yet is a fault: the first.
    ///
    /// # Errors
    /// As it says.
    pub fn check_events(&self) -> Result<()> {
        let mut events = self.events.iter();
        let fault = events.find_map(|e| if let Event::Fault(f) = e { Some(f.clone()) } else { None });
        fault.map_or(Ok(()), Err)
    }

    /// Brings the probes up to date, so that pictures show the present weights.
    ///
    /// # Errors
    /// When the GPU reports a fault.
    pub fn refresh(&mut self) -> Result<()> {
        self.progress.probes_stale = true;
        while self.advance() {}
        self.settle();
        self.check_events()
    }
}
