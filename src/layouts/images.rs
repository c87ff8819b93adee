//! Images as rows: the activations of a node for each image, with its thumbnail, class and prediction.

use std::ops::Range;

use super::feature_pass::FeaturePass;
use super::source::{ImageSet, ImageSource, LayoutSource, RowSource};
use crate::embed::default_components;
use crate::error::{Error, Result};
use crate::gpu::{Buffer, BufferRange, Gpu, PlanBuilder, TensorView};
use crate::nn::{Shape, TopK, Trainer, node_name, shrunk};

/// Default number of images, and on the software adapter.
const DEFAULT_IMAGES: usize = 10_000;
const DEFAULT_IMAGES_SOFTWARE: usize = 2000;
/// Most bytes of a layout's thumbnails; images are made smaller for it.
const MAX_TILE_BYTES: u64 = 128 << 20;
/// Fewest images of a layout.
const MIN_IMAGES: usize = 4;
/// Default perplexity.
const PERPLEXITY: f32 = 30.0;

/// The images of a layout.
pub struct Images {
    /// Node, set and number of the images.
    pub source: ImageSource,
    /// A tile an image.
    pub tiles: TensorView,
    /// Class of each.
    pub labels: Buffer<u32>,
    /// Class that the network predicted for each in the last feature pass; [`TopK::NONE`] for none.
    pub predictions: Buffer<u32>,
    /// The network tells classes apart, so that there are predictions.
    pub predicts: bool,
    /// Side of the squares of pixels that were averaged to one, so that the tiles fit; 1 where they are as they were.
    pub shrink: usize,
    best: Buffer<TopK>,
    /// An image and its top classes.
    top_classes: Option<(u32, TopK)>,
    /// `[i, c, y, x]`: activations.
    rows: TensorView,
    features: FeaturePass,
    bytes: u64,
}

/// Number of images of a set.
pub fn images_of(trainer: &Trainer, set: ImageSet) -> usize {
    match set {
        ImageSet::Train => trainer.loader.train_images,
        ImageSet::Test => trainer.loader.test_images,
    }
}

/// Most images whose rows by a node's activations fit one binding of the adapter.
pub fn max_images(trainer: &Trainer, node: usize, set: ImageSet) -> usize {
    let there = node <= trainer.network.layers.len();
    let dims = if there { trainer.network.shape_of(node).len() } else { 1 };
    let limits = &trainer.gpu().limits;
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
    // Rows are padded to a multiple of 8.
    ((most as usize / dims.max(1)) & !7).min(images_of(trainer, set))
}

/// Default layout of images: test images by the last hidden layer, as many as the adapter lays out quickly.
pub fn default_images(trainer: &Trainer) -> ImageSource {
    let default = if trainer.gpu().is_software() { DEFAULT_IMAGES_SOFTWARE } else { DEFAULT_IMAGES };
    let node = trainer.network.layers.len().saturating_sub(1);
    let count = default.min(max_images(trainer, node, ImageSet::Test));
    ImageSource { node, set: ImageSet::Test, count }
}

