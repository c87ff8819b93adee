//! Names of the tile sets that a frame draws, and their indices in [`crate::view::Tiles`].

use crate::session::LayoutId;

/// A filter or channel of a node's tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileId {
    /// Node of the network, 0 for the input.
    pub node: usize,
    /// Index of the filter or channel.
    pub tile: u32,
}

/// Tensors of the computation of a filter's map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intermediate {
    /// The maps that it reads.
    Maps,
    /// Its kernels.
    Kernels,
    /// The products of the two.
    Products,
    /// Their sum, and with the bias.
    Totals,
    /// Maps of one input of a layer without kernels.
    Input(usize),
    /// The maps that it makes of them.
    Output,
}

/// Tiles of equal size that are drawn from one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TileSetId {
    /// The tensor that a node shows in the Network pane.
    Node(usize),
    /// The activity of the tiles of a node.
    Activity(usize),
    /// Class probabilities of the probe.
    Classes,
    /// Single images, by the number of the gallery.
    Gallery(u8),
    /// Histograms of a quantity over the run, by its number.
    Distribution(u8),
    /// Rows of a layout.
    Layout(LayoutId),
    /// The tensors that a filter's map is computed from and through.
    Intermediate(Intermediate),
    /// Filters of the layer of a change on trial: as they would be, or as they are.
    Trial {
        /// As they would be.
        changed: bool,
    },
}

/// Indices of tile sets.
#[derive(Debug, Default)]
pub struct TileSetIndices(Vec<Option<TileSetId>>);

impl TileSetIndices {
    /// Index of a set, where it has one.
    pub fn get(&self, set: TileSetId) -> Option<usize> {
        self.0.iter().position(|taken| *taken == Some(set))
    }

    /// Index of a set; a new set takes the first free one.
    pub fn take(&mut self, set: TileSetId) -> usize {
        let known = self.get(set).or_else(|| self.0.iter().position(Option::is_none));
        let index = known.unwrap_or(self.0.len());
        if index == self.0.len() {
            self.0.push(None);
        }
        self.0[index] = Some(set);
        index
    }

    /// Frees the indices of all layouts but these.
    pub fn keep_layouts(&mut self, open: &[LayoutId]) {
        for taken in &mut self.0 {
            if matches!(taken, Some(TileSetId::Layout(id)) if !open.contains(id)) {
                *taken = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_its_index_until_its_layout_is_closed() {
        let mut indices = TileSetIndices::default();
        let [first, second] = [0, 1].map(|id| TileSetId::Layout(LayoutId(id)));
        let sets = [TileSetId::Node(0), TileSetId::Classes, first, second];
        let taken = sets.map(|set| indices.take(set));
        assert_eq!(sets.map(|set| indices.take(set)), taken, "asked twice");
        assert!((0..4).all(|i| taken[..i].iter().all(|other| *other != taken[i])), "two sets at {taken:?}");
        indices.keep_layouts(&[LayoutId(1)]);
        assert_eq!((indices.get(first), indices.get(second)), (None, Some(taken[3])));
        assert_eq!(indices.take(TileSetId::Layout(LayoutId(2))), taken[2], "the free index");
        assert_eq!(indices.get(TileSetId::Node(0)), Some(taken[0]));
    }
}
