//! Distributions: histograms of a step now and then, over the whole run.
//!
//! Steps whose number is a multiple of an interval are counted, from the training's own buffers, once they are recorded. The counts stay
//! on the GPU; where their places are taken every second step is dropped and the interval doubles, so that N steps cost 128 · log N
//! counts. Nothing of the run changes. A layer that is frozen has no gradients in those steps.
//!
//! Of a training that is watched each checkpoint is counted, with what it has: weights, and gradients of those layers of which there are
//! any in its file. Where their places are taken every second one is dropped.

use super::watch::Watched;
use crate::gpu::{Gpu, ReadbackRing, Recorder, TensorView};
use crate::nn::Trainer;
use crate::nn::histograms::{COLUMNS, HistogramLayer, Histograms, Quantity, Strips};

/// Interval of the first steps.
const INTERVAL: u32 = 16;
/// Read-backs on their way at most.
const RINGS: usize = 4;

/// Numbers of a layer in the last step that was counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerUnits {
    /// Its channels, or units of a dense layer.
    pub channels: u32,
    /// Those of which no activation was above 0 for any image of the batch.
    pub silent: u32,
    /// Activations that are saturated, and all of them.
    pub saturated: [u32; 2],
}

/// The counters of a network.
struct Counters {
    layers: Vec<HistogramLayer>,
    /// Numbers of the layers.
    ids: Vec<u32>,
    strips: Strips,
    histograms: Histograms,
    /// Buffers that it counts from: those of a map and of the weights.
    of: [wgpu::Buffer; 2],
    ring: ReadbackRing<u32>,
}

/// A step that is kept.
struct Column {
    step: u32,
    place: u32,
    /// Layers without gradients in it, by their index, in their order.
    without_gradients: Vec<usize>,
}

/// Histograms of a run's steps.
#[derive(Default)]
pub struct Distributions {
    /// Steps are counted: they cost time, and only a window shows them.
    pub(super) on: bool,
    counters: Option<Counters>,
    /// Steps that are kept, oldest first.
    columns: Vec<Column>,
    /// Number of times that the interval was doubled.
    doubled: u32,
    /// The step under way is counted.
    counts: bool,
    /// The picture is not of these steps.
    stale: bool,
    /// They do not fit the adapter.
    failed: bool,
    generation: u32,
    seen: Vec<LayerUnits>,
}

