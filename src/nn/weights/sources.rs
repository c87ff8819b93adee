//! The names of the tensors that a network takes from a file of weights.

use crate::data::{NamedTensor, NamedTensors};
use crate::error::Result;
use crate::nn::{Model, Network};

/// Label of the first tensor: above the values that a parameter has where the file holds none, 0 and 1.
const FIRST: usize = 2;

impl Model {
    /// Name of the tensor of `file` that each parameter takes, by layer, in the order of [`crate::nn::Layer::parameters`]; none for one
    /// that the file does not hold, such as the bias of a layer without one. Files with the same names and shapes have the same.
    ///
    /// # Errors
    /// As those of [`Model::of_weights`].
    pub fn sources(network: Network, file: &NamedTensors) -> Result<Vec<Vec<Option<String>>>> {
        // Tensors that hold their own number: where a parameter has got it, it comes from there.
        let labeled = |(at, tensor): (usize, &NamedTensor)| NamedTensor {
            values: vec![(at + FIRST) as f32; tensor.values.len()],
            ..tensor.clone()
        };
        let tensors = file.tensors.iter().enumerate().map(labeled).collect();
        let labels = NamedTensors { tensors, is_ordered: file.is_ordered };
        let name = |values: Vec<f32>| {
            let label = values.first().map_or(0, |value| *value as usize);
            label.checked_sub(FIRST).map(|at| file.tensors[at].name.clone())
        };
        let weights = Self::of_weights(network, &labels, None)?.weights;
        Ok(weights.into_iter().map(|layer| layer.into_iter().map(name).collect()).collect())
    }
}