/// The images by their index in the loader's order of images.
fn samples(trainer: &Trainer, source: ImageSource) -> Range<usize> {
    let loader = &trainer.loader;
    let first = if source.set == ImageSet::Train { loader.training().start } else { loader.test().start };
    first..first + source.count
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

impl Images {
    /// Checks the number of images and the node.
    ///
    /// # Errors
    /// When there are not.
    pub(super) fn check(trainer: &Trainer, source: ImageSource) -> Result<()> {
        let (layers, all) = (trainer.network.layers.len(), images_of(trainer, source.set));
        if source.node > layers {
            let what = format!("there is no layer {}", source.node);
            return Err(Error::new(what, format!("count from 0, the input, to {layers}")));
        }
        if !(MIN_IMAGES..=all).contains(&source.count) {
            let what = format!("{} images cannot be laid out", source.count);
            return Err(Error::new(what, format!("there are {all} of this kind: take 4 or more of them")));
        }
        Ok(())
    }

    /// An error that says which images do not fit, and what to reduce.
    pub(super) fn refusal(trainer: &Trainer, source: ImageSource, error: &Error) -> Error {
        let ImageSource { node, set, count } = source;
        let most = max_images(trainer, node, set);
        let name = node_name(&trainer.network, node).unwrap_or("this layer");
        let help = if count > most {
            let dims = trainer.network.shape_of(node).len();
            format!("lay out {most} images at most, or take a layer with fewer than {dims} values")
        } else {
            "lay out fewer images, or take a layer with fewer values, or another adapter".to_owned()
        };
        Error::new(format!("{count} images by {name}: {}", error.what()), help)
    }

    /// Images whose features are forwarded once the step is done, as the network is then.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub(super) fn open(trainer: &Trainer, source: ImageSource) -> Result<Self> {
        let gpu = trainer.gpu();
        let before = gpu.bytes_allocated();
        let shape = trainer.network.shape_of(source.node);
        gpu.check_fits("their activations", (source.count * shape.len() * 4) as u64)?;
        let mut images = gpu.within_memory(|| Self::make(gpu, trainer, source, shape))?;
        images.bytes = gpu.bytes_allocated() - before;
        Ok(images)
    }

    fn make(gpu: &Gpu, trainer: &Trainer, source: ImageSource, shape: Shape) -> Result<Self> {
        let input = trainer.network.shape_of(0);
        let most = MAX_TILE_BYTES.min(gpu.limits.max_storage_buffer_binding_size);
        let bytes = |shrink: usize| (source.count * shrunk(input, shrink).len() * 4) as u64;
        let longer = input.height.max(input.width).max(1);
        let shrink = (1..=longer).find(|shrink| bytes(*shrink) <= most).unwrap_or(longer);
        gpu.check_fits("their thumbnails", bytes(shrink))?;
        let tile = shrunk(input, shrink);
        let tiles = Buffer::<f32>::zeroed(gpu, "images", source.count * tile.len());
        let labels = Buffer::zeroed(gpu, "labels of images", source.count);
        let predictions = Buffer::from_slice(gpu, "predictions", &vec![TopK::NONE; source.count]);
        let best = Buffer::zeroed(gpu, "best classes", source.count);
        let rows = Buffer::<f32>::zeroed(gpu, "rows of activations", source.count * shape.len());
        Ok(Self {
            source,
            tiles: rows_view(tiles.raw(), source.count, tile),
            labels,
            predictions,
            predicts: trainer.network.loss.has_classes(),
            shrink,
            best,
            top_classes: None,
            rows: rows_view(rows.raw(), source.count, shape),
            features: FeaturePass::new(samples(trainer, source), false),
            bytes: 0,
        })
    }

    /// The network's three top classes of an image and their probabilities, a few frames after they were asked for.
    pub fn top_classes(&self, image: u32) -> Option<&TopK> {
        self.top_classes.as_ref().filter(|(of, _)| *of == image).map(|(_, best)| best)
    }

    /// Top classes of an image on the GPU.
    pub(super) fn best(&self, image: u32) -> Option<BufferRange> {
        let size = size_of::<TopK>() as u64;
        let there = (image as usize) < self.source.count;
        there.then(|| BufferRange::new(self.best.raw(), u64::from(image) * size, size))
    }

    pub(super) fn set_top_classes(&mut self, image: u32, best: TopK) {
        self.top_classes = Some((image, best));
    }
}

impl RowSource for Images {
    fn source(&self) -> LayoutSource {
        LayoutSource::Images(self.source)
    }

    fn rows(&self) -> &TensorView {
        &self.rows
    }

    fn tiles(&self) -> &TensorView {
        &self.tiles
    }

    fn labels(&self) -> Option<&Buffer<u32>> {
        Some(&self.labels)
    }

    fn perplexity(&self) -> f32 {
        PERPLEXITY
    }

    /// Wide activations of many images are reduced.
    fn components(&self) -> Option<usize> {
        let [rows, channels, height, width] = self.rows.extents.map(|extent| extent as usize);
        default_components(rows, channels * height * width)
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
        let mut plan = PlanBuilder::new(trainer.gpu());
        let samples = self.features.samples();
        trainer.copy_features(
            &mut plan,
            samples,
            self.source.node,
            1,
            BufferRange::whole(&self.rows.buffer),
        )?;
        let said = [self.labels.range(), self.predictions.range(), self.best.range()];
        trainer.copy_predictions(&mut plan, samples, said)?;
        if self.features.step().is_none() {
            trainer.copy_features(
                &mut plan,
                samples,
                0,
                self.shrink,
                BufferRange::whole(&self.tiles.buffer),
            )?;
        }
        self.features.begin(plan.finish(), PlanBuilder::new(trainer.gpu()).finish());
        Ok(())
    }
}
