//! Columns and rows of a grid onto which a layout is spread.

use glam::Vec2;

/// Columns and rows of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Number of columns.
    pub columns: u32,
    /// Number of rows.
    pub rows: u32,
}

impl Grid {
    /// The grid for `count` points in a rectangle of `size`, with cells of the proportions of `cell`.
    pub fn fitting(count: u32, size: Vec2, cell: Vec2) -> Self {
        let room = (size / cell.max(Vec2::splat(1e-3))).max(Vec2::splat(1e-3));
        let columns = (count as f32 * room.x / room.y).sqrt().ceil().clamp(1.0, count.max(1) as f32) as u32;
        Self { columns, rows: count.div_ceil(columns).max(1) }
    }
}