impl Distributions {
    /// Steps that are kept, oldest first.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = u32> {
        self.columns.iter().map(|column| column.step)
    }

    /// Nodes of the layers that are counted, and whether each has weights.
    pub fn layers(&self) -> Vec<(usize, bool)> {
        let layers = self.counters.iter().flat_map(|counters| &counters.layers);
        layers.map(|layer| (layer.node, layer.weights.is_some())).collect()
    }

    /// Numbers of the layers in the last step whose numbers have arrived, in the same order.
    pub fn units(&self) -> &[LayerUnits] {
        &self.seen
    }

    /// True if a layer, by its index, has gradients in a step that is kept, counted from the oldest.
    pub fn has_gradients(&self, layer: usize, column: usize) -> bool {
        let column = self.columns.get(column);
        column.is_some_and(|column| column.without_gradients.binary_search(&layer).is_err())
    }

    /// View of the histograms of a quantity: a tile a layer, a column a step, a row a bin from `from` to `to`, the largest on top.
    pub fn view(&self, of: Quantity, bins: [usize; 2]) -> Option<TensorView> {
        self.counters.as_ref().map(|counters| counters.strips.view(of, bins))
    }

    /// A step is about to be recorded.
    pub(super) fn begin_step(&mut self, recorder: &mut Recorder<'_>, trainer: &Trainer) {
        let step = trainer.clock().step + 1;
        self.counts = self.on && !self.failed && step.is_multiple_of(INTERVAL << self.doubled);
        if !self.counts {
            return;
        }
        if let Err(error) = self.follow(trainer) {
            log::warn!("there are no histograms: {error}");
            (self.failed, self.counts) = (true, false);
            return;
        }
        let Some(Counters { histograms, .. }) = &self.counters else { return };
        let (values, before) = (trainer.parameters.values.raw(), histograms.before.raw());
        let size = values.size().min(before.size());
        recorder.encoder().copy_buffer_to_buffer(values, 0, before, 0, size);
    }

    /// Counts from the trainer's present buffers. The steps of before stay where the layers are the same ones.
    fn follow(&mut self, trainer: &Trainer) -> crate::error::Result<()> {
        let map = trainer.activations(trainer.network.layers.len(), 0).buffer;
        let of = [map, trainer.parameters.values.raw().clone()];
        if self.counters.as_ref().is_some_and(|counters| counters.of == of) {
            return Ok(());
        }
        let (gpu, layers) = (trainer.gpu(), trainer.histogram_layers());
        let ids: Vec<u32> = layers.iter().map(|layer| trainer.network.layers[layer.node - 1].id).collect();
        let histograms = trainer.histograms(&layers)?;
        let former = self.counters.take().filter(|counters| counters.ids == ids);
        let strips = match former {
            Some(former) => former.strips,
            None => {
                self.columns.clear();
                Strips::new(gpu, layers.len())?
            }
        };
        self.generation += 1;
        let ring = ReadbackRing::new(gpu, Histograms::numbers(layers.len())[1].max(4), RINGS);
        self.counters = Some(Counters { layers, ids, strips, histograms, of, ring });
        Ok(())
    }

    /// A step was recorded: records its counting, where it is counted.
    pub(super) fn after_step(&mut self, recorder: &mut Recorder<'_>, trainer: &Trainer) {
        if !std::mem::take(&mut self.counts) {
            return;
        }
        let step = trainer.clock().step;
        self.columns.retain(|column| column.step != step);
        if self.columns.len() == COLUMNS {
            self.doubled += 1;
            self.columns.retain(|column| column.step.is_multiple_of(INTERVAL << self.doubled));
            self.stale = true;
        }
        if !step.is_multiple_of(INTERVAL << self.doubled) {
            return;
        }
        let encoder = recorder.encoder();
        self.count(encoder, step, |layer| trainer.network.layers[layer.node - 1].trains());
        let Some(counters) = &mut self.counters else { return };
        let [first, bytes] = Histograms::numbers(counters.layers.len());
        if bytes > 0 {
            counters.ring.copy(encoder, counters.histograms.counts.raw(), first, bytes, self.generation);
        }
    }

    /// Records the counting of the present step, of the gradients only of those layers that have any.
    fn count(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        step: u32,
        has_gradients: impl Fn(&HistogramLayer) -> bool,
    ) {
        let is_free = |place: &u32| self.columns.iter().all(|column| column.place != *place);
        let (Some(counters), Some(place)) = (&self.counters, (0..COLUMNS as u32).find(is_free)) else {
            return;
        };
        counters.histograms.count(encoder, &counters.strips, place);
        let lacks = |layer: &HistogramLayer| layer.weights.is_some() && !has_gradients(layer);
        let layers = counters.layers.iter().enumerate();
        let without_gradients: Vec<usize> =
            layers.filter(|(_, layer)| lacks(layer)).map(|(index, _)| index).collect();
        for layer in &without_gradients {
            counters.strips.leave_out(encoder, (Quantity::Gradients, *layer), place);
        }
        self.columns.push(Column { step, place, without_gradients });
        self.columns.sort_unstable_by_key(|column| column.step);
        self.stale = true;
    }

    /// A checkpoint of a training that is watched is shown: records its counting.
    pub(super) fn after_checkpoint(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        (trainer, watched): (&Trainer, &Watched),
    ) {
        if !self.on || self.failed {
            return;
        }
        if let Err(error) = self.follow(trainer) {
            log::warn!("there are no histograms: {error}");
            self.failed = true;
            return;
        }
        let step = trainer.clock().step;
        self.columns.retain(|column| column.step != step);
        if self.columns.len() == COLUMNS {
            let mut index = 0;
            self.columns.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
        self.count(encoder, step, |layer| {
            layer.weights.is_some_and(|(offset, _)| watched.has_gradients(offset))
        });
    }

    /// Records the picture, where it is not of the steps that are kept.
    pub(super) fn record(&mut self, encoder: &mut wgpu::CommandEncoder, gpu: &Gpu) {
        if let Some(counters) = &self.counters
            && std::mem::take(&mut self.stale)
        {
            let places: Vec<u32> = self.columns.iter().map(|column| column.place).collect();
            counters.strips.draw(gpu, encoder, &places);
        }
    }

    /// The run is at another moment: steps after it are none of its past.
    pub(super) fn forget(&mut self, trainer: &Trainer) {
        let now = trainer.clock().step;
        self.columns.retain(|column| column.step <= now);
        if self.columns.is_empty() {
            self.doubled = 0;
        }
        self.seen.clear();
        self.generation += 1;
        (self.stale, self.counts) = (true, false);
    }

    /// Another training is watched in the same place: no step is of its past.
    pub(super) fn clear(&mut self, trainer: &Trainer) {
        self.columns.clear();
        self.forget(trainer);
    }

    /// Call after the submit of the encoder.
    pub(super) fn after_submit(&mut self) {
        self.counters.iter_mut().for_each(|counters| counters.ring.after_submit());
    }

    /// Takes in the numbers that have arrived.
    pub(super) fn poll(&mut self) {
        let Some(counters) = &mut self.counters else { return };
        for (generation, bytes) in counters.ring.take() {
            if generation != self.generation {
                continue;
            }
            let numbers: Vec<u32> = bytemuck::pod_collect_to_vec(&bytes);
            let of = |(layer, numbers): (&HistogramLayer, &[u32])| LayerUnits {
                channels: layer.shape.channels as u32,
                silent: numbers[0],
                saturated: [numbers[1], numbers[2]],
            };
            self.seen = counters.layers.iter().zip(numbers.chunks_exact(3)).map(of).collect();
        }
    }
}
