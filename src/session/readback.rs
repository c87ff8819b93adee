//! Read-back of a run: step results, evaluations and times, a few frames after they were recorded.

use super::event::Split;
use super::step_times::Sampled;
use super::throughput::WorkSpan;
use crate::data::{Clock, DataLoader, HISTORY_LEN, StepRecord};
use crate::gpu::{Buffer, Cost, Gpu, ReadbackRing, Recorder, TimedPasses, Work};
use crate::nn::Trainer;

/// Most timed passes per encoder.
const MAX_PASSES: u32 = 64;
/// Bytes of the history of step results, and of the clock.
const HISTORY_BYTES: u64 = (HISTORY_LEN * size_of::<StepRecord>()) as u64;
const CLOCK_BYTES: u64 = size_of::<Clock>() as u64;

/// Read-backs of the marks of layers that fired that may be on their way at once.
const FIRED_RINGS: usize = 8;

/// An evaluation that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EvaluationRequest {
    pub split: Split,
    /// It belongs to the end of an epoch, so that it makes a row of the metrics.
    pub ends_epoch: bool,
    /// With the average of the last weights; the one with the weights themselves follows.
    pub averaged: bool,
}

/// Kind of the work of a timed pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Timed {
    /// A piece of a step, of a sample where its parts are timed.
    Step(Option<Sampled>),
    /// A pass of an evaluation: of the weights, or of their average.
    Evaluation { averaged: bool },
    /// A measurement over held-out images.
    HeldOut,
    /// Predictions of probes and test images.
    Predictions,
    /// A pass of a ranking of filters, by its kind.
    Ranking(usize),
}

/// Content of a read-back.
enum Tag {
    History(Vec<WorkSpan>),
    Evaluation { of: EvaluationRequest, epoch: u32, step: u32 },
}

/// An arrived read-back.
pub(super) enum Received {
    /// Step results, each `[step, loss, accuracy, epoch]`, and the spans of work that they end.
    History(Vec<StepRecord>, Vec<WorkSpan>),
    /// The clock after an evaluation, which holds its sums; epoch and step that it belongs to.
    Evaluation { of: EvaluationRequest, epoch: u32, step: u32, clock: Clock },
    /// 1 for each rectifying layer of which a unit fired in the evaluation at the end of an epoch, else 0.
    Fired(Vec<u32>),
    /// The timed passes of an encoder, with milliseconds.
    Times(Vec<((Timed, Cost), f64)>),
}

impl Received {
    /// Spans of work whose results it has.
    pub(super) fn spans(&self) -> &[WorkSpan] {
        if let Self::History(_, spans) = self { spans } else { &[] }
    }
}

/// Generation of the run, kind of work, and piece of a timed pass.
type Pass = (u64, Timed, Cost);

/// Adds a piece to the pass before it where both are whole runs of the same work; returns whether they are.
fn join((generation, of, piece): &mut Pass, next: &Pass) -> bool {
    (*generation, *of) == (next.0, next.1) && piece.join(&next.2)
}

/// The read-back rings of a run. Read-backs carry the run's generation: those of before a reset do not count.
pub(super) struct Readback {
    history: ReadbackRing<(u64, Tag)>,
    evaluations: ReadbackRing<(u64, Tag)>,
    fired: ReadbackRing<u64>,
    passes: TimedPasses<Pass>,
    generation: u64,
}

impl Readback {
    pub(super) fn new(gpu: &Gpu, trainer: &Trainer) -> Self {
        Self {
            history: ReadbackRing::new(gpu, HISTORY_BYTES, 4),
            evaluations: ReadbackRing::new(gpu, CLOCK_BYTES, 8),
            fired: ReadbackRing::new(gpu, trainer.fired().1.range().size, FIRED_RINGS),
            passes: TimedPasses::new(gpu, MAX_PASSES),
            generation: 0,
        }
    }

    /// The network was changed: its rectifying layers are others.
    pub(super) fn follow(&mut self, trainer: &Trainer) {
        self.fired = ReadbackRing::new(trainer.gpu(), trainer.fired().1.range().size, FIRED_RINGS);
    }

    /// Records the next piece of a work as one timed pass.
    pub(super) fn record(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        work: &mut Work,
        budget_ms: f64,
        of: Timed,
    ) -> Cost {
        self.record_until(&mut Recorder::new(encoder), work, (budget_ms, None), of)
    }

