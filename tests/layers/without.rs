//! A convolution's output without one input channel, taken from the whole one, against the twin with weights of 0 for that channel.

use revacnn::gpu::{Buffer, BufferRange, Gpu};
use revacnn::nn::layers::Conv2d;
use revacnn::nn::twin::{Mode, TwinCall};
use revacnn::nn::{Layer, Port, Shape, Tensor, WithoutChannel};

use crate::compare::{
    assert_close, assert_differs, assert_no_errors, narrow, open_gpu, poisoned, sum_tolerance,
};
use crate::{sample_batch, samples};

/// Slots of a batch: an odd number of quads.
const SLOTS: usize = 12;
/// Values of the network before the layer's weights.
const BEFORE: usize = 20;

/// Output without a channel, and its relu where that is asked for; none where the layer cannot.
type Made = Option<(Vec<f32>, Option<Vec<f32>>)>;

/// Runs the kernel for a channel of an input, with weights of the layer and its whole output.
fn run(
    gpu: &Gpu,
    layer: &dyn Layer,
    (input, weights, whole): (&Tensor, &[f64], &Tensor),
    (channel, rectifies): (usize, bool),
) -> Made {
    let values: Vec<f32> = std::iter::repeat_n(f32::NAN, BEFORE).chain(narrow(weights)).collect();
    let [output, rectified] = ["output", "relu"].map(|label| poisoned(gpu, label, whole.values.len()));
    let upload = |values: &[f32]| -> BufferRange { Buffer::from_slice(gpu, "values", values).range() };
    let plan = layer.without_channel(&WithoutChannel {
        gpu,
        name: "layer",
        input: Port { shape: input.shape, values: upload(&narrow(&input.values)), gradient: None },
        channel,
        output_shape: whole.shape,
        whole: upload(&narrow(&whole.values)),
        output: output.range(),
        rectified: rectifies.then(|| rectified.range()),
        parameters: upload(&values),
        offset: BEFORE,
        quads: SLOTS / 4,
    });
    let plan = plan.unwrap()?;
    let mut encoder = gpu.encoder("without a channel");
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    Some((output.read(gpu), rectifies.then(|| rectified.read(gpu))))
}

#[test]
fn an_output_without_a_channel_agrees_with_the_twin_of_weights_without_it() {
    let gpu = open_gpu();
    let (mut compared, mut refused) = (0, 0);
    let more: [(Box<dyn Layer>, Vec<Shape>); 2] =
        [(11, 4, 5), (7, 9, 3)].map(|(kernel, filters, padding)| {
            let layer = Conv2d { filters, kernel, padding, ..Conv2d::default() };
            (Box::new(layer) as _, vec![Shape::new(3, 9, 11)])
        });
    for (layer, shapes) in samples().into_iter().filter(|(layer, _)| layer.kind() == "conv2d").chain(more) {
        let (inputs, parameters, _) = sample_batch(&*layer, &shapes, [SLOTS; 3]);
        let twin = |parameters: &[Vec<f64>]| {
            layer.forward_twin(&TwinCall { inputs: &inputs, parameters, mode: Mode::Evaluation })
        };
        let whole = twin(&parameters);
        let (channels, filters) = (shapes[0].channels, whole.shape.channels);
        let taps = parameters[0].len() / filters / channels;
        for channel in [0, channels / 2, channels - 1] {
            let name = format!("{} on {shapes:?} without channel {channel}", layer.summary());
            let given = (&inputs[0], &parameters[0][..], &whole);
            let Some((made, relu)) = run(&gpu, &*layer, given, (channel, channel > 0)) else {
                refused += 1;
                assert!(layer.summary().contains("groups"), "{name}");
                continue;
            };
            let mut without = parameters.clone();
            for row in without[0].chunks_mut(channels * taps) {
                row[channel * taps..][..taps].fill(0.0);
            }
            let expected = twin(&without).values;
            // It rounds as the whole output does, of which little may be left.
            let largest = |values: &[f64]| values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            let scale = (largest(&whole.values) / largest(&expected)).max(1.0);
            let tolerance = scale * sum_tolerance(channels * taps);
            assert_close(&name, &made, &expected, tolerance);
            assert_differs("the whole output", &made, &whole.values, tolerance);
            if let Some(relu) = relu {
                let expected: Vec<f64> = made.iter().map(|value| f64::from(value.max(0.0))).collect();
                assert_close(&format!("relu of {name}"), &relu, &expected, 0.0);
            }
            compared += 1;
        }
    }
    assert!(compared >= 27 && refused > 0, "{compared} were compared, {refused} refused");
    assert_no_errors(&gpu);
}
