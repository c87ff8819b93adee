//! Each weight, moment and average after a change.

use revacnn::nn::surgery::{TensorPlan, carry_twin};
use revacnn::nn::{Edit, Surgery};
use toml::Table;

use crate::fixture::{NETWORKS, assert_trains, buffers, changeable, trained};

/// All kinds of changes of a layer's filters, and of layers.
fn edits(layer: u32, filters: &[u32]) -> Vec<Edit> {
    let filter = filters[filters.len() / 2];
    let from = vec![(filters[0], 0.75), (filters[filters.len() - 1], 0.25)];
    let settings: Table = "kind = \"batch_norm\"".parse().unwrap();
    vec![
        Edit::AddFilter { layer },
        Edit::SplitFilter { layer, filter },
        Edit::DeleteFilter { layer, filter },
        Edit::MergeFilters { layer, filters: [filters[0], filter] },
        Edit::ResetFilter { layer, filter },
        Edit::BlendFilter { layer, filter, from },
        Edit::InsertLayer { after: Some(layer), settings },
        Edit::RemoveLayer { layer },
    ]
}

#[test]
fn every_value_is_what_the_twin_says_and_what_stays_keeps_its_bits() {
    for name in NETWORKS.into_iter().chain(["grouped"]) {
        let mut trainer = trained(name);
        let mut done = 0;
        for layer in changeable(&trainer) {
            for number in 0..8 {
                let index = trainer.network.layer_index(layer);
                let Ok(index) = index else { continue };
                let filters = trainer.network.layers[index].filter_ids.clone();
                let edit = edits(layer, &filters).swap_remove(number);
                let Ok(surgery) = Surgery::of(&trainer.network, &edit) else { continue };
                let tensors = trainer.parameters.tensors.clone();
                let before = buffers(&trainer);
                trainer.edit(&edit).unwrap();
                for ((content, old), (_, new)) in before.iter().zip(buffers(&trainer)) {
                    for (plan, tensor) in surgery.tensors.iter().zip(&trainer.parameters.tensors) {
                        let new = &new[tensor.offset..tensor.offset + tensor.len];
                        let (carried, from) = match plan {
                            TensorPlan::Fresh => continue,
                            TensorPlan::Same(from) => (None, &tensors[*from]),
                            TensorPlan::Carried(carried) => (Some(carried), &tensors[carried.old]),
                        };
                        let old = &old[from.offset..from.offset + from.len];
                        let place = format!("{name}: {edit:?}, {content:?} of {}", tensor.name);
                        let Some(carried) = carried else {
                            assert_eq!(old, new, "{place}");
                            continue;
                        };
                        let wide: Vec<f64> = old.iter().map(|value| f64::from(*value)).collect();
                        let expected = carry_twin(carried, [from, tensor], *content, &wide);
                        // All factors here are positive, so that this is the sum of the terms' sizes.
                        let sizes: Vec<f64> = wide.iter().map(|value| value.abs()).collect();
                        let sizes = carry_twin(carried, [from, tensor], *content, &sizes);
                        let row = tensor.len / tensor.spec.shape[0];
                        for (i, (new, expected)) in new.iter().zip(&expected).enumerate() {
                            if carried.rows[i / row].filter.is_empty() {
                                continue;
                            }
                            if carried.rows[i / row].filter.len() == 1
                                && f64::from(*expected as f32) == *expected
                            {
                                assert_eq!(*new, *expected as f32, "{place}, value {i}");
                            }
                            let close = (f64::from(*new) - expected).abs() <= 3e-7 * sizes[i];
                            assert!(close, "{place}, value {i}: {new} and {expected}");
                        }
                    }
                }
                done += 1;
                assert_trains(&mut trainer, name);
            }
        }
        assert!(done >= 12, "{name}: {done} changes");
    }
}

#[test]
fn one_filter_more_or_less_compiles_no_kernel() {
    for name in NETWORKS.into_iter().chain(["grouped"]) {
        let mut trainer = trained(name);
        let compiled = trainer.gpu().kernel_keys();
        for layer in changeable(&trainer) {
            trainer.edit(&Edit::AddFilter { layer }).unwrap();
            let index = trainer.network.layer_index(layer).unwrap();
            let filter = *trainer.network.layers[index].filter_ids.last().unwrap();
            trainer.edit(&Edit::DeleteFilter { layer, filter }).unwrap();
            assert_eq!(trainer.gpu().kernel_keys(), compiled, "{name}, layer {layer}");
        }
    }
}
