//! Images laid out by a layer's activations: which, how many, what the network says of them.

use std::ops::Range;
use std::rc::Rc;

use super::embedding::{Content, Embedding};
use super::forwarding::Forward;
use super::{Session, TensorKind};
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, TensorView};
use crate::nn::{Best, Shape, shrunk};

/// Images of a layout, where no number is given.
const USUAL_IMAGES: usize = 10_000;
/// The same on the software adapter.
const USUAL_IMAGES_SOFTWARE: usize = 2000;
/// Bytes of a layout's thumbnails at most; images are made smaller for it.
const MOST_TILE_BYTES: u64 = 128 << 20;

/// Which images of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSet {
    /// Those that are trained on, in a fixed order that is shuffled.
    Train,
    /// The test images.
    Test,
}

/// What a layout of images is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSource {
    /// The layer by whose activations they are laid out; 0 is the input.
    pub layer: usize,
    /// Which images.
    pub set: ImageSet,
    /// How many, from the first on.
    pub count: usize,
}

/// The images of a layout of images.
pub struct Images {
    /// What the layout is of.
    pub source: ImageSource,
    /// A tile an image.
    pub tiles: TensorView,
    /// The class of each.
    pub labels: Buffer<u32>,
    /// The class that the network took each for, when it was forwarded last; [`Best::NONE`] for none.
    pub predictions: Buffer<u32>,
    /// Whether the network tells classes apart, so that there are predictions.
    pub predicts: bool,
    /// Side of the squares of pixels that were averaged to one, so that the tiles fit; 1 where they are as they were.
    pub shrink: usize,
    best: Buffer<Best>,
    /// The image that was asked for, and what the network said of it.
    told: Option<(u32, Best)>,
}

impl Images {
    fn new(gpu: &Gpu, source: ImageSource, input: Shape, predicts: bool) -> Result<Self> {
        let most = MOST_TILE_BYTES.min(gpu.limits.max_storage_buffer_binding_size);
        let bytes = |shrink: usize| (source.count * shrunk(input, shrink).len() * 4) as u64;
        let longer = input.height.max(input.width).max(1);
        let shrink = (1..=longer).find(|shrink| bytes(*shrink) <= most).unwrap_or(longer);
        gpu.check_fits("their thumbnails", bytes(shrink))?;
        let shape = shrunk(input, shrink);
        let tiles = Buffer::<f32>::zeroed(gpu, "images", source.count * shape.len());
        Ok(Self {
            source,
            tiles: rows_view(tiles.raw(), source.count, shape),
            labels: Buffer::zeroed(gpu, "labels of images", source.count),
            predictions: Buffer::from_slice(gpu, "predictions", &vec![Best::NONE; source.count]),
            predicts,
            shrink,
            best: Buffer::zeroed(gpu, "best classes", source.count),
            told: None,
        })
    }

    /// Where labels, predictions and the three best classes go.
    pub(super) fn said(&self) -> [BufferRange; 3] {
        [self.labels.range(), self.predictions.range(), self.best.range()]
    }

    pub(super) fn tile_range(&self) -> BufferRange {
        BufferRange::whole(&self.tiles.buffer)
    }

    /// The three classes that the network gives most to and their shares, a few frames after [`Session::ask_for_image`] asked.
    pub fn told(&self, image: u32) -> Option<&Best> {
        self.told.as_ref().filter(|(of, _)| *of == image).map(|(_, best)| best)
    }

    /// Copies what the network says of an image.
    pub(super) fn best(&self, image: u32) -> Option<BufferRange> {
        let size = size_of::<Best>() as u64;
        let there = (image as usize) < self.source.count;
        there.then(|| BufferRange::new(self.best.raw(), u64::from(image) * size, size))
    }

    pub(super) fn take_told(&mut self, image: u32, best: Best) {
        self.told = Some((image, best));
    }
}

/// Rows `[i, c, y, x]` as tiles.
pub(super) fn rows_view(buffer: &wgpu::Buffer, count: usize, shape: Shape) -> TensorView {
    let [c, h, w] = [shape.channels, shape.height, shape.width].map(|extent| extent as u32);
    TensorView {
        buffer: buffer.clone(),
        offset: 0,
        extents: [count as u32, c, h, w],
        strides: [c * h * w, h * w, w, 1],
    }
}

impl Session {
    /// Images of a set.
    pub fn images_of(&self, set: ImageSet) -> usize {
        match set {
            ImageSet::Train => self.train_images(),
            ImageSet::Test => self.test_images(),
        }
    }

