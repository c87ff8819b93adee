//! A state of a network that another program trained.

/// The flat buffers of a network at a step of a training elsewhere, laid out as [`Parameters`](super::Parameters).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShownState {
    /// Parameters.
    pub values: Vec<f32>,
    /// Gradients of the step, 0 where there are none.
    pub gradients: Vec<f32>,
    /// First elements of the tensors that have gradients, in their order.
    pub with_gradients: Vec<usize>,
    /// First moments of the optimizer.
    pub moments: Vec<f32>,
    /// Second moments.
    pub second_moments: Vec<f32>,
    /// Steps finished.
    pub step: u32,
    /// Epochs with their fraction.
    pub epochs: f64,
}
