//! Every layer's backward twin against central differences of its forward twin, in f64.
//!
//! With the loss `L = Σ weights · output`, `∂L/∂x ≈ (L(x + h) − L(x − h)) / 2h` for every input and every parameter `x`;
//! the difference is taken output by output before it is summed, so that little is lost to rounding. The samples
//! keep clear of kinks ([`Tensor::sample`]).

use super::layers::KINDS;
use super::{Layer, Shape, Tensor};

/// Half the width of a central difference.
pub const STEP: f64 = 1e-5;

/// The largest error that a right gradient shows: in f64 a difference over 2e-5 keeps 11 of 16 digits, and the sums
/// of a layer lose one or two more.
pub const TOLERANCE: f64 = 1e-8;

/// How far a layer's gradients are from central differences.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradcheck {
    /// The layer: `conv2d 3×3, 5 filters, pad 1`.
    pub layer: String,
    /// The shape of its input.
    pub input: Shape,
    /// Derivatives that were compared.
    pub derivatives: usize,
    /// Largest error of the input gradient, as a share of its largest value.
    pub input_error: f64,
    /// Largest error of the parameter gradients, as a share of their largest value; 0 without parameters.
    pub parameter_error: f64,
}

impl Gradcheck {
    /// Whether both errors are within [`TOLERANCE`] (NaN is not).
    pub fn passes(&self) -> bool {
        self.input_error <= TOLERANCE && self.parameter_error <= TOLERANCE
    }
}

/// Checks every sample of every kind of layer.
pub fn check_all() -> Vec<Gradcheck> {
    let samples = KINDS.iter().flat_map(|kind| (kind.samples)());
    samples.enumerate().map(|(i, (layer, input))| check(&*layer, input, i as u64)).collect()
}

/// Checks one layer on sample values of `seed`, with three images.
///
/// # Panics
/// When `input` is not a shape that the layer takes.
pub fn check(layer: &dyn Layer, input: Shape, seed: u64) -> Gradcheck {
    let output = layer.output(input).expect("the sample fits the layer");
    let x = Tensor::sample(input, 3, 3 * seed);
    let parameters = sample_parameters(layer, input, 3 * seed + 1);
    let weights = Tensor::sample(output, 3, 3 * seed + 2);
    let (input_gradient, parameter_gradient) = layer.backward_twin(&x, &parameters, &weights);

    let difference = |high: Tensor, low: Tensor| {
        let changes = high.values.iter().zip(&low.values).zip(&weights.values);
        changes.map(|((high, low), weight)| weight * (high - low)).sum::<f64>() / (2.0 * STEP)
    };
    let shifted_input = |i: usize, step: f64| {
        let mut shifted = x.clone();
        shifted.values[i] += step;
        layer.forward_twin(&shifted, &parameters)
    };
    let shifted_parameter = |i: usize, step: f64| {
        let mut shifted = parameters.clone();
        shifted[i] += step;
        layer.forward_twin(&x, &shifted)
    };
    let by_input: Vec<f64> =
        (0..x.values.len()).map(|i| difference(shifted_input(i, STEP), shifted_input(i, -STEP))).collect();
    let by_parameter: Vec<f64> = (0..parameters.len())
        .map(|i| difference(shifted_parameter(i, STEP), shifted_parameter(i, -STEP)))
        .collect();
    Gradcheck {
        layer: format!("{} {}", layer.kind(), layer.summary()),
        input,
        derivatives: by_input.len() + by_parameter.len(),
        input_error: relative_error(&input_gradient.values, &by_input),
        parameter_error: relative_error(&parameter_gradient, &by_parameter),
    }
}

/// Sample weights, then biases, for a layer on an input of this shape; empty where it has none.
pub fn sample_parameters(layer: &dyn Layer, input: Shape, seed: u64) -> Vec<f64> {
    let Some(weights) = layer.weights(input) else { return Vec::new() };
    Tensor::sample(Shape::new(weights.iter().product::<usize>() + weights[0], 1, 1), 1, seed).values
}

/// The largest difference, as a share of the largest value of `expected`; infinite where the lengths differ or a
/// value is not finite.
fn relative_error(values: &[f64], expected: &[f64]) -> f64 {
    if values.len() != expected.len() || values.iter().chain(expected).any(|v| !v.is_finite()) {
        return f64::INFINITY;
    }
    let largest = expected.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    let error = values.iter().zip(expected).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
    if error == 0.0 { 0.0 } else { error / largest }
}
