//! Two small networks for the synthetic data.

use revacnn::nn::{Network, Shape};

use super::data::CLASSES;

/// Convolution, rectifier, pooling and dense layers, all sizes odd.
pub(crate) const NETWORK: &str = r#"
[[layer]]
kind = "conv2d"
filters = 6
kernel = 3
padding = 1
[[layer]]
kind = "relu"
[[layer]]
kind = "max_pool2d"
size = 3
stride = 2
[[layer]]
kind = "conv2d"
filters = 7
kernel = 2
[[layer]]
kind = "relu"
[[layer]]
kind = "dense"
"#;

/// A residual network with everything that depends on the mode, on the draw, or on more than one input.
pub(crate) const GRAPH: &str = r#"
[[layer]]
kind = "conv2d"
name = "stem"
filters = 4
kernel = 3
padding = 1
[[layer]]
kind = "batch_norm"
[[layer]]
kind = "relu"
name = "trunk"
[[layer]]
kind = "conv2d"
filters = 4
kernel = 3
padding = 1
groups = 2
[[layer]]
kind = "dropout"
name = "branch"
rate = 0.25
[[layer]]
kind = "add"
name = "sum"
inputs = ["trunk", "branch"]
[[layer]]
kind = "concat"
inputs = ["sum", "trunk", "input", "stem"]
[[layer]]
kind = "avg_pool2d"
size = 3
stride = 2
padding = 1
[[layer]]
kind = "dense"
"#;

/// The residual network for the synthetic data.
pub(crate) fn graph() -> Network {
    Network::parse(GRAPH, Shape::new(2, 9, 7), CLASSES).unwrap()
}

/// The test network for the synthetic data.
pub(crate) fn network() -> Network {
    Network::parse(NETWORK, Shape::new(2, 9, 7), CLASSES).unwrap()
}
