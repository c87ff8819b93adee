//! Tiles of the products in mixed precision, and their cost. All add in the same order.

use super::super::cost::{MAX_GPU_CANDIDATES, MAX_REGISTERS, gpu_time_us};

/// Cycles of a multiprocessor of an H100 for a matrix that a subgroup loads from storage, and for a product of two: see the top of
/// [`super`].
const LOAD_CYCLES: usize = 24;
const PRODUCT_CYCLES: usize = 6;
/// Registers of a lane for a matrix of sums, for one of factors, and for the rest.
const SUM_REGISTERS: usize = 8;
const FACTOR_REGISTERS: usize = 4;
const OTHER_REGISTERS: usize = 40;
/// Blocks of rows of a tile at most.
const MAX_ROWS: usize = 4;
/// Blocks of columns that a tile may have: a row of them is dealt to 32 lanes in quads.
const COLUMNS: [usize; 3] = [1, 2, 4];

/// Blocks of 16 rows and of 16 columns that a subgroup makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub rows: usize,
    pub columns: usize,
}

/// Work that tiles are to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct TiledWork {
    /// Blocks of 16 rows, and of 16 columns, of the result.
    pub rows: usize,
    pub columns: usize,
    /// Tiles of the same blocks: pixels, or taps and shares.
    pub layers: usize,
    /// Products of each block.
    pub steps: usize,
    /// Subgroups of a workgroup.
    pub subgroups: usize,
}

impl Tile {
    fn registers(self) -> usize {
        let Self { rows, columns } = self;
        SUM_REGISTERS * rows * columns + FACTOR_REGISTERS * (rows + columns) + OTHER_REGISTERS
    }
}

impl TiledWork {
    /// Candidates, the most promising first.
    pub(super) fn tiles(&self) -> Vec<Tile> {
        let all = (1..=MAX_ROWS).flat_map(|rows| COLUMNS.map(|columns| Tile { rows, columns }));
        let mut tiles: Vec<Tile> = all
            .filter(|tile| {
                let small = tile.rows <= self.rows && tile.columns < 2 * self.columns;
                small && tile.registers() <= MAX_REGISTERS
            })
            .collect();
        // Positive numbers are in the order of their bits.
        tiles.sort_by_cached_key(|tile| self.time_us(*tile).to_bits());
        tiles.truncate(MAX_GPU_CANDIDATES);
        tiles
    }

    /// Tiles along rows and columns.
    pub(super) fn counts(&self, tile: Tile) -> [usize; 2] {
        [self.rows.div_ceil(tile.rows), self.columns.div_ceil(tile.columns)]
    }

    /// Predicted time on an H100, in microseconds.
    pub(super) fn time_us(&self, tile: Tile) -> f64 {
        let Tile { rows, columns } = tile;
        let step = LOAD_CYCLES * (rows + columns) + PRODUCT_CYCLES * rows * columns;
        let [down, across] = self.counts(tile);
        let workgroups = self.layers.div_ceil(self.subgroups) * down * across;
        gpu_time_us((step * self.steps) as f64, self.subgroups, workgroups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64→64 3×3, 16×16: the forward pass that was measured on an H100 in 660 µs, of 4096 images and 4 probes.
    fn wide(images: usize) -> TiledWork {
        TiledWork { rows: 4, columns: images / 16 + 1, layers: 256, steps: 36, subgroups: 4 }
    }

    #[test]
    fn the_convolution_that_was_measured_takes_its_time() {
        let work = wide(4096);
        let first = work.tiles()[0];
        assert_eq!(first, Tile { rows: 4, columns: 4 });
        assert_eq!(first.registers(), 200);
        assert!((0.95..1.1).contains(&(work.time_us(first) / 660.0)), "{} µs", work.time_us(first));
    }

    /// The predictions that are written at the top of [`super::super`]: blocks of rows and columns, pixels or taps and shares, steps.
    #[test]
    fn predictions_are_those_that_are_written_down() {
        for (rows, columns, layers, steps, subgroups, written_us) in [
            (4, 257, 256, 36, 4, 670.0),
            (4, 4, 9 * 113, 580, 3, 760.0),
            (2, 257, 256, 25, 4, 310.0),
            (1, 257, 256, 50, 4, 465.0),
            (2, 1, 25 * 85, 771, 4, 650.0),
        ] {
            let work = TiledWork { rows, columns, layers, steps, subgroups };
            let predicted_us = work.time_us(work.tiles()[0]);
            assert!((predicted_us / written_us - 1.0).abs() < 0.02, "{work:?}: {predicted_us} µs");
        }
    }

    #[test]
    fn tiles_are_no_larger_than_the_result_and_keep_the_registers() {
        for (rows, columns) in [(1, 1), (1, 17), (5, 2), (2, 3), (32, 300)] {
            let work = TiledWork { rows, columns, layers: 9, steps: 5, subgroups: 4 };
            let tiles = work.tiles();
            assert!((1..=MAX_GPU_CANDIDATES).contains(&tiles.len()), "{rows} × {columns}");
            for tile in tiles {
                assert!(tile.rows <= rows && tile.columns <= columns.next_power_of_two(), "{tile:?}");
                assert!(tile.registers() <= MAX_REGISTERS, "{tile:?}");
                let [down, across] = work.counts(tile);
                assert!(down * tile.rows >= rows && across * tile.columns >= columns, "{tile:?}");
            }
        }
    }
}
