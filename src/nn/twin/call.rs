//! Input and result of a layer's twin.

use crate::nn::shape::Shape;
use crate::nn::tensor::Tensor;

/// Mode of a pass. The trained slots of a training pass are in training; the probes, and all slots of an
/// evaluation, are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout drops, normalization uses the batch's statistics.
    Training(RngKey),
    /// Dropout passes values on, normalization uses running statistics.
    Evaluation,
}

/// Key of the random numbers of a layer: each is a function of the key and of the element alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RngKey {
    /// The run's seed, low and high word.
    pub seed: [u32; 2],
    /// Steps finished.
    pub step: u32,
    /// The layer's number.
    pub layer: u32,
    /// Position in the batch of the first image.
    pub first: u32,
}

/// Input of a layer's twin.
#[derive(Debug, Clone, Copy)]
pub struct TwinCall<'a> {
    /// The inputs, of as many images each.
    pub inputs: &'a [Tensor],
    /// The parameter tensors, in the order of [`Layer::parameters`](crate::nn::Layer::parameters).
    pub parameters: &'a [Vec<f64>],
    /// Mode of the pass.
    pub mode: Mode,
}

impl TwinCall<'_> {
    /// Shapes of the inputs.
    pub fn shapes(&self) -> Vec<Shape> {
        self.inputs.iter().map(|input| input.shape).collect()
    }
}

/// Result of a backward twin.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinGradients {
    /// Gradient of each input.
    pub inputs: Vec<Tensor>,
    /// Gradient of each parameter tensor; of running statistics, the amount that a batch of these images subtracts.
    pub parameters: Vec<Vec<f64>>,
}

impl TwinGradients {
    /// Gradients of a layer with one input and no parameters.
    pub fn of_input(input: Tensor) -> Self {
        Self { inputs: vec![input], parameters: Vec::new() }
    }
}
