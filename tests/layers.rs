//! Every kind of layer: its plain-loop twin against every variant of its kernels (tests/gradcheck.rs has the twin
//! against central differences).
//!
//! A batch has trained columns, padding up to a multiple of 4, and probes. Padding has no output gradient; probes
//! have one, and with it an input gradient, but they count in no weight gradient.

mod compare;

use compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, rounded, sum_tolerance,
};
use revacnn::gpu::{Buffer, Gpu, Plan, Tuning};
use revacnn::nn::gradcheck::sample_parameters;
use revacnn::nn::layers::{Conv2d, Dense, KINDS, MaxPool2d, Relu, Sample};
use revacnn::nn::{Columns, Layer, LayerBuild, LayerPlans, ParameterSlot, Shape, Tensor};

/// Trained images, columns before the probes, all columns: an odd and an even number of quads.
const BATCHES: [[usize; 3]; 2] = [[6, 8, 12], [9, 12, 16]];

fn samples() -> Vec<Sample> {
    KINDS.iter().flat_map(|kind| (kind.samples)()).collect()
}

/// What a layer made of one batch on the GPU.
struct Made {
    output: Vec<f32>,
    input_gradient: Vec<f32>,
    gradients: Vec<f32>,
}

/// A layer on the GPU with buffers of its own; parameters lie at odd places between others.
struct Bench<'g> {
    gpu: &'g Gpu,
    plans: LayerPlans,
    input: Buffer<f32>,
    output: Buffer<f32>,
    output_gradient: Buffer<f32>,
    input_gradient: Buffer<f32>,
    parameters: Buffer<f32>,
    gradients: Buffer<f32>,
    slot: ParameterSlot,
    weights: usize,
}

/// What lies before and between the parameters of the layer; its gradient must stay as it is.
const STRANGER: f32 = 77.0;

impl<'g> Bench<'g> {
    fn new(gpu: &'g Gpu, layer: &dyn Layer, input: Shape, [_, train, columns]: [usize; 3]) -> Self {
        let output = layer.output(input).unwrap();
        let shape = layer.weights(input);
        let weights = shape.map_or(0, |w| w.iter().product());
        let filters = shape.map_or(0, |w| w[0]);
        let slot = ParameterSlot { weight_offset: 3, bias_offset: weights + 8 };
        let buffer = |label: &str, len: usize| poisoned(gpu, label, len);
        let mut bench = Self {
            gpu,
            plans: LayerPlans::default(),
            input: buffer("input", input.len() * columns),
            output: buffer("output", output.len() * columns),
            output_gradient: buffer("output gradient", output.len() * columns),
            input_gradient: buffer("input gradient", input.len() * columns),
            parameters: buffer("parameters", slot.bias_offset + filters + 1),
            gradients: buffer("gradients", slot.bias_offset + filters + 1),
            slot,
            weights,
        };
        let plans = layer.build(&LayerBuild {
            gpu,
            name: "layer",
            input_shape: input,
            output_shape: output,
            columns: Columns { train_quads: train / 4, quads: columns / 4 },
            input: bench.input.range(),
            output: bench.output.range(),
            input_gradient: Some(bench.input_gradient.range()),
            output_gradient: bench.output_gradient.range(),
            parameters: bench.parameters.range(),
            gradients: bench.gradients.range(),
            slot: shape.map(|_| slot),
        });
        bench.plans = plans.unwrap();
        // Every buffer is NaN still, so after this the private ones (packed weights, partial sums) are as well.
        bench.run(&[&bench.plans.prepare, &bench.plans.forward, &bench.plans.backward]);
        bench
    }

    fn run(&self, plans: &[&Plan]) {
        let mut encoder = self.gpu.encoder("layer");
        plans.iter().for_each(|plan| plan.encode(&mut encoder));
        self.gpu.submit(encoder);
    }

