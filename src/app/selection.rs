//! The selection that all panes share: tiles of the network, rows of layouts, and the pointer.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::{filter_of, layer_of};
use super::frame::TermsOf;
use super::tile_set::TileId;
use crate::session::{Layout, LayoutId, LayoutSource, Session, TensorKind};
use crate::view::SelectionSummary;

/// Tiles with statistics: one is selected and one hovered.
const MAX_STATISTICS: usize = 2;

/// Selected and hovered tiles and rows.
pub struct Selection {
    /// Selected tile.
    pub tile: Option<TileId>,
    /// Tensor that the node of the selected tile shows in the Network pane.
    pub shown: TensorKind,
    /// Tile under the pointer, in the Network pane or as a row of a layout.
    pub hovered: Option<TileId>,
    /// Layout and row under the pointer.
    pub hovered_row: Option<(LayoutId, u32)>,
    /// Class probabilities of the probe, a few frames old; only where not all classes are shown.
    pub probabilities: Vec<f32>,
    /// Positions of the points of the layout that was last asked for them, a few frames old.
    pub points: Option<(LayoutId, Vec<[f32; 2]>)>,
    /// Weights of the filter that is painted, a few frames old, with the numbers of its layer and itself.
    pub weights: Option<((u32, u32), Vec<f32>)>,
    /// Its bias.
    pub bias: Option<((u32, u32), f32)>,
    /// A pane has something under way that Escape gives up, and nothing else with it.
    pub gives_up: bool,
    /// Numbers of one output pixel of a filter's computation, a few frames old.
    pub terms: Option<(TermsOf, Vec<f32>)>,
    rows: BTreeMap<LayoutId, SelectionSummary>,
    rows_cleared: bool,
    statistics: Vec<(TileId, [f32; 4])>,
    /// Number of changes of the network that the selection knows.
    network_version: u32,
    /// Filter and layer of the selected tile, by their numbers, and the layer that shows it.
    filter: Option<[u32; 3]>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            tile: None,
            shown: TensorKind::Activations,
            hovered: None,
            hovered_row: None,
            probabilities: Vec::new(),
            points: None,
            weights: None,
            bias: None,
            gives_up: false,
            terms: None,
            rows: BTreeMap::new(),
            rows_cleared: false,
            statistics: Vec::new(),
            network_version: 0,
            filter: None,
        }
    }
}

impl Selection {
    /// Begins a frame: the tile of the hovered row is hovered.
    pub fn begin_frame(&mut self, session: &Session) {
        self.gives_up = false;
        if std::mem::replace(&mut self.network_version, session.network_version())
            != session.network_version()
        {
            self.statistics.clear();
            self.clear_rows();
            self.tile = self.filter.and_then(|filter| find(session, filter));
        }
        self.filter = self.tile.and_then(|tile| numbers(session, tile));
        self.hovered = self.hovered_row.and_then(|(id, row)| tile_of_row(session.layout(id)?, row));
    }

    /// Selected rows of a layout, a few frames old.
    pub fn rows(&self, layout: LayoutId) -> Option<&SelectionSummary> {
        self.rows.get(&layout)
    }

    /// Stores the selected rows of a layout.
    pub fn set_rows(&mut self, layout: LayoutId, rows: SelectionSummary) {
        if rows.count > 0 {
            self.rows.insert(layout, rows);
        } else {
            self.rows.remove(&layout);
        }
    }

    /// Drops the selected rows of all layouts but these.
    pub fn keep_layouts(&mut self, open: &[LayoutId]) {
        self.rows.retain(|id, _| open.contains(id));
    }

    /// Selects no row of any layout.
    pub fn clear_rows(&mut self) {
        self.rows.clear();
        self.rows_cleared = true;
    }

    /// True once after rows were cleared.
    pub fn take_cleared(&mut self) -> bool {
        std::mem::take(&mut self.rows_cleared)
    }

    /// Tiles of a node that are selected as rows of layouts, in ascending order.
    pub fn tiles_of(&self, session: &Session, node: usize) -> Vec<u32> {
        let of_layout = |layout: &Layout| {
            let rows = self.rows(layout.id()).map_or(&[][..], |rows| &rows.indices);
            let tiles = rows.iter().filter_map(|row| tile_of_row(layout, *row));
            tiles.filter(|tile| tile.node == node).map(|tile| tile.tile).collect::<Vec<_>>()
        };
        let mut tiles: Vec<u32> = session.layouts().iter().flat_map(of_layout).collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// Selected filters, by the numbers of their layers and their own: that of the selected tile, and those of rows of layouts.
    pub fn filters(&self, session: &Session) -> BTreeSet<(u32, u32)> {
        let rows = |node| self.tiles_of(session, node).into_iter().map(move |tile| TileId { node, tile });
        let tiles = (0..session.layers().len()).flat_map(rows).chain(self.tile);
        tiles.filter_map(|tile| filter_of(session, tile)).collect()
    }

    /// Minimum, maximum, mean and standard deviation of a hovered or selected tile, a few frames old.
    pub fn statistics(&self, tile: TileId) -> Option<[f32; 4]> {
        self.statistics.iter().find(|(of, _)| *of == tile).map(|(_, values)| *values)
    }

    /// Stores the statistics of a tile.
    pub fn set_statistics(&mut self, tile: TileId, values: [f32; 4]) {
        self.statistics.retain(|(of, _)| *of != tile);
        self.statistics.insert(0, (tile, values));
        self.statistics.truncate(MAX_STATISTICS);
    }
}

/// Numbers of a tile that outlive changes of the network: of the layer that shows it, and of the layer and the filter that make it.
fn numbers(session: &Session, tile: TileId) -> Option<[u32; 3]> {
    let (layer, filter) = filter_of(session, tile)?;
    Some([layer_of(session, tile.node)?.0, layer, filter])
}

/// The tile with these numbers, where it is still there.
fn find(session: &Session, [shown, layer, filter]: [u32; 3]) -> Option<TileId> {
    let network = &session.trainer().network;
    let node = network.layer_index(shown).ok()? + 1;
    let tiles = 0..network.shape_of(node).channels as u32;
    tiles.map(|tile| TileId { node, tile }).find(|tile| filter_of(session, *tile) == Some((layer, filter)))
}

/// Tile of the network that a row of a layout stands for; none for images.
pub(crate) fn tile_of_row(layout: &Layout, row: u32) -> Option<TileId> {
    match layout.source() {
        LayoutSource::Tensor { node, .. } => Some(TileId { node, tile: row }),
        LayoutSource::Images(_) => None,
        LayoutSource::Filters => layout.filters()?.filter(row).map(|(node, tile)| TileId { node, tile }),
    }
}

/// Row of a layout that stands for a tile of the network.
pub(crate) fn row_of_tile(layout: &Layout, tile: TileId) -> Option<u32> {
    match layout.source() {
        LayoutSource::Tensor { node, .. } => (node == tile.node).then_some(tile.tile),
        LayoutSource::Images(_) => None,
        LayoutSource::Filters => layout.filters()?.row(tile.node, tile.tile),
    }
}
