//! Every kind of layer: its plain-loop twin against every variant of its kernels (tests/gradcheck.rs has the twin
//! against central differences).
//!
//! A batch has trained columns, padding up to a multiple of 4, and probes. Padding has no output gradient, and must make no
//! input gradient; probes have one, and with it an input gradient, but they count in no parameter gradient. Trained columns are
//! in training, probes are not; in an evaluation all columns are as probes.

mod compare;

use compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, rounded, sum_tolerance,
};
use revacnn::data::{Clock, Column, Sampling};
use revacnn::gpu::{Buffer, Choosing, Gpu, Plan, Tuning};
use revacnn::nn::gradcheck::{sample_inputs, sample_parameters};
use revacnn::nn::layers::{Conv2d, Dense, KINDS, MaxPool2d, Sample, relu};
use revacnn::nn::{
    BatchBuffers, Columns, Draw, Init, Layer, LayerBuild, LayerPlans, Mode, Port, Role, Shape, Tensor,
    TwinCall, TwinGradients,
};

/// Trained images, columns before the probes, all columns: an odd and an even number of quads.
const BATCHES: [[usize; 3]; 2] = [[6, 8, 12], [9, 12, 16]];

/// The seed, the step, the layer's index and the place of the pass's first image in its batch.
const DRAW: Draw = Draw { seed: [0x1234_5678, 3], step: 41, layer: 6, first: 20 };

fn samples() -> Vec<Sample> {
    KINDS.iter().flat_map(|kind| (kind.samples)()).collect()
}

/// What a layer made of one batch on the GPU.
struct Made {
    output: Vec<f32>,
    evaluated: Vec<f32>,
    input_gradients: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
}

/// A layer on the GPU with buffers of its own; parameters lie at odd places between others.
struct Bench<'g> {
    gpu: &'g Gpu,
    plans: LayerPlans,
    inputs: Vec<Buffer<f32>>,
    output: Buffer<f32>,
    /// Where relu of the output goes, where the layer makes that too.
    rectified: Option<Buffer<f32>>,
    output_gradient: Buffer<f32>,
    input_gradients: Vec<Buffer<f32>>,
    parameters: Buffer<f32>,
    gradients: Buffer<f32>,
    /// First element and length of each parameter tensor.
    places: Vec<(usize, usize)>,
}

/// What lies before and between the parameters of the layer; its gradient must stay as it is.
const STRANGER: f32 = 77.0;

/// Columns, clock and seed of a batch.
fn batch_buffers(gpu: &Gpu, [images, train, columns]: [usize; 3]) -> BatchBuffers {
    let scale = |n: usize| {
        if n < images {
            1.0 / images as f32
        } else if n < train {
            0.0
        } else {
            1.0
        }
    };
    let drawn: Vec<Column> =
        (0..columns).map(|n| Column { image: 0, label: 0, change: 0, scale: scale(n), random: 0 }).collect();
    let clock = Clock { step: DRAW.step, drawn: DRAW.first, ..Clock::default() };
    let sampling = Sampling { seed_low: DRAW.seed[0], seed_high: DRAW.seed[1], ..Sampling::default() };
    BatchBuffers {
        columns: Buffer::from_slice(gpu, "columns", &drawn).range(),
        clock: Buffer::from_slice(gpu, "clock", &[clock]).range(),
        sampling: Buffer::from_slice(gpu, "sampling", &[sampling]).range(),
    }
}

