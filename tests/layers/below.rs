//! Backward passes that make what the layer below would: a relu's gradient and the partial sums of biases.

use revacnn::gpu::{Buffer, DeviceProfile, Gpu};
use revacnn::nn::layers::{MaxPool2d, relu};
use revacnn::nn::twin::{Mode, TwinCall, gradient_sums};
use revacnn::nn::{BatchExtent, Layer, LayerBuild, Packing, PartialSums, Port, Shape, Tensor};

use crate::compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, sum_tolerance,
};
use crate::fixture::batch_buffers;
use crate::{BATCHES, PLAIN, images, rotated, rounded};

/// Maps in front of the relu, and the gradient of what follows it.
struct Case {
    batch: [usize; 3],
    values: Tensor,
    gradient: Tensor,
}

/// Results of a layer above a biased map.
struct Made {
    /// Gradient of the biased map.
    gradient: Vec<f32>,
    /// Gradient of the layer's own input.
    input_gradient: Vec<f32>,
    /// Bias gradient, where it makes that.
    biases: Option<Vec<f64>>,
}

fn backward(layer: &dyn Layer, input: &Tensor, gradient: &Tensor) -> Tensor {
    let inputs = [input.clone()];
    let call = TwinCall { inputs: &inputs, parameters: &[], mode: Mode::Evaluation };
    layer.backward_twin(&call, gradient).inputs.remove(0)
}

fn rectified(values: &Tensor) -> Tensor {
    let inputs = [values.clone()];
    relu().forward_twin(&TwinCall { inputs: &inputs, parameters: &[], mode: Mode::Evaluation })
}

impl Case {
    fn new(shape: Shape, output: Shape, batch: [usize; 3]) -> Self {
        let [trained, train, slots] = batch;
        let mut values = Tensor::sample(shape, slots, 31);
        // Low enough that a relu cuts some windows whole.
        values.values = rounded(values.values.iter().map(|value| value - 0.6).collect());
        let mut gradient = Tensor::sample(output, slots, 32);
        gradient.values = rounded(gradient.values);
        for row in gradient.values.chunks_mut(slots) {
            row[trained..train].fill(0.0);
        }
        Self { batch, values, gradient }
    }

    /// Runs a layer above a relu, or a relu above a biased map.
    fn run(&self, gpu: &Gpu, layer: &dyn Layer, input: &Tensor, makes_biases: bool) -> Made {
        let [_, train, slots] = self.batch;
        let buffer = |values: &[f64]| Buffer::from_slice(gpu, "map", &narrow(values));
        let (input_gradient, below) =
            (poisoned(gpu, "input gradient", input.values.len()), poisoned(gpu, "below", input.values.len()));
        let is_relu = layer.kind() == "relu";
        let partials = PartialSums::default();
        let shape = input.shape;
        let plans = layer
            .build(&LayerBuild {
                gpu,
                name: "layer",
                id: 0,
                trains: false,
                extent: BatchExtent { train_quads: train / 4, quads: slots / 4 },
                batch: &batch_buffers(gpu, self.batch),
                inputs: vec![Port {
                    shape,
                    values: buffer(&input.values).range(),
                    gradient: Some(input_gradient.range()),
                }],
                output_shape: self.gradient.shape,
                output: poisoned(gpu, "output", self.gradient.values.len()).range(),
                fused_output: None,
                pooling: None,
                rectified_gradient: (!is_relu).then(|| below.range()),
                biases_below: makes_biases.then_some((8, shape.channels)),
                leaves_biases: false,
                output_gradient: buffer(&self.gradient.values).range(),
                parameters: poisoned(gpu, "parameters", 4).range(),
                packing: &Packing::new(0),
                partials: &partials,
                offsets: Vec::new(),
            })
            .unwrap();
        let mut encoder = gpu.encoder("layer");
        plans.forward.encode(&mut encoder);
        plans.backward.encode(&mut encoder);
        gpu.submit(encoder);
        let mut sums = partials.read(gpu).into_iter().map(|(range, sums)| {
            assert_eq!((range.offset, range.len), (8, shape.channels));
            gradient_sums(&sums.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), range.len)
        });
        let (own, below) = (input_gradient.read(gpu), below.read(gpu));
        let (gradient, input_gradient) = if is_relu { (own.clone(), own) } else { (below, own) };
        Made { gradient, input_gradient, biases: sums.next() }
    }

    /// Bias gradient of a gradient: over the trained slots.
    fn biases(&self, gradient: &Tensor) -> Vec<f64> {
        let trained = images(gradient, 0..self.batch[1]);
        trained
            .values
            .chunks(trained.shape.pixels() * trained.images)
            .map(|share| share.iter().sum())
            .collect()
    }

    fn compare_biases(&self, what: &str, made: &Made, gradient: &Tensor) {
        let biases: Vec<f32> =
            made.biases.as_ref().expect("it makes them").iter().map(|v| *v as f32).collect();
        let expected = self.biases(gradient);
        let tolerance = sum_tolerance(gradient.values.len() / gradient.shape.channels);
        assert_close(&format!("biases below {what}"), &biases, &expected, tolerance);
        let all: Vec<f64> = gradient
            .values
            .chunks(gradient.shape.pixels() * gradient.images)
            .map(|share| share.iter().sum())
            .collect();
        assert_differs("that probes count", &biases, &all, tolerance);
        assert_differs("another channel", &biases, &rotated(&expected), tolerance);
    }
}

