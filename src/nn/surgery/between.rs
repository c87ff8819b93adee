//! Origins of channels between two networks of one run, by the numbers of layers and filters.

use super::filters::Changes;
use super::origin::{ChannelMap, Origin};
use super::plan::plan_tensors;
use crate::nn::Network;

/// By node of `new`, the image first: the channels of `old` that its channels were, or will be.
pub fn channels_between(old: &Network, new: &Network) -> Vec<Option<ChannelMap>> {
    let place = |id: u32| old.layers.iter().position(|layer| layer.id == id);
    let olds: Vec<Option<usize>> = new.layers.iter().map(|layer| place(layer.id)).collect();
    let origins = |former: &[u32], now: &[u32]| -> Vec<Origin> {
        let place = |id: &u32| former.iter().position(|other| other == id);
        now.iter().map(|id| place(id).map(Origin::kept).unwrap_or_default()).collect()
    };
    let change = |(index, now): (Option<usize>, &[u32])| {
        let former = &old.layers[index?].filter_ids;
        (former != now).then(|| Some((index?, origins(former, now)))).flatten()
    };
    let filters = new.layers.iter().map(|layer| layer.filter_ids.as_slice());
    let changes: Changes = olds.iter().copied().zip(filters).filter_map(change).collect();
    plan_tensors(old, new, &olds, &changes).1
}
