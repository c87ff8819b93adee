//! Units: channels that can only be added and deleted together, since an `add`, a `maxout`, a grouped convolution or a `group_norm` ties
//! them.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::nn::Network;
use crate::nn::layer::Channels;

/// Filters that go together: ascending indices, by layer.
pub(super) type Unit = BTreeMap<usize, Vec<usize>>;

/// A unit whose filters can be deleted.
pub(super) struct Removable {
    /// Its filters, ascending indices, by layer.
    pub filters: Unit,
    /// Input channels by which layers with filters take it, ascending, by layer.
    pub taken: BTreeMap<usize, Vec<usize>>,
}

/// The units of a network.
pub(super) struct Units<'n> {
    network: &'n Network,
    /// Another slot of the same unit, or itself (union-find, Tarjan 1975). A slot is a channel that a layer, or the image, makes.
    parent: Vec<usize>,
    /// First slot of each node's own channels, where its layer makes channels.
    first: Vec<Option<usize>>,
    /// Slot of each channel of each node.
    nodes: Vec<Vec<usize>>,
}

impl<'n> Units<'n> {
    pub(super) fn of(network: &'n Network) -> Self {
        let mut units = Self { network, parent: Vec::new(), first: Vec::new(), nodes: Vec::new() };
        let image = units.make(network.input.channels);
        units.nodes.push(image);
        for layer in &network.layers {
            let inputs: Vec<Vec<usize>> =
                layer.inputs.iter().map(|node| units.nodes[*node].clone()).collect();
            let channels = layer.layer.channels();
            let made = matches!(channels, Channels::Made { .. });
            let slots = match channels {
                Channels::Made { groups } => units.make_filters(&inputs[0], layer.output.channels, groups),
                Channels::Kept => {
                    for other in &inputs[1..] {
                        inputs[0].iter().zip(other).for_each(|(a, b)| units.tie(*a, *b));
                    }
                    let groups = layer.layer.channel_groups();
                    if groups > 1 && inputs[0].len() > groups {
                        units.tie_places(&inputs[0], inputs[0].len() / groups);
                    }
                    inputs[0].clone()
                }
                Channels::Joined => inputs.concat(),
                Channels::Grouped(size) => inputs[0].chunks(size).map(|group| units.tie_all(group)).collect(),
                Channels::Flattened => {
                    let pixels = layer.input_shapes[0].pixels();
                    inputs[0].iter().flat_map(|slot| vec![*slot; pixels]).collect()
                }
            };
            if !made {
                units.first.push(None);
            }
            units.nodes.push(slots);
        }
        units
    }

    /// New slots for the channels that a node makes.
    fn make(&mut self, channels: usize) -> Vec<usize> {
        let first = self.parent.len();
        self.first.push(Some(first));
        self.parent.extend(first..first + channels);
        (first..first + channels).collect()
    }

    /// New slots for the filters of a layer, tied as its groups need it.
    fn make_filters(&mut self, inputs: &[usize], filters: usize, groups: usize) -> Vec<usize> {
        let slots = self.make(filters);
        if groups == 1 {
            return slots;
        }
        let (inputs_each, filters_each) = (inputs.len() / groups, filters / groups);
        for (slot, group) in slots.iter().zip((0..groups).flat_map(|group| vec![group; filters_each])) {
            // Where each input has its own group, a group more or less leaves the others as they are.
            if inputs_each == 1 {
                self.tie(*slot, inputs[group]);
            }
        }
        if inputs_each > 1 {
            // Each group gains or loses as many.
            self.tie_places(inputs, inputs_each);
            self.tie_places(&slots, filters_each);
        }
        slots
    }

    /// Ties the slots that have the same place in their groups of `each`.
    fn tie_places(&mut self, all: &[usize], each: usize) {
        for place in 0..each {
            let tied: Vec<usize> = all.iter().skip(place).step_by(each).copied().collect();
            self.tie_all(&tied);
        }
    }

    fn find(&self, mut slot: usize) -> usize {
        while self.parent[slot] != slot {
            slot = self.parent[slot];
        }
        slot
    }

    fn tie(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        // The lower is the root, so that trees stay as they are told.
        self.parent[a.max(b)] = a.min(b);
    }

    /// Ties slots, at least one, and returns one of them.
    fn tie_all(&mut self, slots: &[usize]) -> usize {
        slots.iter().for_each(|slot| self.tie(slots[0], *slot));
        slots[0]
    }

    /// The units whose filters can be deleted, in the order of their first filters: none of the image or of the network's output, and none
    /// that is all of a layer.
    pub(super) fn removable(&self) -> Vec<Removable> {
        let layers = &self.network.layers;
        let makes = |layer: usize| matches!(layers[layer].layer.channels(), Channels::Made { .. });
        let fixed: BTreeSet<usize> = self
            .nodes
            .iter()
            .take(1)
            .chain(self.nodes.last())
            .flatten()
            .map(|slot| self.find(*slot))
            .collect();
        let mut order = Vec::new();
        let mut units: BTreeMap<usize, Removable> = BTreeMap::new();
        for layer in (0..layers.len()).filter(|layer| makes(*layer)) {
            for (filter, slot) in self.nodes[layer + 1].iter().enumerate() {
                let root = self.find(*slot);
                if fixed.contains(&root) {
                    continue;
                }
                let unit = units.entry(root).or_insert_with(|| {
                    order.push(root);
                    Removable { filters: Unit::new(), taken: BTreeMap::new() }
                });
                unit.filters.entry(layer).or_default().push(filter);
            }
        }
        for layer in (0..layers.len()).filter(|layer| makes(*layer)) {
            for (channel, slot) in self.nodes[layers[layer].inputs[0]].iter().enumerate() {
                if let Some(unit) = units.get_mut(&self.find(*slot)) {
                    unit.taken.entry(layer).or_default().push(channel);
                }
            }
        }
        let stays = |(layer, own): (&usize, &Vec<usize>)| own.len() < layers[*layer].output.channels;
        let units = order.into_iter().filter_map(|root| units.remove(&root));
        units.filter(|unit| unit.filters.iter().all(stays)).collect()
    }

