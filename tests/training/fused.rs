//! Fused dispatches: fewer, and everything that can be looked at is what it is without them.

use std::rc::Rc;

use revacnn::data::{Dataset, ImageShape, Split};
use revacnn::gpu::{Buffer, BufferRange, DeviceProfile, TunePolicy};
use revacnn::nn::histograms::Strips;
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions};

use crate::compare::{assert_no_errors, open_gpu, read_view};
use crate::step_twin::{CLASSES, graph, synthetic};
use crate::{OPTIONS, train};

/// Poolings whose windows lie apart above relus, odd sizes, a relu below a convolution and one below a dense layer.
const POOLED: &str = r#"
layer = [
    { kind = "conv2d", filters = 6, kernel = 3, padding = 1 },
    { kind = "relu" },
    { kind = "max_pool2d", size = 2 },
    { kind = "conv2d", filters = 5, kernel = 3, padding = 1 },
    { kind = "relu" },
    { kind = "conv2d", filters = 7, kernel = 2, padding = 1 },
    { kind = "relu" },
    { kind = "max_pool2d", size = 2, stride = 3 },
    { kind = "dense", units = 9 },
    { kind = "relu" },
    { kind = "dense" },
]
"#;

/// Poolings that a convolution makes, as their windows cover the map; but for the second, whose convolution another layer reads, too.
const COVERED: &str = r#"
layer = [
    { kind = "conv2d", filters = 6, kernel = 2, padding = 1 },
    { kind = "relu" },
    { kind = "max_pool2d", size = 2 },
    { kind = "upsample", factor = 2 },
    { kind = "conv2d", name = "twice", filters = 5, kernel = 3, padding = 1 },
    { kind = "relu" },
    { kind = "max_pool2d", name = "other", size = 2 },
    { kind = "max_pool2d", name = "second", size = 2, inputs = ["twice"] },
    { kind = "add", inputs = ["other", "second"] },
    { kind = "upsample", factor = 2 },
    { kind = "conv2d", filters = 7, kernel = 5, padding = 2 },
    { kind = "relu" },
    { kind = "max_pool2d", size = 2 },
    { kind = "dense" },
]
"#;

/// The candidate of a fused pooling that is one kernel, for each of these small layers.
const POOLING: usize = 1;

fn covered() -> Network {
    Network::parse(COVERED, Shape::new(2, 9, 7), CLASSES).unwrap()
}

fn pooled() -> Network {
    Network::parse(POOLED, Shape::new(2, 9, 7), CLASSES).unwrap()
}

/// Trainers of a network without and with fused dispatches, after `steps` steps.
fn both(
    profile: DeviceProfile,
    network: fn() -> Network,
    options: TrainerOptions,
    steps: usize,
) -> [Trainer; 2] {
    [false, true].map(|fuses| {
        let mut gpu = open_gpu();
        // The most promising kernel that pools, also where it promises less than two kernels.
        gpu.set_tune_policy(TunePolicy::Fixed(if fuses { POOLING } else { 0 }));
        let fuses_relu = fuses && profile.fuses_relu;
        gpu.set_profile(DeviceProfile { fuses_relu, fuses_gradients: fuses, ..profile }).unwrap();
        let mut trainer = Trainer::new(Rc::new(gpu), &synthetic(47, 13), network(), options).unwrap();
        let gpu = Rc::clone(trainer.gpu());
        trainer.loader.set_probes(&gpu, &[4, 9, 2]);
        train(&mut trainer, steps);
        trainer
    })
}

/// Everything that can be looked at: its name and the bits of its values.
fn views(trainer: &Trainer) -> Vec<(String, Vec<u32>)> {
    let gpu = trainer.gpu();
    let bits = |view| read_view(gpu, &view).iter().map(|v| v.to_bits()).collect();
    let mut all = Vec::new();
    for probe in 0..OPTIONS.probes {
        for node in 0..=trainer.network.layers.len() {
            let name = |what: &str| format!("{what} of node {node}, probe {probe}");
            all.push((name("activations"), bits(trainer.activations(node, probe))));
            all.extend(trainer.activation_gradients(node, probe).map(|v| (name("gradients"), bits(v))));
            all.extend(trainer.weights(node).map(|v| (name("weights"), bits(v))));
            all.extend(trainer.weight_gradients(node).map(|v| (name("weight gradients"), bits(v))));
        }
        all.push((format!("probabilities of probe {probe}"), bits(trainer.probabilities(probe))));
    }
    all
}

