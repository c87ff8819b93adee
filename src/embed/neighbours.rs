//! The nearest neighbours of every row, exactly: squared distances of a block of rows to all, then the least of each.
//!
//! The software adapter's driver ends all loops of 8 neighbouring threads after 65 535 rounds together, without a word: the least are
//! kept in a heap, and sought among [`SEGMENT`] rows a dispatch.
//!
//! Distances are sums of squared differences, not products and norms, so that near rows keep their digits. Equal distances are
//! ordered by index.

use crate::error::Result;
use crate::gpu::{Buffer, Gpu, Plan, PlanBuilder, Source};
use crate::{params, wgsl};

use super::rows::Rows;

const NEIGHBOURS: Source = wgsl!("embed/neighbours.wgsl");
/// Rows of one thread of the distances.
const TILE: usize = 8;
/// Multiply-adds of one dispatch at most, so that none takes long.
const MOST_PRODUCTS: usize = 200_000_000;
/// Bytes of a block of distances at most.
const MOST_BYTES: usize = 32 << 20;
/// Rows among which one dispatch seeks.
const SEGMENT: usize = 4096;

params! {
    struct NeighboursParams {
        count: u32, quads: u32, dims: u32, first: u32, rows: u32, neighbours: u32, first_quad: u32, end_quad: u32,
    }
}

/// The neighbours of every row.
pub(super) struct Neighbours {
    /// `[i, k]`: their indices; `u32::MAX` where there are no more.
    pub indices: Buffer<u32>,
    /// `[i, k]`: squared distances.
    pub distances: Buffer<f32>,
    /// Finds them.
    pub plan: Plan,
}

impl Neighbours {
    /// Prepares to find the `k` nearest of each row.
    ///
    /// # Errors
    /// When they do not fit the adapter.
    pub fn new(gpu: &Gpu, rows: &Rows, k: usize) -> Result<Self> {
        gpu.check_fits("the nearest neighbours", (rows.count * k * 4) as u64)?;
        let indices = Buffer::zeroed(gpu, "neighbours", rows.count * k);
        let distances = Buffer::zeroed(gpu, "squared distances", rows.count * k);
        let by_time = MOST_PRODUCTS / (rows.stride * rows.dims);
        let by_size = MOST_BYTES.min(gpu.limits.max_storage_buffer_binding_size as usize) / (rows.stride * 4);
        let block = (by_time.min(by_size) / TILE * TILE).clamp(TILE, rows.stride);
        let made = Buffer::<f32>::zeroed(gpu, "distances of a block", block * rows.stride);
        let filled = Buffer::<u32>::zeroed(gpu, "neighbours found", rows.count);
        let mut plan = PlanBuilder::new(gpu);
        let params = NeighboursParams {
            count: rows.count as u32,
            quads: (rows.stride / 4) as u32,
            dims: rows.dims as u32,
            neighbours: k as u32,
            ..Default::default()
        };
        for first in (0..rows.count).step_by(block) {
            let in_block = block.min(rows.count - first);
            let params = NeighboursParams { first: first as u32, rows: in_block as u32, ..params };
            let kernel = gpu.kernel(&NEIGHBOURS, "squared_distances", &[("ROWS", TILE as u32)])?;
            plan.dispatch("distances", &kernel)
                .bind("points", rows.points.range())
                .bind("flags", rows.flags.range())
                .bind("made", made.range())
                .params(&params)
                .flops((3 * in_block * rows.stride * rows.dims) as u64)
                .threads([(rows.stride / 4) as u32, in_block.div_ceil(TILE) as u32, 1])?;
            let kernel = gpu.kernel(&NEIGHBOURS, "nearest", &[])?;
            for segment in (0..rows.stride).step_by(SEGMENT) {
                let end = (segment + SEGMENT).min(rows.stride);
                plan.dispatch("nearest", &kernel)
                    .bind("squares", made.range())
                    .bind("flags", rows.flags.range())
                    .bind("indices", indices.range())
                    .bind("distances", distances.range())
                    .bind("filled", filled.range())
                    .params(&NeighboursParams {
                        first_quad: (segment / 4) as u32,
                        end_quad: (end / 4) as u32,
                        ..params
                    })
                    .threads([in_block as u32, 1, 1])?;
            }
        }
        let kernel = gpu.kernel(&NEIGHBOURS, "sort_nearest", &[])?;
        plan.dispatch("sort nearest", &kernel)
            .bind("indices", indices.range())
            .bind("distances", distances.range())
            .bind("filled", filled.range())
            .params(&params)
            .threads([rows.count as u32, 1, 1])?;
        Ok(Self { indices, distances, plan: plan.finish() })
    }
}