    /// The unit of a channel of a layer's output.
    ///
    /// # Errors
    /// When the layer has no such channel, or the data decide on it.
    pub(super) fn unit(&self, layer: usize, channel: usize) -> Result<Unit> {
        let name = &self.network.layers[layer].name;
        let channels = &self.nodes[layer + 1];
        let Some(slot) = channels.get(channel) else {
            let what = format!("layer {name} has no channel {channel}");
            return Err(Error::usage(what, format!("count from 0 to {}", channels.len() - 1)));
        };
        let root = self.find(*slot);
        let holds = |node: &Vec<usize>| node.iter().any(|slot| self.find(*slot) == root);
        if self.nodes.last().is_some_and(holds) {
            let what = format!("the channels of {name} are those of the network's output");
            return Err(Error::usage(what, "the data decide on their number; change a layer before it"));
        }
        if holds(&self.nodes[0]) {
            let what = format!("the channels of {name} are tied to those of the image");
            return Err(Error::usage(what, "the data decide on their number; change another layer"));
        }
        let mut unit = Unit::new();
        for (node, first) in self.first.iter().enumerate().skip(1) {
            let Some(first) = first else { continue };
            let count = self.network.shape_of(node).channels;
            let own: Vec<usize> = (0..count).filter(|filter| self.find(first + filter) == root).collect();
            if !own.is_empty() {
                unit.insert(node - 1, own);
            }
        }
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Shape;

    fn network(text: &str) -> Network {
        Network::parse(text, Shape::new(3, 8, 8), 10).unwrap()
    }

    const TIED: &str = r#"
        layer = [
            { kind = "conv2d", name = "a", filters = 4, kernel = 3, padding = 1 },
            { kind = "conv2d", name = "b", filters = 4, kernel = 3, padding = 1 },
            { kind = "add", name = "sum", inputs = ["a", "b"] },
            { kind = "conv2d", name = "c", filters = 6, kernel = 1 },
            { kind = "maxout", name = "largest", group = 2 },
            { kind = "concat", name = "both", inputs = ["sum", "largest"] },
            { kind = "conv2d", name = "own", filters = 14, kernel = 3, groups = 7 },
            { kind = "conv2d", name = "halves", filters = 6, kernel = 1, groups = 2 },
            { kind = "flatten", name = "flat" },
            { kind = "dense", name = "last" },
        ]
    "#;

    #[test]
    fn what_is_tied_goes_together() {
        let network = network(TIED);
        let units = Units::of(&network);
        let unit = |layer, filter| units.unit(layer, filter).unwrap();
        // `own` has a group of two filters for each channel; `halves` ties its inputs 0 and 7, 1 and 8, and so on.
        let own =
            |pairs: &[usize]| pairs.iter().flat_map(|pair| [2 * pair, 2 * pair + 1]).collect::<Vec<_>>();
        let all = unit(0, 0);
        assert!(all.contains_key(&1) && all.contains_key(&6) && all[&0] == all[&1], "{all:?}");
        assert!(own(&[0]).iter().all(|filter| all[&6].contains(filter)));
        assert_eq!(unit(7, 1), Unit::from([(7, vec![1, 4])]));
        assert_eq!(unit(8, 0), unit(7, 0), "the first pixel of a flattened map is its first channel");
        assert!(units.unit(9, 0).unwrap_err().what().contains("the network's output"));
        assert!(units.unit(0, 4).unwrap_err().help().contains("0 to 3"));
    }

    #[test]
    fn groups_that_are_normalized_gain_and_lose_as_many() {
        let text = r#"
            layer = [
                { kind = "conv2d", name = "a", filters = 6, kernel = 3 },
                { kind = "group_norm", name = "two", groups = 2 },
                { kind = "conv2d", name = "b", filters = 4, kernel = 3 },
                { kind = "group_norm", name = "one" },
                { kind = "instance_norm", name = "each" },
                { kind = "prelu", name = "slopes" },
                { kind = "dense", name = "last" },
            ]
        "#;
        let network = network(text);
        let units = Units::of(&network);
        assert_eq!(units.unit(0, 4).unwrap(), Unit::from([(0, vec![1, 4])]));
        assert_eq!(units.unit(2, 3).unwrap(), Unit::from([(2, vec![3])]));
    }

    #[test]
    fn plain_filters_stand_alone_and_maxout_takes_its_group() {
        let text = r#"
            layer = [
                { kind = "conv2d", name = "a", filters = 6, kernel = 3, groups = 3 },
                { kind = "conv2d", name = "b", filters = 6, kernel = 3 },
                { kind = "maxout", name = "m", group = 3 },
                { kind = "dense", name = "c", units = 5 },
                { kind = "relu", name = "d" },
                { kind = "dense", name = "last" },
            ]
        "#;
        let network = network(text);
        let units = Units::of(&network);
        assert_eq!(units.unit(1, 4).unwrap(), Unit::from([(1, vec![3, 4, 5])]));
        assert_eq!(units.unit(2, 1).unwrap(), Unit::from([(1, vec![3, 4, 5])]));
        assert_eq!(units.unit(4, 2).unwrap(), Unit::from([(3, vec![2])]));
        assert!(units.unit(0, 0).unwrap_err().what().contains("the image"));
    }
}
