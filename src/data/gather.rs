//! The gather: drawn images, augmented and normalized, as the network's input.
//!
//! GPUs have a kernel of their own for images that are flipped and shifted alone: 64 images at a time it loads whole words of 1 to 4 rows,
//! neighboring threads neighboring words, into workgroup memory, and stores vec4 of four images, neighboring threads neighboring quads. So
//! each byte of an image is loaded once and not by 4 threads from 4 cache lines, and both sides are whole sectors. For 4096 images of 3×32×32
//! that is 13 MB in and 50 MB out: 22 µs of an H100's 2.85 TB/s, where the other took 250 µs, one byte of a word a load. The bits are the same.

use super::batch::BatchSizes;
use super::dataset::ImageShape;
use super::images::Images;
use super::residency::MAX_CHUNKS;
use super::sampler::{Sample, Sampling};
use crate::error::Result;
use crate::gpu::{BufferRange, PlanBuilder, Source};
use crate::{params, wgsl};

const GATHER: Source = wgsl!("data/gather.wgsl", Sample, Sampling, GatherParams);
const GATHER_TILES: Source = wgsl!("data/gather_tiles.wgsl", Sample, GatherTilesParams);
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
        height: u32,
        width: u32,
        quads: u32,
        images_a_chunk: u32,
        image_stride: u32,
        /// Rows of a tile, and words that hold one wherever it begins.
        rows: u32,
        row_words: u32,
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

/// Adds the dispatch that fills the network's input.
pub(super) fn gather(
    plan: &mut PlanBuilder<'_>,
    images: &Images,
    shape: ImageShape,
    sizes: BatchSizes,
    buffers: GatherBuffers<'_>,
) -> Result<()> {
    let gpu = plan.gpu();
    let [channels, height, width] = [shape.channels, shape.height, shape.width].map(|n| n as u32);
    let quads = (sizes.slots / 4) as u32;
    let (images_a_chunk, image_stride) = (images.chunk as u32, images.stride as u32);
    let by_tiles = buffers.sampling.is_none() && !gpu.profile().large_tiles && width <= MAX_TILE_WIDTH;
    let kernel = if by_tiles {
        gpu.kernel(&GATHER_TILES, "gather_tiles", &[])?
    } else {
        gpu.kernel(&GATHER, "gather", &[("DISTORTS", u32::from(buffers.sampling.is_some()))])?
    };
    let dispatch = plan.dispatch("gather", &kernel);
    let rows = (MAX_TILE_WIDTH / width).clamp(1, MAX_TILE_ROWS);
    let (mut dispatch, threads) = if by_tiles {
        let row_words = width.div_ceil(4) + 1;
        let params =
            GatherTilesParams { height, width, quads, images_a_chunk, image_stride, rows, row_words };
        (dispatch.params(&params), [quads.div_ceil(TILE_QUADS) * 256, height.div_ceil(rows), channels])
    } else {
        let params = GatherParams { channels, height, width, quads, images_a_chunk, image_stride };
        (dispatch.params(&params), [width * quads, height, channels])
    };
    dispatch = dispatch
        .bind("samples", buffers.samples.clone())
        .bind("statistics", buffers.statistics)
        .bind("input", buffers.input.clone())
        .bind_those(buffers.sampling.map(|sampling| ("sampling", sampling)))
        // A byte of the image and a value of the input each.
        .bytes((shape.len() * sizes.slots * 5) as u64);
    let chunks = &images.chunks;
    for i in 0..MAX_CHUNKS {
        dispatch = dispatch.bind(&format!("images_{i}"), chunks[i.min(chunks.len() - 1)].clone());
    }
    dispatch.threads(threads)
}
