//! What the panes need to know of each layer.

use serde::{Deserialize, Serialize};

use crate::nn::Network;

/// Which of a layer's tensors is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TensorKind {
    /// The pinned probe's activation maps.
    Activations,
    /// The filters.
    Weights,
    /// The filters' gradients.
    WeightGradients,
    /// The gradients of the pinned probe's activation maps.
    ActivationGradients,
}

/// One column of the Network pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInfo {
    /// Its name: `conv1`.
    pub name: String,
    /// The field's name for it: `conv2d`; `input` for the first column.
    pub kind: &'static str,
    /// Channels, height and width of its output.
    pub output: [usize; 3],
    /// Weights and biases.
    pub parameters: usize,
    /// Its settings in a few words.
    pub summary: String,
}

/// The columns of a network, the input first.
pub(super) fn describe(network: &Network) -> Vec<LayerInfo> {
    let shape = network.input;
    let mut columns = vec![LayerInfo {
        name: "input".to_owned(),
        kind: "input",
        output: [shape.channels, shape.height, shape.width],
        parameters: 0,
        summary: shape.to_string(),
    }];
    columns.extend(network.layers.iter().map(|place| LayerInfo {
        name: place.name.clone(),
        kind: place.layer.kind(),
        output: [place.output.channels, place.output.height, place.output.width],
        parameters: place.parameter_count(),
        summary: place.layer.summary(),
    }));
    columns
}
