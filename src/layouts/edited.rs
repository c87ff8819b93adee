//! Layouts of a network that was changed: they go on with what their sources are now.

use super::set::{Layouts, drifts, open_rows};
use super::source::LayoutSource;
use crate::error::Error;
use crate::nn::Trainer;

impl Layouts {
    /// The network was changed: `nodes` has the new place of each node, none for one that is gone. A layout whose source is gone, or has
    /// too few rows now, is closed; one with as many rows as before keeps its points. Returns what is to be said of those that were closed.
    pub fn network_changed(&mut self, trainer: &Trainer, nodes: &[Option<usize>]) -> Vec<Error> {
        let mut closed = Vec::new();
        self.drifts = drifts(trainer).unwrap_or_else(|error| {
            closed.push(error);
            Vec::new()
        });
        self.keep_filters = true;
        self.open.retain_mut(|layout| {
            let Some(source) = moved(layout.source(), nodes) else { return false };
            let rows = Self::check(trainer, source).and_then(|_| open_rows(trainer, source));
            let replaced = rows.and_then(|rows| layout.replace_rows(trainer.gpu(), rows));
            replaced.map_err(|error| closed.push(error)).is_ok()
        });
        closed
    }
}

/// The source with its node's new place.
fn moved(source: LayoutSource, nodes: &[Option<usize>]) -> Option<LayoutSource> {
    source.with_node(|node| nodes[node].ok_or(())).ok()
}
