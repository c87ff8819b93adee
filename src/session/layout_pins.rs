//! Pinned points of a layout through a change of the network, on the CPU alone: the row that a row is after it.

use std::collections::BTreeMap;

use crate::layouts::LayoutSource;
use crate::nn::surgery::ChannelMap;
use crate::nn::{Network, Surgery};

/// Pinned points by row, those of rows that stay by their rows after a change of `former`. `source` is as the journal has it.
pub(super) fn carried(
    pins: &BTreeMap<u32, [f32; 2]>,
    source: LayoutSource,
    former: &Network,
    surgery: &Surgery,
) -> BTreeMap<u32, [f32; 2]> {
    let now = (&surgery.network, &surgery.channels[..]);
    let now = |(row, point): (&u32, &[f32; 2])| Some((row_after(*row, source, former, now)?, *point));
    pins.iter().filter_map(now).collect()
}

/// The row of another network that a row of `former` is; none where there is none. `channels` are the origins of the channels of each of
/// its nodes.
pub(super) fn row_after(
    row: u32,
    source: LayoutSource,
    former: &Network,
    (network, channels): (&Network, &[Option<ChannelMap>]),
) -> Option<u32> {
    // The first of several that continue it, as the layout itself has it.
    let channel = |node: usize, before: usize| {
        let map = channels[node].as_ref()?;
        (0..map.channels.len()).find(|now| map.continued(*now) == Some(before))
    };
    let row = row as usize;
    let now = match source {
        LayoutSource::Images(_) => row,
        LayoutSource::Tensor { node, .. } => channel(network.node_of(node).ok()?, row)?,
        LayoutSource::Filters => {
            let (node, first) = rows_of_filters(former).take_while(|(_, first)| *first <= row).last()?;
            let node = network.node_of(former.node_number(node)).ok()?;
            let (_, now) = rows_of_filters(network).find(|(of, _)| *of == node)?;
            now + channel(node, row - first)?
        }
    };
    Some(now as u32)
}

/// Nodes of a network that have filters, each with its first row among all filters.
fn rows_of_filters(network: &Network) -> impl Iterator<Item = (usize, usize)> {
    let nodes = network.layers.iter().enumerate().filter(|(_, layer)| !layer.filter_ids.is_empty());
    nodes.scan(0, |next, (index, layer)| {
        let first = *next;
        *next += layer.filter_ids.len();
        Some((index + 1, first))
    })
}
