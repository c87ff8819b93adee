//! Statistics of training that are measured beside a run: times of the parts of a step, the decay's share of the loss, the change of
//! each layer's weights over an epoch. Nothing of the run changes.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use super::metrics::{EpochMetrics, LayerChange, Metrics};
use super::step_times::{Sampled, StepClock};
use crate::error::Result;
use crate::gpu::{Buffer, ReadbackRing, Recorder};
use crate::layouts::Layouts;
use crate::nn::{Hyper, OptimizerKind, StepPart, Trainer, WeightSums};

/// Read-backs on their way at most.
const RINGS: usize = 6;
/// Ends of epochs whose evaluation has not come back, at most.
const MAX_ENDS: usize = 16;

/// A layer whose weights change: its name, node, number of filters and of weights.
struct Changing {
    name: String,
    node: usize,
    filters: usize,
    weights: usize,
}

/// Origin of a read-back.
#[derive(Clone)]
struct Tag {
    generation: u32,
    step: u32,
    hyper: Hyper,
    /// The end of an epoch: images seen, and the layers with their changes, if they were watched from its beginning on.
    end: Option<(u64, Option<Rc<Vec<Changing>>>)>,
    /// Number of sums over the weights before the changes.
    sums: usize,
}

/// The statistics of a run.
pub(super) struct Statistics {
    /// Times of steps.
    pub clock: StepClock,
    weights: WeightSums,
    changing: Rc<Vec<Changing>>,
    /// The sums over the weights, then the changes of all filters.
    gathered: Buffer<f32>,
    rings: Vec<ReadbackRing<Tag>>,
    generation: u32,
    /// The changes of this epoch were watched from its beginning on.
    watched: bool,
    /// Those that were measured at the ends of the last epochs.
    ends: VecDeque<EpochMetrics>,
    bytes_read: u64,
}

/// The share of the decay in the loss that a step lowers, from the sums over the weights: `λ/2·Σw² + λ₁·Σ|w|`. None for AdamW, whose decay
/// is apart from the loss.
fn decay_loss(hyper: &Hyper, [squares, magnitudes]: [f64; 2]) -> Option<f32> {
    let [l2, l1] = [hyper.weight_decay, hyper.l1_decay].map(f64::from);
    let loss = 0.5 * l2 * squares + l1 * magnitudes;
    (hyper.optimizer != OptimizerKind::Adamw).then_some(loss as f32)
}

fn changing(trainer: &Trainer, layouts: &Layouts) -> Vec<Changing> {
    let layers = trainer.network.layers.iter().enumerate().map(|(index, layer)| (index + 1, layer));
    let of = layers.filter_map(|(node, layer)| {
        let [filters, inputs, ky, kx] = trainer.weights(node)?.extents.map(|extent| extent as usize);
        layouts.filter_drift(node)?;
        Some(Changing { name: layer.name.clone(), node, filters, weights: filters * inputs * ky * kx })
    });
    of.collect()
}

