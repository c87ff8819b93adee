//! All filters of the network as rows. Layers differ in size, so a filter is described by its responses: the mean of its map for
//! each of some test images, with mean 0 and norm 1, so that filters that respond to the same images lie together, whatever layer
//! they are of.

use super::feature_pass::FeaturePass;
use super::images::rows_view;
use super::source::{LayoutSource, RowSource};
use super::tensor_tiles::FILTER_PERPLEXITY;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, PlanBuilder, TensorView};
use crate::nn::{Shape, Trainer, standardize};

/// Most test images that describe a filter.
const MAX_IMAGES: usize = 128;
/// Width of the tile that shows a filter's responses.
const TILE_WIDTH: usize = 16;
/// Share of the training that a feature pass takes; forwarding is a third of a step.
const SHARE: f64 = 0.05;

/// The filters of a layout of all filters.
pub struct Filters {
    /// A tile a filter: its responses to the images, row by row.
    pub tiles: TensorView,
    /// Layer of each, as an index of `names`.
    pub labels: Buffer<u32>,
    /// The layers.
    pub names: Vec<String>,
    /// Node and first row of each layer.
    starts: Vec<(usize, usize)>,
    count: usize,
    features: FeaturePass,
    bytes: u64,
}

/// Nodes with filters, and the number of each.
fn nodes_with_filters(trainer: &Trainer) -> Vec<(usize, usize)> {
    let layers = &trainer.network.layers;
    let of_node = |node: usize| (node, layers[node - 1].output.channels);
    (1..=layers.len()).filter(|node| trainer.has_filters(*node)).map(of_node).collect()
}

/// Test images that describe a filter, and how many of them a row of its tile shows.
fn describing_images(trainer: &Trainer) -> (usize, usize) {
    let images = MAX_IMAGES.min(trainer.loader.test_images);
    // Few images are no square, and more than that are cut.
    let width = TILE_WIDTH.min(images);
    (images / width * width, width)
}

impl Filters {
    /// Number of filters of all layers.
    pub(super) fn count_in(trainer: &Trainer) -> usize {
        nodes_with_filters(trainer).iter().map(|(_, filters)| filters).sum()
    }

    /// Steps between two feature passes so that they take a small share of a training with `batch` images per step.
    pub(super) fn default_interval(trainer: &Trainer, batch: u32) -> u32 {
        let (images, _) = describing_images(trainer);
        let sizes = trainer.sizes();
        let forwarded = images.div_ceil(sizes.micro_batch) * sizes.slots;
        let trained = 3.0 * f64::from(batch);
        (forwarded as f64 / trained / SHARE).ceil().max(1.0) as u32
    }

    /// The filters; images are forwarded once the step is done.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn open(trainer: &Trainer) -> Result<Self> {
        let gpu = trainer.gpu();
        let before = gpu.bytes_allocated();
        let nodes = nodes_with_filters(trainer);
        let (mut starts, mut labels) = (Vec::new(), Vec::new());
        for (index, (node, filters)) in nodes.iter().enumerate() {
            starts.push((*node, labels.len()));
            labels.resize(labels.len() + filters, index as u32);
        }
        let (images, width) = describing_images(trainer);
        let shape = Shape::new(1, images / width, width);
        let count = labels.len();
        let rows = gpu.within_memory(|| Ok(Buffer::<f32>::zeroed(gpu, "responses", count * images)))?;
        let first = trainer.loader.test().start;
        let labels = Buffer::from_slice(gpu, "layers of filters", &labels);
        Ok(Self {
            tiles: rows_view(rows.raw(), count, shape),
            labels,
            names: nodes.iter().map(|(node, _)| trainer.network.layers[node - 1].name.clone()).collect(),
            starts,
            count,
            features: FeaturePass::new(first..first + images, true),
            bytes: gpu.bytes_allocated() - before,
        })
    }

    /// Number of filters.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Node (0 is the input) and filter of a row.
    pub fn filter(&self, row: u32) -> Option<(usize, u32)> {
        let row = row as usize;
        let (node, first) = self.starts.iter().rev().find(|(_, first)| *first <= row)?;
        (row < self.count).then(|| (*node, (row - first) as u32))
    }

    /// Row of a node's filter.
    pub fn row(&self, node: usize, filter: u32) -> Option<u32> {
        let first = self.starts.iter().find(|(of, _)| *of == node)?.1 as u32;
        (self.filter(first + filter) == Some((node, filter))).then_some(first + filter)
    }
}

impl RowSource for Filters {
    fn source(&self) -> LayoutSource {
        LayoutSource::Filters
    }

    fn rows(&self) -> &TensorView {
        &self.tiles
    }

    fn labels(&self) -> Option<&Buffer<u32>> {
        Some(&self.labels)
    }

    fn perplexity(&self) -> f32 {
        FILTER_PERPLEXITY
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn features(&self) -> Option<&FeaturePass> {
        Some(&self.features)
    }

    fn features_mut(&mut self) -> Option<&mut FeaturePass> {
        Some(&mut self.features)
    }

    fn prepare(&mut self, trainer: &Trainer) -> Result<()> {
        let mut after_each = PlanBuilder::new(trainer.gpu());
        let mut after_last = PlanBuilder::new(trainer.gpu());
        let samples = self.features.samples();
        for (node, first_row) in &self.starts {
            trainer.copy_responses(
                &mut after_each,
                samples,
                *node,
                *first_row,
                BufferRange::whole(&self.tiles.buffer),
            )?;
        }
        standardize(&mut after_last, [self.count, samples.len()], BufferRange::whole(&self.tiles.buffer))?;
        self.features.begin(after_each.finish(), after_last.finish());
        Ok(())
    }
}
