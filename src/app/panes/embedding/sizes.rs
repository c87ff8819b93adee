//! Sizes of dots and tiles in a layout.

use egui::{Rect, Vec2};

use super::look::Look;
use crate::view::{DISC, Grid};

/// Smallest side of a tile, in points.
const MIN_TILE: f32 = 12.0;
/// Largest side of a tile before zooming, in points.
const MAX_TILE: f32 = 44.0;
/// Largest side of a zoomed tile, in points.
const MAX_TILE_ZOOMED: f32 = 120.0;
/// Share of a layout that tiles cover.
const COVERED_BY_TILES: f32 = 0.2;
/// Largest diameter of a dot before zooming, in points.
const MAX_DOT: f32 = 4.0;
/// Share of a layout that dots cover at most.
const COVERED_BY_DOTS: f32 = 0.15;

/// Share of its cell's width or height that a tile on a grid has.
const FILLED: f32 = 0.92;

/// Square points that a layout covers: its width is about its height.
fn area(body: Rect) -> f32 {
    let length = body.width().min(body.height());
    length * body.width().max(body.height()).min(1.5 * length)
}

/// Diameter of a dot in points: small where there are many, growing with the zoom.
pub(crate) fn dot_size(body: Rect, count: u32, look: &Look) -> f32 {
    let side = (COVERED_BY_DOTS * area(body) / count as f32).sqrt().min(MAX_DOT);
    (side * look.zoom).min(MAX_DOT * look.zoom.sqrt().clamp(1.0, 2.0)).max(1.0) * look.size
}

/// Width and height of a tile in pixels, growing with the zoom, but less than distances do. Tiles of `groups` (images, or
/// filters of all layers) may become so small that they are drawn as dots.
pub(crate) fn tile_size(
    body: Rect,
    count: u32,
    texels: [u32; 2],
    look: &Look,
    scale: f32,
    groups: bool,
) -> Vec2 {
    let side = (COVERED_BY_TILES * area(body) / count as f32).sqrt();
    let side = if groups {
        (side * look.zoom * look.size).min(MAX_TILE * look.size.max(1.0))
    } else {
        (side.clamp(MIN_TILE, MAX_TILE) * look.zoom.sqrt()).min(MAX_TILE_ZOOMED) * look.size
    };
    (proportions(texels) * side * scale).round().max(Vec2::splat(3.0))
}

/// The grid for all points of a layout, and the width and height of a tile on it, in pixels.
pub(crate) fn grid_sizes(body: Rect, count: u32, texels: [u32; 2], look: &Look, scale: f32) -> (Grid, Vec2) {
    let proportions = proportions(texels);
    let room = ((body.size() - Vec2::splat(2.0 * DISC)) * scale).max(Vec2::ZERO);
    let [size, cell] = [room, proportions].map(|v| glam::Vec2::new(v.x, v.y));
    let grid = Grid::fitting(count, size, cell);
    // Half a tile stays free around the grid.
    let cells = Vec2::new(grid.columns as f32, grid.rows as f32) + Vec2::splat(FILLED);
    let side = (FILLED * room / (cells * proportions)).min_elem() * look.zoom * look.size;
    (grid, (proportions * side).round().max(Vec2::splat(3.0)))
}

/// Width and height of a tile whose longer side is 1.
fn proportions(texels: [u32; 2]) -> Vec2 {
    let [rows, columns] = texels.map(|texels| texels as f32);
    Vec2::new(columns, rows) / rows.max(columns)
}
