//! Minimum, maximum, mean and standard deviation of every tile, on the GPU: the scale of the colors, and the numbers shown for a
//! hovered tile.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage, TensorView};
use crate::{params, wgsl};

const TILE_STATS: Source = wgsl!("view/tile_stats.wgsl", TileStatsParams, ValueStats, SetStats);

params! {
    struct TileStatsParams {
        /// First element.
        offset: u32,
        /// Number of tiles.
        tiles: u32,
        /// Channels of a tile.
        channels: u32,
        /// Rows of a channel.
        height: u32,
        /// Columns of a channel.
        width: u32,
        /// Elements from one tile to the next.
        tile_stride: u32,
        /// Elements from one channel to the next.
        channel_stride: u32,
        /// Elements from one row to the next.
        row_stride: u32,
        /// Elements from one column to the next.
        column_stride: u32,
        /// First tile of the dispatch.
        first_tile: u32,
    }
}

/// Largest number of values that one dispatch reads, so that a large set can be spread over several frames.
const MAX_VALUES: u32 = 4 << 20;

params! {
    /// Statistics of one tile.
    pub struct ValueStats {
        /// Minimum.
        minimum: f32,
        /// Maximum.
        maximum: f32,
        /// Mean.
        mean: f32,
        /// Standard deviation.
        deviation: f32,
    }
}

params! {
    /// Statistics of all tiles of a set together.
    pub struct SetStats {
        /// Minimum.
        minimum: f32,
        /// Maximum.
        maximum: f32,
        /// Largest magnitude.
        magnitude: f32,
        /// Largest mean magnitude of a tile.
        mean_magnitude: f32,
    }
}

/// Statistics of a view's tiles.
pub struct TileStats {
    /// Of each tile.
    pub tiles: Buffer<ValueStats>,
    /// Of all tiles together.
    pub whole: Buffer<SetStats>,
    /// Mean magnitude, and share of zeros from 0 to 1, of each tile.
    pub activity: Buffer<[f32; 2]>,
    /// The dispatches: each computes a range of tiles, the last one the whole set.
    pub plan: Plan,
}

impl TileStats {
    /// Prepares the statistics of `view`.
    ///
    /// # Errors
    /// When a buffer does not fit the adapter.
    pub fn new(gpu: &Gpu, view: &TensorView) -> Result<Self> {
        let stats = Buffer::zeroed(gpu, "tile statistics", view.tiles() as usize);
        let whole = Buffer::zeroed(gpu, "set statistics", 1);
        let activity = Buffer::zeroed(gpu, "activity of tiles", view.tiles() as usize);
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
        let stage = Stage::new(gpu, &TILE_STATS, &[])
            .with("values", BufferRange::whole(&view.buffer))
            .with("stats", stats.range())
            .with("whole", whole.range())
            .with("activity", activity.range());
        let mut plan = PlanBuilder::new(gpu);
        let each = (MAX_VALUES / (channels * height * width).max(1)).max(1);
        for first in (0..tiles.max(1)).step_by(each as usize) {
            let threads = each.min(tiles.max(1) - first) * 64;
            stage.dispatch(&mut plan, "tile_stats", &params(first), [threads, 1, 1])?;
        }
        stage.dispatch(&mut plan, "set_stats", &params(0), [1, 1, 1])?;
        Ok(Self { tiles: stats, whole, activity, plan: plan.finish() })
    }
}
