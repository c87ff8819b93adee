//! Description of a network's nodes for a user interface, and the tensors of each that can be shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Network, Trainer};
use crate::gpu::TensorView;

/// A tensor of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TensorKind {
    /// Activation maps of the pinned probe.
    Activations,
    /// Filters.
    Weights,
    /// Gradients of the filters.
    WeightGradients,
    /// Gradients of the pinned probe's activation maps.
    ActivationGradients,
}

/// A node of the network graph: the input, or a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Its name: `conv1`.
    pub name: String,
    /// Type of layer: `conv2d`; `input` for the first node.
    pub kind: &'static str,
    /// Channels, height and width of its output.
    pub output: [usize; 3],
    /// Number of weights and biases.
    pub parameters: usize,
    /// Its settings in a few words.
    pub summary: String,
}

impl LayerInfo {
    /// The nodes of a network, the input first.
    pub fn of(network: &Network) -> Vec<Self> {
        let shape = network.input;
        let mut nodes = vec![Self {
            name: "input".to_owned(),
            kind: "input",
            output: [shape.channels, shape.height, shape.width],
            parameters: 0,
            summary: shape.to_string(),
        }];
        nodes.extend(network.layers.iter().map(|layer| Self {
            name: layer.name.clone(),
            kind: layer.layer.kind(),
            output: [layer.output.channels, layer.output.height, layer.output.width],
            parameters: layer.parameter_count(),
            summary: layer.layer.summary(),
        }));
        nodes
    }
}

/// Name of a node: 0 is the input, n is layer n − 1.
pub fn node_name(network: &Network, node: usize) -> Option<&str> {
    match node.checked_sub(1) {
        None => Some("input"),
        Some(layer) => network.layers.get(layer).map(|layer| layer.name.as_str()),
    }
}

impl Trainer {
    /// Tiles of a node's tensor: the pinned probe's maps (a channel a tile; the input is one tile of all its channels), or the
    /// filters. None where the node has no such tensor.
    pub fn tensor(&self, node: usize, kind: TensorKind) -> Option<TensorView> {
        let mut view = match kind {
            TensorKind::Activations => Some(self.activations(node, 0)),
            TensorKind::ActivationGradients => self.activation_gradients(node, 0),
            TensorKind::Weights => self.weights(node),
            TensorKind::WeightGradients => self.weight_gradients(node),
        }?;
        if node == 0 {
            (view.extents[0], view.extents[1]) = (1, view.extents[0]);
            view.strides[1] = view.strides[0];
        }
        Some(view)
    }
}
