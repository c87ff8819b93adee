//! Histograms of a trainer's steps.

use super::Trainer;
use crate::error::Result;
use crate::nn::histograms::{HistogramLayer, HistogramSources, Histograms};

/// Activation functions, whose outputs are counted beside those of layers with weights.
const FUNCTIONS: [&str; 10] = [
    "relu",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "hard_swish",
    "hard_sigmoid",
    "hardtanh",
    "sigmoid",
    "tanh",
];

impl Trainer {
    /// The layers whose histograms are counted: those with weights, and activation functions.
    pub fn histogram_layers(&self) -> Vec<HistogramLayer> {
        let layers = self.network.layers.iter().enumerate();
        let of = |(index, layer): (usize, &crate::nn::NetworkLayer)| {
            let weights = self.weights(index + 1);
            let weights = weights.map(|v| (v.offset as usize, v.extents.iter().product::<u32>() as usize));
            let kind = layer.layer.kind();
            let saturates = ["", "sigmoid", "tanh"].iter().position(|name| *name == kind).unwrap_or(0) as u32;
            let counts = weights.is_some() || FUNCTIONS.contains(&kind);
            counts.then_some(HistogramLayer { node: index + 1, shape: layer.output, weights, saturates })
        };
        layers.filter_map(of).collect()
    }

    /// Dispatches that count the histograms of a step in the present buffers, after it.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn histograms(&self, layers: &[HistogramLayer]) -> Result<Histograms> {
        let maps = &self.pass.maps;
        let sources = HistogramSources {
            samples: maps.samples.clone(),
            activations: &maps.activations,
            quads: [maps.sizes.slots / 4, maps.sizes.train_slots / 4],
            parameters: &self.parameters,
            left_out: &self.pass.left_out,
        };
        Histograms::new(self.gpu(), layers, &sources)
    }
}
