//! Convolution, relu and max pooling by one kernel: the bits of the three apart, and the twins' values.

use revacnn::gpu::{Buffer, DeviceProfile, Gpu, HalfProducts, TunePolicy};
use revacnn::nn::layers::{Conv2d, MaxPool2d, relu};
use revacnn::nn::twin::{Mode, TwinCall, half};
use revacnn::nn::{BatchExtent, Layer, LayerBuild, Packing, PartialSums, Pooling, Port, Shape, Tensor};

use crate::compare::{assert_close, assert_no_errors, narrow, open_gpu, poisoned, sum_tolerance};
use crate::fixture::batch_buffers;
use crate::{BATCHES, sample_batch};

/// A convolution, its input, and the side of the windows after it.
struct Case {
    layer: Conv2d,
    input: Shape,
    size: usize,
}

/// Maps that a forward pass made.
struct Made {
    output: Vec<f32>,
    rectified: Vec<f32>,
    pooled: Vec<f32>,
    places: Vec<u32>,
}

fn cases() -> Vec<Case> {
    let conv = |filters, kernel, padding| Conv2d { filters, kernel, padding, ..Conv2d::default() };
    vec![
        Case { layer: conv(5, 5, 2), input: Shape::new(3, 6, 8), size: 2 },
        Case { layer: conv(17, 3, 1), input: Shape::new(2, 4, 10), size: 2 },
        Case { layer: conv(9, 1, 0), input: Shape::new(11, 2, 6), size: 2 },
        Case { layer: conv(3, 3, 0), input: Shape::new(4, 8, 11), size: 3 },
        // Kernel rows outside the map are passed over.
        Case { layer: conv(2, 7, 3), input: Shape::new(1, 3, 3), size: 3 },
        Case {
            layer: Conv2d { filters: 6, kernel: 3, stride: 2, groups: 2, ..Conv2d::default() },
            input: Shape::new(4, 9, 13),
            size: 2,
        },
        Case {
            layer: Conv2d { filters: 4, kernel: 2, dilation: 3, padding: 1, ..Conv2d::default() },
            input: Shape::new(3, 7, 5),
            size: 2,
        },
    ]
}

impl Case {
    fn pool(&self) -> MaxPool2d {
        MaxPool2d::new(self.size, self.size, 0)
    }

    /// The forward pass of a training step, or that of an evaluation; the dispatches it took.
    fn run(
        &self,
        gpu: &Gpu,
        (batch, evaluates): ([usize; 3], bool),
        input: &Tensor,
        parameters: &[Vec<f64>],
    ) -> (Made, usize) {
        let [_, train, slots] = batch;
        let shape = self.layer.output(&[self.input]).unwrap();
        let pooled_shape = self.pool().window.output(shape).unwrap();
        let map = |shape: Shape| poisoned(gpu, "map", shape.len() * slots);
        let (output, rectified, pooled) = (map(shape), map(shape), map(pooled_shape));
        let places = Buffer::<u32>::zeroed(gpu, "places", pooled_shape.len() * slots / 4);
        let packing = Packing::new(0);
        let flat = Buffer::from_slice(gpu, "parameters", &narrow(&parameters.concat()));
        let plans = self.layer.build(&LayerBuild {
            gpu,
            name: "conv",
            id: 0,
            trains: false,
            extent: BatchExtent { train_quads: train / 4, quads: slots / 4 },
            batch: &batch_buffers(gpu, batch),
            inputs: vec![Port {
                shape: self.input,
                values: Buffer::from_slice(gpu, "input", &narrow(&input.values)).range(),
                gradient: None,
            }],
            output_shape: shape,
            output: output.range(),
            fused_output: Some(rectified.range()),
            pooling: Some(Pooling {
                name: "pool".to_owned(),
                size: self.size,
                shape: pooled_shape,
                output: pooled.range(),
                places: places.range(),
            }),
            rectified_gradient: None,
            biases_below: None,
            leaves_biases: true,
            output_gradient: output.range(),
            parameters: flat.range(),
            packing: &packing,
            partials: &PartialSums::default(),
            offsets: vec![0, parameters[0].len()],
        });
        let plans = plans.unwrap();
        let plan = if evaluates { plans.evaluation.unwrap() } else { plans.forward };
        let mut encoder = gpu.encoder("pooled");
        packing.build(gpu, &flat.range()).unwrap().encode(&mut encoder);
        plan.encode(&mut encoder);
        gpu.submit(encoder);
        let made = Made {
            output: output.read(gpu),
            rectified: rectified.read(gpu),
            pooled: pooled.read(gpu),
            places: places.read(gpu),
        };
        (made, plan.len())
    }

