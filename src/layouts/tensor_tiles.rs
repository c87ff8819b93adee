//! Tiles of a tensor of the run as rows: a layer's filters or maps, or their gradients.

use super::source::{LayoutSource, RowSource};
use crate::error::{Error, Result};
use crate::gpu::TensorView;
use crate::nn::{TensorKind, Trainer, node_name};

/// Default perplexity of filters: ReVACNN's, which small layers support.
pub const FILTER_PERPLEXITY: f32 = 5.0;
/// Fewest rows of a layout.
const MIN_ROWS: u32 = 4;

/// The tiles of a node's tensor.
pub(super) struct TensorTiles {
    node: usize,
    kind: TensorKind,
    view: TensorView,
}

/// True if a node other than the input has such a tensor, with at least 4 tiles.
pub fn can_be_laid_out(trainer: &Trainer, node: usize, kind: TensorKind) -> bool {
    (1..=trainer.network.layers.len()).contains(&node)
        && trainer.tensor(node, kind).is_some_and(|view| view.tiles() >= MIN_ROWS)
}

impl TensorTiles {
    /// The tiles as they are now.
    ///
    /// # Errors
    /// When there are fewer than 4.
    pub(super) fn open(trainer: &Trainer, node: usize, kind: TensorKind) -> Result<Self> {
        let can = can_be_laid_out(trainer, node, kind);
        let view = can.then(|| trainer.tensor(node, kind)).flatten().ok_or_else(|| {
            let name = node_name(&trainer.network, node).unwrap_or("this layer");
            Error::new(
                format!("{name} has nothing of this kind to lay out"),
                "choose a layer with at least 4 filters or maps",
            )
        })?;
        Ok(Self { node, kind, view })
    }
}

impl RowSource for TensorTiles {
    fn source(&self) -> LayoutSource {
        LayoutSource::Tensor { node: self.node, kind: self.kind }
    }

    fn rows(&self) -> &TensorView {
        &self.view
    }

    fn perplexity(&self) -> f32 {
        FILTER_PERPLEXITY
    }

    fn follow(&mut self, trainer: &Trainer) -> Result<bool> {
        let view = trainer
            .tensor(self.node, self.kind)
            .ok_or_else(|| Error::new("the layer has lost what was laid out", "close its embedding"))?;
        let shape = |view: &TensorView| (view.offset, view.extents, view.strides);
        let moved = view.buffer != self.view.buffer || shape(&view) != shape(&self.view);
        self.view = view;
        Ok(moved)
    }
}