#[test]
fn every_view_shows_with_fused_dispatches_what_it_shows_without() {
    let gpu = open_gpu();
    let software = DeviceProfile { large_tiles: true, fuses_relu: false, ..gpu.profile() };
    let graphics = DeviceProfile::GPU;
    let one_pass = TrainerOptions { micro_batch: None, ..OPTIONS };
    for network in [pooled as fn() -> Network, graph, covered] {
        for profile in [software, graphics] {
            // The order in which biases are added differs: after the first step other weights would show other values.
            let [without, with] = both(profile, network, one_pass, 1);
            if network().layers.len() == pooled().layers.len() {
                assert!(with.step_plan().len() < without.step_plan().len(), "nothing is fused");
            }
            let (expected, made) = (views(&without), views(&with));
            assert_eq!(expected.len(), made.len());
            for ((name, expected), (_, made)) in
                expected.iter().zip(&made).filter(|(e, _)| !e.0.starts_with("weights"))
            {
                assert_eq!(made, expected, "{name} with {profile:?}");
            }
            let nonzero =
                |name: &str| made.iter().any(|(n, bits)| n.starts_with(name) && bits.iter().any(|b| *b != 0));
            assert!(["activations", "gradients", "weight gradients"].into_iter().all(nonzero));
            assert_no_errors(with.gpu());
        }
        // Where a channel's biases are added by one workgroup, nothing changes at all.
        let [without, with] = both(software, network, OPTIONS, 5);
        assert_eq!(without.state_hash(), with.state_hash());
    }
}

#[test]
fn a_step_on_a_gpu_has_few_dispatches() {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    let gpu = Rc::new(gpu);
    let shape = ImageShape { channels: 3, height: 32, width: 32 };
    let split = || Split { images: vec![7; 300 * shape.len()].into(), labels: vec![1; 300] };
    let classes = (0..10).map(|c| c.to_string()).collect();
    let data = Dataset::new("gray", shape, classes, split(), split()).unwrap();
    // At this batch the first convolutions pool. One dispatch of the second is the sum of a dense layer's splits, which makes its forward
    // pass many times faster.
    for (name, most) in [("revacnn", 23), ("revacnn-keras", 27)] {
        let network = Network::open(name, Shape::from(shape), 10).unwrap();
        let trainer = Trainer::new(
            Rc::clone(&gpu),
            &data,
            network,
            TrainerOptions { batch: 256, micro_batch: Some(256), ..TrainerOptions::default() },
        )
        .unwrap();
        let plan = trainer.step_plan();
        assert!(plan.len() <= most, "{} dispatches in a step of {name}:\n{plan}", plan.len());
    }
}

/// Labels of the poolings that have a dispatch of their own in a training step.
fn poolings_apart(trainer: &Trainer) -> Vec<String> {
    let labels = trainer.step_plan().dispatches.iter().map(|dispatch| dispatch.label.to_string());
    labels
        .filter(|label| {
            ["pool", "other", "second"].iter().any(|n| label.starts_with(n)) && label.ends_with("forward")
        })
        .collect()
}

#[test]
fn what_a_step_leaves_out_of_the_maps_is_there_for_who_counts_it() {
    let options = TrainerOptions { micro_batch: None, ..OPTIONS };
    let [without, with] = both(DeviceProfile::GPU, covered, options, 1);
    assert_eq!(poolings_apart(&with), ["other forward", "second forward"]);
    assert_eq!(poolings_apart(&without).len(), 4);
    let trained = |trainer: &Trainer| {
        let nodes = 1..=trainer.network.layers.len();
        let map = |node| BufferRange::whole(&trainer.activations(node, 0).buffer);
        let read = |node| Buffer::<f32>::of_range(&map(node)).read(trainer.gpu());
        nodes.map(|node| read(node).iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let (expected, made) = (trained(&without), trained(&with));
    let differing: Vec<_> = (0..expected.len()).filter(|layer| expected[*layer] != made[*layer]).collect();
    assert_eq!(differing, [0, 1, 10, 11], "the maps below the two poolings, of the images trained on");
    let layers = with.histogram_layers();
    let counts = [&without, &with].map(|trainer| {
        let histograms = trainer.histograms(&layers).unwrap();
        let strips = Strips::new(trainer.gpu(), layers.len()).unwrap();
        let mut encoder = trainer.gpu().encoder("histograms");
        histograms.count(&mut encoder, &strips, 0);
        trainer.gpu().submit(encoder);
        histograms.counts.read(trainer.gpu())
    });
    assert!(counts[0].iter().any(|count| *count > 0));
    assert_eq!(trained(&with), expected, "they are written before they are counted");
    assert_eq!(counts[0], counts[1]);
}
