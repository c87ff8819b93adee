//! GPU memory of a run, known before anything is allocated.

use super::pass::choose_sizes;
use super::{Network, NetworkLayer, TrainerOptions};
use crate::data::{BatchSizes, ImageShape, Residency};
use crate::error::Result;
use crate::gpu::Gpu;

/// Bytes of a run by purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Sizes of the batch and its passes.
    pub sizes: BatchSizes,
    /// Number of passes of a step.
    pub passes: usize,
    /// Weights, biases and running statistics.
    pub parameters: u64,
    /// Their gradients (those being summed and those shown), the two moments and the average.
    pub optimizer: u64,
    /// The image and every layer's output, of one pass.
    pub activations: u64,
    /// Their gradients.
    pub activation_gradients: u64,
    /// The data set, one byte per value, or the window of it that streams.
    pub images: u64,
    /// True if the data set streams.
    pub streams: bool,
}

impl MemoryPlan {
    /// Memory plan of a network on this adapter, for a data set of `images` images.
    ///
    /// # Errors
    /// When a map does not fit the adapter even with the smallest pass; what is too large is named.
    pub fn of(
        gpu: &Gpu,
        network: &Network,
        options: &TrainerOptions,
        (image, images): (ImageShape, usize),
    ) -> Result<Self> {
        let sizes = choose_sizes(gpu, network, options)?;
        let residency = Residency::of(gpu, image, images)?;
        let values: u64 = network.layers.iter().map(|layer| layer.parameter_count() as u64).sum();
        let slots = sizes.slots as u64;
        let map = |node: usize| 4 * network.shape_of(node).len() as u64 * slots;
        let nodes = 0..=network.layers.len();
        let learns = network.learns();
        // A node with several consumers has a gradient for each, and their sum.
        let consumers = network.consumers();
        let copies = |node: usize| match consumers[node].len() {
            0 | 1 => 1,
            consumers => consumers as u64 + 1,
        };
        Ok(Self {
            sizes,
            passes: options.batch.div_ceil(sizes.micro_batch),
            parameters: 4 * values,
            optimizer: 4 * 5 * values,
            activations: nodes.clone().map(map).sum(),
            activation_gradients: nodes.filter(|n| learns[*n]).map(|n| map(n) * copies(n)).sum(),
            images: residency.bytes(image, images),
            streams: matches!(residency, Residency::Window { .. }),
        })
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.parameters + self.optimizer + self.activations + self.activation_gradients + self.images
    }

    /// The layer with the largest output, and the bytes of that output in a pass.
    pub fn largest<'n>(&self, network: &'n Network) -> Option<(&'n NetworkLayer, u64)> {
        let bytes = |layer: &NetworkLayer| 4 * layer.output.len() as u64 * self.sizes.slots as u64;
        network.layers.iter().map(|layer| (layer, bytes(layer))).max_by_key(|(_, bytes)| *bytes)
    }
}