    /// Records the next piece of a work, with no dispatch from `end` on. Whole runs that follow each other with nothing recorded between
    /// them share a timed pass; each has its share of the time.
    pub(super) fn record_until(
        &mut self,
        recorder: &mut Recorder<'_>,
        work: &mut Work,
        (budget_ms, end): (f64, Option<usize>),
        of: Timed,
    ) -> Cost {
        let piece = work.take_until(budget_ms, end);
        let tag = (self.generation, of, piece.clone());
        let pass = self.passes.compute_shared(recorder, "train", tag, join);
        work.record_piece(pass, &piece);
        piece
    }

    /// True if there is room for the step results of an encoder.
    pub(super) fn has_room(&self) -> bool {
        self.history.has_room()
    }

    /// Records the copy of the step results, with the spans of work that they end; there must be room.
    pub(super) fn copy_history(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        loader: &DataLoader,
        spans: Vec<WorkSpan>,
    ) {
        let tag = (self.generation, Tag::History(spans));
        self.history.copy(encoder, loader.history().raw(), 0, HISTORY_BYTES, tag);
    }

    /// Records the copy of this encoder's times.
    pub(super) fn copy_times(&mut self, encoder: &mut wgpu::CommandEncoder) {
        self.passes.copy(encoder);
    }

    /// Records the copy of an evaluation's result.
    pub(super) fn copy_evaluation(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        trainer: &Trainer,
        of: EvaluationRequest,
    ) {
        let (epoch, step) = (trainer.clock().epoch, trainer.clock().step);
        let tag = (self.generation, Tag::Evaluation { of, epoch, step });
        if !self.evaluations.copy(encoder, trainer.loader.clock().raw(), 0, CLOCK_BYTES, tag) {
            log::warn!("an evaluation's result was lost: too many are on their way");
        }
    }

    /// Records the copy of the marks of layers that fired in an evaluation.
    pub(super) fn copy_fired(&mut self, encoder: &mut wgpu::CommandEncoder, fired: &Buffer<u32>) {
        self.fired.copy(encoder, fired.raw(), 0, fired.range().size, self.generation);
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.history.after_submit();
        self.evaluations.after_submit();
        self.fired.after_submit();
        self.passes.after_submit();
    }

    /// Bytes that have come back so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.history.bytes_read()
            + self.evaluations.bytes_read()
            + self.fired.bytes_read()
            + self.passes.bytes_read()
    }

    /// True while the result of an evaluation is on its way.
    pub(super) fn awaits_evaluation(&self) -> bool {
        self.evaluations.in_flight()
    }

    /// Drops all that is on its way, because the run was reset.
    pub(super) fn forget(&mut self) {
        self.generation += 1;
    }

    /// Read-backs that have arrived: times, step results, evaluations.
    pub(super) fn take(&mut self) -> Vec<Received> {
        let current = self.generation;
        let times = |encoder: Vec<(Pass, f64)>| {
            let current = encoder.first().is_some_and(|((generation, ..), _)| *generation == current);
            let passes = encoder.into_iter().map(|((_, of, piece), time_ms)| ((of, piece), time_ms));
            current.then(|| Received::Times(passes.collect()))
        };
        let mut all: Vec<Received> = self.passes.take().into_iter().filter_map(times).collect();
        let fired = self.fired.take().into_iter().filter(|(generation, _)| *generation == current);
        all.extend(fired.map(|(_, bytes)| Received::Fired(bytemuck::pod_collect_to_vec(&bytes))));
        let results = self.history.take().into_iter().chain(self.evaluations.take());
        all.extend(results.filter(|((generation, _), _)| *generation == current).filter_map(interpret));
        all
    }
}

fn interpret(((_, tag), bytes): ((u64, Tag), Vec<u8>)) -> Option<Received> {
    match tag {
        Tag::History(spans) => Some(Received::History(bytemuck::pod_collect_to_vec(&bytes), spans)),
        Tag::Evaluation { of, epoch, step } => {
            let clock = bytemuck::try_pod_read_unaligned(&bytes).ok()?;
            Some(Received::Evaluation { of, epoch, step, clock })
        }
    }
}