impl Statistics {
    /// Statistics of a run that begins.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(super) fn new(trainer: &Trainer, layouts: &Layouts) -> Result<Self> {
        let gpu = trainer.gpu();
        let weights = WeightSums::new(gpu, &trainer.parameters)?;
        let changing = changing(trainer, layouts);
        let filters: usize = changing.iter().map(|layer| layer.filters).sum();
        let gathered = Buffer::zeroed(gpu, "statistics", 2 * weights.sums.len() + filters);
        Ok(Self {
            clock: StepClock::default(),
            rings: vec![ReadbackRing::new(gpu, 4 * gathered.len() as u64, RINGS)],
            weights,
            changing: Rc::new(changing),
            gathered,
            generation: 0,
            watched: is_at_beginning(trainer),
            ends: VecDeque::new(),
            bytes_read: 0,
        })
    }

    /// The run has other buffers, or another network. What is on its way arrives all the same.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub(super) fn follow(&mut self, trainer: &Trainer, layouts: &Layouts) -> Result<()> {
        let former = std::mem::replace(self, Self::new(trainer, layouts)?);
        self.rings.extend(former.rings.into_iter().filter(ReadbackRing::in_flight));
        (self.generation, self.bytes_read) = (former.generation, former.bytes_read);
        (self.ends, self.clock) = (former.ends, former.clock);
        self.clock.forget();
        Ok(())
    }

    /// The run is at another moment: what is on its way does not count.
    pub(super) fn forget(&mut self, trainer: &Trainer) {
        self.generation += 1;
        self.watched = is_at_beginning(trainer);
        self.ends.clear();
        self.clock.forget();
    }

    /// The sample that the next piece of a step belongs to, which begins with dispatch `from`, and the first dispatch that it may not have,
    /// where the parts of the step are timed.
    pub(super) fn next_piece(&mut self, trainer: &Trainer, from: usize) -> (Option<Sampled>, Option<usize>) {
        if !trainer.gpu().timestamps {
            return (None, None);
        }
        if from == 0 {
            self.clock.begin(trainer.options().batch as u32, Instant::now());
        }
        let (part, end): (StepPart, usize) = trainer.step_part(from);
        let sampled = self.clock.sampled(part);
        (sampled, sampled.map(|_| end))
    }

    /// A step was recorded, and what it changed was measured: records the copies of the statistics where they are due.
    pub(super) fn after_step(
        &mut self,
        recorder: &mut Recorder<'_>,
        trainer: &Trainer,
        layouts: &Layouts,
        ends_epoch: bool,
    ) {
        let timed = self.clock.sampled(StepPart::Update).is_some();
        if !ends_epoch && !timed {
            return;
        }
        let encoder = recorder.encoder();
        self.weights.plan.encode(encoder);
        let sums = 2 * self.weights.sums.len();
        let mut len = 4 * sums as u64;
        encoder.copy_buffer_to_buffer(self.weights.sums.raw(), 0, self.gathered.raw(), 0, len);
        let watched = self.watched;
        self.watched |= ends_epoch;
        if ends_epoch {
            for layer in self.changing.iter() {
                let Some(drift) = layouts.filter_drift(layer.node) else { continue };
                let size = 4 * layer.filters as u64;
                encoder.copy_buffer_to_buffer(drift.raw(), 0, self.gathered.raw(), len, size);
                len += size;
            }
        }
        let clock = trainer.clock();
        let images = trainer.images_trained();
        let tag = Tag {
            generation: self.generation,
            step: clock.step,
            hyper: trainer.options().hyper,
            end: ends_epoch.then(|| (images, watched.then(|| Rc::clone(&self.changing)))),
            sums,
        };
        self.rings[0].copy(encoder, self.gathered.raw(), 0, len, tag);
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.rings.iter_mut().for_each(ReadbackRing::after_submit);
    }

    /// Takes in what has arrived.
    pub(super) fn poll(&mut self, metrics: &mut Metrics) {
        let arrived: Vec<_> = self.rings.iter_mut().flat_map(ReadbackRing::take).collect();
        for (tag, bytes) in arrived {
            self.bytes_read += bytes.len() as u64;
            if tag.generation != self.generation {
                continue;
            }
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
            let (sums, changes) = values.split_at(tag.sums);
            let total = |of: usize| sums.iter().skip(of).step_by(2).copied().map(f64::from).sum::<f64>();
            let decay_loss = decay_loss(&tag.hyper, [total(0), total(1)]);
            metrics.decay_loss = decay_loss;
            if let Some((images, layers)) = tag.end {
                let changes = layers.map_or(Vec::new(), |layers| mean_changes(&layers, changes));
                self.ends.push_back(EpochMetrics {
                    step: tag.step,
                    images: Some(images),
                    decay_loss,
                    weight_changes: changes,
                    ..EpochMetrics::default()
                });
                self.ends.drain(..self.ends.len().saturating_sub(MAX_ENDS));
            }
        }
        let mut index = 0;
        self.rings.retain(|ring| {
            index += 1;
            index == 1 || ring.in_flight()
        });
        metrics.step_times = self.clock.recent();
    }

    /// The statistics of the epoch that ended with `step`, with nothing else of its metrics.
    pub(super) fn take_epoch(&mut self, step: u32) -> EpochMetrics {
        let index = self.ends.iter().position(|end| end.step == step);
        let metrics = index.and_then(|index| self.ends.remove(index)).unwrap_or_default();
        let times = self.clock.take_epoch();
        EpochMetrics {
            forward_ms: times.map(|times| times.forward_ms),
            backward_ms: times.map(|times| times.backward_ms),
            update_ms: times.map(|times| times.update_ms),
            ..metrics
        }
    }

    /// Bytes that have come back so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }
}

/// True if no step of the epoch was made yet.
fn is_at_beginning(trainer: &Trainer) -> bool {
    (trainer.clock().cursor as usize) < trainer.options().batch
}

/// The mean change of each layer, from the changes of all filters in order.
fn mean_changes(layers: &[Changing], mut filters: &[f32]) -> Vec<LayerChange> {
    let mut mean = |layer: &Changing| {
        let (of, others) = filters.split_at_checked(layer.filters)?;
        filters = others;
        let total: f64 = of.iter().copied().map(f64::from).sum();
        let change = (total / layer.weights.max(1) as f64) as f32;
        Some(LayerChange { layer: layer.name.clone(), change })
    };
    layers.iter().map_while(&mut mean).collect()
}
