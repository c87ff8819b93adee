//! What comes back from the GPU: step results, evaluations, times.

use std::ops::Range;
use std::sync::Arc;

use super::metrics::{EpochMetrics, StepMetrics};
use super::rate::{Rate, Stretch};
use super::recording::Wanted;
use super::{Event, Part, Session};
use crate::data::{Clock, Feed, HISTORY_LEN};
use crate::gpu::{Gpu, Plan, ReadbackRing, Timer};
use crate::nn::Trainer;

/// Which plan a timed stretch belongs to.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Timed {
    Step,
    Evaluation,
}

/// What a read-back is of.
enum Tag {
    History(Vec<Stretch>),
    Evaluation { of: Wanted, epoch: u32, step: u32 },
    Times { labels: Vec<Arc<str>>, stretches: Vec<(Timed, Range<usize>)> },
}

/// An arrived read-back.
pub(super) enum Arrival {
    History(Vec<[f32; 4]>, Vec<Stretch>),
    Evaluation { of: Wanted, epoch: u32, step: u32, clock: Clock },
    Times(Vec<(Timed, Range<usize>, f64)>),
}

impl Arrival {
    /// What the encoder of these step results held.
    pub fn stretches(&self) -> &[Stretch] {
        if let Self::History(_, stretches) = self { stretches } else { &[] }
    }
}

/// Rings and timers of a session.
pub(super) struct Arrivals {
    history: ReadbackRing<(u64, Tag)>,
    evaluations: ReadbackRing<(u64, Tag)>,
    times: ReadbackRing<(u64, Tag)>,
    timer: Timer,
    stretches: Vec<(Timed, Range<usize>)>,
    /// What was asked for before a reset is of no interest any more.
    era: u64,
}

/// Timed stretches in one submit; further ones are not timed.
const MOST_STRETCHES: u32 = 64;

impl Arrivals {
    pub fn new(gpu: &Gpu) -> Self {
        Self {
            history: ReadbackRing::new(gpu, (HISTORY_LEN * 16) as u64, 4),
            evaluations: ReadbackRing::new(gpu, size_of::<Clock>() as u64, 8),
            times: ReadbackRing::new(gpu, u64::from(MOST_STRETCHES) * 16, 4),
            timer: Timer::new(gpu, MOST_STRETCHES),
            stretches: Vec::new(),
            era: 0,
        }
    }

    /// Records dispatches as one timed pass.
    pub fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        plan: &Plan,
        range: Range<usize>,
        of: Timed,
    ) {
        let timestamp_writes = self.timer.span(&Arc::from("train"));
        if timestamp_writes.is_some() {
            self.stretches.push((of, range.clone()));
        }
        let descriptor = wgpu::ComputePassDescriptor { label: Some("train"), timestamp_writes };
        plan.record(&mut encoder.begin_compute_pass(&descriptor), range);
    }

    /// Copies the step results and the times of this encoder, with what was recorded; returns whether there was room for the step results.
    pub fn copy(&mut self, encoder: &mut wgpu::CommandEncoder, feed: &Feed, rate: &mut Rate) -> bool {
        let bytes = (HISTORY_LEN * 16) as u64;
        let room = self.history.has_room();
        if room {
            let tag = (self.era, Tag::History(rate.take_recorded()));
            self.history.copy(encoder, feed.history().raw(), 0, bytes, tag);
        }
        let stretches = std::mem::take(&mut self.stretches);
        if let Some((buffer, size, labels)) = self.timer.resolve(encoder) {
            self.times.copy(encoder, buffer, 0, size, (self.era, Tag::Times { labels, stretches }));
        }
        room
    }

    /// Copies the result of an evaluation.
    pub fn evaluated(&mut self, encoder: &mut wgpu::CommandEncoder, trainer: &Trainer, of: Wanted) {
        let (epoch, step) = (trainer.clock().epoch, trainer.clock().step);
        let bytes = size_of::<Clock>() as u64;
        let tag = (self.era, Tag::Evaluation { of, epoch, step });
        if !self.evaluations.copy(encoder, trainer.feed.clock().raw(), 0, bytes, tag) {
            log::warn!("an evaluation's result was lost: too many are on their way");
        }
    }

    pub fn after_submit(&mut self) {
        self.history.after_submit();
        self.evaluations.after_submit();
        self.times.after_submit();
    }

    /// Bytes that have come back so far.
    pub fn bytes_read(&self) -> u64 {
        self.history.bytes_read() + self.evaluations.bytes_read() + self.times.bytes_read()
    }

    /// What is on its way belongs to a run that was reset.
    pub fn forget(&mut self) {
        self.era += 1;
    }

    pub fn take(&mut self) -> Vec<Arrival> {
        let mut all = self.times.take();
        all.extend(self.history.take());
        all.extend(self.evaluations.take());
        let timer = &self.timer;
        let current = self.era;
        let interpret = |((era, tag), bytes): ((u64, Tag), Vec<u8>)| {
            let arrival = match tag {
                Tag::History(stretches) => Arrival::History(bytemuck::pod_collect_to_vec(&bytes), stretches),
                Tag::Evaluation { of, epoch, step } => {
                    let clock = bytemuck::try_pod_read_unaligned(&bytes).ok()?;
                    Arrival::Evaluation { of, epoch, step, clock }
                }
                Tag::Times { labels, stretches } => {
                    let times = timer.spans(&labels, &bytes).into_iter().map(|s| s.time_ms);
                    Arrival::Times(stretches.into_iter().zip(times).map(|((of, r), t)| (of, r, t)).collect())
                }
            };
            (era == current).then_some(arrival)
        };
        all.into_iter().filter_map(interpret).collect()
    }
}

