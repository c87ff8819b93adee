//! All filters of the network in one layout. Layers differ in size, so a filter is described by how it responds: the mean of its map
//! for each of some test images, with mean 0 and norm 1, so that filters that respond to the same images lie together, whatever
//! layer they are of.

use std::rc::Rc;

use super::embedding::{Content, Layout, LayoutId, LayoutSource};
use super::forwarding::Forward;
use super::image_layout::rows_view;
use super::{Session, TensorKind};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, TensorView};
use crate::nn::Shape;

/// Test images by which filters are described, where there are so many.
const IMAGES: usize = 128;
/// Columns of the tile that shows a filter's responses.
const COLUMNS: usize = 16;
/// Share of the training that forwarding them takes, when it follows; a forward pass is a third of a step.
const SHARE: f64 = 0.05;

/// The filters of a layout of all filters.
pub struct Filters {
    /// A tile a filter: its responses to the images, row by row.
    pub tiles: TensorView,
    /// The layer of each, as an index of `names`.
    pub labels: Buffer<u32>,
    /// The layers.
    pub names: Vec<String>,
    /// Layer and first row of each.
    starts: Vec<(usize, usize)>,
    count: usize,
}

impl Filters {
    /// Filters of all layers.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Layer (0 is the input) and filter of a row.
    pub fn filter(&self, row: u32) -> Option<(usize, u32)> {
        let row = row as usize;
        let (layer, first) = self.starts.iter().rev().find(|(_, first)| *first <= row)?;
        (row < self.count).then(|| (*layer, (row - first) as u32))
    }

    /// The row of a layer's filter.
    pub fn row(&self, layer: usize, filter: u32) -> Option<u32> {
        let first = self.starts.iter().find(|(of, _)| *of == layer)?.1 as u32;
        (self.filter(first + filter) == Some((layer, filter))).then_some(first + filter)
    }

    /// The layers, each with its first row.
    pub(super) fn layers(&self) -> impl Iterator<Item = (usize, usize)> {
        self.starts.iter().copied()
    }
}

impl Session {
    /// A layout of the filters of all layers by how they respond. It follows the training; images are forwarded once the step is
    /// done, and nothing is waited for.
    pub(super) fn filter_layout(&self, id: LayoutId) -> Result<Layout> {
        let gpu = Rc::clone(self.trainer.gpu());
        self.filter_embedding(&gpu, id).map_err(|e: Error| e.within("all filters"))
    }

    /// Filters of all layers together.
    pub(super) fn filter_count(&self) -> usize {
        let with_filters = (1..self.layers.len()).filter(|layer| self.trainer.has_filters(*layer));
        with_filters.map(|layer| self.layers[layer].output[0]).sum()
    }

    fn filter_embedding(&self, gpu: &Gpu, id: LayoutId) -> Result<Layout> {
        let before = gpu.bytes_allocated();
        let layers: Vec<usize> = (1..self.layers.len()).filter(|l| self.trainer.has_filters(*l)).collect();
        let (mut starts, mut labels) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            starts.push((*layer, labels.len()));
            labels.resize(labels.len() + self.layers[*layer].output[0], index as u32);
        }
        let (images, columns) = self.describing_images();
        let shape = Shape::new(1, images / columns, columns);
        let rows =
            gpu.within_memory(|| Ok(Buffer::<f32>::zeroed(gpu, "responses", labels.len() * images)))?;
        let view = rows_view(rows.raw(), labels.len(), shape);
        let filters = Filters {
            tiles: view.clone(),
            labels: Buffer::from_slice(gpu, "layers of filters", &labels),
            names: layers.iter().map(|layer| self.layers[*layer].name.clone()).collect(),
            starts,
            count: labels.len(),
        };
        let first = self.trainer.feed.test().start;
        let forward = Forward::new(first..first + images, rows.range(), true);
        let bytes = gpu.bytes_allocated() - before;
        let parts = (Content::Filters(filters), Some(forward), bytes);
        let mut embedding = Layout::new(gpu, id, (0, TensorKind::Activations), view, parts)?;
        embedding.every = self.cadence_of(LayoutSource::Filters, self.settings.batch);
        Ok(embedding)
    }

    /// Test images that describe a filter, and how many of them a row of its tile shows.
    fn describing_images(&self) -> (usize, usize) {
        let images = IMAGES.min(self.test_images());
        // Few images are no square, and more than that are cut.
        let columns = COLUMNS.min(images);
        (images / columns * columns, columns)
    }

    /// Steps between two readings of the rows of a layout that was just opened in a run of `batch` images per step.
    pub(super) fn cadence_of(&self, source: LayoutSource, batch: u32) -> u32 {
        match source {
            LayoutSource::Tensor { .. } => 1,
            LayoutSource::Images(_) => (self.train_images() as u32).div_ceil(batch),
            LayoutSource::Filters => self.steps_between_forwards(self.describing_images().0, batch),
        }
    }

    /// Steps from one forward pass of so many images to the next, so that they take a small share of the training.
    fn steps_between_forwards(&self, images: usize, batch: u32) -> u32 {
        let sizes = self.trainer.sizes();
        let forwarded = images.div_ceil(sizes.micro_batch) * sizes.columns;
        let trained = 3.0 * f64::from(batch);
        (forwarded as f64 / trained / SHARE).ceil().max(1.0) as u32
    }
}
