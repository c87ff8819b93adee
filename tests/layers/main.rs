//! Every kind of layer: its plain-loop twin against every variant of its kernels (tests/gradcheck.rs has the twin
//! against central differences).
//!
//! A batch has trained slots, padding up to a multiple of 4, and probes. Padding has no output gradient, and must make no
//! input gradient; probes have one, and with it an input gradient, but they count in no parameter gradient. Trained slots are
//! in training, probes are not; in an evaluation all slots are as probes.

mod below;
#[path = "../compare/mod.rs"]
mod compare;
mod fixture;
mod mixed;
mod nan;
mod pooled;
mod without;

use compare::{assert_close, assert_differs, assert_no_errors, open_gpu, rounded, sum_tolerance};
use fixture::{Fixture, KEY, Results, batch_buffers};
use revacnn::gpu::{Buffer, DeviceProfile, Gpu, TunePolicy};
use revacnn::nn::gradcheck::{sample_inputs, sample_parameters};
use revacnn::nn::layers::{Conv2d, Dense, KINDS, LayerSample, MaxPool2d, relu};
use revacnn::nn::twin::{Mode, TwinCall, TwinGradients};
use revacnn::nn::{BatchExtent, Init, Layer, LayerBuild, Packing, PartialSums, Port, Role, Shape, Tensor};

/// Trained images, slots before the probes, all slots: an odd and an even number of quads.
const BATCHES: [[usize; 3]; 2] = [[6, 8, 12], [9, 12, 16]];

/// A profile of no adapter in particular.
pub(crate) const PLAIN: DeviceProfile = DeviceProfile { fuses_relu: false, ..DeviceProfile::GPU };

fn samples() -> Vec<LayerSample> {
    KINDS.iter().flat_map(|kind| (kind.samples)()).collect()
}

/// The images in `range`.
fn images(tensor: &Tensor, range: std::ops::Range<usize>) -> Tensor {
    let values = tensor.values.chunks(tensor.images).flat_map(|row| &row[range.clone()]).copied().collect();
    Tensor { values, images: range.len(), ..tensor.clone() }
}

/// Values of a batch `[.., n]`, only the slots in `range`.
fn slots(values: &[f32], all: usize, range: std::ops::Range<usize>) -> Vec<f32> {
    values.chunks(all).flat_map(|row| &row[range.clone()]).copied().collect()
}

/// LayerSample inputs, parameters and output gradient of a batch: none for the padding, as the loss makes it.
fn sample_batch(
    layer: &dyn Layer,
    shapes: &[Shape],
    [images, train, slots]: [usize; 3],
) -> (Vec<Tensor>, Vec<Vec<f64>>, Tensor) {
    let mut inputs = sample_inputs(shapes, slots, 11);
    inputs.iter_mut().for_each(|x| x.values = rounded(std::mem::take(&mut x.values)));
    let parameters = sample_parameters(layer, shapes, 12).into_iter().map(rounded).collect();
    let mut gradient = Tensor::sample(layer.output(shapes).unwrap(), slots, 13);
    gradient.values = rounded(gradient.values);
    for row in gradient.values.chunks_mut(slots) {
        row[images..train].fill(0.0);
    }
    (inputs, parameters, gradient)
}

/// Results of the twin for some slots of a batch.
struct Expected {
    range: std::ops::Range<usize>,
    output: Tensor,
    gradients: TwinGradients,
}

fn expect(
    layer: &dyn Layer,
    (inputs, parameters, gradient): (&[Tensor], &[Vec<f64>], &Tensor),
    range: std::ops::Range<usize>,
    mode: Mode,
) -> Expected {
    let inputs: Vec<Tensor> = inputs.iter().map(|x| images(x, range.clone())).collect();
    let call = TwinCall { inputs: &inputs, parameters, mode };
    Expected {
        output: layer.forward_twin(&call),
        gradients: layer.backward_twin(&call, &images(gradient, range.clone())),
        range,
    }
}

