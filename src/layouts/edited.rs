//! Layouts of a network that was changed: they go on with what their sources are now.

use std::any::Any;

use super::build::prepare_tsne;
use super::filters::Filters;
use super::layout::Layout;
use super::progress::Due;
use super::reexaggeration::Reexaggeration;
use super::seen::Seen;
use super::set::{Layouts, drifts, open_rows};
use super::source::{LayoutSource, RowSource};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::nn::Trainer;
use crate::nn::surgery::ChannelMap;

impl Layouts {
    /// The network was changed: `nodes` has the new place of each node, none for one that is gone, and `channels` by new place where its
    /// channels come from. A layout whose source is gone, or has too few rows now, is closed; of the others, rows that stay keep their
    /// points. Returns what is to be said of those that were closed.
    pub fn network_changed(
        &mut self,
        trainer: &Trainer,
        nodes: &[Option<usize>],
        channels: &[Option<ChannelMap>],
    ) -> Vec<Error> {
        let mut closed = Vec::new();
        self.drifts = drifts(trainer).unwrap_or_else(|error| {
            closed.push(error);
            Vec::new()
        });
        self.keep_filters = true;
        self.open.retain_mut(|layout| {
            let Some(source) = moved(layout.source(), nodes) else { return false };
            let rows = Self::check(trainer, source).and_then(|_| open_rows(trainer, source));
            let replaced = rows.and_then(|rows| {
                let origins = origins(layout, &*rows, nodes, channels);
                layout.replace_rows(trainer.gpu(), rows, origins)
            });
            replaced.map_err(|error| closed.push(error)).is_ok()
        });
        closed
    }
}

impl Layout {
    /// Lays out other rows with the same settings; `origins` gives the row that each of them continues, whose point it keeps. Without
    /// them the layout begins again.
    ///
    /// # Errors
    /// When it does not fit; then nothing changes.
    fn replace_rows(
        &mut self,
        gpu: &Gpu,
        source: Box<dyn RowSource>,
        origins: Option<Vec<Option<u32>>>,
    ) -> Result<()> {
        let (tsne, bytes) = prepare_tsne(gpu, &*source, self.wanted_perplexity, self.settings)?;
        let origins = origins.filter(|origins| origins.iter().any(Option::is_some));
        let stays = origins.is_some() && !self.progress.begins();
        if let Some(origins) = origins.as_ref().filter(|_| stays) {
            tsne.take_over_rows(gpu, &self.tsne, origins)?;
        }
        (self.node, self.kind) = source.source().node_and_kind();
        (self.source, self.tsne, self.tsne_bytes) = (source, tsne, bytes);
        let waiting = std::mem::take(&mut self.waiting_points);
        let now = |row: &u32| origins.as_ref()?.iter().position(|origin| *origin == Some(*row));
        self.waiting_points =
            waiting.iter().filter_map(|(row, point)| Some((now(row)? as u32, *point))).collect();
        if !stays {
            self.reexaggeration = Reexaggeration::new(&self.settings);
            self.seen = Seen::default();
        }
        self.take_plans(if stays { Due::Affinities } else { Due::Everything });
        self.progress.wake();
        Ok(())
    }
}

/// The source with its node's new place.
fn moved(source: LayoutSource, nodes: &[Option<usize>]) -> Option<LayoutSource> {
    source.with_node(|node| nodes[node].ok_or(())).ok()
}

/// The row of a layout that each of its rows to be continues; nothing where they do not compare.
fn origins(
    layout: &Layout,
    rows: &dyn RowSource,
    nodes: &[Option<usize>],
    channels: &[Option<ChannelMap>],
) -> Option<Vec<Option<u32>>> {
    let [before, now] = [layout.rows(), rows.rows()].map(|view| view.tiles());
    let channel = |node: usize, at: u32| Some(channels[node].as_ref()?.continued(at as usize)? as u32);
    let origins: Vec<Option<u32>> = match rows.source() {
        LayoutSource::Images(_) => (0..before).map(Some).collect(),
        LayoutSource::Tensor { node, .. } => {
            channels[node]
                .as_ref()
                .filter(|map| map.of == before as usize && map.channels.len() == now as usize)?;
            (0..now).map(|row| channel(node, row)).collect()
        }
        LayoutSource::Filters => {
            let (former, present) = (layout.filters()?, (rows as &dyn Any).downcast_ref::<Filters>()?);
            let origin = |row: u32| {
                let (node, filter) = present.filter(row)?;
                former.row(nodes.iter().position(|now| *now == Some(node))?, channel(node, filter)?)
            };
            (0..now).map(origin).collect()
        }
    };
    (origins.len() == now as usize).then_some(origins)
}
