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
    Differences::measure(layer, inputs, mode, seed).check(layer)
}

/// Central differences of a layer's forward twin at sample values, against which backward twins are checked.
pub struct Differences {
    shapes: Vec<Shape>,
    mode: Mode,
    x: Vec<Tensor>,
    parameters: Vec<Vec<f64>>,
    /// Weights of the output in the loss.
    weights: Tensor,
    by_input: Vec<f64>,
    by_parameter: Vec<f64>,
}

impl Differences {
    /// Those of a layer on sample values of `seed`, with three images.
    ///
    /// # Panics
    /// When `shapes` are not shapes that the layer takes.
    pub fn measure(layer: &dyn Layer, shapes: &[Shape], mode: Mode, seed: u64) -> Self {
        let output = layer.output(shapes).expect("the sample fits the layer");
        let mut of = Self {
            shapes: shapes.to_vec(),
            mode,
            x: sample_inputs(shapes, 3, 3 * seed),
            parameters: sample_parameters(layer, shapes, 3 * seed + 1),
            weights: Tensor::sample(output, 3, 3 * seed + 2),
            by_input: Vec::new(),
            by_parameter: Vec::new(),
        };
        for input in 0..of.x.len() {
            for i in 0..of.x[input].values.len() {
                let difference = of.at(layer, |of| &mut of.x[input].values[i]);
                of.by_input.push(difference);
            }
        }
        for tensor in trained(&layer.parameters(shapes)) {
            for i in 0..of.parameters[tensor].len() {
                let difference = of.at(layer, |of| &mut of.parameters[tensor][i]);
                of.by_parameter.push(difference);
            }
        }
        of
    }

    /// The difference quotient of the loss by one value.
    fn at(&mut self, layer: &dyn Layer, value: impl Fn(&mut Self) -> &mut f64) -> f64 {
        let middle = *value(self);
        let [high, low] = [STEP, -STEP].map(|step| {
            *value(self) = middle + step;
            layer.forward_twin(&self.call())
        });
        *value(self) = middle;
        let changes = high.values.iter().zip(&low.values).zip(&self.weights.values);
        changes.map(|((high, low), weight)| weight * (high - low)).sum::<f64>() / (2.0 * STEP)
    }

    fn call(&self) -> TwinCall<'_> {
        TwinCall { inputs: &self.x, parameters: &self.parameters, mode: self.mode }
    }

    /// Checks the backward twin of a layer with the same forward twin.
    pub fn check(&self, layer: &dyn Layer) -> Gradcheck {
        let specs = layer.parameters(&self.shapes);
        let made = layer.backward_twin(&self.call(), &self.weights);
        let by_trained: Vec<&[f64]> = if made.parameters.len() == specs.len() {
            trained(&specs).map(|tensor| &made.parameters[tensor][..]).collect()
        } else {
            Vec::new()
        };
        let flat: Vec<f64> = made.inputs.iter().flat_map(|t| &t.values).copied().collect();
        Gradcheck {
            layer: format!("{} {}", layer.kind(), layer.summary()),
            inputs: self.shapes.clone(),
            mode: self.mode,
            derivatives: self.by_input.len() + self.by_parameter.len(),
            input_error: relative_error(&flat, &self.by_input),
            parameter_error: relative_error(&by_trained.concat(), &self.by_parameter),
        }
    }
}

/// Indices of the parameters that are trained.
fn trained(specs: &[ParameterSpec]) -> impl Iterator<Item = usize> + use<> {
    let trained = |(index, spec): (usize, &ParameterSpec)| (spec.role != Role::Buffer).then_some(index);
    specs.iter().enumerate().filter_map(trained).collect::<Vec<_>>().into_iter()
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