/// Tolerances of a layer's output, input gradients and parameter gradients, by the lengths of their sums.
fn tolerances(layer: &dyn Layer, shapes: &[Shape], output: Shape, images: usize) -> [f64; 3] {
    let weights = layer.parameters(shapes).into_iter().find(|spec| spec.role == Role::Weight);
    let mut extents = weights.map_or(vec![1; 4], |spec| spec.shape);
    extents.resize(4, 1);
    let [filters, from, ky, kx] = extents[..] else { unreachable!("it has four extents") };
    // Means over a map or a window are sums too.
    let pixels = shapes[0].pixels();
    let all = output.pixels() * images;
    [from * ky * kx + 1 + pixels, filters * ky * kx + pixels, all].map(sum_tolerance)
}

fn rotated(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.rotate_left(1);
    values
}

/// Compares results in some slots with the twin's.
fn compare_slots(
    name: &str,
    made: &Results,
    all: usize,
    expected: &Expected,
    [forward, backward, _]: [f64; 3],
) {
    let output = slots(&made.output, all, expected.range.clone());
    assert_close(&format!("output of {name}"), &output, &expected.output.values, forward);
    assert_differs("a shift of the output", &output, &rotated(&expected.output.values), forward);
    for (i, expected_gradient) in expected.gradients.inputs.iter().enumerate() {
        let gradient = slots(&made.input_gradients[i], all, expected.range.clone());
        let what = format!("gradient of input {i} of {name}");
        assert_close(&what, &gradient, &expected_gradient.values, backward);
        assert_differs(
            "a shift of the input gradient",
            &gradient,
            &rotated(&expected_gradient.values),
            backward,
        );
    }
}

/// Compares one layer's kernels with its twin, with negative controls.
fn compare_layer(gpu: &Gpu, layer: &dyn Layer, shapes: &[Shape], batch: [usize; 3]) {
    let [trained, train, all] = batch;
    let (inputs, parameters, gradient) = sample_batch(layer, shapes, batch);
    let sample = (&inputs[..], &parameters[..], &gradient);
    let training = expect(layer, sample, 0..trained, Mode::Training(KEY));
    let probes = expect(layer, sample, train..all, Mode::Evaluation);

    let tolerances = tolerances(layer, shapes, training.output.shape, trained);
    let sums = tolerances[2];
    let fixture = Fixture::new(gpu, layer, shapes, batch);
    let name = format!("{} {} on {shapes:?}, {batch:?}, {:?}", layer.kind(), layer.summary(), gpu.profile());
    let made = fixture.run_batch(&inputs, &parameters, &gradient, 1);
    assert!(made.relu_is_right(), "relu of the output of {name}");
    compare_slots(&format!("{name}, training"), &made, all, &training, tolerances);
    compare_slots(&format!("{name}, probes"), &made, all, &probes, tolerances);
    let padding = |values: &[f32]| slots(values, all, trained..train);
    assert!(padding(&made.output).iter().all(|v| v.is_finite()), "padding of {name}");
    for gradient in &made.input_gradients {
        assert!(padding(gradient).iter().all(|v| *v == 0.0), "gradient of the padding of {name}");
    }
    let everywhere = expect(layer, sample, 0..all, Mode::Evaluation);
    assert_close(&format!("evaluation of {name}"), &made.evaluated, &everywhere.output.values, tolerances[0]);

    if parameters.is_empty() {
        return;
    }
    let doubled = fixture.run_batch(&inputs, &parameters, &gradient, 2);
    let inputs_of_one = parameters[0].len() / training.output.shape.channels;
    let with_probes = expect(layer, sample, 0..all, Mode::Training(KEY)).gradients.parameters;
    for (i, spec) in layer.parameters(shapes).iter().enumerate() {
        let tensor = format!("{} of {name}", spec.name);
        let expected = &training.gradients.parameters[i];
        assert_close(&format!("gradient of {tensor}"), &made.gradients[i], expected, sums);
        let twice: Vec<f64> = expected.iter().map(|g| 2.0 * g).collect();
        assert_close(&format!("gradient added twice of {tensor}"), &doubled.gradients[i], &twice, sums);
        assert_differs("that probes count", &made.gradients[i], &with_probes[i], sums);
        assert_differs("a missing accumulation", &doubled.gradients[i], expected, sums);
        if expected.len() > 1 {
            assert_differs("a shift of the gradients", &made.gradients[i], &rotated(expected), sums);
        }
        if spec.role == Role::Buffer {
            continue;
        }
        let mut changed = parameters.clone();
        // One of hundreds of inputs has a small part in an output.
        changed[i][0] *= if inputs_of_one > 100 { 1.1 } else { 1.001 };
        let twin = expect(layer, (&inputs, &changed, &gradient), 0..trained, Mode::Training(KEY));
        let output = slots(&made.output, all, 0..trained);
        assert_differs(&format!("a changed {tensor}"), &output, &twin.output.values, tolerances[0]);
    }
}