#[test]
fn a_pooling_makes_the_gradient_below_its_relu() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile { large_tiles: false, ..PLAIN }).unwrap();
    for (pool, shape) in [
        (MaxPool2d::new(2, 2, 0), Shape::new(3, 7, 5)),
        (MaxPool2d::new(2, 3, 0), Shape::new(2, 8, 11)),
        (MaxPool2d::new(3, 3, 0), Shape::new(5, 10, 9)),
        // More than one chunk of a channel.
        (MaxPool2d::new(1, 2, 0), Shape::new(2, 33, 29)),
    ] {
        for batch in BATCHES {
            let case = Case::new(shape, pool.window.output(shape).unwrap(), batch);
            let input = rectified(&case.values);
            let unpooled = backward(&pool, &input, &case.gradient);
            let expected = backward(&relu(), &case.values, &unpooled);
            let what = format!("{} of {shape}, {batch:?}", pool.summary());
            for makes_biases in [false, true] {
                let made = case.run(&gpu, &pool, &input, makes_biases);
                assert_close(&format!("gradient below {what}"), &made.gradient, &expected.values, 1e-7);
                assert_differs("a gradient that no relu cuts", &made.gradient, &unpooled.values, 1e-7);
                let [_, train, slots] = batch;
                let probes = |values: &[f32]| -> Vec<f32> {
                    values.chunks(slots).flat_map(|row| row[train..].to_vec()).collect()
                };
                let of_probes = images(&unpooled, train..slots);
                assert_close(
                    &format!("probes' gradient of {what}"),
                    &probes(&made.input_gradient),
                    &of_probes.values,
                    1e-7,
                );
                let trained = made.input_gradient.chunks(slots).flat_map(|row| &row[..train]);
                assert!(trained.into_iter().all(|v| v.is_nan()), "of the others none is written");
                if makes_biases {
                    case.compare_biases(&what, &made, &expected);
                } else {
                    assert!(made.biases.is_none());
                }
            }
        }
    }
    assert_no_errors(&gpu);
}

#[test]
fn a_relu_makes_the_partial_sums_of_the_biases_below() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile { large_tiles: false, ..PLAIN }).unwrap();
    // So few that 29 channels are folded.
    gpu.limits.max_compute_workgroups_per_dimension = 17;
    for shape in [Shape::new(3, 7, 5), Shape::new(29, 1, 1), Shape::new(2, 13, 17)] {
        for batch in BATCHES {
            let case = Case::new(shape, shape, batch);
            let expected = backward(&relu(), &case.values, &case.gradient);
            let made = case.run(&gpu, &relu(), &case.values, true);
            let what = format!("a relu of {shape}, {batch:?}");
            assert_close(&format!("gradient of {what}"), &made.gradient, &expected.values, 1e-7);
            case.compare_biases(&what, &made, &expected);
        }
    }
    assert_no_errors(&gpu);
}
