//! Sizes of dots and tiles in a layout.

use egui::{Rect, Vec2};

use super::look::Look;

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
    let [rows, columns] = texels.map(|texels| texels as f32);
    let side = (COVERED_BY_TILES * area(body) / count as f32).sqrt();
    let side = if groups {
        (side * look.zoom * look.size).min(MAX_TILE * look.size.max(1.0))
    } else {
        (side.clamp(MIN_TILE, MAX_TILE) * look.zoom.sqrt()).min(MAX_TILE_ZOOMED) * look.size
    };
    let side = side * scale;
    let longer = rows.max(columns);
    Vec2::new(side * columns / longer, side * rows / longer).round().max(Vec2::splat(3.0))
}