fn compare_all(profile: Option<DeviceProfile>) {
    let mut gpu = open_gpu();
    gpu.set_profile(profile.unwrap_or(gpu.profile())).unwrap();
    for batch in BATCHES {
        for (layer, shapes) in samples() {
            compare_layer(&gpu, &*layer, &shapes, batch);
        }
    }
    assert_no_errors(&gpu);
}

#[test]
fn kernels_agree_with_twins_as_tuned_here() {
    compare_all(None);
}

#[test]
fn kernels_agree_with_twins_with_large_tiles() {
    compare_all(Some(DeviceProfile { large_tiles: true, fuses_relu: false, ..PLAIN }));
}

#[test]
fn kernels_agree_with_twins_with_small_tiles() {
    compare_all(Some(DeviceProfile::GPU));
}

/// A layer, its inputs, and the batch it is given.
type BatchSample = (Box<dyn Layer>, Vec<Shape>, [usize; 3]);

/// Samples of the layers that have register tiles.
fn tiled_samples() -> Vec<BatchSample> {
    let tiled = samples().into_iter().filter(|(layer, _)| ["conv2d", "dense"].contains(&layer.kind()));
    tiled.step_by(2).map(|(layer, shapes)| (layer, shapes, BATCHES[0])).collect()
}

/// Layers whose sums a GPU shares out: over splits of a dense layer's inputs, images and units, over many rows, over stages of channels.
fn shared_out_samples() -> Vec<BatchSample> {
    let dense = |units, input, batch| -> BatchSample {
        (Box::new(Dense { units, init: Init::He }), vec![input], batch)
    };
    let convolution = |filters, kernel, padding, input| -> BatchSample {
        let layer = Conv2d { filters, kernel, padding, ..Conv2d::default() };
        (Box::new(layer), vec![input], BATCHES[0])
    };
    vec![
        dense(5, Shape::new(5, 5, 7), [70, 72, 80]),
        dense(37, Shape::new(9, 5, 7), [522, 524, 528]),
        dense(261, Shape::new(18, 1, 1), BATCHES[0]),
        convolution(3, 3, 1, Shape::new(1, 230, 5)),
        convolution(3, 5, 2, Shape::new(44, 3, 5)),
        convolution(21, 5, 2, Shape::new(3, 4, 7)),
    ]
}

#[test]
fn what_a_gpu_shares_out_agrees_with_twins() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    for (layer, shapes, batch) in shared_out_samples() {
        compare_layer(&gpu, &*layer, &shapes, batch);
    }
    assert_no_errors(&gpu);
}

/// Bits of all that a layer makes of a sample, forward and backward.
fn bits_of(gpu: &Gpu, (layer, shapes, batch): &BatchSample) -> Vec<Vec<u32>> {
    let (inputs, parameters, gradient) = sample_batch(&**layer, shapes, *batch);
    let made = Fixture::new(gpu, &**layer, shapes, *batch).run_batch(&inputs, &parameters, &gradient, 1);
    let all = [&made.output].into_iter().chain(&made.input_gradients).chain(&made.gradients);
    all.map(|values| values.iter().map(|v| v.to_bits()).collect()).collect()
}

