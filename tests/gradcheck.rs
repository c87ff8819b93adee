//! Every kind of layer: its plain-loop twin against central differences.

use revacnn::error::Result;
use revacnn::nn::gradcheck::{STEP, check, check_all};
use revacnn::nn::layers::KINDS;
use revacnn::nn::{Layer, LayerBuild, LayerPlans, Shape, Tensor};

#[test]
fn twins_agree_with_central_differences() {
    let checks = check_all();
    assert!(checks.len() >= 2 * KINDS.len(), "only {} samples", checks.len());
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
    fault: fn(&mut Tensor, &mut Vec<f64>),
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
    fn output(&self, input: Shape) -> Result<Shape> {
        self.layer.output(input)
    }
    fn weights(&self, input: Shape) -> Option<[usize; 4]> {
        self.layer.weights(input)
    }
    fn build(&self, build: &LayerBuild<'_>) -> Result<LayerPlans> {
        self.layer.build(build)
    }
    fn forward_twin(&self, input: &Tensor, parameters: &[f64]) -> Tensor {
        self.layer.forward_twin(input, parameters)
    }
    fn backward_twin(&self, input: &Tensor, parameters: &[f64], gradient: &Tensor) -> (Tensor, Vec<f64>) {
        let (mut input, mut parameters) = self.layer.backward_twin(input, parameters, gradient);
        (self.fault)(&mut input, &mut parameters);
        (input, parameters)
    }
}

#[test]
fn central_differences_find_a_wrong_twin() {
    let faults: [fn(&mut Tensor, &mut Vec<f64>); 4] = [
        |input, _| input.values[3] += 1e-6,
        |input, _| input.values.rotate_left(1),
        |_, parameters| parameters.iter_mut().take(1).for_each(|v| *v += 1e-6),
        |_, parameters| parameters.truncate(parameters.len().saturating_sub(1)),
    ];
    for (i, fault) in faults.into_iter().enumerate() {
        for (layer, input) in KINDS.iter().flat_map(|kind| (kind.samples)()) {
            let has_parameters = layer.weights(input).is_some();
            let faulty = Faulty { layer, fault };
            let found = !check(&faulty, input, 5).passes();
            assert!(found || (i >= 2 && !has_parameters), "{}: fault {i} was not found", faulty.summary());
        }
    }
}
