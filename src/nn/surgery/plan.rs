//! The plan of a change: for each tensor of the new network, where its rows and columns come from.

use super::filters::Changes;
use super::origin::{ChannelMap, Origin};
use crate::nn::layer::Channels;
use crate::nn::{Network, NetworkLayer, ParameterSpec};

/// Origin of the values of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum TensorPlan {
    /// The old tensor of this index, as it was.
    Same(usize),
    /// Rows and columns of an old tensor.
    Carried(Carried),
    /// It is initialized.
    Fresh,
}

/// Rows and columns of an old tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// Index of the old tensor.
    pub old: usize,
    /// Origin of each row: of an index of its first axis.
    pub rows: Vec<Origin>,
    /// Origin of each column: of an input channel; a single one where there is no second axis.
    pub columns: Vec<Origin>,
    /// Groups into which rows and columns fall: a row has only the columns of its group.
    pub groups: usize,
    /// Groups of the old tensor.
    pub old_groups: usize,
}

/// A layer of the new network among those of the old one.
struct Pair<'n> {
    new: &'n NetworkLayer,
    /// Its counterpart, and the index of that one's first tensor.
    old: Option<(&'n NetworkLayer, usize)>,
    /// Map of its first input, and of its output.
    input: Option<&'n ChannelMap>,
    output: Option<&'n ChannelMap>,
}

fn groups(layer: &NetworkLayer) -> usize {
    if let Channels::Made { groups } = layer.layer.channels() { groups } else { 1 }
}

impl Pair<'_> {
    fn plan(&self, new: &ParameterSpec) -> TensorPlan {
        let carried = self.old.and_then(|(layer, first)| {
            let specs = layer.parameters();
            let index = specs.iter().position(|old| old.name == new.name)?;
            let carried = self.carried(layer, &specs[index], new)?;
            Some((Carried { old: first + index, ..carried }, specs[index].shape == new.shape))
        });
        match carried {
            None => TensorPlan::Fresh,
            Some((carried, true)) if carried.is_kept() => TensorPlan::Same(carried.old),
            Some((carried, _)) => TensorPlan::Carried(carried),
        }
    }

    fn carried(&self, layer: &NetworkLayer, old: &ParameterSpec, new: &ParameterSpec) -> Option<Carried> {
        let (groups, old_groups) = (groups(self.new), groups(layer));
        let fits = |map: &ChannelMap, [old, new]: [usize; 2]| map.of == old && map.channels.len() == new;
        let rows = self.output.filter(|map| fits(map, [old.shape[0], new.shape[0]]))?;
        let columns = match (old.shape.get(1), new.shape.get(1)) {
            (Some(before), Some(now)) => {
                let map = self.input.filter(|map| fits(map, [old_groups * before, groups * now]))?;
                // Where each channel has its own filters, these come and go with it, and take all of it.
                if *now == 1 && groups > 1 { map.taken_whole() } else { map.channels.clone() }
            }
            _ => vec![Origin::kept(0)],
        };
        let taps = |shape: &[usize]| shape.iter().skip(2).copied().collect::<Vec<_>>();
        (taps(&old.shape) == taps(&new.shape)).then(|| Carried {
            old: 0,
            rows: rows.channels.clone(),
            columns,
            groups: if new.shape.len() > 1 { groups } else { 1 },
            old_groups: if new.shape.len() > 1 { old_groups } else { 1 },
        })
    }
}

impl Carried {
    /// True if every row and column stays where it is.
    fn is_kept(&self) -> bool {
        let kept = |origins: &[Origin], part: fn(&Origin) -> &[super::origin::Term]| {
            origins.iter().enumerate().all(|(i, origin)| part(origin) == part(&Origin::kept(i)))
        };
        self.groups == self.old_groups
            && kept(&self.rows, |origin| &origin.filter)
            && kept(&self.columns, |origin| &origin.taken)
    }

    /// Rows without origin.
    pub fn fresh_rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().enumerate().filter(|(_, origin)| origin.filter.is_empty()).map(|(row, _)| row)
    }
}

/// Map of a layer's output.
fn output_map(
    new: &NetworkLayer,
    old: Option<(usize, &NetworkLayer)>,
    inputs: &[Option<&ChannelMap>],
    changes: &Changes,
) -> Option<ChannelMap> {
    let channels = new.layer.channels();
    if let Channels::Made { .. } = channels {
        let Some((index, old)) = old else {
            // A layer that was put between stands for what it was put after, where it has as many channels.
            return inputs[0].filter(|map| map.channels.len() == new.output.channels).cloned();
        };
        let of = old.output.channels;
        return match changes.get(&index) {
            Some(origins) => Some(ChannelMap { of, channels: origins.clone() }),
            None => (of == new.output.channels).then(|| ChannelMap::kept(of)),
        };
    }
    let pixels = new.input_shapes[0].pixels();
    let same_pixels = old.is_none_or(|(_, old)| old.input_shapes[0].pixels() == pixels);
    if channels == Channels::Flattened && !same_pixels {
        return None;
    }
    let inputs: Option<Vec<&ChannelMap>> = inputs.iter().copied().collect();
    ChannelMap::through(channels, &inputs?, pixels)
}

/// The plans of all tensors of `new`, in order, and the origins of the channels of its nodes. `olds` gives the counterpart of each layer, `changes` the origins of the filters of
/// old layers that change.
pub(super) fn plan_tensors(
    old: &Network,
    new: &Network,
    olds: &[Option<usize>],
    changes: &Changes,
) -> (Vec<TensorPlan>, Vec<Option<ChannelMap>>) {
    let mut first = vec![0];
    old.layers.iter().for_each(|layer| first.push(first[first.len() - 1] + layer.parameters().len()));
    let mut maps = vec![Some(ChannelMap::kept(new.input.channels))];
    let mut plans = Vec::new();
    for (layer, counterpart) in new.layers.iter().zip(olds) {
        let inputs: Vec<_> = layer.inputs.iter().map(|node| maps[*node].as_ref()).collect();
        let before = counterpart.map(|index| (index, &old.layers[index]));
        let output = output_map(layer, before, &inputs, changes);
        let pair = Pair {
            new: layer,
            old: counterpart.map(|index| (&old.layers[index], first[index])),
            input: inputs[0],
            output: output.as_ref(),
        };
        plans.extend(layer.parameters().iter().map(|spec| pair.plan(spec)));
        maps.push(output);
    }
    (plans, maps)
}
