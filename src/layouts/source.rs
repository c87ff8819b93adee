//! Sources of a layout's rows: their names in commands, and what a layout asks of them.

use std::any::Any;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::feature_pass::FeaturePass;
use crate::error::Result;
use crate::gpu::{Buffer, TensorView};
use crate::nn::{Network, TensorKind, Trainer};

/// Number of a live layout, in the order in which they are opened; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LayoutId(pub u64);

impl fmt::Display for LayoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Source of a layout's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayoutSource {
    /// The tiles of a tensor: a layer's filters or maps.
    Tensor {
        /// Node of the network graph: 0 is the input, n is layer n − 1; in the journal by its layer's number.
        node: usize,
        /// Tensor of the node.
        kind: TensorKind,
    },
    /// Images by the activations of a node.
    Images(ImageSource),
    /// The filters of all layers by their responses to images.
    Filters,
}

impl LayoutSource {
    /// True if a layout of this source takes the place of one of the `other`: at most one layout is open for each node, one of
    /// images, and one of all filters.
    pub fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tensor { node, .. }, Self::Tensor { node: other, .. }) => node == other,
            (Self::Images(_), Self::Images(_)) | (Self::Filters, Self::Filters) => true,
            _ => false,
        }
    }

    /// Node and tensor; the input, 0, for all filters.
    pub(super) fn node_and_kind(&self) -> (usize, TensorKind) {
        match *self {
            Self::Tensor { node, kind } => (node, kind),
            Self::Images(images) => (images.node, TensorKind::Activations),
            Self::Filters => (0, TensorKind::Activations),
        }
    }

    /// The same with another node.
    pub(super) fn with_node<E>(
        self,
        change: impl FnOnce(usize) -> std::result::Result<usize, E>,
    ) -> std::result::Result<Self, E> {
        Ok(match self {
            Self::Tensor { node, kind } => Self::Tensor { node: change(node)?, kind },
            Self::Images(source) => Self::Images(ImageSource { node: change(source.node)?, ..source }),
            Self::Filters => Self::Filters,
        })
    }

    /// The source as the journal has it: its node by its number, which it keeps whatever layers come and go. The node must be there.
    pub fn numbered(self, network: &Network) -> Self {
        let there = |node: usize| if node <= network.layers.len() { network.node_number(node) } else { node };
        self.with_node(|node| Ok::<_, std::convert::Infallible>(there(node))).unwrap_or(self)
    }

    /// The source of the journal with its node by its place in the network.
    ///
    /// # Errors
    /// When the network has no such node any more.
    pub fn located(self, network: &Network) -> Result<Self> {
        self.with_node(|number| network.node_of(number))
    }

    /// True if it keeps the pause and the interval of the layout whose place it takes.
    pub fn keeps_cadence(&self) -> bool {
        matches!(self, Self::Tensor { .. })
    }
}

/// Part of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageSet {
    /// Training images, in a fixed shuffled order.
    Train,
    /// Test images.
    Test,
}

/// Images by the activations of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSource {
    /// Node whose activations are the rows: 0 is the input, n is layer n − 1.
    pub node: usize,
    /// Part of the data set.
    pub set: ImageSet,
    /// Number of images, from the first on.
    pub count: usize,
}

/// Rows on the GPU that a layout reads, and their pictures.
pub trait RowSource: Any {
    /// The name of the source.
    fn source(&self) -> LayoutSource;

    /// The rows: tile `i` is row `i`.
    fn rows(&self) -> &TensorView;

    /// Picture of each row.
    fn tiles(&self) -> &TensorView {
        self.rows()
    }

    /// Group of each row: its class or its layer.
    fn labels(&self) -> Option<&Buffer<u32>> {
        None
    }

    /// Default perplexity.
    fn perplexity(&self) -> f32;

    /// Principal components that rows are reduced to before their neighbours are sought.
    fn components(&self) -> Option<usize> {
        None
    }

    /// Bytes on the GPU of the rows and their pictures, where they are the source's own.
    fn bytes(&self) -> u64 {
        0
    }

    /// Takes the rows from where the run keeps them now; returns whether they lie elsewhere than before.
    ///
    /// # Errors
    /// When the network has no such tensor any more.
    fn follow(&mut self, _trainer: &Trainer) -> Result<bool> {
        Ok(false)
    }

    /// The pass that makes the rows, where images are forwarded for them; other rows are tensors of the run.
    fn features(&self) -> Option<&FeaturePass> {
        None
    }

    /// As [`RowSource::features`].
    fn features_mut(&mut self) -> Option<&mut FeaturePass> {
        None
    }

    /// Prepares the dispatches of [`RowSource::after_pass`] for the network as it is, and begins the pass.
    ///
    /// # Errors
    /// When they do not fit the adapter; a failed pass is not retried.
    fn prepare(&mut self, _trainer: &Trainer) -> Result<()> {
        Ok(())
    }

    /// Records the copies after an evaluation pass of the images; with the `last` one, of step `step`, the rows are complete.
    fn after_pass(&mut self, encoder: &mut wgpu::CommandEncoder, last: bool, step: u32) {
        if let Some(features) = self.features_mut() {
            features.after_pass(encoder, last, step);
        }
    }
}
