//! The loss without a filter, computed beside the run, against that of the network from which the filter was deleted: of each network some
//! filters, or with `REVACNN_EVERY_FILTER` all of them.

use std::collections::BTreeMap;

use revacnn::gpu::{Buffer, DeviceProfile};
use revacnn::nn::{Ablation, AblationPass, Edit, Hyper, OptimizerKind, Trainer};

use crate::compare::open_gpu;
use crate::fixture::{MIXED, NETWORKS, changeable, trained, trained_on};

/// Images, no multiple of 4.
const IMAGES: usize = 21;

/// Loss and correctness of each image.
type Results = Vec<[f32; 2]>;

fn results(trainer: &Trainer, pass: &AblationPass, ablation: Option<&Ablation>) -> Results {
    let gpu = trainer.gpu();
    let mut encoder = gpu.encoder("ablation");
    pass.begin(&mut encoder, ablation);
    let plan = match ablation {
        Some(ablation) => trainer.without(pass, ablation).unwrap(),
        None => pass.whole(),
    };
    plan.encode(&mut encoder);
    gpu.submit(encoder);
    gpu.check().unwrap();
    let mut all: Results = Buffer::of_range(pass.results()).read(gpu);
    all.truncate(IMAGES);
    all
}

/// A pass over the first validation images with the trainer's weights.
fn pass(trainer: &Trainer) -> AblationPass {
    let gpu = trainer.gpu();
    let images = trainer.room_for_validation(IMAGES).unwrap();
    let first = trainer.loader.validation().start;
    trainer.loader.fill(gpu, &images, first..first + IMAGES).unwrap();
    let (pass, _) = trainer.ablation_pass(&images).unwrap();
    pass.values.write(gpu, 0, &trainer.parameters.values.read(gpu));
    pass
}

fn mean(results: &Results) -> f64 {
    results.iter().map(|[loss, _]| f64::from(*loss)).sum::<f64>() / results.len() as f64
}

/// Results of the whole network, and by the numbers of layer and filter of the network without that one, in one go as a ranking does it.
fn ablated(trainer: &Trainer) -> (Results, BTreeMap<(u32, u32), Results>) {
    let pass = pass(trainer);
    let whole = results(trainer, &pass, None);
    let mut without = BTreeMap::new();
    let mut first = usize::MAX;
    for ablation in Ablation::of(&trainer.network) {
        assert!(ablation.first <= first, "those that begin latest come first");
        first = ablation.first;
        let found = results(trainer, &pass, Some(&ablation));
        for filter in &ablation.filters {
            assert!(without.insert(*filter, found.clone()).is_none(), "{filter:?} goes once");
        }
    }
    (whole, without)
}

/// The network trained with kernels as they are shaped for GPUs: a convolution writes its relu, too.
fn trained_as_on_a_gpu(name: &str) -> Trainer {
    let mut gpu = open_gpu();
    gpu.set_profile(DeviceProfile::GPU).unwrap();
    trained_on(gpu, name, Hyper::of(OptimizerKind::Adam))
}

#[test]
fn the_loss_without_a_filter_is_that_of_the_network_it_is_deleted_from() {
    let made = NETWORKS.iter().map(|name| (*name, trained(name)));
    for (name, trainer) in made.chain([("revacnn", trained_as_on_a_gpu("revacnn"))]) {
        let hash = trainer.state_hash();
        let (whole, without) = ablated(&trainer);
        assert_eq!(trainer.state_hash(), hash, "{name}: the run stays as it is");
        let mut layers = changeable(&trainer);
        let ablated: std::collections::BTreeSet<u32> = without.keys().map(|(layer, _)| *layer).collect();
        assert_eq!(ablated.iter().copied().collect::<Vec<_>>(), layers, "{name}");
        let every = std::env::var_os("REVACNN_EVERY_FILTER").is_some();
        // A few of those of large networks.
        if name != "mixed" && !every {
            layers = layers.into_iter().step_by(2).take(2).collect();
        }
        let filters_of = |layer: u32| {
            let own: Vec<u32> = without.keys().filter(|(of, _)| *of == layer).map(|(_, own)| *own).collect();
            if every { own } else { vec![own[own.len() / 3]] }
        };
        for (layer, filter) in
            layers.into_iter().flat_map(|layer| filters_of(layer).into_iter().map(move |own| (layer, own)))
        {
            // Each deletion needs a run of its own.
            let mut smaller = trainer.twin().unwrap();
            assert_eq!(smaller.state_hash(), hash);
            smaller.edit(&Edit::DeleteFilter { layer, filter }).unwrap();
            let measured = pass(&smaller);
            let measured = results(&smaller, &measured, None);
            let predicted = &without[&(layer, filter)];
            let difference = (mean(predicted) - mean(&measured)).abs();
            assert!(difference < 1e-6, "{name}, filter {filter} of layer {layer}: {difference}");
            let effect = (mean(predicted) - mean(&whole)).abs();
            assert!(every || effect > 1e-6, "{name}, layer {layer}: it makes a difference");
        }
    }
}

#[test]
fn tied_filters_go_together_and_all_others_once() {
    let trainer = trained("mixed");
    let ablations = Ablation::of(&trainer.network);
    let number = |name: &str| trainer.network.layers.iter().find(|layer| layer.name == name).unwrap().id;
    let of =
        |name: &str| ablations.iter().filter(|a| a.filters.iter().any(|(l, _)| *l == number(name))).count();
    assert!(MIXED.contains("last"));
    // The trunk is tied to its depthwise convolution of two filters a channel; the halves go in pairs.
    assert_eq!(["stem", "own", "wide", "halves", "hidden", "last"].map(of), [6, 6, 4, 3, 9, 0]);
    let trunk = ablations.iter().find(|a| a.filters.contains(&(number("stem"), 2))).unwrap();
    assert_eq!(trunk.filters, [(number("stem"), 2), (number("own"), 4), (number("own"), 5)]);
}
