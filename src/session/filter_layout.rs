//! All filters of the network in one layout. Layers differ in size, so a filter is described by how it responds: the mean of its map
//! for each of some test images, with mean 0 and norm 1, so that filters that respond to the same images lie together, whatever
//! layer they are of.

use std::rc::Rc;

use super::embedding::{Content, Embedding};
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
    /// Lays out the filters of all layers by how they respond, in place of the layout of that kind that is open. It follows the
    /// training; images are forwarded once the step is done, and nothing is waited for.
    ///
    /// # Errors
    /// When there are fewer than 4 filters, or they do not fit the adapter.
    pub fn open_filter_embedding(&mut self) -> Result<u64> {
        let gpu = Rc::clone(self.trainer.gpu());
        let id = self.embeddings.new_id();
        let refused = |e: Error| e.within("all filters");
        let embedding = self.filter_embedding(&gpu, id).map_err(refused)?;
        self.close_filter_embedding();
        self.embeddings.open.push(embedding);
        Ok(id)
    }

    fn filter_embedding(&self, gpu: &Gpu, id: u64) -> Result<Embedding> {
        let before = gpu.bytes_allocated();
        let layers: Vec<usize> = (1..self.layers.len()).filter(|l| self.trainer.has_filters(*l)).collect();
        let (mut starts, mut labels) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            starts.push((*layer, labels.len()));
            labels.resize(labels.len() + self.layers[*layer].output[0], index as u32);
        }
        let images = IMAGES.min(self.test_images());
        // Few images are no square, and more than that are cut: a row of the tile has so many.
        let columns = COLUMNS.min(images);
        let images = images / columns * columns;
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
        let mut embedding = Embedding::new(gpu, id, (0, TensorKind::Activations), view, parts)?;
        embedding.every = self.steps_between_forwards(images);
        Ok(embedding)
    }

    /// Steps from one forward pass of so many images to the next, so that they take a small share of the training.
    fn steps_between_forwards(&self, images: usize) -> u32 {
        let sizes = self.trainer.sizes();
        let forwarded = images.div_ceil(sizes.micro_batch) * sizes.slots;
        let trained = 3.0 * f64::from(self.settings.batch);
        (forwarded as f64 / trained / SHARE).ceil().max(1.0) as u32
    }

    /// Closes the layout of all filters.
    pub fn close_filter_embedding(&mut self) {
        self.embeddings.open.retain(|e| e.filters().is_none());
    }
}
