//! Results that come back from the GPU: the history of steps, evaluations, times, and steps that were halted there.

use std::time::Instant;

use super::event::{Event, Score, Split};
use super::metrics::EpochMetrics;
use super::readback::{EvaluationRequest, Received, Timed};
use super::state::Session;
use super::throughput::WorkSpan;
use super::{examined, fault, taken_in, watch};
use crate::data::{Clock, StepRecord};

impl Session {
    /// Takes in the results that have arrived. Call once a frame, after the device was polled.
    pub fn poll(&mut self) {
        if let Some(time_ms) = self.layouts.poll(self.progress.trains()) {
            self.metrics.layouts_ms = time_ms;
        }
        self.measurements.poll(&mut self.metrics, &self.run.images[Split::Validation as usize]);
        examined::conclude(self);
        self.measurements.inspection.poll(&mut self.run.trainer, &self.run.images, &mut self.events);
        let received = self.readback.take();
        let done: Vec<WorkSpan> = received.iter().flat_map(Received::spans).copied().collect();
        if !done.is_empty() {
            self.throughput.arrived(&done, Instant::now());
            self.metrics.images_per_s = self.throughput.images_per_s();
        }
        let faults = self.progress.faults;
        for item in received {
            self.take_in(item);
            if self.progress.faults != faults {
                // The others tell of steps that had no effect either.
                break;
            }
        }
    }

    fn take_in(&mut self, item: Received) {
        match item {
            Received::History(records, _) => self.take_in_history(records),
            Received::Evaluation { of, epoch, step, clock } => {
                self.take_in_evaluation(of, epoch, step, &clock);
            }
            Received::Fired(fired) => {
                let nodes = self.run.trainer.fired().0.iter().zip(fired);
                self.metrics.dead = nodes.filter(|(_, fired)| *fired == 0).map(|(node, _)| *node).collect();
            }
            Received::Times(times) => {
                self.metrics.train_ms = times.iter().map(|(_, time_ms)| time_ms).sum();
                for ((of, piece), time_ms) in times {
                    let progress = &mut self.progress;
                    self.measurements.timed(of, &piece, time_ms);
                    let work = match of {
                        Timed::Step(_) => Some(&mut progress.step),
                        Timed::Evaluation { averaged } => Some(progress.evaluator().work(averaged)),
                        of => self.measurements.work(of),
                    };
                    work.into_iter().for_each(|work| work.learn(&piece, time_ms));
                }
            }
        }
    }

    fn take_in_history(&mut self, records: Vec<StepRecord>) {
        let (new, halted) = taken_in::steps(records, self.metrics.last_step());
        self.events.extend(new.iter().map(|s| Event::Step(*s)));
        new.into_iter().for_each(|s| self.metrics.add(s));
        if let Some(step) = halted {
            self.halt(step);
        }
    }

    /// A step was halted on the GPU because its numbers are not finite: goes back to the state before it.
    fn halt(&mut self, step: u32) {
        self.progress.faults += 1;
        self.progress.stop();
        self.progress.submissions.clear();
        self.gpu().wait();
        self.readback.forget();
        self.layouts.restart_features();
        self.throughput.restart();
        // Where the GPU reports a fault, that is the cause of the numbers.
        let not_finite = fault::recover(&mut self.run.trainer, step);
        let error = self.gpu().check().err().unwrap_or(not_finite);
        self.measurements.halted(&self.run.trainer, &error);
        self.progress.probes_stale = true;
        self.events.push(Event::Fault(error));
        self.take_back_commands();
        self.forget_future();
    }

    /// Takes in the result of an evaluation; at the end of an epoch it makes a row of the metrics.
    fn take_in_evaluation(&mut self, of: EvaluationRequest, epoch: u32, step: u32, clock: &Clock) {
        let score = taken_in::score(clock, of.split.range(&self.run.trainer.loader).len());
        if of.averaged {
            self.progress.average_score = Some((step, score));
            return;
        }
        let average = self.progress.average_score.take().filter(|(of, _)| *of == step).map(|(_, of)| of);
        let Score { loss, accuracy } = score;
        if !of.ends_epoch {
            watch::evaluated(self, of.split, (loss, accuracy));
            return self.events.push(Event::Evaluated { split: of.split, loss, accuracy, average });
        }
        let images_per_s = self.throughput.next_epoch().unwrap_or(self.metrics.images_per_s);
        let others = EpochMetrics { images_per_s, ..self.measurements.statistics.take_epoch(step) };
        let metrics = taken_in::epoch((epoch, step), clock, (score, average), others);
        self.metrics.epochs.push(metrics.clone());
        self.events.push(Event::Epoch(metrics));
    }
}
