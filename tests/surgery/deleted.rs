//! A network without a filter against the network before, in f64, whose layers do not see that filter.

use std::collections::HashSet;

use revacnn::nn::surgery::Content;
use revacnn::nn::twin::{Mode, TwinCall};
use revacnn::nn::{Channels, Edit, Network, Tensor, Trainer};

use crate::fixture::{NETWORKS, buffers, changeable, trained};

/// The weights, in f64, by layer.
fn weights(trainer: &Trainer) -> Vec<Vec<Vec<f64>>> {
    let [(content, flat), ..] = buffers(trainer);
    assert_eq!(content, Content::Weights);
    let layer = |(layer, offsets): (&revacnn::nn::NetworkLayer, &Vec<usize>)| {
        let tensors = offsets.iter().zip(layer.parameters());
        tensors.map(|(at, spec)| flat[*at..][..spec.len()].iter().map(|v| f64::from(*v)).collect()).collect()
    };
    trainer.network.layers.iter().zip(&trainer.parameters.offsets).map(layer).collect()
}

/// For each node which channels are to be unseen, `gone` being numbers of filters by number of layer.
fn unseen(network: &Network, gone: &HashSet<(u32, u32)>) -> Vec<Vec<bool>> {
    let mut nodes = vec![vec![false; network.input.channels]];
    for layer in &network.layers {
        let first = &nodes[layer.inputs[0]];
        let mask = match layer.layer.channels() {
            Channels::Made { .. } => {
                layer.filter_ids.iter().map(|id| gone.contains(&(layer.id, *id))).collect()
            }
            Channels::Kept => first.clone(),
            Channels::Joined => layer.inputs.iter().flat_map(|node| nodes[*node].clone()).collect(),
            Channels::Grouped(size) => first.chunks(size).map(|group| group[0]).collect(),
            Channels::Flattened => {
                let pixels = layer.input_shapes[0].pixels();
                first.iter().flat_map(|gone| vec![*gone; pixels]).collect()
            }
        };
        nodes.push(mask);
    }
    nodes
}

/// Outputs in an evaluation; layers that make channels do not see the masked ones.
fn outputs(network: &Network, weights: &[Vec<Vec<f64>>], masks: &[Vec<bool>], images: &Tensor) -> Vec<f64> {
    let mut nodes = vec![images.clone()];
    for (layer, parameters) in network.layers.iter().zip(weights) {
        let mut inputs: Vec<Tensor> = layer.inputs.iter().map(|node| nodes[*node].clone()).collect();
        if let Channels::Made { .. } = layer.layer.channels() {
            let plane = inputs[0].shape.pixels() * images.images;
            let channels = inputs[0].values.chunks_mut(plane).zip(&masks[layer.inputs[0]]);
            channels.filter(|(_, gone)| **gone).for_each(|(channel, _)| channel.fill(0.0));
        }
        let call = TwinCall { inputs: &inputs, parameters, mode: Mode::Evaluation };
        nodes.push(layer.layer.forward_twin(&call));
    }
    nodes.pop().unwrap().values
}

#[test]
fn without_a_filter_the_network_gives_what_it_gives_unseen() {
    for name in NETWORKS {
        let mut trainer = trained(name);
        let images = Tensor::sample(trainer.network.input, 3, 9);
        for layer in changeable(&trainer) {
            let index = trainer.network.layer_index(layer).unwrap();
            let filters = trainer.network.layers[index].filter_ids.clone();
            let old =
                Network::parse(&trainer.network.to_toml(), trainer.network.input, trainer.network.classes);
            let (old, before) = (old.unwrap(), weights(&trainer));
            trainer.edit(&Edit::DeleteFilter { layer, filter: filters[filters.len() / 3] }).unwrap();
            let numbers = |network: &Network| -> HashSet<(u32, u32)> {
                let of = |layer: &revacnn::nn::NetworkLayer| {
                    layer.filter_ids.iter().map(|id| (layer.id, *id)).collect::<Vec<_>>()
                };
                network.layers.iter().flat_map(of).collect()
            };
            let gone: HashSet<_> = numbers(&old).difference(&numbers(&trainer.network)).copied().collect();
            assert!(gone.contains(&(layer, filters[filters.len() / 3])));
            let none = unseen(&trainer.network, &HashSet::new());
            let after = outputs(&trainer.network, &weights(&trainer), &none, &images);
            let expected = outputs(&old, &before, &unseen(&old, &gone), &images);
            let seen = outputs(&old, &before, &unseen(&old, &HashSet::new()), &images);
            let size = expected.iter().map(|value| value.abs()).fold(0.0, f64::max);
            let largest = |a: &[f64]| a.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(largest(&after) <= 1e-5 * size, "{name}, layer {layer}: {}", largest(&after));
            assert!(largest(&seen) > 1e-5 * size, "{name}, layer {layer}: the filter makes no difference");
        }
    }
}
