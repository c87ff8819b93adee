//! Names and styles of the tensors that a node can show.

use crate::session::{LayerInfo, Session, TensorKind};
use crate::view::Style;

/// Each kind with its short and its long name.
pub(crate) const KINDS: [(TensorKind, &str, &str); 4] = [
    (TensorKind::Activations, "maps", "activations of the probe"),
    (TensorKind::Weights, "weights", "filter weights"),
    (TensorKind::WeightGradients, "grad weights", "weight gradients of the last batch"),
    (TensorKind::ActivationGradients, "grad maps", "activation gradients of the probe"),
];

/// Short name of a kind.
pub(crate) fn short_name(kind: TensorKind) -> &'static str {
    KINDS.iter().find(|k| k.0 == kind).map_or("", |k| k.1)
}

/// Long name of a kind.
pub(crate) fn long_name(kind: TensorKind) -> &'static str {
    KINDS.iter().find(|k| k.0 == kind).map_or("", |k| k.2)
}

/// Words for gradients of a node's weights that the checkpoint shown of a training that is watched does not have; none for all other tensors.
pub(crate) fn missing(session: &Session, node: usize, kind: TensorKind) -> Option<String> {
    let watched = session.watched().filter(|_| kind == TensorKind::WeightGradients)?;
    let first = session.tensor(node, kind)?.offset as usize;
    watched.check_gradients(first, &session.layers()[node].name).err().map(|error| error.what().to_owned())
}

/// Colors of a node's tensor: RGB for images and filters over them, a diverging map for all else.
pub(crate) fn style(info: &LayerInfo, kind: TensorKind, channels: u32) -> Style {
    let image = info.kind == "input" && kind == TensorKind::Activations;
    let color_filters = kind == TensorKind::Weights && channels == 3;
    if image || color_filters { Style::Rgb } else { Style::Signed }
}
