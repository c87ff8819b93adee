//! The tensor that each node shows.

use std::collections::BTreeMap;

use crate::session::{Session, TensorKind};

/// Tensor by node; activations at the start.
#[derive(Default)]
pub(crate) struct Shown(BTreeMap<usize, TensorKind>);

impl Shown {
    /// Tensor that a node shows.
    pub(crate) fn get(&self, node: usize) -> TensorKind {
        self.0.get(&node).copied().unwrap_or(TensorKind::Activations)
    }

    /// Lets a node show a tensor.
    pub(crate) fn set(&mut self, node: usize, kind: TensorKind) {
        self.0.insert(node, kind);
    }

    /// True when all nodes that have such a tensor show it.
    pub(crate) fn is_everywhere(&self, session: &Session, kind: TensorKind) -> bool {
        nodes_with(session, kind).all(|node| self.get(node) == kind)
    }

    /// Lets all nodes that have such a tensor show it.
    pub(crate) fn set_everywhere(&mut self, session: &Session, kind: TensorKind) {
        self.0.extend(nodes_with(session, kind).map(|node| (node, kind)));
    }
}

fn nodes_with(session: &Session, kind: TensorKind) -> impl Iterator<Item = usize> {
    (0..session.layers().len()).filter(move |node| session.tensor(*node, kind).is_some())
}