    /// Writes the inputs, poisons the outputs, and runs forward once and backward `times`.
    fn make(&self, input: &Tensor, parameters: &[f64], output_gradient: &Tensor, times: usize) -> Made {
        let gpu = self.gpu;
        self.input.write(gpu, 0, &narrow(&input.values));
        self.output_gradient.write(gpu, 0, &narrow(&output_gradient.values));
        for poisoned in [&self.output, &self.input_gradient] {
            poisoned.write(gpu, 0, &vec![f32::NAN; poisoned.len()]);
        }
        let (weights, biases) = parameters.split_at(self.weights);
        self.parameters.write(gpu, self.slot.weight_offset, &narrow(weights));
        self.parameters.write(gpu, self.slot.bias_offset, &narrow(biases));
        let mut zeros = vec![STRANGER; self.gradients.len()];
        zeros[self.slot.weight_offset..][..weights.len()].fill(0.0);
        zeros[self.slot.bias_offset..][..biases.len()].fill(0.0);
        self.gradients.write(gpu, 0, &zeros);
        self.run(&[&self.plans.prepare, &self.plans.forward]);
        (0..times).for_each(|_| self.run(&[&self.plans.backward]));
        let mut all = self.gradients.read(gpu);
        let gradients = [
            all[self.slot.weight_offset..][..weights.len()].to_vec(),
            all[self.slot.bias_offset..][..biases.len()].to_vec(),
        ]
        .concat();
        all[self.slot.weight_offset..][..weights.len()].fill(STRANGER);
        all[self.slot.bias_offset..][..biases.len()].fill(STRANGER);
        assert!(all.iter().all(|v| *v == STRANGER), "a gradient of another layer was written");
        Made { output: self.output.read(gpu), input_gradient: self.input_gradient.read(gpu), gradients }
    }
}

/// The first `images` images.
fn first_images(tensor: &Tensor, images: usize) -> Tensor {
    let values = tensor.values.chunks(tensor.images).flat_map(|row| &row[..images]).copied().collect();
    Tensor { values, images, ..tensor.clone() }
}

/// Sample input, parameters and output gradient of a batch: none for the padding, as the loss makes it.
fn sample_batch(
    layer: &dyn Layer,
    input: Shape,
    [images, train, columns]: [usize; 3],
) -> (Tensor, Vec<f64>, Tensor) {
    let mut x = Tensor::sample(input, columns, 11);
    x.values = rounded(x.values);
    let parameters = rounded(sample_parameters(layer, input, 12));
    let mut gradient = Tensor::sample(layer.output(input).unwrap(), columns, 13);
    gradient.values = rounded(gradient.values);
    for row in gradient.values.chunks_mut(columns) {
        row[images..train].fill(0.0);
    }
    (x, parameters, gradient)
}

/// Compares one layer's kernels with its twin, with negative controls.
fn compare_layer(gpu: &Gpu, layer: &dyn Layer, input: Shape, batch: [usize; 3]) {
    let (x, parameters, gradient) = sample_batch(layer, input, batch);
    let output = layer.forward_twin(&x, &parameters);
    let (input_gradient, with_probes) = layer.backward_twin(&x, &parameters, &gradient);
    let [images, ..] = batch;
    let (_, gradients) =
        layer.backward_twin(&first_images(&x, images), &parameters, &first_images(&gradient, images));

    let [filters, from, ky, kx] = layer.weights(input).unwrap_or([1, 1, 1, 1]);
    let forward = sum_tolerance(from * ky * kx + 1);
    let backward = sum_tolerance(filters * ky * kx);
    let sums = sum_tolerance(output.shape.pixels() * images);
    let bench = Bench::new(gpu, layer, input, batch);
    let place = format!("{} {} on {input}, {batch:?}, {:?}", layer.kind(), layer.summary(), gpu.tuning());
    let made = bench.make(&x, &parameters, &gradient, 1);
    assert_close(&format!("output of {place}"), &made.output, &output.values, forward);
    assert_close(
        &format!("input gradient of {place}"),
        &made.input_gradient,
        &input_gradient.values,
        backward,
    );
    let doubled = bench.make(&x, &parameters, &gradient, 2);
    if !parameters.is_empty() {
        assert_close(&format!("gradients of {place}"), &made.gradients, &gradients, sums);
        let twice: Vec<f64> = gradients.iter().map(|g| 2.0 * g).collect();
        assert_close(&format!("gradients added twice of {place}"), &doubled.gradients, &twice, sums);
        assert_differs("that probes count", &made.gradients, &with_probes, sums);
        assert_differs("a missing accumulation", &doubled.gradients, &gradients, sums);
        let mut changed = parameters.clone();
        *changed.last_mut().unwrap() *= 1.001;
        changed[0] *= 1.001;
        let twin = layer.forward_twin(&x, &changed).values;
        assert_differs("a changed bias or weight", &made.output, &twin, forward);
        let mut shifted = gradients;
        shifted.rotate_left(1);
        assert_differs("a shift of the gradients", &made.gradients, &shifted, sums);
    }
    let shifted = |mut values: Vec<f64>| {
        values.rotate_left(1);
        values
    };
    assert_differs("a shift of the output", &made.output, &shifted(output.values), forward);
    assert_differs("a shift of the input", &made.input_gradient, &shifted(input_gradient.values), backward);
}

