//! The twins against PyTorch: what it computed in f64 for each layer, loss and optimizer, kept in
//! `tests/vectors/pytorch.safetensors` (made by `tests/vectors/make.py`).

use std::path::Path;

use revacnn::nn::layers::KINDS;
use revacnn::nn::twin::{self, Mode, RngKey, StepContext, Treatment, TwinCall, TwinState};
use revacnn::nn::{Hyper, Loss, OptimizerKind, Role, Shape, StepsPerEpoch, Tensor};
use safetensors::SafeTensors;
use serde_json::Value;

/// Both sides compute in f64, with sums of some ten terms in another order.
const TOLERANCE: f64 = 1e-12;

struct Vectors {
    bytes: Vec<u8>,
    cases: Vec<Value>,
}

impl Vectors {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/pytorch.safetensors");
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let cases = metadata.metadata().as_ref().unwrap()["cases"].clone();
        Self { bytes, cases: serde_json::from_str(&cases).unwrap() }
    }

    fn of(&self, case: &str) -> Vec<&Value> {
        self.cases.iter().filter(|c| c["case"] == case).collect()
    }

    fn get(&self, case: &Value, name: &str) -> Vec<f64> {
        let name = format!("{}.{name}", case["name"].as_str().unwrap());
        let stored = SafeTensors::deserialize(&self.bytes).unwrap();
        let found = stored.tensor(&name).unwrap_or_else(|_| panic!("there is no {name}"));
        bytemuck::pod_collect_to_vec(found.data())
    }
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn shape(value: &Value) -> Shape {
    let extents: Vec<usize> = value.as_array().unwrap().iter().map(count).collect();
    Shape::new(extents[0], extents[1], extents[2])
}

fn table(value: &Value) -> toml::Table {
    toml::Table::try_from(value).unwrap()
}

#[track_caller]
fn assert_same(what: &str, made: &[f64], expected: &[f64]) {
    assert_eq!(made.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f64, |most, v| most.max(v.abs()));
    for (i, (made, expected)) in made.iter().zip(expected).enumerate() {
        let error = (made - expected).abs();
        assert!(error <= TOLERANCE * largest, "{what}, value {i}: {made} and not {expected}");
    }
}

#[test]
fn layers_are_those_of_pytorch() {
    let vectors = Vectors::read();
    let cases = vectors.of("layer");
    for kind in KINDS.iter().filter(|kind| kind.kind != "dropout") {
        assert!(cases.iter().any(|case| case["kind"] == kind.kind), "there is no vector of {}", kind.kind);
    }
    for case in cases {
        let kind = KINDS.iter().find(|kind| case["kind"] == kind.kind).unwrap();
        let layer = (kind.parse)(table(&case["settings"]), 10).unwrap();
        let shapes: Vec<Shape> = case["shapes"].as_array().unwrap().iter().map(shape).collect();
        let images = count(&case["images"]);
        let tensor = |shape: Shape, name: &str| Tensor { shape, images, values: vectors.get(case, name) };
        let inputs: Vec<Tensor> =
            shapes.iter().enumerate().map(|(i, shape)| tensor(*shape, &format!("input{i}"))).collect();
        let trained = count(&case["parameters"]);
        let mut parameters: Vec<Vec<f64>> =
            (0..trained).map(|i| vectors.get(case, &format!("parameter{i}"))).collect();
        if case["statistics"] == true {
            parameters.extend([0, 1].map(|i| vectors.get(case, &format!("statistic{i}"))));
        }
        let mode = Mode::Training(RngKey::default());
        let call = TwinCall { inputs: &inputs, parameters: &parameters, mode };
        let name = format!("{} {}", kind.kind, case["settings"]);
        let output = layer.forward_twin(&call);
        assert_same(&format!("output of {name}"), &output.values, &vectors.get(case, "output"));
        let made = layer.backward_twin(&call, &tensor(output.shape, "output_gradient"));
        for (i, gradient) in made.inputs.iter().enumerate() {
            let expected = vectors.get(case, &format!("input_gradient{i}"));
            assert_same(&format!("gradient of input {i} of {name}"), &gradient.values, &expected);
        }
        for (i, spec) in layer.parameters(&shapes).iter().enumerate() {
            if spec.role == Role::Buffer {
                // Before and after.
                let [before, after] =
                    [i - trained, i - trained + 2].map(|i| vectors.get(case, &format!("statistic{i}")));
                let moved: Vec<f64> = before.iter().zip(&made.parameters[i]).map(|(b, g)| b - g).collect();
                assert_same(&format!("{} of {name}", spec.name), &moved, &after);
                continue;
            }
            let expected = vectors.get(case, &format!("parameter_gradient{i}"));
            assert_same(&format!("gradient of {} of {name}", spec.name), &made.parameters[i], &expected);
        }
    }
}

#[test]
fn losses_are_those_of_pytorch() {
    let vectors = Vectors::read();
    let cases = vectors.of("loss");
    assert!(cases.len() >= 5);
    for case in cases {
        let loss = Loss::parse(table(&case["settings"])).unwrap();
        let labels: Vec<usize> = case["labels"].as_array().unwrap().iter().map(count).collect();
        let [outputs, images, gradients] = ["outputs", "image", "gradient"].map(|n| vectors.get(case, n));
        let classes = outputs.len() / labels.len();
        let losses = vectors.get(case, "loss");
        for (n, label) in labels.iter().enumerate() {
            let range = n * classes..(n + 1) * classes;
            let (z, image) = (&outputs[range.clone()], &images[range.clone()]);
            let made = twin::loss(loss, z, *label, image, case["scale"].as_f64().unwrap(), classes);
            assert_same(&format!("{loss:?}"), &[made.loss], &losses[n..n + 1]);
            assert_same(&format!("gradient of {loss:?}"), &made.gradient, &gradients[range]);
        }
    }
}

#[test]
fn optimizers_are_those_of_pytorch() {
    let vectors = Vectors::read();
    let cases = vectors.of("optimizer");
    // ConvNetJS's windowed Adagrad is none of PyTorch's.
    for kind in OptimizerKind::ALL.into_iter().filter(|kind| *kind != OptimizerKind::WindowedAdagrad) {
        assert!(cases.iter().any(|case| case["optimizer"] == kind.name()), "there is no vector of {kind:?}");
    }
    for case in cases {
        let kind: OptimizerKind = case["optimizer"].as_str().unwrap().parse().unwrap();
        let mut hyper = serde_json::to_value(Hyper::of(kind)).unwrap();
        for (name, value) in case["hyper"].as_object().unwrap() {
            assert!(hyper.get(name).is_some(), "there is no {name}");
            hyper[name] = value.clone();
        }
        let hyper: Hyper = serde_json::from_value(hyper).unwrap();
        let mut state = TwinState::new(vectors.get(case, "start"));
        let epoch = StepsPerEpoch { train_images: 100, batch: 10 };
        for step in 0..count(&case["steps"]) {
            let gradients = vectors.get(case, &format!("gradient{step}"));
            let norm = gradients.iter().map(|g| g * g).sum::<f64>().sqrt();
            let at = StepContext { step: step as u32, epochs: 0.0, norm };
            twin::optimizer_step(
                hyper,
                epoch,
                at,
                &gradients,
                &vec![Treatment::trained(true); gradients.len()],
                &mut state,
            );
            let expected = vectors.get(case, &format!("values{step}"));
            assert_same(&format!("{hyper:?}, step {step}"), &state.values, &expected);
        }
    }
}
