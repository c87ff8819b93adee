//! A layout spread onto a grid: each point gets a cell of its own, points that are near each other get cells that are.
//!
//! The points are split into halves again and again (see `split`), by sorting on the GPU. Between layout and grid points move on straight
//! lines; where the layout goes on, they glide to their new cells.

mod split;

use glam::Vec2;

use super::camera::Camera;
use super::fit::Fit;
use super::grid::Grid;
use crate::error::Result;
use crate::gpu::{Buffer, BufferRange, Gpu, Plan, PlanBuilder, Source, Stage};
use crate::{params, wgsl};
use split::Splits;

/// The cells of the points.
const SPREAD: Source = wgsl!("view/spread.wgsl", Camera, Fit, SpreadParams);

/// Largest number of points that are spread onto a grid.
pub const MAX_SPREAD: u32 = 16_384;
/// Longest span that is sorted by a thread for each of its points; longer ones get a workgroup each.
const SHORT: u32 = 256;
/// Frames from one assignment of cells to the next.
const EVERY: u32 = 8;

params! {
    /// The parameters of the dispatches that spread points.
    pub(super) struct SpreadParams {
        /// Number of points.
        count: u32,
        /// First of the spans.
        first: u32,
        padding: Vec2,
        /// Columns and rows of the grid.
        grid: Vec2,
        padding_2: Vec2,
    }
}

/// The cells of a layout's points, and where the points are shown.
pub(super) struct Spread {
    pub grid: Grid,
    /// Positions at which the points are shown.
    pub shown: Buffer<Vec2>,
    assign: Plan,
    glide: Plan,
    /// Frames so far.
    frames: u32,
}

impl Spread {
    /// Prepares the spread of `count` points at `positions` onto a grid with as many cells, or more.
    pub(super) fn new(
        gpu: &Gpu,
        (positions, flags, count): (BufferRange, BufferRange, u32),
        grid: Grid,
        (camera, fit): (BufferRange, BufferRange),
    ) -> Result<Self> {
        let splits = Splits::new(count, grid);
        let params = |first: usize| SpreadParams {
            count,
            first: first as u32,
            padding: Vec2::ZERO,
            grid: Vec2::new(grid.columns as f32, grid.rows as f32),
            padding_2: Vec2::ZERO,
        };
        let mut spans = Vec::new();
        let firsts = splits.levels.iter().map(|level| {
            let first = spans.len();
            spans.extend(if level.longest > SHORT { level.spans.clone() } else { level.by_place(count) });
            first
        });
        let firsts: Vec<usize> = firsts.collect();
        spans.resize(spans.len().max(1), [0; 2]);
        let orders = [0, 1].map(|_| Buffer::<u32>::zeroed(gpu, "order of the points", count as usize));
        let cells = Buffer::<Vec2>::zeroed(gpu, "cells of the points", count as usize);
        let shown = Buffer::zeroed(gpu, "shown positions", count as usize);
        let stage = Stage::new(gpu, &SPREAD, &[])
            .with("positions", positions)
            .with("flags", flags)
            .with("spans", Buffer::from_slice(gpu, "spans", &spans).range())
            .with("place_cells", Buffer::from_slice(gpu, "cells of the places", &splits.cells).range())
            .with("cells", cells.range())
            .with("cells_in", cells.range())
            .with("gliding", Buffer::<[f32; 4]>::zeroed(gpu, "gliding cells", count as usize).range())
            .with("shown", shown.range())
            .with("camera", camera)
            .with("fit", fit);
        let (mut now, mut plan) = (0, PlanBuilder::new(gpu));
        let all = [count, 1, 1];
        let with = |order: usize| {
            stage.clone().with("order", orders[order].range()).with("order_in", orders[1 - order].range())
        };
        with(now).dispatch(&mut plan, "begin_order", &params(0), all)?;
        for (level, first) in splits.levels.iter().zip(firsts) {
            if level.longest > SHORT {
                let threads = [256 * level.spans.len() as u32, 1, 1];
                with(now).dispatch(&mut plan, "sort_spans", &params(first), threads)?;
            } else {
                now = 1 - now;
                with(now).dispatch(&mut plan, "rank_places", &params(first), all)?;
            }
        }
        with(1 - now).dispatch(&mut plan, "place_points", &params(0), all)?;
        let assign = plan.finish();
        let mut plan = PlanBuilder::new(gpu);
        with(0).dispatch(&mut plan, "glide", &params(0), all)?;
        Ok(Self { grid, shown, assign, glide: plan.finish(), frames: 0 })
    }

    /// Records the dispatches of a frame, after those of the fit.
    pub(super) fn record(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        if self.frames.is_multiple_of(EVERY) {
            self.assign.record(pass, 0..self.assign.len());
        }
        self.frames = self.frames.wrapping_add(1);
        self.glide.record(pass, 0..self.glide.len());
    }
}
