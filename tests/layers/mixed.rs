//! Convolutions in mixed precision: each kernel against the twin of factors that are rounded to 16 bits, and against that of unrounded
//! ones within what the rounding allows. Lanes stand for matrices where the adapter has none; where it has them, both are tested.

use revacnn::gpu::{DeviceProfile, Gpu, HalfProducts, Precision};
use revacnn::nn::layers::{Conv2d, Dense};
use revacnn::nn::twin::{Mode, half, scaled_half};
use revacnn::nn::{Init, Layer, Shape, Tensor};

use crate::compare::{assert_close, assert_differs, assert_no_errors, open_gpu};
use crate::fixture::{Fixture, KEY, Results};
use crate::{
    BatchSample, Expected, compare_slots, compare_tiles, expect, images, sample_batch, slots, tolerances,
};

/// Largest relative error of a number rounded to 16 bits.
const HALF_ROUNDING: f64 = 1.0 / 2048.0;
/// Trained images, slots before the probes, all slots: within 16 images, and over two 16s with probes of a 16 of their own.
const BATCHES: [[usize; 3]; 2] = [[5, 8, 12], [21, 24, 28]];

/// Inputs, parameters and output gradient of a batch.
type Batch = (Vec<Tensor>, Vec<Vec<f64>>, Tensor);

/// Handles that make products of 16-bit factors, shaped as `profile` says.
fn gpus(profile: Option<DeviceProfile>) -> Vec<Gpu> {
    let make = |products| {
        let mut gpu = open_gpu();
        gpu.set_profile(profile.unwrap_or(gpu.profile())).unwrap();
        gpu.set_half_products(Some(products)).ok().map(|()| gpu)
    };
    let all: Vec<Gpu> = [HalfProducts::Lanes, HalfProducts::Matrices].into_iter().filter_map(make).collect();
    assert!(!all.is_empty(), "lanes can do it anywhere");
    all
}

fn convolution(filters: usize, [kernel, stride, padding, dilation]: [usize; 4]) -> Conv2d {
    Conv2d { filters, kernel, stride, padding, dilation, ..Conv2d::default() }
}

fn samples() -> Vec<(Conv2d, Shape)> {
    vec![
        (convolution(33, [3, 1, 1, 1]), Shape::new(17, 7, 5)),
        (convolution(16, [1, 1, 0, 1]), Shape::new(35, 1, 1)),
        (convolution(18, [5, 2, 2, 1]), Shape::new(16, 9, 6)),
        (convolution(21, [2, 3, 1, 1]), Shape::new(19, 5, 7)),
        (convolution(70, [3, 1, 2, 2]), Shape::new(20, 3, 5)),
    ]
}

/// The largest size among the values of some slots.
fn largest(gradient: &Tensor, range: std::ops::Range<usize>) -> f64 {
    images(gradient, range).values.iter().fold(0.0_f64, |most, value| most.max(value.abs()))
}

/// The batch as the kernels multiply it: rounded to 16 bits, the gradients of trained images and of probes by their own scales.
fn halved((inputs, parameters, gradient): &Batch, [_, train, all]: [usize; 3]) -> Batch {
    let of_inputs = |input: &Tensor| {
        let values = input.values.iter().map(|value| half(*value)).collect();
        Tensor { values, ..input.clone() }
    };
    let weights = parameters[0].iter().map(|value| half(*value)).collect();
    let sizes = [largest(gradient, 0..train), largest(gradient, train..all)];
    let scaled = |(i, value): (usize, &f64)| scaled_half(*value, sizes[usize::from(i % all >= train)]);
    let values = gradient.values.iter().enumerate().map(scaled).collect();
    (
        inputs.iter().map(of_inputs).collect(),
        vec![weights, parameters[1].clone()],
        Tensor { values, ..gradient.clone() },
    )
}

fn twin(
    layer: &dyn Layer,
    (inputs, parameters, gradient): &Batch,
    range: std::ops::Range<usize>,
) -> Expected {
    expect(layer, (inputs, parameters, gradient), range, Mode::Training(KEY))
}

/// Compares with the unrounded twin: the result differs by no more than the rounding of its factors allows, and by more than one of 32-bit
/// factors would.
fn compare_unrounded(what: &str, made: &[f32], exact: &[f64], sizes: &[f64], tolerance: f64) {
    let most = exact.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for ((value, exact), size) in made.iter().zip(exact).zip(sizes) {
        let allowed = 2.1 * HALF_ROUNDING * size + tolerance * most;
        let error = (f64::from(*value) - exact).abs();
        assert!(error <= allowed, "{what}: {value} and not {exact}, allowed are {allowed}");
    }
    assert_differs(&format!("{what} of 16-bit factors"), made, exact, tolerance);
}

/// The batch of the sizes of all values.
fn sizes_of((inputs, parameters, gradient): &Batch) -> Batch {
    let abs = |values: &[f64]| values.iter().map(|value| value.abs()).collect::<Vec<_>>();
    let of = |tensor: &Tensor| Tensor { values: abs(&tensor.values), ..tensor.clone() };
    (inputs.iter().map(of).collect(), parameters.iter().map(|p| abs(p)).collect(), of(gradient))
}

