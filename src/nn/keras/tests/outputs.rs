//! Models that Keras and TensorFlow.js wrote, as `tests/fixtures/keras/write.py` and `write.js` say, with inputs and their own outputs.

use std::path::PathBuf;

use serde::Deserialize;

use crate::gpu::Gpu;
use crate::nn::{Model, Predictor};

/// Models, and if their last layer is a softmax.
const MODELS: [(&str, bool); 10] = [
    ("plain.json", true),
    ("residual.json", false),
    ("separable.json", false),
    ("gray.json", true),
    ("cnn.keras", true),
    ("residual.keras", false),
    ("mobile.keras", false),
    ("gray.h5", true),
    ("generator.keras", false),
    ("numbers.keras", false),
];

/// Images `[n, c, h, w]`, and a framework's outputs for them.
#[derive(Deserialize)]
struct Values {
    x: Vec<f32>,
    y: Vec<f32>,
}

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras").join(name)
}

#[test]
fn models_have_the_outputs_of_the_framework_that_wrote_them() {
    let gpu = Gpu::open(&"software".parse().unwrap()).unwrap();
    for (name, has_softmax) in MODELS {
        let model = Model::open(&fixture(name)).unwrap_or_else(|error| panic!("{error}"));
        let values = std::fs::read(fixture(&format!("{name}.values.json"))).unwrap();
        let Values { x, y } = serde_json::from_slice(&values).unwrap();
        let predictor = Predictor::of_model(&gpu, &model).unwrap();
        let error = |x: &[f32]| {
            let answers = predictor.answer(&gpu, x).unwrap();
            let found = if has_softmax { answers.shares } else { answers.outputs };
            assert_eq!(found.len(), y.len(), "{name}");
            assert!(found.iter().all(|value| value.is_finite()), "{name}: {found:?}");
            let size = y.iter().fold(0.0_f32, |size, value| size.max(value.abs()));
            found.iter().zip(&y).map(|(a, b)| (a - b).abs() / size).fold(0.0, f32::max)
        };
        let worst = error(&x);
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-4, "{name}: {worst}");
        // Of other images the outputs are others.
        let negated: Vec<f32> = x.iter().map(|value| -value).collect();
        assert!(error(&negated) > 1e-2, "{name}");
    }
}
