//! Tiles of the weight gradient whose lanes are images, for GPUs, and their cost.
//!
//! A subgroup's 32 lanes hold 32 quads of images (of several rows where a batch has fewer) and read neighboring memory. A lane adds
//! the four images of its quad to scalars, `OUTS` filters × `PLANES` channels × `TAPS` taps of one kernel row, `PIXELS` pixels a turn;
//! the lanes are added at the end, through workgroup memory, in order. Items, rows × quads in pieces of 32, are dealt to shares by
//! the shape alone: every tile adds in the same order.
//!
//! What the first candidate does, counted by [`Turn`]: in a turn, a subgroup's loads of 512 bytes and each lane's scalar multiply-adds;
//! its registers; partial sums written; and the time on an H100, predicted here and measured of the kernel by taps that was there before.
//! No candidate was timed on a GPU yet.
//!
//! | layer, images | filters × channels × taps, pixels | loads | multiply-adds | registers | partial sums | predicted | before |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | 3→16 5×5, 32×32, 256 | 16 × 1 × 5, 2 | 38 | 640 | 142 | 300 KiB | 35 µs | 65 µs |
//! | … 4096 | 16 × 1 × 5, 4 | 72 | 1280 | 150 | 1.0 MiB | 557 µs | 1470 µs |
//! | 16→20 5×5, 16×16, 256 | 10 × 2 × 5, 2 | 32 | 800 | 186 | 1.0 MiB | 49 µs | 109 µs |
//! | … 4096 | 10 × 2 × 5, 4 | 56 | 1600 | 202 | 1.0 MiB | 594 µs | 2310 µs |
//! | 64→64 3×3, 16×16, 256 | 8 × 4 × 3, 2 | 32 | 768 | 198 | 2.3 MiB | 206 µs | 625 µs |
//! | … 4096 | 8 × 4 × 3, 4 | 56 | 1536 | 230 | 2.3 MiB | 2780 µs | 18200 µs |

use super::cost::{
    MAX_GPU_CANDIDATES, MAX_REGISTERS, OTHER_REGISTERS, gpu_cycles, gpu_time_us, max_gpu_multiply_adds,
};
use super::geometry::Convolution;
use super::weight_gradient::{LANE_TILES, Tile};

/// Lanes of a subgroup; the shader's `LANES`.
const LANES: usize = 32;
/// Sums of a typical tile.
const TYPICAL_SUMS: usize = 100;
/// Subgroups that fill a large GPU a few times over, and the fewest shares of a layer that fills it by its tiles.
const WANTED_SUBGROUPS: usize = 2640;
const MIN_SHARES: usize = 16;

impl Convolution {
    /// Number of shares, each with its partial sums, by the shape alone: within 16 MiB, and 32 rows of quads for each at least.
    pub(super) fn shares(&self, train_quads: usize) -> usize {
        let wanted = WANTED_SUBGROUPS.div_ceil(self.weights().div_ceil(TYPICAL_SUMS)).max(MIN_SHARES);
        let most = (self.output.height * train_quads).div_ceil(LANES).min((1 << 22) / self.weights());
        wanted.min(most.max(1))
    }

