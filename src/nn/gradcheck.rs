//! Every layer's backward twin against central differences of its forward twin, in f64.
//!
//! With the loss `L = Σ weights · output`, `∂L/∂x ≈ (L(x + h) − L(x − h)) / 2h` for every input and every parameter `x`;
//! the difference is taken output by output before it is summed, so that little is lost to rounding. The samples
//! keep clear of kinks ([`Tensor::sample`]).

use super::layers::KINDS;
use super::twin::{Mode, RngKey, TwinCall};
use super::{Layer, ParameterSpec, Role, Shape, Tensor};

/// Half the width of a central difference.
pub const STEP: f64 = 1e-5;

/// Largest error of a correct gradient: in f64 a difference over 2e-5 keeps 11 of 16 digits, and the sums
/// of a layer lose one or two more.
pub const TOLERANCE: f64 = 1e-8;

/// Errors of a layer's gradients against central differences.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradcheck {
    /// The layer: `conv2d 3×3, 5 filters, pad 1`.
    pub layer: String,
    /// The shapes of its inputs.
    pub inputs: Vec<Shape>,
    /// Mode of the pass.
    pub mode: Mode,
    /// Number of derivatives compared.
    pub derivatives: usize,
    /// Largest error of the input gradient, as a share of its largest value.
    pub input_error: f64,
    /// Largest error of the parameter gradients, as a share of their largest value; 0 without parameters.
    pub parameter_error: f64,
}

impl Gradcheck {
    /// True if both errors are within [`TOLERANCE`] (NaN is not).
    pub fn passes(&self) -> bool {
        self.input_error <= TOLERANCE && self.parameter_error <= TOLERANCE
    }
}

/// Checks every sample of every kind of layer, in training and in evaluation.
pub fn check_all() -> Vec<Gradcheck> {
    let samples = KINDS.iter().flat_map(|kind| (kind.samples)());
    let modes = [Mode::Training(KEY), Mode::Evaluation];
    samples
        .enumerate()
        .flat_map(|(i, (layer, inputs))| modes.map(|mode| check(&*layer, &inputs, mode, i as u64)))
        .collect()
}

/// Random key of a check.
const KEY: RngKey = RngKey { seed: [7, 1], step: 3, layer: 2, first: 5 };

/// Checks one layer on sample values of `seed`, with three images.
///
/// # Panics
/// When `inputs` are not shapes that the layer takes.
pub fn check(layer: &dyn Layer, inputs: &[Shape], mode: Mode, seed: u64) -> Gradcheck {
    let output = layer.output(inputs).expect("the sample fits the layer");
    let mut x = sample_inputs(inputs, 3, 3 * seed);
    let mut parameters = sample_parameters(layer, inputs, 3 * seed + 1);
    let weights = Tensor::sample(output, 3, 3 * seed + 2);
    let forward = |inputs: &[Tensor], parameters: &[Vec<f64>]| {
        layer.forward_twin(&TwinCall { inputs, parameters, mode })
    };
    let difference = |high: Tensor, low: Tensor| {
        let changes = high.values.iter().zip(&low.values).zip(&weights.values);
        changes.map(|((high, low), weight)| weight * (high - low)).sum::<f64>() / (2.0 * STEP)
    };
    let mut by_input = Vec::new();
    for input in 0..x.len() {
        for i in 0..x[input].values.len() {
            let middle = x[input].values[i];
            let [high, low] = [STEP, -STEP].map(|step| {
                x[input].values[i] = middle + step;
                forward(&x, &parameters)
            });
            x[input].values[i] = middle;
            by_input.push(difference(high, low));
        }
    }
    let mut by_parameter = Vec::new();
    let specs = layer.parameters(inputs);
    let trained = |tensor: &usize| specs[*tensor].role != Role::Buffer;
    for tensor in (0..specs.len()).filter(trained) {
        for i in 0..parameters[tensor].len() {
            let middle = parameters[tensor][i];
            let [high, low] = [STEP, -STEP].map(|step| {
                parameters[tensor][i] = middle + step;
                forward(&x, &parameters)
            });
            parameters[tensor][i] = middle;
            by_parameter.push(difference(high, low));
        }
    }
    let made = layer.backward_twin(&TwinCall { inputs: &x, parameters: &parameters, mode }, &weights);
    let by_trained: Vec<&[f64]> = if made.parameters.len() == specs.len() {
        (0..specs.len()).filter(trained).map(|tensor| &made.parameters[tensor][..]).collect()
    } else {
        Vec::new()
    };
    let flat: Vec<f64> = made.inputs.iter().flat_map(|t| &t.values).copied().collect();
    Gradcheck {
        layer: format!("{} {}", layer.kind(), layer.summary()),
        inputs: inputs.to_vec(),
        mode,
        derivatives: by_input.len() + by_parameter.len(),
        input_error: relative_error(&flat, &by_input),
        parameter_error: relative_error(&by_trained.concat(), &by_parameter),
    }
}

/// Sample inputs of these shapes.
pub fn sample_inputs(shapes: &[Shape], images: usize, seed: u64) -> Vec<Tensor> {
    let one = |(i, shape): (usize, &Shape)| Tensor::sample(*shape, images, seed + 1000 * i as u64);
    shapes.iter().enumerate().map(one).collect()
}

/// Sample parameter tensors for a layer on inputs of these shapes; running statistics are above 0, as variances are.
pub fn sample_parameters(layer: &dyn Layer, inputs: &[Shape], seed: u64) -> Vec<Vec<f64>> {
    let specs = layer.parameters(inputs);
    let all = specs.iter().map(ParameterSpec::len).sum();
    let mut values = Tensor::sample(Shape::new(all, 1, 1), 1, seed).values.into_iter();
    let tensor = |spec: &ParameterSpec| {
        let values = values.by_ref().take(spec.len());
        if spec.role == Role::Buffer { values.map(f64::abs).collect() } else { values.collect() }
    };
    specs.iter().map(tensor).collect()
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