    /// The class of an image of a set.
    pub fn class_of(&self, set: ImageSet, image: u32) -> Option<&str> {
        let labels = if set == ImageSet::Train { &self.train_labels } else { &self.test_labels };
        self.classes.get(usize::from(*labels.get(image as usize)?)).map(String::as_str)
    }

    /// The most images whose rows by a layer's activations fit one binding of the adapter.
    pub fn most_images(&self, layer: usize, set: ImageSet) -> usize {
        let dims = self.layers.get(layer).map_or(1, |info| info.output.iter().product::<usize>());
        let limits = &self.gpu().limits;
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
        // Rows are padded to a multiple of 8.
        ((most as usize / dims.max(1)) & !7).min(self.images_of(set))
    }

    /// The usual layout of images: test images by the last hidden layer, as many as the adapter lays out quickly.
    pub fn usual_images(&self) -> ImageSource {
        let usual = if self.gpu().is_software() { USUAL_IMAGES_SOFTWARE } else { USUAL_IMAGES };
        let layer = self.layers.len().saturating_sub(2);
        ImageSource { layer, set: ImageSet::Test, count: usual.min(self.most_images(layer, ImageSet::Test)) }
    }

    /// Lays out images by their activations, in place of the layout of images that is open. They are forwarded once the step is
    /// done, as the network is then; nothing is waited for.
    ///
    /// # Errors
    /// When there is no such layer, there are fewer than 4 images or not so many, or they do not fit the adapter.
    pub fn open_image_embedding(&mut self, source: ImageSource) -> Result<u64> {
        let ImageSource { layer, set, count } = source;
        if layer >= self.layers.len() {
            let what = format!("there is no layer {layer}");
            return Err(Error::new(what, format!("count from 0, the input, to {}", self.layers.len() - 1)));
        }
        let all = self.images_of(set);
        if !(4..=all).contains(&count) {
            let what = format!("{count} images cannot be laid out");
            return Err(Error::new(what, format!("there are {all} of this kind: take 4 or more of them")));
        }
        let gpu = Rc::clone(self.trainer.gpu());
        let name = self.layers[layer].name.clone();
        let (most, dims) =
            (self.most_images(layer, set), self.layers[layer].output.iter().product::<usize>());
        let help = if count > most {
            format!("lay out {most} images at most, or take a layer with fewer than {dims} values")
        } else {
            "lay out fewer images, or take a layer with fewer values, or another adapter".to_owned()
        };
        let refused = |e: Error| Error::new(format!("{count} images by {name}: {}", e.what()), help);
        let id = self.embeddings.new_id();
        let embedding = self.image_embedding(&gpu, id, source).map_err(refused)?;
        self.close_image_embedding();
        self.embeddings.open.push(embedding);
        Ok(id)
    }

    fn image_embedding(&self, gpu: &Gpu, id: u64, source: ImageSource) -> Result<Embedding> {
        let ImageSource { layer, count, .. } = source;
        let before = gpu.bytes_allocated();
        let network = &self.trainer.network;
        let shape = network.shape_of(layer);
        gpu.check_fits("their activations", (count * shape.len() * 4) as u64)?;
        let (images, rows) = gpu.within_memory(|| {
            let images = Images::new(gpu, source, network.shape_of(0), network.loss.has_classes())?;
            Ok((images, Buffer::<f32>::zeroed(gpu, "rows of activations", count * shape.len())))
        })?;
        let forward = Forward::new(self.places_of(source), rows.range(), false);
        let view = rows_view(rows.raw(), count, shape);
        let bytes = gpu.bytes_allocated() - before;
        let parts = (Content::Images(images), Some(forward), bytes);
        let mut embedding = Embedding::new(gpu, id, (layer, TensorKind::Activations), view, parts)?;
        embedding.every = self.steps_an_epoch();
        Ok(embedding)
    }

    /// Places of images in the order of images.
    fn places_of(&self, source: ImageSource) -> Range<usize> {
        let first = if source.set == ImageSet::Train { 0 } else { self.trainer.feed.test().start };
        first..first + source.count
    }

    /// Steps of an epoch.
    pub fn steps_an_epoch(&self) -> u32 {
        (self.train_images() as u32).div_ceil(self.settings.batch)
    }

    /// Closes the layout of images.
    pub fn close_image_embedding(&mut self) {
        self.embeddings.open.retain(|e| e.images().is_none());
    }

    /// Asks what the network says of an image of a layout; the answer is there a few frames later (see [`Images::told`]).
    pub fn ask_for_image(&mut self, id: u64, image: u32) {
        self.embeddings.asked = Some((id, image));
    }
}
