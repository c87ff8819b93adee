//! The buffers of a pass, whose sizes depend on the batch.

use crate::data::{BatchSizes, HeldOutImages, Sample};
use crate::gpu::{Buffer, BufferRange, Gpu, TensorView};
use crate::nn::{BatchExtent, Network, Shape};

/// Buffers of a pass; activations are `[c, y, x, n]`, the probes in the last slots.
pub(in crate::nn) struct Maps {
    /// Sizes of the batch.
    pub sizes: BatchSizes,
    /// Drawn samples, one per slot.
    pub samples: BufferRange,
    /// Activations by node: the input, then each layer's output.
    pub activations: Vec<BufferRange>,
    /// Gradients by node; none for the input and for all below the first weights.
    pub gradients: Vec<Option<BufferRange>>,
    /// Class probabilities `[class, n]`.
    pub probabilities: BufferRange,
    /// Loss and correctness of each slot.
    pub results: BufferRange,
}

impl Maps {
    /// Buffers for a network.
    pub(crate) fn new(gpu: &Gpu, network: &Network, sizes: BatchSizes) -> Self {
        let maps =
            |label: &str, shape: Shape| Buffer::<f32>::zeroed(gpu, label, shape.len() * sizes.slots).range();
        let learns = network.learns();
        let label = |node: usize| if node == 0 { "input" } else { &network.layers[node - 1].name };
        let map = |node: usize| maps(label(node), network.shape_of(node));
        let nodes = 0..=network.layers.len();
        Self {
            sizes,
            samples: Buffer::<Sample>::zeroed(gpu, "samples", sizes.slots).range(),
            activations: nodes.clone().map(map).collect(),
            gradients: nodes.map(|node| learns[node].then(|| map(node))).collect(),
            probabilities: maps("probabilities", Shape::new(network.classes, 1, 1)),
            results: Buffer::<[f32; 2]>::zeroed(gpu, "results", sizes.slots).range(),
        }
    }

    /// Buffers for forward passes of images that stay the same.
    pub(super) fn fixed(gpu: &Gpu, network: &Network, images: &HeldOutImages) -> Self {
        let slots = images.sizes.slots;
        let map = |node: usize| {
            Buffer::<f32>::zeroed(gpu, "held-out maps", network.shape_of(node).len() * slots).range()
        };
        let nodes = 1..=network.layers.len();
        Self {
            sizes: images.sizes,
            samples: images.samples.clone(),
            activations: std::iter::once(images.input.clone()).chain(nodes.map(map)).collect(),
            gradients: vec![None; network.layers.len() + 1],
            probabilities: Buffer::<f32>::zeroed(gpu, "held-out probabilities", network.classes * slots)
                .range(),
            results: Buffer::<[f32; 2]>::zeroed(gpu, "held-out results", slots).range(),
        }
    }

    /// Extent of the batch in quads.
    pub(crate) fn extent(&self) -> BatchExtent {
        BatchExtent { train_quads: self.sizes.train_slots / 4, quads: self.sizes.slots / 4 }
    }

    /// View of one probe's maps, one tile per channel.
    pub(crate) fn view(&self, range: &BufferRange, shape: Shape, probe: usize) -> TensorView {
        let n = self.sizes.slots as u32;
        let (height, width) = (shape.height as u32, shape.width as u32);
        TensorView {
            buffer: range.buffer.clone(),
            offset: (self.sizes.train_slots + probe) as u32,
            extents: [shape.channels as u32, 1, height, width],
            strides: [height * width * n, 0, width * n, n],
        }
    }
}