fn compare_all(tuning: Option<Tuning>) {
    let mut gpu = open_gpu();
    gpu.set_tuning(tuning.unwrap_or(gpu.tuning())).unwrap();
    for batch in BATCHES {
        for (layer, input) in samples() {
            compare_layer(&gpu, &*layer, input, batch);
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
    compare_all(Some(Tuning { shares_loads: false, large_tiles: true }));
}

#[test]
fn kernels_agree_with_twins_with_small_tiles() {
    compare_all(Some(Tuning { shares_loads: false, large_tiles: false }));
}

#[test]
fn kernels_agree_with_twins_where_lines_are_folded() {
    let mut gpu = open_gpu();
    gpu.limits.max_compute_workgroups_per_dimension = 17;
    let batch = BATCHES[0];
    for (layer, input) in [
        (Box::new(Relu {}) as Box<dyn Layer>, Shape::new(3, 13, 17)),
        (Box::new(MaxPool2d { size: 2, stride: 1 }), Shape::new(3, 13, 17)),
        (Box::new(Dense { units: 7 }), Shape::new(7, 5, 5)),
    ] {
        compare_layer(&gpu, &*layer, input, batch);
    }
    // A convolution does not unfold: it says so, and the trainer cuts its passes.
    let layer = Conv2d { filters: 3, kernel: 3, stride: 1, padding: 1 };
    let (input, [_, train, columns]) = (Shape::new(3, 23, 17), batch);
    let map = Buffer::<f32>::zeroed(&gpu, "map", input.len() * columns).range();
    let other = Buffer::<f32>::zeroed(&gpu, "map", input.len() * columns).range();
    let fault = layer.build(&LayerBuild {
        gpu: &gpu,
        name: "layer",
        input_shape: input,
        output_shape: layer.output(input).unwrap(),
        columns: Columns { train_quads: train / 4, quads: columns / 4 },
        input: map.clone(),
        output: other.clone(),
        input_gradient: None,
        output_gradient: other.clone(),
        parameters: map,
        gradients: other,
        slot: Some(ParameterSlot { weight_offset: 0, bias_offset: 100 }),
    });
    assert!(fault.err().unwrap().what().contains("convolution.wgsl:gather"));
}

#[test]
fn nan_is_handed_on() {
    let gpu = open_gpu();
    let input = Shape::new(1, 6, 4);
    for layer in [Box::new(MaxPool2d { size: 2, stride: 2 }) as Box<dyn Layer>, Box::new(Relu {})] {
        let bench = Bench::new(&gpu, &*layer, input, [4, 4, 4]);
        for place in [0, 1, 4, 5] {
            let (mut x, parameters, gradient) = sample_batch(&*layer, input, [4, 4, 4]);
            x.values[4 * place + 1] = f64::NAN;
            let made = bench.make(&x, &parameters, &gradient, 1);
            let twin = layer.forward_twin(&x, &parameters);
            let nan = |i: usize| [made.output[i].is_nan(), twin.values[i].is_nan()];
            let nans: Vec<usize> = (0..made.output.len()).filter(|i| nan(*i).contains(&true)).collect();
            assert_eq!(nans.len(), 1, "{} with NaN at {place}: NaN at {nans:?}", layer.kind());
            assert_eq!(nan(nans[0]), [true; 2], "{} with NaN at {place}", layer.kind());
            if layer.kind() == "max_pool2d" {
                let (twin, _) = layer.backward_twin(&x, &parameters, &gradient);
                assert_close("input gradient beside NaN", &made.input_gradient, &twin.values, 0.0);
            }
        }
    }
}
