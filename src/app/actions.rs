//! Actions that several widgets and keys request.

use std::collections::{BTreeMap, BTreeSet};

use super::tile_set::TileId;
use crate::nn::Edit;
use crate::session::{Action, Control, DataCommand, LayerId, NetworkCommand, RunState, Session};

/// Play or pause.
pub(crate) fn toggle_playing(session: &Session) -> Action {
    let rests = matches!(session.state(), RunState::Paused | RunState::Finished);
    if rests || !session.goes_on() { Control::Play } else { Control::Pause }.into()
}

/// Pins the test image `by` indices further as the probe, wrapping at the ends of the test set.
pub(crate) fn move_probe(session: &Session, by: i64) -> Action {
    let index = (i64::from(session.coming_settings().probe) + by).rem_euclid(session.test_images() as i64);
    DataCommand::PinProbe(index as u32).into()
}

/// Number of a node's layer; none for the image.
pub(crate) fn layer_of(session: &Session, node: usize) -> Option<LayerId> {
    let layer = session.trainer().network.layers.get(node.checked_sub(1)?)?;
    Some(LayerId(layer.id))
}

/// Freezes or unfreezes a node's layer; none for a node without parameters.
pub(crate) fn toggle_frozen(session: &Session, node: usize) -> Option<Action> {
    let has_parameters = session.layers().get(node).is_some_and(|info| info.parameters > 0);
    let layer = layer_of(session, node).filter(|_| has_parameters)?;
    let frozen = is_frozen(session, node);
    Some(if frozen { NetworkCommand::Thaw(layer) } else { NetworkCommand::Freeze(layer) }.into())
}

/// True for a node whose layer is frozen.
pub(crate) fn is_frozen(session: &Session, node: usize) -> bool {
    layer_of(session, node).is_some_and(|layer| session.settings().frozen.contains(&layer.0))
}

/// True if a filter, given by the numbers of its layer and itself, is frozen by itself.
pub(crate) fn is_filter_frozen(session: &Session, (layer, filter): (u32, u32)) -> bool {
    let network = &session.trainer().network;
    network.layer_index(layer).is_ok_and(|index| network.layers[index].frozen_filters.contains(&filter))
}

/// Freezes filters, given by the numbers of their layers and their own, or thaws them where all are frozen: a command a layer.
pub(crate) fn toggle_filters(session: &Session, filters: &BTreeSet<(u32, u32)>) -> Vec<Action> {
    let thaw = filters.iter().all(|filter| is_filter_frozen(session, *filter));
    let mut layers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    filters.iter().for_each(|(layer, filter)| layers.entry(*layer).or_default().push(*filter));
    let command = |(layer, filters)| match (LayerId(layer), thaw) {
        (layer, true) => NetworkCommand::ThawFilters { layer, filters }.into(),
        (layer, false) => NetworkCommand::FreezeFilters { layer, filters }.into(),
    };
    layers.into_iter().map(command).collect()
}

/// Numbers of the layer and of its filter that make a tile; none for the image.
pub(crate) fn filter_of(session: &Session, tile: TileId) -> Option<(u32, u32)> {
    session.trainer().network.filter_of(tile.node, tile.tile as usize)
}

/// A change of the network.
pub(crate) fn edit(edit: Edit) -> Action {
    NetworkCommand::Edit(edit).into()
}

/// Adds a filter to the layer that makes a node's channels.
pub(crate) fn add_filter(session: &Session, node: usize) -> Option<Action> {
    edit_filter(session, TileId { node, tile: 0 }, |layer, _| Edit::AddFilter { layer })
}

/// A change of the filter that makes a tile, by the numbers of its layer and itself; none for the image.
pub(crate) fn edit_filter(session: &Session, tile: TileId, change: fn(u32, u32) -> Edit) -> Option<Action> {
    filter_of(session, tile).map(|(layer, filter)| edit(change(layer, filter)))
}

/// One filter less.
pub(crate) fn delete(layer: u32, filter: u32) -> Edit {
    Edit::DeleteFilter { layer, filter }
}

/// Two filters in place of one.
pub(crate) fn split(layer: u32, filter: u32) -> Edit {
    Edit::SplitFilter { layer, filter }
}

/// Fresh weights for a filter.
pub(crate) fn reset(layer: u32, filter: u32) -> Edit {
    Edit::ResetFilter { layer, filter }
}
