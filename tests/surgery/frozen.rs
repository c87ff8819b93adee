//! Filters that are frozen one by one, and learning rates of layers.

use std::collections::BTreeSet;

use revacnn::nn::{Edit, Hyper, Network, OptimizerKind, Trainer};

use crate::fixture::{NETWORKS, assert_trains, buffers, changeable, row, trained, trained_by};

/// Every setting that moves a weight, by two optimizers.
fn hypers() -> [Hyper; 2] {
    [OptimizerKind::Sgd, OptimizerKind::Adam].map(|kind| Hyper {
        averaging: 1.0,
        weight_decay: 0.01,
        l1_decay: 1e-3,
        clip_norm: 0.5,
        ..Hyper::of(kind)
    })
}

/// Numbers of the filters to freeze, by layer: the second and the last of the first and the last layer that can be changed.
fn chosen(trainer: &Trainer) -> Vec<(u32, Vec<u32>)> {
    let layers = changeable(trainer);
    let filters = |layer: &u32| {
        let ids = &trainer.network.layers[trainer.network.layer_index(*layer).unwrap()].filter_ids;
        (*layer, vec![ids[ids.len() - 1], ids[1]])
    };
    [layers[0], layers[layers.len() - 1]].iter().map(filters).collect()
}

/// Content of the four flat buffers at a filter.
fn state(trainer: &Trainer, layer: u32, filter: u32) -> Vec<Vec<u32>> {
    let bits = |flat: &[f32]| -> Vec<u32> {
        row(trainer, layer, filter).into_iter().flatten().map(|at| flat[at].to_bits()).collect()
    };
    buffers(trainer).iter().map(|(_, flat)| bits(flat)).collect()
}

#[test]
fn frozen_filters_keep_every_bit_and_all_others_move() {
    for name in NETWORKS.into_iter().chain(["grouped"]) {
        for hyper in hypers() {
            let mut trainer = trained_by(name, hyper);
            let chosen = chosen(&trainer);
            for (layer, filters) in &chosen {
                trainer.set_filters_frozen(*layer, filters, true).unwrap();
            }
            let frozen: BTreeSet<(u32, u32)> =
                chosen.iter().flat_map(|(layer, filters)| filters.iter().map(|id| (*layer, *id))).collect();
            let all: Vec<(u32, u32)> = trainer
                .network
                .layers
                .iter()
                .flat_map(|layer| layer.filter_ids.iter().map(|id| (layer.id, *id)))
                .collect();
            let states = |trainer: &Trainer| -> Vec<Vec<Vec<u32>>> {
                all.iter().map(|(layer, filter)| state(trainer, *layer, *filter)).collect()
            };
            let before = states(&trainer);
            (0..100).for_each(|_| _ = trainer.step());
            for ((filter, before), after) in all.iter().zip(before).zip(states(&trainer)) {
                if frozen.contains(filter) {
                    assert_eq!(after, before, "{name}, {:?}, {filter:?}", hyper.optimizer);
                } else {
                    assert_ne!(after[0], before[0], "{name}, {:?}: weights of {filter:?}", hyper.optimizer);
                }
            }
            // Thawed, they learn again.
            for (layer, filters) in &chosen {
                let before = state(&trainer, *layer, filters[0]);
                trainer.set_filters_frozen(*layer, filters, false).unwrap();
                assert_trains(&mut trainer, name);
                assert_ne!(state(&trainer, *layer, filters[0])[0], before[0]);
            }
        }
    }
}

#[test]
fn what_is_frozen_is_part_of_the_network() {
    let mut trainer = trained("mixed");
    let chosen = chosen(&trainer);
    for (layer, filters) in &chosen {
        trainer.set_filters_frozen(*layer, filters, true).unwrap();
        trainer.set_rate_factor(*layer, 0.3).unwrap();
    }
    let text = trainer.network.to_toml();
    let parse = |text: &str| Network::parse(text, trainer.network.input, trainer.network.classes);
    let kept = parse(&text).unwrap();
    assert_eq!(kept.to_toml(), text);
    for (layer, filters) in &chosen {
        let layer = &kept.layers[kept.layer_index(*layer).unwrap()];
        let named: BTreeSet<_> = layer.frozen_filters.iter().collect();
        assert_eq!((named, layer.rate_factor), (filters.iter().collect(), 0.3));
    }
    // In a file the numbers are checked.
    for (wrong, words) in [
        (text.replacen("frozen_filters = [", "frozen_filters = [99, ", 1), "names 99"),
        (text.replacen("learning_rate_factor = 0.3", "learning_rate_factor = -1.0", 1), "is -1"),
    ] {
        let error = parse(&wrong).err().unwrap();
        assert!(error.what().contains(words), "{error}");
    }
    // A network that is put back brings what was frozen with it.
    let (layer, filters) = &chosen[0];
    trainer.set_filters_frozen(*layer, filters, false).unwrap();
    trainer.network = kept;
    trainer.parameters.set_flags(trainer.gpu(), &trainer.network);
    let before = state(&trainer, *layer, filters[0]);
    assert_trains(&mut trainer, "mixed");
    let after = state(&trainer, *layer, filters[0]);
    assert_eq!((&after[0], &after[2], &after[3]), (&before[0], &before[2], &before[3]));
}

