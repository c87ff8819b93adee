//! NaN, infinity and numbers beyond those of the samples through every layer that selects: the twin's outputs and gradients that are not
//! finite are, and no others.
//!
//! A compiler that takes floats for numbers may turn a selection into a maximum, which drops NaN: whether one does depends on the driver.
//! So the same comparison must notice kernels in which that was done by hand.

use revacnn::gpu::Gpu;
use revacnn::nn::layers::KINDS;
use revacnn::nn::twin::{Mode, TwinCall};
use revacnn::nn::{Layer, Shape};

use crate::compare::{open_gpu, with_fault};
use crate::fixture::Fixture;
use crate::sample_batch;

const INPUT: Shape = Shape::new(2, 6, 4);
const BATCH: [usize; 3] = [4, 4, 8];

const KINDS_THAT_SELECT: [(&str, &str); 20] = [
    ("relu", ""),
    ("leaky_relu", ""),
    ("elu", ""),
    ("gelu", ""),
    ("silu", ""),
    ("hard_swish", ""),
    ("hard_sigmoid", ""),
    ("hardtanh", ""),
    ("prelu", ""),
    ("sigmoid", ""),
    ("tanh", ""),
    ("softmax", ""),
    ("scale", "factor = -0.5\noffset = 0.25"),
    ("max_pool2d", "size = 2"),
    ("avg_pool2d", "size = 2"),
    ("maxout", ""),
    ("add", ""),
    ("conv2d", "filters = 3\nkernel = 1"),
    ("conv_transpose2d", "filters = 3\nkernel = 2\nstride = 2"),
    ("dense", "units = 3"),
];

fn layer_of(kind: &str, settings: &str) -> Box<dyn Layer> {
    let parse = KINDS.iter().find(|k| k.kind == kind).unwrap().parse;
    parse(settings.parse().unwrap(), 0).unwrap()
}

/// NaN or infinity, 0 for finite values.
fn kind_of(value: f64) -> (bool, f64) {
    (value.is_nan(), if value.is_infinite() { value.signum() } else { 0.0 })
}

/// Number of values that are not the twin's: one is not finite in the way that the other is, or they differ by more than rounding; and the first.
fn differences(what: &str, made: &[f32], twin: &[f64]) -> Option<String> {
    assert_eq!(made.len(), twin.len(), "{what}");
    let differs = |i: &usize| {
        let (made, twin) = (f64::from(made[*i]), twin[*i]);
        kind_of(made) != kind_of(twin) || (made - twin).abs() > 1e-3 * (1.0 + twin.abs())
    };
    let at: Vec<usize> = (0..made.len()).filter(differs).collect();
    let first = at.first().map(|i| format!("value {i} is {}, not {}", made[*i], twin[*i]));
    first.map(|first| format!("{what}: {} values, {first}", at.len()))
}

/// Faults of a layer that is given such a value in its input, and then in its output's gradient: results other than the twin's.
fn faults_of(gpu: &Gpu, kind: &str, settings: &str) -> Vec<String> {
    let layer = layer_of(kind, settings);
    let shapes = vec![INPUT; *layer.inputs().start()];
    let fixture = Fixture::new(gpu, &*layer, &shapes, BATCH);
    let mut faults = Vec::new();
    for (value, pixel) in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 3.5, -3.5]
        .into_iter()
        .flat_map(|v| [0, 1, 4, 5, 24].map(|p| (v, p)))
    {
        let (inputs, parameters, gradient) = sample_batch(&*layer, &shapes, BATCH);
        let mut hurt = inputs.clone();
        hurt[0].values[8 * pixel + 1] = value;
        let mut hurt_gradient = gradient.clone();
        hurt_gradient.values[1] = value;
        for (inputs, gradient) in [(&hurt, &gradient), (&inputs, &hurt_gradient)] {
            let made = fixture.run_batch(inputs, &parameters, gradient, 1);
            let call = TwinCall { inputs, parameters: &parameters, mode: Mode::Evaluation };
            let twin = layer.backward_twin(&call, gradient);
            let what = |part: &str| format!("{kind} with {value} at {pixel}, {part}");
            faults.extend(differences(&what("output"), &made.output, &layer.forward_twin(&call).values));
            if !made.relu_is_right() {
                faults.push(what("fused relu"));
            }
            // The weights of a convolution are summed over taps that a twin does not visit.
            for (made, twin) in made.input_gradients.iter().zip(&twin.inputs) {
                faults.extend(differences(&what("input gradient"), made, &twin.values));
            }
        }
    }
    faults
}

fn open() -> Gpu {
    let mut gpu = open_gpu();
    // A relu is fused wherever it can be.
    let profile = revacnn::gpu::DeviceProfile { shares_loads: false, fuses_relu: true, ..gpu.profile() };
    gpu.set_profile(profile).unwrap();
    gpu
}

#[test]
fn nan_is_handed_on() {
    let gpu = open();
    for (kind, settings) in KINDS_THAT_SELECT {
        let faults = faults_of(&gpu, kind, settings);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

#[test]
fn a_kernel_that_drops_nan_is_noticed() {
    let gpu = open();
    let maximum = "select(vec4<f32>(0.0), input[i], input[i] > vec4<f32>(0.0))";
    let other_wins = |best: &str| format!("select(vec4<bool>(true), vec4<bool>(false), value <= {best})");
    for (kind, path, from, to) in [
        ("relu", "nn/activation.wgsl", "handing_on_nan(input[i], value(input[i]))", maximum),
        (
            "relu",
            "nn/activation.wgsl",
            "are_not_positive(x);",
            "select(vec4<bool>(true), vec4<bool>(false), x > vec4<f32>(0.0));",
        ),
        (
            "conv2d",
            "nn/conv2d.wgsl",
            "bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(x), vec4<u32>(0u), are_negative(x)))",
            "select(vec4<f32>(0.0), x, x > vec4<f32>(0.0))",
        ),
        (
            "dense",
            "nn/conv2d.wgsl",
            "bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(x), vec4<u32>(0u), are_negative(x)))",
            "select(vec4<f32>(0.0), x, x > vec4<f32>(0.0))",
        ),
        ("max_pool2d", "nn/max_pool2d.wgsl", "((value > best) & !was_nan)", &other_wins("best")),
        ("max_pool2d", "nn/max_pool2d.wgsl", "| is_nan;\n            was", ";\n            was"),
        ("maxout", "nn/maxout.wgsl", "((value > best.value) & !was_nan)", &other_wins("best.value")),
        ("maxout", "nn/maxout.wgsl", "| is_nan;\n        was", ";\n        was"),
    ] {
        let settings = KINDS_THAT_SELECT.iter().find(|k| k.0 == kind).unwrap().1;
        let faults = faults_of(&with_fault(&gpu, path, from, to), kind, settings);
        assert!(faults.iter().any(|fault| fault.contains("NaN")), "{kind} with {to:?}: {faults:?}");
    }
}
