//! Results that come back from the GPU: the history of steps, evaluations, times, and steps that were halted there.

use std::time::Instant;

use super::event::{Event, Score, Split};
use super::metrics::EpochMetrics;
use super::readback::{EvaluationRequest, Received, Timed};
use super::state::Session;
use super::throughput::WorkSpan;
use super::{examined, fault, taken_in, watch};
use crate::data::{Clock, StepRecord};

/// Takes in the results that have arrived.
pub(super) fn poll(session: &mut Session) {
    if let Some(time_ms) = session.layouts.poll(session.progress.trains()) {
        session.metrics.layouts_ms = time_ms;
    }
    session.measurements.poll(&mut session.metrics, &session.run.images[Split::Validation as usize]);
    examined::conclude(session);
    session.measurements.inspection.poll(&mut session.run.trainer, &session.run.images, &mut session.events);
    let received = session.readback.take();
    let done: Vec<WorkSpan> = received.iter().flat_map(Received::spans).copied().collect();
    if !done.is_empty() {
        session.throughput.arrived(&done, Instant::now());
        session.metrics.images_per_s = session.throughput.images_per_s();
    }
    let faults = session.progress.faults;
    for item in received {
        take_in(session, item);
        if session.progress.faults != faults {
            // The others tell of steps that had no effect either.
            break;
        }
    }
}

fn take_in(session: &mut Session, item: Received) {
    match item {
        Received::History(records, _) => take_in_history(session, records),
        Received::Evaluation { of, epoch, step, clock } => {
            take_in_evaluation(session, of, epoch, step, &clock);
        }
        Received::Fired(fired) => {
            let nodes = session.run.trainer.fired().0.iter().zip(fired);
            session.metrics.dead = nodes.filter(|(_, fired)| *fired == 0).map(|(node, _)| *node).collect();
        }
        Received::Times(times) => {
            session.metrics.train_ms = times.iter().map(|(_, time_ms)| time_ms).sum();
            for ((of, piece), time_ms) in times {
                let progress = &mut session.progress;
                session.measurements.timed(of, &piece, time_ms);
                let work = match of {
                    Timed::Step(_) => Some(&mut progress.step),
                    Timed::Evaluation { averaged } => Some(progress.evaluator().work(averaged)),
                    of => session.measurements.work(of),
                };
                work.into_iter().for_each(|work| work.learn(&piece, time_ms));
            }
        }
    }
}

fn take_in_history(session: &mut Session, records: Vec<StepRecord>) {
    let (new, halted) = taken_in::steps(records, session.metrics.last_step());
    session.events.extend(new.iter().map(|s| Event::Step(*s)));
    new.into_iter().for_each(|s| session.metrics.add(s));
    if let Some(step) = halted {
        halt(session, step);
    }
}

/// A step was halted on the GPU because its numbers are not finite: goes back to the state before it.
fn halt(session: &mut Session, step: u32) {
    session.progress.faults += 1;
    session.progress.stop();
    session.progress.submissions.clear();
    session.gpu().wait();
    session.readback.forget();
    session.layouts.restart_features();
    session.throughput.restart();
    // Where the GPU reports a fault, that is the cause of the numbers.
    let not_finite = fault::recover(&mut session.run.trainer, step);
    let error = session.gpu().check().err().unwrap_or(not_finite);
    session.measurements.halted(&session.run.trainer, &error);
    session.progress.probes_stale = true;
    session.events.push(Event::Fault(error));
    session.take_back_commands();
    session.forget_future();
}

/// Takes in the result of an evaluation; at the end of an epoch it makes a row of the metrics.
fn take_in_evaluation(session: &mut Session, of: EvaluationRequest, epoch: u32, step: u32, clock: &Clock) {
    let score = taken_in::score(clock, of.split.range(&session.run.trainer.loader).len());
    if of.averaged {
        session.progress.average_score = Some((step, score));
        return;
    }
    let average = session.progress.average_score.take().filter(|(of, _)| *of == step).map(|(_, of)| of);
    let Score { loss, accuracy } = score;
    if !of.ends_epoch {
        watch::evaluated(session, of.split, (loss, accuracy));
        return session.events.push(Event::Evaluated { split: of.split, loss, accuracy, average });
    }
    let images_per_s = session.throughput.next_epoch().unwrap_or(session.metrics.images_per_s);
    let others = EpochMetrics { images_per_s, ..session.measurements.statistics.take_epoch(step) };
    let metrics = taken_in::epoch((epoch, step), clock, (score, average), others);
    session.metrics.epochs.push(metrics.clone());
    session.events.push(Event::Epoch(metrics));
}
