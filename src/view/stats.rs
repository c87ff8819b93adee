//! Minimum, maximum, mean and standard deviation of every tile, on the GPU: the scale of the colors, and the numbers shown for a
//! hovered tile.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

const TILE_STATS: Source = wgsl!("view/tile_stats.wgsl");

params! {
    struct TileStatsParams {
        offset: u32, tiles: u32, channels: u32, height: u32, width: u32,
        tile_stride: u32, channel_stride: u32, row_stride: u32, column_stride: u32, first_tile: u32,
    }
}

/// Largest number of values that one dispatch reads, so that a large set can be spread over several frames.
const MAX_VALUES: u32 = 4 << 20;

/// Statistics of a view's tiles.
pub struct TileStats {
    /// Per tile: minimum, maximum, mean, standard deviation. Then of the whole set: minimum, maximum, largest magnitude, 0.
    pub buffer: Buffer<[f32; 4]>,
    /// The dispatches: each computes a range of tiles, the last one the whole set.
    pub plan: Plan,
}

impl TileStats {
    /// Prepares the statistics of `view`.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView) -> Result<Self> {
        let buffer = Buffer::zeroed(gpu, "tile statistics", view.tiles() as usize + 1);
        let [tiles, channels, height, width] = view.extents;
        let [tile_stride, channel_stride, row_stride, column_stride] = view.strides;
        let params = |first_tile| TileStatsParams {
            offset: view.offset,
            tiles,
            channels,
            height,
            width,
            tile_stride,
            channel_stride,
            row_stride,
            column_stride,
            first_tile,
        };
        let values = BufferRange::whole(&view.buffer);
        let mut plan = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&TILE_STATS, "tile_stats", &[])?;
        let each = (MAX_VALUES / (channels * height * width).max(1)).max(1);
        for first in (0..tiles.max(1)).step_by(each as usize) {
            plan.dispatch("tile statistics", &kernel)
                .bind("values", values.clone())
                .bind("stats", buffer.range())
                .params(&params(first))
                .threads([each.min(tiles.max(1) - first) * 64, 1, 1])?;
        }
        let kernel = gpu.kernel(&TILE_STATS, "set_stats", &[])?;
        plan.dispatch("set statistics", &kernel)
            .bind("stats", buffer.range())
            .params(&params(0))
            .threads([1, 1, 1])?;
        Ok(Self { buffer, plan: plan.finish() })
    }
}
