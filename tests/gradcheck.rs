//! Every kind of layer: its plain-loop twin against central differences.

use revacnn::error::Result;
use revacnn::nn::gradcheck::{Differences, STEP, check_all, sample_inputs, sample_parameters};
use revacnn::nn::layers::KINDS;
use revacnn::nn::twin::{Mode, RngKey, TwinCall, TwinGradients};
use revacnn::nn::{Layer, LayerBuild, LayerPlans, ParameterSpec, Shape, Tensor};

#[test]
fn twins_agree_with_central_differences() {
    let checks = check_all();
    assert!(checks.len() >= 4 * KINDS.len(), "only {} samples", checks.len());
    for check in checks {
        assert!(check.passes(), "{check:?}");
        assert!(check.derivatives > 30, "{check:?}");
    }
}

#[test]
fn samples_keep_clear_of_kinks() {
    let mut sizes: Vec<f64> =
        Tensor::sample(Shape::new(5, 9, 6), 3, 7).values.iter().map(|v| v.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let nearest = sizes.windows(2).map(|pair| pair[1] - pair[0]).fold(sizes[0], f64::min);
    assert!(nearest > 10.0 * STEP, "two values are {nearest} apart, or one is that near 0");
}

/// A layer whose backward twin has a fault.
struct Faulty {
    layer: Box<dyn Layer>,
    fault: fn(&mut TwinGradients),
}

impl Layer for Faulty {
    fn kind(&self) -> &'static str {
        self.layer.kind()
    }
    fn short_name(&self) -> &'static str {
        self.layer.short_name()
    }
    fn summary(&self) -> String {
        self.layer.summary()
    }
    fn settings(&self) -> toml::Table {
        self.layer.settings()
    }
    fn output(&self, inputs: &[Shape]) -> Result<Shape> {
        self.layer.output(inputs)
    }
    fn parameters(&self, inputs: &[Shape]) -> Vec<ParameterSpec> {
        self.layer.parameters(inputs)
    }
    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.layer.build(build)
    }
    fn forward_twin(&self, call: &TwinCall<'_>) -> Tensor {
        self.layer.forward_twin(call)
    }
    fn backward_twin(&self, call: &TwinCall<'_>, gradient: &Tensor) -> TwinGradients {
        let mut made = self.layer.backward_twin(call, gradient);
        (self.fault)(&mut made);
        made
    }
}

#[test]
fn central_differences_find_a_wrong_twin() {
    let faults: [fn(&mut TwinGradients); 4] = [
        |made| made.inputs[0].values[3] += 1e-6,
        |made| made.inputs.last_mut().unwrap().values.rotate_left(1),
        |made| made.parameters.iter_mut().take(1).for_each(|tensor| tensor[0] += 1e-6),
        |made| made.parameters.iter_mut().take(1).for_each(|tensor| tensor.truncate(tensor.len() - 1)),
    ];
    let modes = [Mode::Evaluation, Mode::Training(RngKey::default())];
    for (index, (layer, shapes)) in KINDS.iter().flat_map(|kind| (kind.samples)()).enumerate() {
        let has_parameters = !layer.parameters(&shapes).is_empty();
        let differences = Differences::measure(&*layer, &shapes, modes[index % 2], 5);
        let mut faulty = Faulty { layer, fault: |_| () };
        assert!(differences.check(&faulty).passes(), "{}: without a fault", faulty.summary());
        for (i, fault) in faults.into_iter().enumerate() {
            faulty.fault = fault;
            let found = !differences.check(&faulty).passes();
            assert!(found || (i >= 2 && !has_parameters), "{}: fault {i} was not found", faulty.summary());
        }
    }
}

/// True if, in an evaluation, every output value is a function of the input value at the same index alone, and is not that value.
fn changes_values_one_by_one(layer: &dyn Layer, shapes: &[Shape]) -> bool {
    if shapes.len() != 1 || layer.output(shapes).unwrap() != shapes[0] {
        return false;
    }
    let mut inputs = sample_inputs(shapes, 2, 8);
    let parameters = sample_parameters(layer, shapes, 9);
    let output = |inputs: &[Tensor]| {
        layer.forward_twin(&TwinCall { inputs, parameters: &parameters, mode: Mode::Evaluation }).values
    };
    let before = output(&inputs);
    let changed = (0..before.len()).all(|i| {
        let value = inputs[0].values[i];
        inputs[0].values[i] = 1.5 * value;
        let after = output(&inputs);
        inputs[0].values[i] = value;
        (0..before.len()).all(|j| j == i || after[j] == before[j])
    });
    changed && before != inputs[0].values
}

#[test]
fn elementwise_layers_say_so() {
    let mut elementwise = 0;
    for (layer, shapes) in KINDS.iter().flat_map(|kind| (kind.samples)()) {
        assert_eq!(
            layer.is_elementwise(),
            changes_values_one_by_one(&*layer, &shapes),
            "{} on {shapes:?}",
            layer.kind()
        );
        elementwise += usize::from(layer.is_elementwise());
    }
    assert!(elementwise >= 14, "six activation functions and batch normalization, two samples each");
}