fn compare(gpu: &Gpu, layer: &Conv2d, shape: Shape, batch: [usize; 3]) {
    let [trained, train, all] = batch;
    let sample = sample_batch(layer, &[shape], batch);
    let made = Fixture::new(gpu, layer, &[shape], batch).run_batch(&sample.0, &sample.1, &sample.2, 1);
    let name = format!("{} on {shape}, {batch:?}, {:?}", layer.summary(), gpu.half_products());
    assert!(made.relu_is_right(), "relu of the output of {name}");
    let rounded = halved(&sample, batch);
    let training = twin(layer, &rounded, 0..trained);
    let tolerances = tolerances(layer, &[shape], training.output.shape, trained);
    compare_slots(&format!("{name}, training"), &made, all, &training, tolerances);
    compare_slots(&format!("{name}, probes"), &made, all, &twin(layer, &rounded, train..all), tolerances);
    for gradient in &made.input_gradients {
        assert!(slots(gradient, all, trained..train).iter().all(|v| *v == 0.0), "padding of {name}");
    }
    let expected = &training.gradients.parameters;
    assert_close(&format!("weight gradient of {name}"), &made.gradients[0], &expected[0], tolerances[2]);
    let exact = twin(layer, &sample, 0..trained);
    let of_biases = &exact.gradients.parameters[1];
    assert_close(&format!("bias gradient of {name}"), &made.gradients[1], of_biases, tolerances[2]);

    let sizes = twin(layer, &sizes_of(&sample), 0..trained);
    let of = |values: &[f32]| slots(values, all, 0..trained);
    let (made_in, exact_in, sizes_in) =
        (of(&made.input_gradients[0]), &exact.gradients.inputs[0].values, &sizes.gradients.inputs[0].values);
    compare_unrounded(&name, &of(&made.output), &exact.output.values, &sizes.output.values, tolerances[0]);
    compare_unrounded(&name, &made_in, exact_in, sizes_in, tolerances[1]);
    let [exact, sizes] = [&exact, &sizes].map(|expected| &expected.gradients.parameters[0]);
    compare_unrounded(&name, &made.gradients[0], exact, sizes, tolerances[2]);
}

#[test]
fn mixed_kernels_agree_with_the_twin_of_rounded_factors() {
    for profile in [None, Some(DeviceProfile::GPU)] {
        for gpu in gpus(profile) {
            for batch in BATCHES {
                samples().iter().for_each(|(layer, shape)| compare(&gpu, layer, *shape, batch));
            }
            assert_no_errors(&gpu);
        }
    }
}

#[test]
fn every_tile_of_mixed_products_gives_the_same_bits() {
    // Enough channels and images that tiles of several blocks are among the candidates.
    let wide = |filters, shape: Shape, batch| -> BatchSample {
        (Box::new(convolution(filters, [3, 1, 1, 1])), vec![shape], batch)
    };
    let samples =
        || vec![wide(70, Shape::new(40, 3, 2), [50, 52, 56]), wide(33, Shape::new(49, 2, 2), BATCHES[1])];
    for mut gpu in gpus(Some(DeviceProfile::GPU)) {
        let different = compare_tiles(&mut gpu, samples(), &[1, 2]);
        assert!(different >= 3, "only {different} of the tiles were compiled for this");
    }
}

/// The gradients of a chain of convolutions, the last first, whose output gradient is `size` times that of a sample: of the first
/// layer's weights as they are made, and as the twin of unrounded factors has them.
fn chain(gpu: &Gpu, depth: usize, size: f64) -> (Vec<f32>, Vec<f64>) {
    const BATCH: [usize; 3] = [8, 8, 12];
    let (layer, shape) = (convolution(16, [3, 1, 1, 1]), Shape::new(16, 4, 3));
    let fixture = Fixture::new(gpu, &layer, &[shape], BATCH);
    let (mut inputs, parameters, mut gradient) = sample_batch(&layer, &[shape], BATCH);
    gradient.values.iter_mut().for_each(|value| *value = f64::from((*value * size) as f32));
    let is_lost = gradient.values.iter().all(|value| half(*value) == 0.0);
    assert_eq!(is_lost, size < 1e-7, "what would be left without a scale");
    let mut of_twin = gradient.clone();
    let mut last = (Vec::new(), Vec::new());
    for _ in 0..depth {
        let made = fixture.run_batch(&inputs, &parameters, &gradient, 1);
        let batch = (inputs.clone(), parameters.clone(), of_twin.clone());
        let expected = twin(&layer, &batch, 0..8);
        let whole = twin(&layer, &batch, 0..12);
        last = (made.gradients[0].clone(), expected.gradients.parameters[0].clone());
        gradient.values = made.input_gradients[0].iter().map(|value| f64::from(*value)).collect();
        of_twin = whole.gradients.inputs[0].clone();
        inputs[0].values.rotate_left(5);
    }
    last
}

