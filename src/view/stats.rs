//! Smallest, largest, mean and standard deviation of every tile, on the GPU: the pictures' scale, and a hover's numbers.

use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, TensorView};
use crate::{params, wgsl};

const TILE_STATS: Source = wgsl!("view/tile_stats.wgsl", TileStatsParams);

params! {
    struct TileStatsParams {
        offset: u32,
        tiles: u32,
        channels: u32,
        height: u32,
        width: u32,
        tile_stride: u32,
        channel_stride: u32,
        row_stride: u32,
        column_stride: u32,
        /// The dispatch begins with this tile.
        first: u32,
    }
}

/// Values at most that one dispatch reads, so that the tiles of a large set can be taken in over some frames.
const MOST_VALUES: u32 = 4 << 20;

/// The statistics of a view's tiles.
pub struct TileStats {
    /// Per tile: smallest, largest, mean, standard deviation. Then for all: smallest, largest, largest magnitude, 0.
    pub buffer: Buffer<[f32; 4]>,
    /// The dispatches that compute them, some tiles each; the last is for all.
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
        let params = |first| TileStatsParams {
            offset: view.offset,
            tiles,
            channels,
            height,
            width,
            tile_stride,
            channel_stride,
            row_stride,
            column_stride,
            first,
        };
        let values = BufferRange::whole(&view.buffer);
        let mut plan = PlanBuilder::new(gpu);
        let kernel = gpu.kernel(&TILE_STATS, "tile_stats", &[])?;
        let each = (MOST_VALUES / (channels * height * width).max(1)).max(1);
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

/// The twin: statistics of each tile, from the values of the view's whole buffer.
pub fn tile_stats_twin(view: &TensorView, values: &[f32]) -> Vec<[f64; 4]> {
    let [tiles, channels, height, width] = view.extents;
    let tile = |t: u32| {
        let mut all = Vec::new();
        for c in 0..channels {
            for y in 0..height {
                for x in 0..width {
                    all.push(f64::from(values[view.element([t, c, y, x]) as usize]));
                }
            }
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let smallest = all.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        [smallest, largest, mean, variance.sqrt()]
    };
    (0..tiles).map(tile).collect()
}
