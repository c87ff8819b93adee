//! Fused dispatches: fewer, and everything that can be looked at is what it is without them.

use std::rc::Rc;

use revacnn::data::{Dataset, ImageShape, Split};
use revacnn::gpu::DeviceProfile;
use revacnn::nn::{Network, Shape, Trainer, TrainerOptions};

use crate::compare::{assert_no_errors, open_gpu, read_view};
use crate::step_twin::{CLASSES, graph, synthetic};
use crate::{OPTIONS, as_on_a_gpu, train};

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
    let graphics = as_on_a_gpu(&gpu);
    let one_pass = TrainerOptions { micro_batch: None, ..OPTIONS };
    for network in [pooled as fn() -> Network, graph] {
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
    gpu.set_profile(as_on_a_gpu(&gpu)).unwrap();
    let gpu = Rc::new(gpu);
    let shape = ImageShape { channels: 3, height: 32, width: 32 };
    let split = || Split { images: vec![7; 40 * shape.len()].into(), labels: vec![1; 40] };
    let classes = (0..10).map(|c| c.to_string()).collect();
    let data = Dataset::new("gray", shape, classes, split(), split()).unwrap();
    // One of the second is the sum of a dense layer's splits, which makes its forward pass many times faster.
    for (name, most) in [("revacnn", 24), ("revacnn-keras", 28)] {
        let network = Network::open(name, Shape::from(shape), 10).unwrap();
        let trainer = Trainer::new(
            Rc::clone(&gpu),
            &data,
            network,
            TrainerOptions { batch: 8, ..TrainerOptions::default() },
        )
        .unwrap();
        let plan = trainer.step_plan();
        assert!(plan.len() <= most, "{} dispatches in a step of {name}:\n{plan}", plan.len());
    }
}