/// Compares tiles with the calculated one, bit by bit; returns how many others were compiled for it.
fn compare_tiles(gpu: &mut Gpu, samples: Vec<BatchSample>, tiles: &[usize]) -> usize {
    let mut different = 0;
    for sample in samples {
        let mut make = |policy| {
            gpu.set_tune_policy(policy);
            let before = gpu.kernel_count();
            let bits = bits_of(gpu, &sample);
            different += usize::from(gpu.kernel_count() > before);
            bits
        };
        let calculated = make(TunePolicy::Heuristic);
        for n in tiles {
            let same = make(TunePolicy::Fixed(*n)) == calculated;
            assert!(same, "{} {}, tile {n}", sample.0.kind(), sample.0.summary());
        }
    }
    assert_no_errors(gpu);
    different
}

#[test]
fn tiles_for_loads_that_stall_give_the_same_bits() {
    let mut gpu = open_gpu();
    let layer = Conv2d { filters: 20, kernel: 5, padding: 2, ..Conv2d::default() };
    let sample: BatchSample = (Box::new(layer), vec![Shape::new(3, 5, 9)], BATCHES[0]);
    let [few, many] = [false, true].map(|stalls_at_loads| {
        gpu.set_profile(DeviceProfile { large_tiles: true, stalls_at_loads, ..gpu.profile() }).unwrap();
        (bits_of(&gpu, &sample), gpu.kernel_count())
    });
    assert!(few.0 == many.0);
    assert!(many.1 > few.1 + 1, "larger tiles are other kernels");
    assert_no_errors(&gpu);
}

#[test]
fn every_register_tile_gives_the_same_bits() {
    let different = compare_tiles(&mut open_gpu(), tiled_samples(), &[1, 6, 17]);
    assert!(different > 10, "only {different} of the tiles were compiled for this");
}

#[test]
fn every_tile_of_a_gpu_gives_the_same_bits() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    let samples = [tiled_samples(), shared_out_samples()].into_iter().flatten().collect();
    let different = compare_tiles(&mut gpu, samples, &[1, 2]);
    assert!(different > 10, "only {different} of the tiles were compiled for this");
}

#[test]
fn kernels_agree_with_twins_where_lines_are_folded() {
    let mut gpu = open_gpu();
    gpu.limits.max_compute_workgroups_per_dimension = 17;
    let batch = BATCHES[0];
    let batch_norm =
        samples().into_iter().map(|sample| sample.0).find(|layer| layer.kind() == "batch_norm").unwrap();
    for (layer, input) in [
        (Box::new(relu()) as Box<dyn Layer>, Shape::new(3, 13, 17)),
        (Box::new(MaxPool2d::new(2, 1, 0)), Shape::new(3, 13, 17)),
        (Box::new(Dense { units: 7, init: Init::He }), Shape::new(7, 5, 5)),
        // A workgroup a channel, in three lines of them: statistics, and the gradient of a bias.
        (batch_norm, Shape::new(41, 2, 3)),
        (Box::new(Conv2d { filters: 41, kernel: 1, ..Conv2d::default() }), Shape::new(2, 2, 3)),
    ] {
        compare_layer(&gpu, &*layer, &[input], batch);
    }
    // A convolution does not unfold: it says so, and the trainer cuts its passes.
    let layer = Conv2d { filters: 3, kernel: 3, padding: 1, ..Conv2d::default() };
    let (input, [_, train, slots]) = (Shape::new(3, 230, 17), batch);
    let map = Buffer::<f32>::zeroed(&gpu, "map", input.len() * slots).range();
    let other = Buffer::<f32>::zeroed(&gpu, "map", input.len() * slots).range();
    let fault = layer.build(&LayerBuild {
        gpu: &gpu,
        name: "layer",
        id: 0,
        trains: true,
        batch: &batch_buffers(&gpu, batch),
        inputs: vec![Port { shape: input, values: map.clone(), gradient: None }],
        output_shape: layer.output(&[input]).unwrap(),
        extent: BatchExtent { train_quads: train / 4, quads: slots / 4 },
        output: other.clone(),
        fused_output: None,
        pooling: None,
        rectified_gradient: None,
        biases_below: None,
        leaves_biases: false,
        output_gradient: other.clone(),
        parameters: map,
        packing: &Packing::new(0),
        partials: &PartialSums::default(),
        offsets: vec![0, 100],
    });
    assert!(fault.err().unwrap().what().contains("conv2d.wgsl:conv2d"));
}
