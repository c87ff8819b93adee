//! What a run takes of the GPU's memory, known before anything is allocated.

use super::pass::choose_sizes;
use super::{Network, NetworkLayer, TrainerOptions};
use crate::data::{BatchSizes, Holding, ImageShape};
use crate::error::Result;
use crate::gpu::Gpu;

/// Bytes of a run by what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// How the batch is cut into passes.
    pub sizes: BatchSizes,
    /// Number of passes of a step.
    pub passes: usize,
    /// Weights, biases and running statistics.
    pub parameters: u64,
    /// Their gradients (those being summed and those that are shown) and the two moments.
    pub optimizer: u64,
    /// The image and every layer's output, of one pass.
    pub activations: u64,
    /// Their gradients.
    pub activation_gradients: u64,
    /// The data set, a byte a value, or the window of it that streams.
    pub images: u64,
    /// Whether the data set streams.
    pub streams: bool,
}

impl MemoryPlan {
    /// The plan of a network on this adapter, for a data set of so many images.
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
        let holding = Holding::of(gpu, image, images)?;
        let values: u64 = network.layers.iter().map(|layer| layer.parameter_count() as u64).sum();
        let columns = sizes.columns as u64;
        let map = |place: usize| 4 * network.shape_of(place).len() as u64 * columns;
        let places = 0..=network.layers.len();
        let learns = network.learns();
        // An output that several layers take has a gradient for each, and their sum.
        let copies = |place: usize| match network.takers(place).len() {
            0 | 1 => 1,
            takers => takers as u64 + 1,
        };
        Ok(Self {
            sizes,
            passes: options.batch.div_ceil(sizes.micro_batch),
            parameters: 4 * values,
            optimizer: 4 * 4 * values,
            activations: places.clone().map(map).sum(),
            activation_gradients: places.filter(|p| learns[*p]).map(|p| map(p) * copies(p)).sum(),
            images: holding.bytes(image, images),
            streams: matches!(holding, Holding::Window { .. }),
        })
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.parameters + self.optimizer + self.activations + self.activation_gradients + self.images
    }

    /// The layer with the largest output, and the bytes of that in a pass.
    pub fn largest<'n>(&self, network: &'n Network) -> Option<(&'n NetworkLayer, u64)> {
        let bytes = |layer: &NetworkLayer| 4 * layer.output.len() as u64 * self.sizes.columns as u64;
        network.layers.iter().map(|layer| (layer, bytes(layer))).max_by_key(|(_, bytes)| *bytes)
    }
}