impl<'g> Bench<'g> {
    fn new(gpu: &'g Gpu, layer: &dyn Layer, shapes: &[Shape], batch: [usize; 3]) -> Self {
        let [_, train, columns] = batch;
        let output = layer.output(shapes).unwrap();
        let mut end = 3;
        let mut place = |len: usize| {
            let at = end;
            end += len + 5;
            (at, len)
        };
        let places: Vec<_> = layer.parameters(shapes).iter().map(|spec| place(spec.len())).collect();
        let buffer = |label: &str, len: usize| poisoned(gpu, label, len);
        let maps = |label: &str| shapes.iter().map(|s| buffer(label, s.len() * columns)).collect();
        let mut bench = Self {
            gpu,
            plans: LayerPlans::default(),
            inputs: maps("input"),
            output: buffer("output", output.len() * columns),
            rectified: layer.makes_relu().then(|| buffer("relu of the output", output.len() * columns)),
            output_gradient: buffer("output gradient", output.len() * columns),
            input_gradients: maps("input gradient"),
            parameters: buffer("parameters", end),
            gradients: buffer("gradients", end),
            places,
        };
        let ports = shapes.iter().zip(&bench.inputs).zip(&bench.input_gradients);
        let plans = layer.build(&LayerBuild {
            gpu,
            name: "layer",
            index: DRAW.layer as usize,
            trains: true,
            columns: Columns { train_quads: train / 4, quads: columns / 4 },
            batch: &batch_buffers(gpu, batch),
            inputs: ports
                .map(|((shape, values), gradient)| Port {
                    shape: *shape,
                    values: values.range(),
                    gradient: Some(gradient.range()),
                })
                .collect(),
            output_shape: output,
            output: bench.output.range(),
            rectified: bench.rectified.as_ref().map(Buffer::range),
            output_gradient: bench.output_gradient.range(),
            parameters: bench.parameters.range(),
            gradients: bench.gradients.range(),
            offsets: bench.places.iter().map(|place| place.0).collect(),
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

    /// The parameter tensors out of a flat buffer's values.
    fn tensors(&self, flat: &[f32]) -> Vec<Vec<f32>> {
        self.places.iter().map(|(at, len)| flat[*at..*at + *len].to_vec()).collect()
    }

    /// Writes the inputs, poisons the outputs, and runs forward once, backward `times`, then an evaluation.
    fn make(
        &self,
        inputs: &[Tensor],
        parameters: &[Vec<f64>],
        output_gradient: &Tensor,
        times: usize,
    ) -> Made {
        let gpu = self.gpu;
        let poison = |buffer: &Buffer<f32>| buffer.write(gpu, 0, &vec![f32::NAN; buffer.len()]);
        for (buffer, input) in self.inputs.iter().zip(inputs) {
            buffer.write(gpu, 0, &narrow(&input.values));
        }
        self.output_gradient.write(gpu, 0, &narrow(&output_gradient.values));
        self.input_gradients.iter().chain([&self.output]).chain(&self.rectified).for_each(poison);
        let mut zeros = vec![STRANGER; self.gradients.len()];
        let mut flat = vec![f32::NAN; self.parameters.len()];
        for ((at, len), values) in self.places.iter().zip(parameters) {
            zeros[*at..*at + *len].fill(0.0);
            flat[*at..*at + *len].copy_from_slice(&narrow(values));
        }
        self.parameters.write(gpu, 0, &flat);
        self.gradients.write(gpu, 0, &zeros);
        self.run(&[&self.plans.prepare, &self.plans.forward]);
        (0..times).for_each(|_| self.run(&[&self.plans.backward]));
        let (output, mut all) = (self.output.read(gpu), self.gradients.read(gpu));
        if let Some(rectified) = &self.rectified {
            let relu = |value: &f32| if *value < 0.0 { 0.0 } else { *value };
            assert!(output.iter().any(|value| *value < 0.0), "relu would change nothing");
            let same = output.iter().zip(rectified.read(gpu)).all(|(v, r)| relu(v).to_bits() == r.to_bits());
            assert!(same, "relu of the output");
        }
        let gradients = self.tensors(&all);
        for (at, len) in &self.places {
            all[*at..*at + *len].fill(STRANGER);
        }
        assert!(all.iter().all(|v| *v == STRANGER), "a gradient of another layer was written");
        let input_gradients = self.input_gradients.iter().map(|b| b.read(gpu)).collect();
        poison(&self.output);
        self.run(&[self.plans.evaluation.as_ref().unwrap_or(&self.plans.forward)]);
        Made { output, evaluated: self.output.read(gpu), input_gradients, gradients }
    }
}

/// The images in `range`.
fn images(tensor: &Tensor, range: std::ops::Range<usize>) -> Tensor {
    let values = tensor.values.chunks(tensor.images).flat_map(|row| &row[range.clone()]).copied().collect();
    Tensor { values, images: range.len(), ..tensor.clone() }
}

/// Values of a batch `[.., n]`, only the columns in `range`.
fn columns(values: &[f32], all: usize, range: std::ops::Range<usize>) -> Vec<f32> {
    values.chunks(all).flat_map(|row| &row[range.clone()]).copied().collect()
}

/// Sample inputs, parameters and output gradient of a batch: none for the padding, as the loss makes it.
fn sample_batch(
    layer: &dyn Layer,
    shapes: &[Shape],
    [images, train, columns]: [usize; 3],
) -> (Vec<Tensor>, Vec<Vec<f64>>, Tensor) {
    let mut inputs = sample_inputs(shapes, columns, 11);
    inputs.iter_mut().for_each(|x| x.values = rounded(std::mem::take(&mut x.values)));
    let parameters = sample_parameters(layer, shapes, 12).into_iter().map(rounded).collect();
    let mut gradient = Tensor::sample(layer.output(shapes).unwrap(), columns, 13);
    gradient.values = rounded(gradient.values);
    for row in gradient.values.chunks_mut(columns) {
        row[images..train].fill(0.0);
    }
    (inputs, parameters, gradient)
}

/// What the twin makes of some columns of a batch.
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

/// Compares what was made in some columns with what the twin expects there.
fn compare_columns(
    place: &str,
    made: &Made,
    all: usize,
    expected: &Expected,
    [forward, backward, _]: [f64; 3],
) {
    let output = columns(&made.output, all, expected.range.clone());
    assert_close(&format!("output of {place}"), &output, &expected.output.values, forward);
    assert_differs("a shift of the output", &output, &rotated(&expected.output.values), forward);
    for (i, expected_gradient) in expected.gradients.inputs.iter().enumerate() {
        let gradient = columns(&made.input_gradients[i], all, expected.range.clone());
        let what = format!("gradient of input {i} of {place}");
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
    let training = expect(layer, sample, 0..trained, Mode::Training(DRAW));
    let probes = expect(layer, sample, train..all, Mode::Evaluation);

    let tolerances = tolerances(layer, shapes, training.output.shape, trained);
    let sums = tolerances[2];
    let bench = Bench::new(gpu, layer, shapes, batch);
    let place = format!("{} {} on {shapes:?}, {batch:?}, {:?}", layer.kind(), layer.summary(), gpu.tuning());
    let made = bench.make(&inputs, &parameters, &gradient, 1);
    compare_columns(&format!("{place}, training"), &made, all, &training, tolerances);
    compare_columns(&format!("{place}, probes"), &made, all, &probes, tolerances);
    let padding = |values: &[f32]| columns(values, all, trained..train);
    assert!(padding(&made.output).iter().all(|v| v.is_finite()), "padding of {place}");
    for gradient in &made.input_gradients {
        assert!(padding(gradient).iter().all(|v| *v == 0.0), "gradient of the padding of {place}");
    }
    let everywhere = expect(layer, sample, 0..all, Mode::Evaluation);
    assert_close(
        &format!("evaluation of {place}"),
        &made.evaluated,
        &everywhere.output.values,
        tolerances[0],
    );

    if parameters.is_empty() {
        return;
    }
    let doubled = bench.make(&inputs, &parameters, &gradient, 2);
    let with_probes = expect(layer, sample, 0..all, Mode::Training(DRAW)).gradients.parameters;
    for (i, spec) in layer.parameters(shapes).iter().enumerate() {
        let name = format!("{} of {place}", spec.name);
        let expected = &training.gradients.parameters[i];
        assert_close(&format!("gradient of {name}"), &made.gradients[i], expected, sums);
        let twice: Vec<f64> = expected.iter().map(|g| 2.0 * g).collect();
        assert_close(&format!("gradient added twice of {name}"), &doubled.gradients[i], &twice, sums);
        assert_differs("that probes count", &made.gradients[i], &with_probes[i], sums);
        assert_differs("a missing accumulation", &doubled.gradients[i], expected, sums);
        if expected.len() > 1 {
            assert_differs("a shift of the gradients", &made.gradients[i], &rotated(expected), sums);
        }
        if spec.role == Role::Statistic {
            continue;
        }
        let mut changed = parameters.clone();
        changed[i][0] *= 1.001;
        let twin = expect(layer, (&inputs, &changed, &gradient), 0..trained, Mode::Training(DRAW));
        let output = columns(&made.output, all, 0..trained);
        assert_differs("a changed parameter", &output, &twin.output.values, tolerances[0]);
    }
}

fn compare_all(tuning: Option<Tuning>) {
    let mut gpu = open_gpu();
    gpu.set_tuning(tuning.unwrap_or(gpu.tuning())).unwrap();
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
    compare_all(Some(Tuning { shares_loads: false, large_tiles: true, fuses_relu: false }));
}

#[test]
fn kernels_agree_with_twins_with_small_tiles() {
    compare_all(Some(Tuning { shares_loads: false, large_tiles: false, fuses_relu: true }));
}

#[test]
fn every_register_tile_gives_the_same_bits() {
    let mut gpu = open_gpu();
    let batch = BATCHES[0];
    let convolutions = samples().into_iter().filter(|(layer, _)| ["conv2d", "dense"].contains(&layer.kind()));
    let mut different = 0;
    for (layer, shapes) in convolutions.step_by(2) {
        let (inputs, parameters, gradient) = sample_batch(&*layer, &shapes, batch);
        let mut make = |choosing| {
            gpu.set_choosing(choosing);
            let before = gpu.kernels_compiled();
            let made = Bench::new(&gpu, &*layer, &shapes, batch).make(&inputs, &parameters, &gradient, 1);
            different += usize::from(gpu.kernels_compiled() > before);
            let all = [&made.output].into_iter().chain(&made.input_gradients).chain(&made.gradients);
            all.map(|values| values.iter().map(|v| v.to_bits()).collect()).collect::<Vec<Vec<u32>>>()
        };
        let calculated = make(Choosing::Calculated);
        for n in [1, 6, 17] {
            assert!(make(Choosing::Nth(n)) == calculated, "{} {}, tile {n}", layer.kind(), layer.summary());
        }
    }
    assert!(different > 10, "only {different} of the tiles were compiled for this");
    assert_no_errors(&gpu);
}

#[test]
fn kernels_agree_with_twins_where_lines_are_folded() {
    let mut gpu = open_gpu();
    gpu.limits.max_compute_workgroups_per_dimension = 17;
    let batch = BATCHES[0];
    for (layer, input) in [
        (Box::new(relu()) as Box<dyn Layer>, Shape::new(3, 13, 17)),
        (Box::new(MaxPool2d::new(2, 1, 0)), Shape::new(3, 13, 17)),
        (Box::new(Dense { units: 7, init: Init::He }), Shape::new(7, 5, 5)),
    ] {
        compare_layer(&gpu, &*layer, &[input], batch);
    }
    // A convolution does not unfold: it says so, and the trainer cuts its passes.
    let layer = Conv2d { filters: 3, kernel: 3, padding: 1, ..Conv2d::default() };
    let (input, [_, train, columns]) = (Shape::new(3, 230, 17), batch);
    let map = Buffer::<f32>::zeroed(&gpu, "map", input.len() * columns).range();
    let other = Buffer::<f32>::zeroed(&gpu, "map", input.len() * columns).range();
    let fault = layer.build(&LayerBuild {
        gpu: &gpu,
        name: "layer",
        index: 0,
        trains: true,
        batch: &batch_buffers(&gpu, batch),
        inputs: vec![Port { shape: input, values: map.clone(), gradient: None }],
        output_shape: layer.output(&[input]).unwrap(),
        columns: Columns { train_quads: train / 4, quads: columns / 4 },
        output: other.clone(),
        rectified: None,
        output_gradient: other.clone(),
        parameters: map,
        gradients: other,
        offsets: vec![0, 100],
    });
    assert!(fault.err().unwrap().what().contains("convolution.wgsl:gather"));
}

#[test]
fn nan_is_handed_on() {
    let gpu = open_gpu();
    let input = Shape::new(2, 6, 4);
    let batch = [4, 4, 8];
    // A value of the first map is NaN: of these layers' outputs, just the twin's are.
    let kinds =
        ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "max_pool2d", "avg_pool2d", "maxout", "add"];
    for kind in kinds {
        let settings = if kind.contains("pool") { "size = 2" } else { "" };
        let parse = KINDS.iter().find(|k| k.kind == kind).unwrap().parse;
        let layer = parse(settings.parse().unwrap(), 0).unwrap();
        let shapes = vec![input; *layer.inputs().start()];
        let bench = Bench::new(&gpu, &*layer, &shapes, batch);
        for place in [0, 1, 4, 5] {
            let (mut x, parameters, gradient) = sample_batch(&*layer, &shapes, batch);
            x[0].values[8 * place + 1] = f64::NAN;
            let made = bench.make(&x, &parameters, &gradient, 1);
            let call = TwinCall { inputs: &x, parameters: &parameters, mode: Mode::Evaluation };
            let twin = layer.forward_twin(&call);
            let nan = |i: usize| [made.output[i].is_nan(), twin.values[i].is_nan()];
            let nans: Vec<usize> = (0..made.output.len()).filter(|i| nan(*i).contains(&true)).collect();
            assert_eq!(nans.len(), 1, "{kind} with NaN at {place}: NaN at {nans:?}");
            assert_eq!(nan(nans[0]), [true; 2], "{kind} with NaN at {place}");
            if kind == "max_pool2d" || kind == "maxout" {
                let twin = &layer.backward_twin(&call, &gradient).inputs[0];
                assert_close("input gradient beside NaN", &made.input_gradients[0], &twin.values, 0.0);
            }
        }
    }
}