    /// Candidate tiles, the most promising first.
    pub(super) fn lane_tiles(&self, train_quads: usize) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let filters = self.out_channels();
        // Of the numbers with the same rounds over the filters, the smallest.
        let even = |outs: &usize| *outs == filters.div_ceil(filters.div_ceil(*outs));
        for outs in (1..=filters.min(32)).filter(even) {
            for planes in 1..=self.in_channels().min(12) {
                for pixels in [1, 2, 4] {
                    let tile = Tile { outs, planes, pixels };
                    // Values are shared among pixels only if taps and pixels follow each other closely.
                    let shares = pixels == 1 || (self.dilation == 1 && self.stride <= self.taps());
                    let count = self.lane_turn(tile);
                    let small = count.registers <= MAX_REGISTERS
                        && count.multiply_adds <= max_gpu_multiply_adds(train_quads);
                    let smallest = tile == Tile { outs: 1, planes: 1, pixels: 1 };
                    if smallest || (small && shares && pixels <= self.output.width) {
                        tiles.push(tile);
                    }
                }
            }
        }
        // Positive numbers are in the order of their bits.
        tiles.sort_by_cached_key(|tile| self.lane_time_us(*tile, train_quads).to_bits());
        tiles.truncate(MAX_GPU_CANDIDATES);
        tiles
    }

    /// Loads of vec4, scalar multiply-adds and registers of a lane in one turn.
    fn lane_turn(&self, tile: Tile) -> Turn {
        let Tile { outs, planes, pixels } = tile;
        let sums = outs * planes * self.taps();
        let values = planes * ((pixels - 1) * self.stride + self.taps());
        Turn {
            loads: values + outs * pixels,
            multiply_adds: 4 * sums * pixels,
            registers: sums + 4 * (values + 1) + OTHER_REGISTERS,
        }
    }

    /// Predicted time on an H100, in microseconds; the sum of the shares comes to it.
    pub(super) fn lane_time_us(&self, tile: Tile, train_quads: usize) -> f64 {
        let shares = self.shares(train_quads);
        let turn = self.lane_turn(tile);
        let rounds = (self.output.height * train_quads).div_ceil(LANES).div_ceil(shares);
        let turns = rounds * self.output.width.div_ceil(tile.pixels);
        // Each sum is handed over once, and every 16 of them are added by one lane each.
        let sums = tile.outs * tile.planes * self.taps();
        let end = gpu_cycles(0, sums + sums.div_ceil(16) * LANES, 0);
        let cycles = turns as f64 * gpu_cycles(turn.loads, 0, turn.multiply_adds) + end;
        let tiles =
            self.in_channels().div_ceil(tile.planes) * self.kernel * self.kernel.div_ceil(self.taps());
        let workgroups =
            tiles.div_ceil(LANE_TILES) * self.out_channels().div_ceil(tile.outs) * shares * self.groups;
        gpu_time_us(cycles, LANE_TILES, workgroups)
    }
}

/// Work of a lane in one turn of its inner loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    /// Loads of vec4 from storage.
    loads: usize,
    /// Scalar multiply-adds.
    multiply_adds: usize,
    /// Registers.
    registers: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_turn_takes_is_counted() {
        let conv2 = Convolution::same(16, 20, 16, 5);
        // 2 channels × 8 columns and 10 filters × 4 pixels; 10 × 2 × 5 sums, for 4 pixels of 4 images.
        let turn = Turn { loads: 16 + 40, multiply_adds: 1600, registers: 100 + 64 + 4 + 34 };
        assert_eq!(conv2.lane_turn(Tile { outs: 10, planes: 2, pixels: 4 }), turn);
    }

    /// Batch 256 and 4096: the tile that was fastest on an H100, and its measured time in microseconds.
    #[test]
    fn the_first_candidate_is_the_one_that_was_measured_as_best() {
        let tile = |outs, planes, pixels| Tile { outs, planes, pixels };
        for (layer, quads, best, measured_us) in [
            (Convolution::same(16, 20, 16, 5), 64, Some(tile(10, 2, 2)), 46.0),
            (Convolution::same(16, 20, 16, 5), 1024, Some(tile(10, 2, 4)), 555.0),
            (Convolution::same(64, 64, 16, 3), 64, Some(tile(8, 4, 2)), 156.0),
            (Convolution::same(64, 64, 16, 3), 1024, Some(tile(8, 4, 4)), 2388.0),
            // The fastest was another kernel, or the tile is not known.
            (Convolution::same(20, 20, 8, 5), 64, None, 27.0),
            (Convolution::same(20, 20, 8, 5), 1024, None, 197.0),
            (Convolution::same(3, 16, 32, 5), 64, None, 29.0),
            (Convolution::same(3, 16, 32, 5), 1024, None, 372.0),
            (Convolution::same(3, 32, 32, 3), 64, None, 33.0),
            (Convolution::same(3, 32, 32, 3), 1024, None, 323.0),
        ] {
            let first = layer.lane_tiles(quads)[0];
            let ratio = layer.lane_time_us(first, quads) / measured_us;
            assert!((0.65..1.55).contains(&ratio), "{first:?}: {ratio} of {measured_us} µs");
            assert!(best.is_none_or(|best| best == first), "{first:?}, not {best:?}");
        }
    }

    #[test]
    fn every_layer_has_a_tile_that_keeps_the_limits() {
        for (from, to, side, kernel) in [(1, 1, 1, 1), (1, 7, 3, 2), (300, 200, 5, 11), (5, 1, 40, 7)] {
            let layer = Convolution::same(from, to, side, kernel);
            let tiles = layer.lane_tiles(3);
            assert!((1..=MAX_GPU_CANDIDATES).contains(&tiles.len()));
            for tile in tiles {
                assert!(layer.lane_turn(tile).registers <= MAX_REGISTERS, "{tile:?}");
                assert!(tile.outs <= to && tile.planes <= from && tile.pixels <= side, "{tile:?}");
            }
        }
    }
}
