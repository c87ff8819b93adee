//! The splits by which points come to the cells of a grid: halves of halves, along the longer side of what is split.
//!
//! They depend on the number of points and on the grid alone. Along x or y the points of a span are sorted; the first of them go to the
//! left or upper half of its cells, the others to the other half, and so on, until each span is one point. Points that are near each other
//! are parted late, and so stay near each other.

use crate::view::grid::Grid;

/// Bit of a span's end that says to sort along y.
const ALONG_Y: u32 = 1 << 31;

/// Spans that are sorted at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    /// First and last place, that one not included, with [`ALONG_Y`].
    pub spans: Vec<[u32; 2]>,
    /// Length of the longest.
    pub longest: u32,
}

/// All levels, and the cell of each place in the order to which they lead: column and row.
#[derive(Debug)]
pub(super) struct Splits {
    pub levels: Vec<Level>,
    pub cells: Vec<[u32; 2]>,
}

/// Cells that a span of places gets.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// First place.
    start: u32,
    /// Number of points.
    count: u32,
    /// First column and row.
    corner: [u32; 2],
    /// Columns and rows.
    size: [u32; 2],
}

impl Part {
    /// Axis of the longer side.
    fn axis(&self) -> usize {
        usize::from(self.size[1] > self.size[0])
    }

    /// The two halves of the cells, each with its share of the points.
    fn halves(&self) -> [Self; 2] {
        let axis = self.axis();
        let (mut first, mut second) = (*self, *self);
        first.size[axis] /= 2;
        second.size[axis] -= first.size[axis];
        second.corner[axis] += first.size[axis];
        let [room, other] = [first.size, second.size].map(|[columns, rows]| columns * rows);
        let share = (f64::from(self.count) * f64::from(room) / f64::from(room + other)).round() as u32;
        first.count = share.clamp(self.count.saturating_sub(other), room.min(self.count));
        second.count = self.count - first.count;
        second.start += first.count;
        [first, second]
    }
}

impl Splits {
    /// The splits of `count` points, no more than the grid has cells.
    pub(super) fn new(count: u32, grid: Grid) -> Self {
        let whole = Part { start: 0, count, corner: [0; 2], size: [grid.columns, grid.rows] };
        let (mut levels, mut cells, mut parts) = (Vec::new(), vec![[0; 2]; count as usize], vec![whole]);
        while !parts.is_empty() {
            let (done, split): (Vec<Part>, Vec<Part>) = parts.iter().partition(|part| part.count == 1);
            for part in done {
                cells[part.start as usize] = [0, 1].map(|axis| part.corner[axis] + (part.size[axis] - 1) / 2);
            }
            let span = |part: &Part| {
                [part.start, (part.start + part.count) | if part.axis() == 1 { ALONG_Y } else { 0 }]
            };
            if let Some(longest) = split.iter().map(|part| part.count).max() {
                levels.push(Level { spans: split.iter().map(span).collect(), longest });
            }
            parts = split.iter().flat_map(Part::halves).filter(|part| part.count > 0).collect();
        }
        Self { levels, cells }
    }
}

impl Level {
    /// For each of `count` places the span in which it lies; a place that is alone is a span of its own.
    pub(super) fn by_place(&self, count: u32) -> Vec<[u32; 2]> {
        let mut places: Vec<[u32; 2]> = (0..count).map(|place| [place, place + 1]).collect();
        for span in &self.spans {
            places[span[0] as usize..(span[1] & !ALONG_Y) as usize].fill(*span);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::{ALONG_Y, Splits};
    use crate::view::grid::Grid;

    #[test]
    fn each_point_gets_a_cell_of_its_own() {
        for (count, columns, rows) in [(1, 1, 1), (2, 1, 2), (7, 3, 3), (12, 4, 3), (61, 9, 7), (500, 31, 17)]
        {
            let splits = Splits::new(count, Grid { columns, rows });
            let mut cells = splits.cells.clone();
            assert!(cells.iter().all(|[column, row]| *column < columns && *row < rows), "{cells:?}");
            cells.sort_unstable();
            cells.dedup();
            assert_eq!(cells.len(), count as usize, "{count} points in {columns} × {rows} cells");
        }
    }

    #[test]
    fn the_longer_side_is_split_first_by_the_cells_of_each_half() {
        let splits = Splits::new(6, Grid { columns: 3, rows: 2 });
        // Columns 0 and 1, 2: two and four points; then both parts along y or x.
        assert_eq!(splits.levels[0].spans, [[0, 6]]);
        assert_eq!(splits.levels[1].spans, [[0, 2 | ALONG_Y], [2, 6]]);
        assert_eq!(splits.levels[2].spans, [[2, 4 | ALONG_Y], [4, 6 | ALONG_Y]]);
        assert_eq!(splits.cells, [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]);
        let places = splits.levels[1].by_place(6);
        assert_eq!(places, [[0, 2 | ALONG_Y], [0, 2 | ALONG_Y], [2, 6], [2, 6], [2, 6], [2, 6]]);
    }
}