#[test]
fn tiny_gradients_survive_a_deep_chain() {
    for gpu in gpus(None) {
        // Below the least number of 16 bits, 6e-8, and far below, and beyond the largest.
        for size in [1e-8, 1e-25, 1e12] {
            let (made, exact) = chain(&gpu, 6, size);
            // Each of 6 layers rounds twice, by a share of 2⁻¹¹ at most; of sums of many they cancel.
            assert_close(&format!("gradient of a chain, {size}"), &made, &exact, 12.0 * HALF_ROUNDING);
        }
        assert_no_errors(&gpu);
    }
}

/// Place of a value that is replaced.
#[derive(Clone, Copy)]
enum Place {
    /// In the second image of the input.
    Input,
    /// In the second image of the output gradient.
    Gradient,
    Weights,
}

/// Results with a value replaced.
fn with_value(gpu: &Gpu, place: Place, value: f64) -> Results {
    const BATCH: [usize; 3] = [5, 8, 12];
    let (layer, shape) = (convolution(17, [3, 1, 1, 1]), Shape::new(16, 3, 3));
    let (mut inputs, mut parameters, mut gradient) = sample_batch(&layer, &[shape], BATCH);
    let at = shape.pixels() * 12 + 4 * 12 + 1;
    match place {
        Place::Input => inputs[0].values[at] = value,
        Place::Gradient => gradient.values[at] = value,
        Place::Weights => parameters[0][at] = value,
    }
    Fixture::new(gpu, &layer, &[shape], BATCH).run_batch(&inputs, &parameters, &gradient, 1)
}

#[test]
fn what_is_not_finite_is_seen_and_what_is_too_large_is_bounded() {
    let infinite = |values: &[f32], image: usize| values.chunks(12).any(|row| !row[image].is_finite());
    for gpu in gpus(None) {
        for value in [f64::NAN, f64::INFINITY] {
            let made = with_value(&gpu, Place::Input, value);
            assert!(infinite(&made.output, 1) && !infinite(&made.output, 0), "output with {value}");
            assert!(made.gradients[0].iter().any(|v| !v.is_finite()), "weight gradient with {value}");
            let made = with_value(&gpu, Place::Gradient, value);
            assert!(infinite(&made.input_gradients[0], 1), "input gradient with {value}");
            assert!(!infinite(&made.input_gradients[0], 0), "another image with {value}");
            assert!(made.gradients[0].iter().any(|v| !v.is_finite()), "weight gradient with {value}");
        }
        let [most, beyond] = [65504.0, 1e30].map(|value| with_value(&gpu, Place::Input, value));
        assert_eq!(most.output, beyond.output, "a value beyond the largest is that");
        for value in [65520.0, -1e30] {
            let made = with_value(&gpu, Place::Weights, value);
            assert!((0..5).all(|image| infinite(&made.output, image)), "output with a weight of {value}");
        }
        let made = with_value(&gpu, Place::Weights, 65519.0);
        assert!(made.output.iter().all(|v| v.is_finite()), "output with the largest weight");
        // The scale follows it: all that is far smaller is lost, and nothing overflows.
        let made = with_value(&gpu, Place::Gradient, 1e30);
        assert!(made.input_gradients[0].iter().chain(&made.gradients[0]).all(|v| v.is_finite()));
        assert_no_errors(&gpu);
    }
}

#[test]
fn narrow_grouped_and_dense_layers_stay_as_they_are() {
    let bits = |made: &Results| {
        let all = [&made.output].into_iter().chain(&made.input_gradients).chain(&made.gradients);
        all.flatten().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    let grouped = Conv2d { groups: 2, ..convolution(32, [1, 1, 0, 1]) };
    for (layer, shape, is_mixed) in [
        (Box::new(convolution(16, [1, 1, 0, 1])) as Box<dyn Layer>, Shape::new(16, 2, 3), true),
        (Box::new(convolution(15, [1, 1, 0, 1])), Shape::new(16, 2, 3), false),
        (Box::new(convolution(16, [1, 1, 0, 1])), Shape::new(15, 2, 3), false),
        (Box::new(grouped), Shape::new(32, 2, 3), false),
        (Box::new(Dense { units: 20, init: Init::He }), Shape::new(20, 1, 1), false),
    ] {
        let (inputs, parameters, gradient) = sample_batch(&*layer, &[shape], BATCHES[0]);
        let [full, mixed] = [Precision::F32, Precision::Mixed].map(|precision| {
            let gpu = gpus(None)[0].in_precision(precision);
            let fixture = Fixture::new(&gpu, &*layer, &[shape], BATCHES[0]);
            bits(&fixture.run_batch(&inputs, &parameters, &gradient, 1))
        });
        assert_eq!(full != mixed, is_mixed, "{} {} of {shape}", layer.kind(), layer.summary());
    }
}
