//! The gather: drawn images, augmented and normalized, as the network's input.
//!
//! GPUs have a kernel of their own for images that are flipped and shifted alone: 64 images at a time it loads whole words of 1 to 4 rows,
//! neighboring threads neighboring words, into workgroup memory, and stores vec4 of four images, neighboring threads neighboring quads. So
//! each byte of an image is loaded once and not by 4 threads from 4 cache lines, and both sides are whole sectors. For 4096 images of 3×32×32
//! that is 13 MB in and 50 MB out: 22 µs of an H100's 2.85 TB/s, where the other took 250 µs, one byte of a word a load. The bits are the same.
//! Images that lie in one buffer, of 4 channels at most, are also drawn by it: each workgroup draws its 64, some 40 hashes a thread, which
//! saves the 2.1 µs of a dispatch that waits.

use super::batch::BatchSizes;
use super::clock::Clock;
use super::dataset::ImageShape;
use super::images::Images;
use super::residency::MAX_CHUNKS;
use super::sampler::{Sample, SamplerBuffers, SamplerParams, Sampling, sampler_params};
use crate::error::Result;
use crate::gpu::{BufferRange, Gpu, PlanBuilder, Source};
use crate::{params, wgsl};

const GATHER: Source = wgsl!("data/gather.wgsl", Sample, Sampling, GatherParams);
const GATHER_TILES: Source = wgsl!("data/gather_tiles.wgsl", Clock, Sample, Sampling, GatherTilesParams);
/// Twins of the kernels: shader, entry point, path of the twin.
pub(super) const TWINS: &[(&str, &str, &str)] = &[
    ("data/gather.wgsl", "gather", "data::twin::Changes, applied by DataTwin of tests/step_twin"),
    ("data/gather_tiles.wgsl", "gather_tiles", "data::twin::Changes, applied by DataTwin of tests/step_twin"),
];

/// Quads of images of a tile.
const TILE_QUADS: u32 = 16;
/// Widest image whose rows fit a tile, and most rows of one.
const MAX_TILE_WIDTH: u32 = 64;
const MAX_TILE_ROWS: u32 = 4;

params! {
    struct GatherParams { channels: u32, height: u32, width: u32, quads: u32, images_a_chunk: u32, image_stride: u32 }
}

params! {
    struct GatherTilesParams {
        /// Mean and 1 / standard deviation of two channels each.
        normal_0: [f32; 4],
        normal_1: [f32; 4],
        height: u32,
        width: u32,
        quads: u32,
        images_a_chunk: u32,
        image_stride: u32,
        /// Rows of a tile, and words that hold one wherever it begins.
        rows: u32,
        row_words: u32,
        /// Those of SamplerParams.
        batch: u32,
        micro_batch: u32,
        train_slots: u32,
        slots: u32,
        train_images: u32,
        ring_slots: u32,
        /// Up to a multiple of 16 bytes.
        padding: u32,
        padding_2: u32,
        padding_3: u32,
    }
}

/// Buffers of the gather.
pub(super) struct GatherBuffers<'a> {
    /// Drawn samples, one per slot.
    pub samples: &'a BufferRange,
    /// Mean and 1 / standard deviation of each channel.
    pub statistics: BufferRange,
    /// [`Sampling`], where images are distorted.
    pub sampling: Option<BufferRange>,
    /// `[c, y, x, n]` of the network's input.
    pub input: &'a BufferRange,
}

/// True where tiles of images are gathered: for GPUs, of images that are flipped and shifted alone.
fn by_tiles(gpu: &Gpu, shape: ImageShape, distorts: bool) -> bool {
    !distorts && !gpu.profile().large_tiles && shape.width as u32 <= MAX_TILE_WIDTH
}

/// True where the kernel of the gather draws the samples, too.
pub(super) fn draws(gpu: &Gpu, images: &Images, shape: ImageShape, distorts: bool) -> bool {
    by_tiles(gpu, shape, distorts) && images.chunks.len() == 1 && shape.channels <= 4
}