impl Session {
    /// Takes in one arrived read-back.
    pub(super) fn take_in(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::History(entries, _) => self.take_in_history(entries),
            Arrival::Times(times) => {
                self.metrics.train_ms = times.iter().map(|(.., t)| t).sum();
                for (of, range, time_ms) in times {
                    let budget =
                        if of == Timed::Step { &mut self.step_budget } else { &mut self.evaluation_budget };
                    budget.learn(range, time_ms);
                }
            }
            Arrival::Evaluation { of, epoch, step, clock } => {
                self.take_in_evaluation(of, epoch, step, &clock)
            }
        }
    }

    fn take_in_history(&mut self, entries: Vec<[f32; 4]>) {
        let last = self.metrics.steps.last().map_or(0, |s| s.step);
        let halted = entries.iter().find(|entry| entry[2] < 0.0).map(|entry| entry[0].to_bits());
        let mut new: Vec<StepMetrics> = entries
            .into_iter()
            .map(|[step, loss, accuracy, epoch]| StepMetrics {
                step: step.to_bits(),
                epoch: f64::from(epoch),
                loss,
                accuracy,
            })
            .filter(|s| s.step > last && s.accuracy >= 0.0)
            .collect();
        new.sort_by_key(|s| s.step);
        self.events.extend(new.iter().map(|s| Event::Step(*s)));
        self.metrics.steps.extend(new);
        if let Some(step) = halted {
            self.halt(step);
        }
    }

    fn take_in_evaluation(&mut self, of: Wanted, epoch: u32, step: u32, clock: &Clock) {
        let share = |correct: u32, images: u32| correct as f32 / images.max(1) as f32;
        let feed = &self.trainer.feed;
        let images = if of.part == Part::Test { feed.test_images } else { feed.validation_images } as u32;
        let (loss, accuracy) = (clock.eval_loss / images.max(1) as f32, share(clock.eval_correct, images));
        if !of.ends_epoch {
            self.events.push(match of.part {
                Part::Test => Event::Test { loss, accuracy },
                Part::Validation => Event::Validation { loss, accuracy },
            });
            return;
        }
        let metrics = EpochMetrics {
            epoch,
            step,
            images_per_s: self.rate.next_epoch().unwrap_or(self.metrics.images_per_s),
            train_loss: clock.done_loss / clock.done_images.max(1) as f32,
            train_accuracy: share(clock.done_correct, clock.done_images),
            val_loss: loss,
            val_accuracy: accuracy,
        };
        self.metrics.epochs.push(metrics);
        self.events.push(Event::Epoch(metrics));
    }
}
