//! GPU memory of a run, known before anything is allocated.

use super::pass::choose_sizes;
use super::{Network, NetworkLayer, TrainerOptions};
use crate::data::{BatchSizes, ImageShape, Residency};
use crate::error::Result;
use crate::gpu::{Gpu, Precision};

/// Bytes of the 16-bit copies of the inputs of all layers, and of the largest output gradient, where the precision asks for them.
fn half_copies(gpu: &Gpu, network: &Network, precision: Precision, slots: u64) -> [u64; 2] {
    if gpu.in_precision(precision).half_products().is_none() {
        return [0; 2];
    }
    // Trained images and probes are filled up to 16 apart.
    let bytes = |values: usize| 2 * values as u64 * (slots.next_multiple_of(16) + 16);
    let all: Vec<_> =
        network.layers.iter().map(|l| l.layer.half_values(&l.input_shapes).map(bytes)).collect();
    [all.iter().map(|copies| copies[0]).sum(), all.iter().map(|copies| copies[1]).max().unwrap_or(0)]
}

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
    /// The image and every layer's output, of one pass, with 16-bit copies in mixed precision.
    pub activations: u64,
    /// Their gradients, with the largest 16-bit copy of one.
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
        let [inputs, gradient] = half_copies(gpu, network, options.precision, slots);
        Ok(Self {
            sizes,
            passes: options.batch.div_ceil(sizes.micro_batch),
            parameters: 4 * values,
            optimizer: 4 * 5 * values,
            activations: nodes.clone().map(map).sum::<u64>() + inputs,
            activation_gradients: nodes.filter(|n| learns[*n]).map(|n| map(n) * copies(n)).sum::<u64>()
                + gradient,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, HalfProducts};
    use crate::nn::Shape;

    #[test]
    fn copies_of_16_bits_take_their_share_in_mixed_precision() {
        let mut gpu = Gpu::open(&AdapterChoice::default()).unwrap();
        let image = ImageShape { channels: 3, height: 32, width: 32 };
        let network = Network::open("revacnn", Shape::from(image), 10).unwrap();
        let plan = |gpu: &Gpu, precision| {
            let options = TrainerOptions { batch: 60, precision, ..TrainerOptions::default() };
            MemoryPlan::of(gpu, &network, &options, (image, 100)).unwrap()
        };
        let full = plan(&gpu, Precision::F32);
        gpu.set_half_products(Some(HalfProducts::Lanes)).unwrap();
        assert_eq!(plan(&gpu, Precision::F32), full, "nothing more unless it is asked for");
        let mixed = plan(&gpu, Precision::Mixed);
        // The first layer has 3 channels. 80 images of 2 bytes: 16 × 16 × 16 and 20 × 8 × 8, filled up to 32 channels; 32 × 16 × 16.
        assert_eq!(mixed.activations - full.activations, 160 * (16 * 256 + 32 * 64));
        assert_eq!(mixed.activation_gradients - full.activation_gradients, 160 * 32 * 256);
    }
}