fn tiles_params(images: &Images, shape: ImageShape, sizes: BatchSizes) -> GatherTilesParams {
    let [height, width] = [shape.height, shape.width].map(|n| n as u32);
    GatherTilesParams {
        height,
        width,
        quads: (sizes.slots / 4) as u32,
        images_a_chunk: images.chunk as u32,
        image_stride: images.stride as u32,
        rows: (MAX_TILE_WIDTH / width).clamp(1, MAX_TILE_ROWS),
        row_words: width.div_ceil(4) + 1,
        ..Default::default()
    }
}

fn tiles_threads(shape: ImageShape, params: &GatherTilesParams) -> [u32; 3] {
    [params.quads.div_ceil(TILE_QUADS) * 256, params.height.div_ceil(params.rows), shape.channels as u32]
}

/// A byte of each image and a value of the input.
fn bytes(shape: ImageShape, sizes: BatchSizes) -> u64 {
    (shape.len() * sizes.slots * 5) as u64
}

/// Adds the dispatch that fills the network's input.
pub(super) fn gather(
    plan: &mut PlanBuilder<'_>,
    images: &Images,
    shape: ImageShape,
    sizes: BatchSizes,
    buffers: GatherBuffers<'_>,
) -> Result<()> {
    let (gpu, distorts) = (plan.gpu(), buffers.sampling.is_some());
    let (mut dispatch, threads) = if by_tiles(gpu, shape, distorts) {
        let params = tiles_params(images, shape, sizes);
        let kernel = gpu.kernel(&GATHER_TILES, "gather_tiles", &[])?;
        (plan.dispatch("gather", &kernel).params(&params), tiles_threads(shape, &params))
    } else {
        let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|n| n as u32);
        let quads = (sizes.slots / 4) as u32;
        let (images_a_chunk, image_stride) = (images.chunk as u32, images.stride as u32);
        let params = GatherParams { channels, height, width, quads, images_a_chunk, image_stride };
        let kernel = gpu.kernel(&GATHER, "gather", &[("DISTORTS", u32::from(distorts))])?;
        (plan.dispatch("gather", &kernel).params(&params), [width * quads, height, channels])
    };
    dispatch = dispatch
        .bind("samples", buffers.samples.clone())
        .bind("statistics", buffers.statistics)
        .bind("input", buffers.input.clone())
        .bind_those(buffers.sampling.map(|sampling| ("sampling", sampling)))
        .bytes(bytes(shape, sizes));
    let chunks = &images.chunks;
    for i in 0..MAX_CHUNKS {
        dispatch = dispatch.bind(&format!("images_{i}"), chunks[i.min(chunks.len() - 1)].clone());
    }
    dispatch.threads(threads)
}

/// Adds the dispatch that draws the samples of a training pass and fills the network's input with their images, where that [`draws`].
/// `statistics` are mean and 1 / standard deviation of each channel.
pub(super) fn draw_and_gather(
    plan: &mut PlanBuilder<'_>,
    images: &Images,
    (shape, statistics): (ImageShape, &[f32]),
    (sizes, train_images): (BatchSizes, usize),
    (buffers, input): (SamplerBuffers<'_>, &BufferRange),
) -> Result<()> {
    let mut normals = [0.0; 8];
    normals[..statistics.len()].copy_from_slice(statistics);
    let [a, b, c, d, e, f, g, h] = normals;
    let SamplerParams { batch, micro_batch, train_slots, slots, train_images, ring_slots } =
        sampler_params(sizes, (train_images, images.slots()));
    let params = GatherTilesParams {
        normal_0: [a, b, c, d],
        normal_1: [e, f, g, h],
        batch,
        micro_batch,
        train_slots,
        slots,
        train_images,
        ring_slots,
        ..tiles_params(images, shape, sizes)
    };
    let constants = [("DRAWS", 1), ("STREAMS", u32::from(images.slots().is_some()))];
    let kernel = plan.gpu().kernel(&GATHER_TILES, "gather_tiles", &constants)?;
    plan.dispatch("sampler and gather", &kernel)
        .bind("images_0", images.chunks[0].clone())
        .bind("samples", buffers.samples.clone())
        .bind("clock", buffers.clock)
        .bind("sampling", buffers.sampling)
        .bind("order", buffers.order)
        .bind("labels", buffers.labels)
        .bind("probes", buffers.probes)
        .bind("input", input.clone())
        .params(&params)
        .bytes(bytes(shape, sizes))
        .threads(tiles_threads(shape, &params))
}
