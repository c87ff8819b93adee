//! Networks in training, and what is read from them.

use std::rc::Rc;

use revacnn::data::Dataset;
use revacnn::gpu::{Buffer, Gpu};
use revacnn::nn::surgery::Content;
use revacnn::nn::{Edit, Hyper, Network, OptimizerKind, Trainer, TrainerOptions};

use crate::compare::open_gpu;

/// Batch norm, instance norm, learned slopes, squeeze and excitation, groups, a depthwise convolution, maxout, concat, add, a transposed convolution, flatten
/// and two dense layers.
pub(crate) const MIXED: &str = r#"
layer = [
    { kind = "conv2d", name = "stem", filters = 6, kernel = 3, padding = 1 },
    { kind = "batch_norm", name = "norm" },
    { kind = "relu", name = "trunk" },
    { kind = "conv2d", name = "own", filters = 12, kernel = 3, padding = 1, groups = 6 },
    { kind = "maxout", name = "largest" },
    { kind = "add", name = "sum", inputs = ["trunk", "largest"] },
    { kind = "max_pool2d", name = "pool", size = 2 },
    { kind = "conv2d", name = "wide", filters = 8, kernel = 3, padding = 1 },
    { kind = "instance_norm", name = "each" },
    { kind = "prelu", name = "leaky" },
    { kind = "global_avg_pool2d", name = "squeezed" },
    { kind = "conv2d", name = "excitation", filters = 8, kernel = 1 },
    { kind = "hard_sigmoid", name = "gate" },
    { kind = "mul", name = "excited", inputs = ["leaky", "gate"] },
    { kind = "conv2d", name = "halves", filters = 6, kernel = 1, groups = 2 },
    { kind = "concat", name = "both", inputs = ["halves", "pool"] },
    { kind = "conv_transpose2d", name = "raised", filters = 4, kernel = 3, stride = 2, padding = 1, output_padding = 1 },
    { kind = "flatten", name = "flat" },
    { kind = "dense", name = "hidden", units = 9 },
    { kind = "tanh", name = "squashed" },
    { kind = "dense", name = "last" },
]
"#;

/// Group norm, whose groups gain and lose as many channels: where one comes or goes, the outputs move.
const GROUPED: &str = r#"
layer = [
    { kind = "conv2d", name = "stem", filters = 6, kernel = 3, padding = 1 },
    { kind = "group_norm", name = "halves", groups = 2 },
    { kind = "prelu", name = "slopes" },
    { kind = "max_pool2d", name = "pool", size = 2 },
    { kind = "conv2d", name = "wide", filters = 5, kernel = 3 },
    { kind = "group_norm", name = "whole" },
    { kind = "silu", name = "smooth" },
    { kind = "dense", name = "hidden", units = 7 },
    { kind = "group_norm", name = "row" },
    { kind = "dense", name = "last" },
]
"#;

/// The networks on which each promise is kept: three presets and the mixed one.
pub(crate) const NETWORKS: [&str; 4] = ["revacnn", "resnet-8", "autoencoder", "mixed"];

/// A network that has made a few steps on the digits, with every kind of state in use.
pub(crate) fn trained(name: &str) -> Trainer {
    trained_by(name, Hyper { averaging: 1.0, ..Hyper::of(OptimizerKind::Adam) })
}

/// The same by another optimizer.
pub(crate) fn trained_by(name: &str, hyper: Hyper) -> Trainer {
    trained_on(open_gpu(), name, hyper)
}

/// The same on an adapter.
pub(crate) fn trained_on(gpu: Gpu, name: &str, hyper: Hyper) -> Trainer {
    let gpu = Rc::new(gpu);
    let data = Dataset::open("digits").unwrap();
    let classes = data.classes.len();
    let network = match name {
        "mixed" => Network::parse(MIXED, data.shape.into(), classes),
        "grouped" => Network::parse(GROUPED, data.shape.into(), classes),
        preset => Network::open(preset, data.shape.into(), classes),
    };
    let options = TrainerOptions { batch: 16, seed: 5, hyper, ..TrainerOptions::default() };
    let mut trainer = Trainer::new(gpu, &data, network.unwrap(), options).unwrap();
    (0..4).for_each(|_| _ = trainer.step());
    trainer
}

/// Outputs of the last layer for 24 test images, a row an image.
pub(crate) fn outputs(trainer: &mut Trainer) -> Vec<f32> {
    let first = trainer.loader.test().start;
    let images: Vec<usize> = (first..first + 24).collect();
    trainer.features(trainer.network.layers.len(), &images).unwrap()
}

/// Largest difference between two sets of outputs.
pub(crate) fn change(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Layers that have filters of their own whose number the data do not decide, as numbers.
pub(crate) fn changeable(trainer: &Trainer) -> Vec<u32> {
    let network = &trainer.network;
    let can = |layer: &&revacnn::nn::NetworkLayer| {
        let add = Edit::AddFilter { layer: layer.id };
        !layer.filter_ids.is_empty() && revacnn::nn::Surgery::of(network, &add).is_ok()
    };
    network.layers.iter().filter(can).map(|layer| layer.id).collect()
}

/// The flat buffers, each with its content.
pub(crate) fn buffers(trainer: &Trainer) -> [(Content, Vec<f32>); 4] {
    let gpu: &Gpu = trainer.gpu();
    let parameters = &trainer.parameters;
    let read = |buffer: &Buffer<f32>| buffer.read(gpu);
    [
        (Content::Weights, read(&parameters.values)),
        (Content::Weights, read(&parameters.averages)),
        (Content::Moments, read(&parameters.moments)),
        (Content::SecondMoments, read(&parameters.second_moments)),
    ]
}

/// Elements of a filter in the flat buffers: a row of each of its layer's tensors.
pub(crate) fn row(trainer: &Trainer, layer: u32, filter: u32) -> Vec<std::ops::Range<usize>> {
    let index = trainer.network.layer_index(layer).unwrap();
    let place = trainer.network.filter_index(index, filter).unwrap();
    let own = &trainer.network.layers[index];
    let tensors = own.parameters().into_iter().zip(&trainer.parameters.offsets[index]);
    let range = |(spec, offset): (revacnn::nn::ParameterSpec, &usize)| {
        let len = spec.len() / spec.shape[0];
        offset + place * len..offset + (place + 1) * len
    };
    tensors.map(range).collect()
}

/// A fault of the GPU, or weights that are no numbers, after one more step.
#[track_caller]
pub(crate) fn assert_trains(trainer: &mut Trainer, what: &str) {
    trainer.step();
    trainer.gpu().check().unwrap_or_else(|error| panic!("{what}: {error}"));
    let values = trainer.parameters.values.read(trainer.gpu());
    assert!(values.iter().all(|value| value.is_finite()), "{what}");
}
