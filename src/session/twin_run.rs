//! A twin: a second run beside a run, which goes on from a moment of it with the same images and without the commands given since. It has
//! buffers of its own, shares the images, follows the run's steps, and is kept nowhere.

use super::event::{Score, Split};
use super::fault;
use super::metrics::{EpochMetrics, Metrics};
use super::moment::Moment;
use super::progress::{Passes, Progress, Purpose};
use super::readback::{EvaluationRequest, Readback, Received, Timed};
use super::taken_in;
use crate::data::Clock;
use crate::error::{Error, Result};
use crate::gpu::Recorder;
use crate::nn::{Loss, Trainer};

/// Results of a run and of its twin at the end of the same epoch, over the validation images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwinDifference {
    /// Number of epochs finished.
    pub epoch: u32,
    /// Of the run.
    pub run: Score,
    /// Of the twin.
    pub twin: Score,
}

/// A twin of a run.
pub struct TwinRun {
    trainer: Trainer,
    progress: Progress,
    readback: Readback,
    /// Those of the run up to the moment, then its own.
    metrics: Metrics,
    /// Branch and moment at which it began.
    pub(super) from: (usize, Moment),
    /// The same moment in epochs.
    since: f64,
    /// Error of the step that was halted because its numbers are not finite: it makes no further one.
    stopped: Option<Error>,
}

impl TwinRun {
    /// A twin of the run that `trainer` trains, with the metrics up to now. No step may be under way, and nothing recorded that is not
    /// submitted.
    ///
    /// # Errors
    /// When it does not fit the adapter or its memory; then the run is as it was.
    pub(super) fn begin(trainer: &Trainer, metrics: &Metrics, from: (usize, Moment)) -> Result<Self> {
        let gpu = trainer.gpu();
        let twin = gpu.within_memory(|| trainer.twin()).map_err(|error| {
            let help = "take a smaller batch or fewer key-frames (--key-frames MIB); the run goes on";
            Error::new(format!("the twin cannot begin: {error}"), help)
        })?;
        Ok(Self {
            progress: Progress::new(&twin),
            readback: Readback::new(gpu, &twin),
            metrics: metrics.clone(),
            from,
            since: trainer.epochs(),
            stopped: None,
            trainer: twin,
        })
    }

    /// Steps finished when it began: it is without what was done to the run since.
    pub fn since(&self) -> u32 {
        self.from.1.step
    }

    /// The same in epochs, with fraction.
    pub fn since_epoch(&self) -> f64 {
        self.since
    }

    /// Steps recorded.
    pub fn step(&self) -> u32 {
        self.trainer.clock().step
    }

    /// The metrics of the run up to its beginning, and its own after it.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The loss that it trains with.
    pub fn loss(&self) -> Loss {
        self.trainer.network.loss
    }

    /// Error of the step that ended it, where its numbers were not finite.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Hash of parameters, moments and clock. Waits for the GPU.
    pub fn state_hash(&self) -> String {
        self.trainer.state_hash()
    }

    /// Results at the end of the last epoch since its beginning that both have evaluated; `run` are the run's metrics.
    pub fn difference(&self, run: &Metrics) -> Option<TwinDifference> {
        let score = |of: &EpochMetrics| Score { loss: of.val_loss, accuracy: of.val_accuracy };
        let since = |of: &&EpochMetrics| f64::from(of.epoch) > self.since;
        run.epochs.iter().rev().filter(since).find_map(|of| {
            let twin = self.metrics.epochs.iter().rev().find(|twin| twin.epoch == of.epoch)?;
            Some(TwinDifference { epoch: of.epoch, run: score(of), twin: score(twin) })
        })
    }

    /// True while it has something to do to have come to step `to`.
    pub(super) fn is_behind(&self, to: u32) -> bool {
        self.stopped.is_none() && (self.step() < to || !self.progress.is_idle())
    }

    /// Records steps up to step `to`, and evaluations at the ends of epochs, worth about `budget_ms`; returns their estimated milliseconds.
    pub(super) fn record(&mut self, recorder: &mut Recorder<'_>, to: u32, budget_ms: f64) -> f64 {
        if !self.progress.unsubmitted {
            self.begin_encoder();
        }
        self.progress.unsubmitted = true;
        let mut took_ms = 0.0;
        while took_ms < budget_ms && self.goes_on(to) {
            let left_ms = budget_ms - took_ms;
            let evaluates = self.progress.passes.is_some();
            took_ms += if evaluates {
                self.record_evaluation(recorder, left_ms)
            } else {
                self.record_step(recorder, left_ms)
            };
        }
        let encoder = recorder.encoder();
        if took_ms > 0.0 && self.readback.has_room() {
            self.readback.copy_history(encoder, &self.trainer.loader, Vec::new());
            self.progress.uncopied_steps = 0;
        }
        self.readback.copy_times(encoder);
        took_ms
    }

