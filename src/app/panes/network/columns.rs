//! Rectangles of the Network pane: a column per node, with tiles as large as the column allows.

use egui::{Pos2, Rect, Vec2};

/// Space between tiles, in points.
const GAP: f32 = 3.0;
/// Largest width of a tile, in points.
const MAX_TILE: f32 = 92.0;
/// Largest width of a texel, in points.
const MAX_TEXEL: f32 = 22.0;
/// Share of the largest possible size that tiles keep when more of them stand side by side: columns of one tile's width
/// look empty.
const MIN_SHARE: f32 = 0.88;

/// Space between columns, in points.
const COLUMN_GAP: f32 = 10.0;
/// Smallest width of a column in a pane that scrolls, in points.
const MIN_WIDTH: f32 = 60.0;

/// Width of `count` columns in a pane that scrolls, in points.
pub(crate) fn min_width(count: usize) -> f32 {
    (MIN_WIDTH + COLUMN_GAP) * count as f32 - COLUMN_GAP
}

/// Distance from a column to the next.
pub(crate) fn pitch(column: Rect) -> f32 {
    column.width() + COLUMN_GAP
}

/// `count` columns of equal width, side by side.
pub(crate) fn columns(area: Rect, count: usize) -> Vec<Rect> {
    let gap = COLUMN_GAP;
    let width = ((area.width() - gap * (count as f32 - 1.0)) / count as f32).max(4.0);
    (0..count)
        .map(|i| {
            let left = area.left() + i as f32 * (width + gap);
            Rect::from_min_size(Pos2::new(left, area.top()), Vec2::new(width, area.height()))
        })
        .collect()
}

/// Rectangles of `count` tiles of `texels` (rows, columns) in a column, row by row from its top.
pub(crate) fn tiles(column: Rect, count: usize, texels: [u32; 2]) -> Vec<Rect> {
    let aspect = texels[1] as f32 / texels[0] as f32;
    let largest = MAX_TILE.min(MAX_TEXEL * texels[1] as f32);
    let size = |across: usize| {
        let down = count.div_ceil(across);
        let width = (column.width() - GAP * (across as f32 - 1.0)) / across as f32;
        let height = (column.height() - GAP * (down as f32 - 1.0)) / down as f32;
        width.min(height * aspect).min(largest)
    };
    let best = (1..=count.max(1)).map(size).fold(0.0, f32::max);
    let across = (1..=count.max(1)).rev().find(|a| size(*a) >= MIN_SHARE * best).unwrap_or(1);
    // A whole number of points per texel, from 2 on, so that all texels have the same size.
    let (width, texel_columns) = (size(across).max(2.0), texels[1] as f32);
    let whole = (width / texel_columns).floor();
    let width = if whole >= 2.0 { whole * texel_columns } else { width };
    let tile = Vec2::new(width, width / aspect);
    // Centered, so that columns of few tiles do not lean to the left.
    let used = across as f32 * (width + GAP) - GAP;
    let left = column.left() + (column.width() - used).max(0.0) / 2.0;
    (0..count)
        .map(|i| {
            let place = Vec2::new((i % across) as f32 * (tile.x + GAP), (i / across) as f32 * (tile.y + GAP));
            Rect::from_min_size(Pos2::new(left, column.top()) + place, tile)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stay_in_their_column_and_apart() {
        let column = Rect::from_min_size(Pos2::new(10.0, 20.0), Vec2::new(76.0, 600.0));
        for (count, texels) in [(1, [32, 32]), (16, [32, 32]), (20, [10, 5]), (64, [3, 3]), (128, [1, 1])] {
            let rects = tiles(column, count, texels);
            assert_eq!(rects.len(), count);
            for (i, rect) in rects.iter().enumerate() {
                assert!(column.expand(0.01).contains_rect(*rect), "{count}: {rect:?}");
                assert!(rects[..i].iter().all(|r| !r.shrink(0.01).intersects(*rect)), "{count}: tile {i}");
            }
        }
    }

    #[test]
    fn columns_fill_the_area() {
        let area = Rect::from_min_size(Pos2::ZERO, Vec2::new(900.0, 500.0));
        let all = columns(area, 12);
        assert!((all[11].right() - 900.0).abs() < 0.1 && all[0].left() == 0.0);
    }
}
