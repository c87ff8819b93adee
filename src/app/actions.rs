//! Actions that several widgets and keys request.

use crate::session::{Action, Control, DataCommand, LayerId, NetworkCommand, RunState, Session};

/// Play or pause.
pub(crate) fn toggle_playing(session: &Session) -> Action {
    let rests = matches!(session.state(), RunState::Paused | RunState::Finished);
    if rests || !session.is_playing() { Control::Play } else { Control::Pause }.into()
}

/// Pins the test image `by` indices further as the probe, wrapping at the ends of the test set.
pub(crate) fn move_probe(session: &Session, by: i64) -> Action {
    let index = (i64::from(session.coming_settings().probe) + by).rem_euclid(session.test_images() as i64);
    DataCommand::PinProbe(index as u32).into()
}

/// Freezes or unfreezes a node's layer; none for a node without parameters.
pub(crate) fn toggle_frozen(session: &Session, node: usize) -> Option<Action> {
    let has_parameters = session.layers().get(node).is_some_and(|info| info.parameters > 0);
    let layer = LayerId(node.checked_sub(1).filter(|_| has_parameters)? as u32);
    let frozen = is_frozen(session, node);
    Some(if frozen { NetworkCommand::Thaw(layer) } else { NetworkCommand::Freeze(layer) }.into())
}

/// True for a node whose layer is frozen.
pub(crate) fn is_frozen(session: &Session, node: usize) -> bool {
    node.checked_sub(1).is_some_and(|layer| session.settings().frozen.contains(&(layer as u32)))
}