    /// Begins an evaluation: what the CPU writes comes before all that an encoder holds.
    fn begin_encoder(&mut self) {
        if self.progress.is_between()
            && let Some(of) = self.progress.next_request()
        {
            let range = of.split.range(&self.trainer.loader);
            let left = range.len().div_ceil(self.progress.evaluator().micro_batch);
            self.trainer.begin_evaluation(range);
            self.progress.set_passes(Some(Passes { of: Purpose::Score(of), left }));
        }
        self.trainer.supply();
    }

    /// True if a piece may follow.
    fn goes_on(&self, to: u32) -> bool {
        let (progress, trainer) = (&self.progress, &self.trainer);
        if progress.passes.is_some() {
            return progress.pass_is_under_way() || trainer.has_evaluation_pass();
        }
        let begins = self.step() < to && !progress.has_requests() && progress.takes_step();
        progress.step.is_under_way() || begins && trainer.has_step()
    }

    fn record_step(&mut self, recorder: &mut Recorder<'_>, budget_ms: f64) -> f64 {
        let progress = &mut self.progress;
        let (step, budget) = (&mut progress.step, (budget_ms, None));
        let piece = self.readback.record_until(recorder, step, budget, Timed::Step(None));
        if piece.ends {
            progress.uncopied_steps += 1;
            if self.trainer.tick() {
                progress.request(Split::Validation, true);
            }
        }
        piece.time_ms
    }

    fn record_evaluation(&mut self, recorder: &mut Recorder<'_>, budget_ms: f64) -> f64 {
        let of = Timed::Evaluation { averaged: self.progress.averages() };
        let budget = (budget_ms, None);
        let piece = self.readback.record_until(recorder, self.progress.pass_work(), budget, of);
        if piece.ends
            && let Some(Passes { of: Purpose::Score(request), left }) = self.progress.passes
        {
            self.trainer.end_evaluation_pass();
            let last = left < 2;
            if last {
                self.readback.copy_evaluation(recorder.encoder(), &self.trainer, request);
            }
            let rest = Passes { of: Purpose::Score(request), left: left.saturating_sub(1) };
            self.progress.set_passes((!last).then_some(rest));
        }
        piece.time_ms
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.progress.unsubmitted = false;
        self.readback.after_submit();
    }

    /// Takes in the results that have arrived.
    pub(super) fn poll(&mut self) {
        for item in self.readback.take() {
            match item {
                Received::History(records, _) => {
                    let (new, halted) = taken_in::steps(records, self.metrics.last_step());
                    new.into_iter().for_each(|step| self.metrics.add(step));
                    if let Some(step) = halted {
                        // The others tell of steps that had no effect either.
                        return self.stop(step);
                    }
                }
                Received::Evaluation { of, epoch, step, clock } => {
                    self.take_in_evaluation(of, (epoch, step), &clock);
                }
                Received::Fired(_) => {}
                Received::Times(times) => {
                    for ((of, piece), time_ms) in times {
                        let work = match of {
                            Timed::Evaluation { averaged } => self.progress.evaluator().work(averaged),
                            _ => &mut self.progress.step,
                        };
                        work.learn(&piece, time_ms);
                    }
                }
            }
        }
    }

    fn take_in_evaluation(&mut self, of: EvaluationRequest, (epoch, step): (u32, u32), clock: &Clock) {
        let score = taken_in::score(clock, of.split.range(&self.trainer.loader).len());
        if of.averaged {
            self.progress.average_score = Some((step, score));
            return;
        }
        let average = self.progress.average_score.take().filter(|(of, _)| *of == step).map(|(_, of)| of);
        let row = taken_in::epoch((epoch, step), clock, (score, average), EpochMetrics::default());
        self.metrics.epochs.push(row);
    }

    /// A step was halted on the GPU because its numbers are not finite: the twin stands before it. Waits for the GPU.
    fn stop(&mut self, step: u32) {
        self.progress.stop();
        self.trainer.gpu().wait();
        self.readback.forget();
        self.stopped = Some(fault::recover(&mut self.trainer, step));
    }
}

/// The twin of a run, where there is one or one is wanted.
#[derive(Default)]
pub(super) struct Beside {
    pub twin: Option<TwinRun>,
    /// One is to begin after this number of commands has waited and was carried out.
    pub wanted: Option<u64>,
    /// It waits while the run is on a way through time.
    pub waits: bool,
    /// The run waits for it in this encoder.
    pub behind: bool,
}

impl Beside {
    /// True if the run begins no further step in an encoder of `budget_ms`, of which it took `took_ms`: the twin is to follow first, and has
    /// half of the time.
    pub(super) fn holds_up(&self, took_ms: f64, budget_ms: f64) -> bool {
        let shares = self.twin.as_ref().is_some_and(|twin| twin.stopped.is_none()) && !self.waits;
        self.behind || self.wanted.is_some() || shares && took_ms >= budget_ms / 2.0
    }
}