    /// Outputs of the layers, one after the other, by their twins.
    fn twins(&self, input: &Tensor, parameters: &[Vec<f64>]) -> [Tensor; 3] {
        let call = |layer: &dyn Layer, input: &Tensor, parameters: &[Vec<f64>]| {
            let inputs = [input.clone()];
            layer.forward_twin(&TwinCall { inputs: &inputs, parameters, mode: Mode::Evaluation })
        };
        let output = call(&self.layer, input, parameters);
        let rectified = call(&relu(), &output, &[]);
        let pooled = call(&self.pool(), &rectified, &[]);
        [output, rectified, pooled]
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The columns of the probes, or those before them.
fn columns(values: &[f32], [_, train, slots]: [usize; 3], probes: bool) -> Vec<u32> {
    let row = |row: &[f32]| if probes { row[train..].to_vec() } else { row[..train].to_vec() };
    values.chunks(slots).flat_map(|values| bits(&row(values))).collect()
}

fn open() -> Gpu {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    gpu
}

#[test]
fn a_convolution_pools_as_the_layers_apart_do() {
    let mut gpu = open();
    let mut dispatches = [0; 3];
    for (index, case) in cases().iter().enumerate() {
        let batch = BATCHES[index % BATCHES.len()];
        let (inputs, parameters, _) = sample_batch(&case.layer, &[case.input], batch);
        let [output, rectified, pooled] = case.twins(&inputs[0], &parameters);
        let what = format!("case {index}");
        // One of the candidates of each is the way apart.
        let made = [0, 1, 2].map(|candidate| {
            gpu.set_tune_policy(TunePolicy::Fixed(candidate));
            let (made, count) = case.run(&gpu, (batch, false), &inputs[0], &parameters);
            dispatches[count] += 1;
            (made, count)
        });
        let (apart, _) = made.iter().find(|(_, count)| *count == 2).expect("a way apart");
        let (whole, count) = case.run(&gpu, (batch, true), &inputs[0], &parameters);
        assert_eq!(count, 1, "an evaluation leaves the pooling to its layer");
        let tolerance = sum_tolerance(parameters[0].len() / case.layer.filters);
        assert_close(&what, &whole.output, &output.values, tolerance);
        assert_close(&what, &whole.rectified, &rectified.values, tolerance);
        for (made, count) in &made {
            assert_close(&what, &made.pooled, &pooled.values, tolerance);
            assert_eq!(bits(&made.pooled), bits(&apart.pooled), "{what}");
            assert_eq!(made.places, apart.places, "{what}");
            for (made, whole) in [(&made.output, &whole.output), (&made.rectified, &whole.rectified)] {
                assert_eq!(columns(made, batch, true), columns(whole, batch, true), "probes of {what}");
            }
            let trained = columns(&made.output, batch, false);
            let written = trained.iter().any(|bits| !f32::from_bits(*bits).is_nan());
            assert_eq!(written, *count == 2, "one kernel writes none of the other maps");
        }
    }
    assert!(dispatches[1] >= cases().len() && dispatches[2] >= cases().len(), "{dispatches:?}");
    assert_no_errors(&gpu);
}

#[test]
fn not_a_number_is_the_largest_of_its_windows() {
    let mut gpu = open();
    let case = &cases()[0];
    let batch = BATCHES[0];
    let (mut inputs, parameters, _) = sample_batch(&case.layer, &[case.input], batch);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        inputs[0].values[batch[2] * 9 + 1] = value;
        let [_, _, pooled] = case.twins(&inputs[0], &parameters);
        let mut made = [0, 1, 2].map(|candidate| {
            gpu.set_tune_policy(TunePolicy::Fixed(candidate));
            case.run(&gpu, (batch, false), &inputs[0], &parameters)
        });
        made.sort_by_key(|(_, count)| *count);
        let [(fused, 1), _, (apart, 2)] = &made else { panic!("one kernel, and two") };
        assert_eq!(fused.places, apart.places, "{value}");
        for ((fused, apart), twin) in fused.pooled.iter().zip(&apart.pooled).zip(&pooled.values) {
            assert!(fused.to_bits() == apart.to_bits() || (fused.is_nan() && apart.is_nan()));
            assert_eq!(fused.is_nan(), twin.is_nan(), "{value}: {fused}, {twin}");
            assert_eq!(fused.is_infinite(), twin.is_infinite(), "{value}: {fused}, {twin}");
        }
        assert!(pooled.values.iter().any(|twin| !twin.is_finite()), "{value} is seen");
    }
}

#[test]
fn a_convolution_in_mixed_precision_pools_by_a_dispatch_of_its_own() {
    let mut gpu = open();
    gpu.set_half_products(Some(HalfProducts::Lanes)).unwrap();
    let layer = Conv2d { filters: 17, kernel: 3, padding: 1, ..Conv2d::default() };
    let case = Case { layer, input: Shape::new(16, 4, 10), size: 2 };
    let batch = BATCHES[0];
    let (inputs, parameters, _) = sample_batch(&case.layer, &[case.input], batch);
    let (made, count) = case.run(&gpu, (batch, false), &inputs[0], &parameters);
    let (whole, evaluated) = case.run(&gpu, (batch, true), &inputs[0], &parameters);
    assert_eq!((count, evaluated), (3, 2), "a copy, the product, and the pooling");
    assert_eq!(bits(&made.output), bits(&whole.output));
    assert_eq!(bits(&made.rectified), bits(&whole.rectified));
    let halved = |values: &[f64]| values.iter().map(|value| half(*value)).collect::<Vec<_>>();
    let input = Tensor { values: halved(&inputs[0].values), ..inputs[0].clone() };
    let [_, _, pooled] = case.twins(&input, &[halved(&parameters[0]), parameters[1].clone()]);
    assert_close("pooled in mixed precision", &made.pooled, &pooled.values, sum_tolerance(16 * 9));
    assert_no_errors(&gpu);
}