#[test]
fn a_change_of_the_network_carries_what_is_frozen() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        let layer = changeable(&trainer)[0];
        let index = trainer.network.layer_index(layer).unwrap();
        let ids = trainer.network.layers[index].filter_ids.clone();
        trainer.set_filters_frozen(layer, &[ids[1], ids[2]], true).unwrap();
        let frozen = |trainer: &Trainer| trainer.network.layers[index].frozen_filters.clone();
        let kept = state(&trainer, layer, ids[1]);
        trainer.edit(&Edit::AddFilter { layer }).unwrap();
        trainer.edit(&Edit::DeleteFilter { layer, filter: ids[0] }).unwrap();
        assert_eq!(frozen(&trainer), [ids[1], ids[2]], "{name}");
        (0..3).for_each(|_| _ = trainer.step());
        assert_eq!(state(&trainer, layer, ids[1]), kept, "{name}");
        let known = trainer.network.layers[index].filter_ids.clone();
        trainer.edit(&Edit::SplitFilter { layer, filter: ids[1] }).unwrap();
        let new = trainer.network.layers[index].filter_ids.iter().copied().find(|id| !known.contains(id));
        let halves = [ids[1], new.unwrap()];
        assert!(halves.iter().all(|id| frozen(&trainer).contains(id)), "{name}: {:?}", frozen(&trainer));
        let before = halves.map(|id| state(&trainer, layer, id));
        (0..3).for_each(|_| _ = trainer.step());
        assert_eq!(halves.map(|id| state(&trainer, layer, id)), before, "{name}: both halves stay");
        trainer.edit(&Edit::DeleteFilter { layer, filter: ids[2] }).unwrap();
        assert!(!frozen(&trainer).contains(&ids[2]), "{name}: a gone number is forgotten");
        let gone = trainer.set_filters_frozen(layer, &[ids[2]], true).unwrap_err();
        let numbers = known.iter().filter(|id| **id != ids[2]).map(ToString::to_string);
        assert!(gone.what().contains(&format!("no filter {}", ids[2])), "{gone}");
        assert!(numbers.clone().all(|id| gone.help().contains(&id)), "{gone}");
    }
}

#[test]
fn a_layer_of_frozen_filters_is_skipped_and_something_must_be_left() {
    let mut trainer = trained("revacnn");
    let whole = trainer.step_plan().len();
    let layers: Vec<(u32, Vec<u32>)> = trainer
        .network
        .layers
        .iter()
        .filter(|layer| !layer.filter_ids.is_empty())
        .map(|layer| (layer.id, layer.filter_ids.clone()))
        .collect();
    let ((last, ids), others) = layers.split_last().unwrap();
    for (layer, filters) in others {
        trainer.set_filters_frozen(*layer, filters, true).unwrap();
    }
    assert!(trainer.step_plan().len() < whole, "the gradients of what cannot move are left out");
    trainer.set_filters_frozen(*last, &ids[1..], true).unwrap();
    let (hash, text) = (trainer.state_hash(), trainer.network.to_toml());
    let error = trainer.set_filters_frozen(*last, ids, true).unwrap_err();
    assert!(error.what().contains("nothing left to train"), "{error}");
    assert_eq!((trainer.state_hash(), trainer.network.to_toml()), (hash, text));
    let before = state(&trainer, *last, ids[0]);
    assert_trains(&mut trainer, "revacnn");
    assert_ne!(state(&trainer, *last, ids[0])[0], before[0]);
    for (layer, filters) in &layers {
        trainer.set_filters_frozen(*layer, filters, false).unwrap();
    }
    assert_eq!(trainer.step_plan().len(), whole);
}

#[test]
fn a_rate_of_a_layer_scales_its_steps_alone() {
    for name in NETWORKS {
        let [mut plain, mut one, mut none] = [trained(name), trained(name), trained(name)];
        let layers: Vec<u32> = plain.network.layers.iter().map(|layer| layer.id).collect();
        let with = |trainer: &Trainer, layer: u32| {
            trainer.network.layers[trainer.network.layer_index(layer).unwrap()].parameter_count() > 0
        };
        for layer in layers.iter().filter(|layer| with(&plain, **layer)) {
            one.set_rate_factor(*layer, 1.0).unwrap();
        }
        let still = changeable(&plain)[0];
        none.set_rate_factor(still, 0.0).unwrap();
        let filter = plain.network.layers[plain.network.layer_index(still).unwrap()].filter_ids[1];
        let before = state(&none, still, filter);
        [&mut plain, &mut one, &mut none].into_iter().for_each(|trainer| _ = trainer.step());
        assert_eq!(plain.state_hash(), one.state_hash(), "{name}: a factor of 1 changes no bit");
        assert_ne!(plain.state_hash(), none.state_hash(), "{name}");
        let after = state(&none, still, filter);
        assert_eq!(after[0], before[0], "{name}: at rate 0 the weights stay");
        assert_ne!(after[2], before[2], "{name}: but their moments move");
        // In the first step the others do not know yet.
        let other = changeable(&plain)[1];
        let filter = plain.network.layers[plain.network.layer_index(other).unwrap()].filter_ids[0];
        assert_eq!(state(&none, other, filter), state(&plain, other, filter), "{name}");
    }
}
