//! Tiles of the convolution kernel for GPUs: weights in workgroup memory, and more sums in registers.
//!
//! A thread makes 4 · `OUT_BLOCKS` channels × `PIXELS` pixels of a row × 4 images. Its workgroup reads the weights of `STAGE` turns
//! (source channels × kernel rows) at a time. All tiles, those that read weights from storage too, add in the same order.
//!
//! What the first candidate does, counted by [`Turn`]: in a turn, a thread's loads of vec4 from storage and from workgroup memory, and its
//! scalar multiply-adds; its registers; 16 KiB of workgroup memory; and the time on an H100 of a forward pass, predicted here and
//! measured of tiles that were there before. No candidate was timed on a GPU yet.
//!
//! | layer, images | channels × pixels | loads, weights | multiply-adds | registers | predicted | before |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 16→20 5×5, 16×16, 256 | 4 × 3 | 7, 5 | 240 | 114 | 45 µs | |
//! | … 4096 | 20 × 2 | 6, 25 | 800 | 222 | 422 µs | 579 µs |
//! | 20→20 5×5, 8×8, 256 | 4 × 1 | 5, 5 | 80 | 74 | 32 µs | 65 µs |
//! | … 4096 | 20 × 2 | 6, 25 | 800 | 222 | 132 µs | |
//! | 64→64 3×3, 16×16, 256 | 16 × 2 | 4, 12 | 384 | 182 | 130 µs | |
//! | … 4096 | 16 × 2 | 4, 12 | 384 | 182 | 2070 µs | 2800 µs |

use super::cost::{
    MAX_GPU_CANDIDATES, MAX_REGISTERS, OTHER_REGISTERS, gpu_cycles, gpu_time_us, max_gpu_multiply_adds,
};
use super::forward::{ConvolutionPass, Tile};

/// Threads of a workgroup, and its subgroups of 32 lanes.
const WORKGROUP: usize = 128;
const SUBGROUPS: usize = WORKGROUP / 32;
/// Weights of a stage in vec4: 16 KiB, which every adapter has.
const STAGE_WEIGHTS: usize = 1024;
/// Cycles of a subgroup for its share of a stage's weights: 8 loads and stores of vec4; other workgroups hide the wait.
const STAGE_CYCLES: f64 = 100.0;
/// Kernel rows from which on rows outside the map are passed over: with fewer, the condition costs more than it saves.
const MIN_SKIPPED_ROWS: usize = 4;

/// Work of a thread in one turn: a kernel row of one source channel, or one tap of a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    /// Loads of vec4 from storage.
    loads: usize,
    /// Loads of vec4 of weights from workgroup memory.
    weights: usize,
    /// Scalar multiply-adds.
    multiply_adds: usize,
    /// Scalar sums, and registers.
    sums: usize,
    registers: usize,
}

impl ConvolutionPass<'_> {
    /// Staged tiles, the most promising first.
    pub(super) fn staged_tiles(&self, quads: usize) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for blocks in 1..=8 {
            for (pixels, rows) in self.pixels_and_rows() {
                for planes in [1, 2, 4, 8] {
                    let tile = Tile { blocks, pixels, planes, rows, staged: true };
                    let turn = self.turn(tile);
                    // More than 128 sums help only where a value serves many taps.
                    let small = turn.sums <= if self.columns() > 3 { 160 } else { 128 }
                        && turn.registers <= MAX_REGISTERS
                        && turn.multiply_adds <= max_gpu_multiply_adds(quads);
                    let smallest = (blocks, pixels, planes) == (1, 1, 1);
                    if smallest || (small && pixels <= self.x.count && self.allows(tile)) {
                        tiles.push(tile);
                    }
                }
            }
        }
        // Positive numbers are in the order of their bits.
        tiles.sort_by_cached_key(|tile| self.time_us(*tile, quads).to_bits());
        tiles.truncate(MAX_GPU_CANDIDATES - 1);
        tiles
    }

    /// Pixels of a row, and rows, that a thread may make: whole windows where it pools.
    fn pixels_and_rows(&self) -> Vec<(usize, usize)> {
        match self.pools {
            Some(size) => vec![(size, size), (2 * size, size)],
            None => (1..=4).map(|pixels| (pixels, 1)).collect(),
        }
    }

    /// Constants of the shader for GPUs. Whether rows are passed over is a matter of the shape: sums of nothing keep their sign then.
    pub(super) fn gpu_constants(&self, tile: Tile) -> Vec<(&'static str, u32)> {
        let skips = ("SKIPS", u32::from(self.rows() >= MIN_SKIPPED_ROWS));
        if !tile.staged {
            return vec![skips];
        }
        vec![skips, ("WORKGROUP", WORKGROUP as u32), ("STAGE", self.stage(tile) as u32)]
    }

    /// Turns of a stage.
    fn stage(&self, tile: Tile) -> usize {
        (STAGE_WEIGHTS / self.turn(tile).weights).max(1)
    }

    fn turn(&self, tile: Tile) -> Turn {
        let Tile { blocks, pixels, planes, rows, .. } = tile;
        let values = rows * planes * ((pixels - 1) * self.x.stride + self.columns());
        let sums = 16 * blocks * pixels * rows;
        Turn {
            loads: values,
            weights: planes * self.columns() * blocks,
            multiply_adds: sums * planes * self.columns(),
            sums,
            registers: sums + 4 * (values + 1) + OTHER_REGISTERS,
        }
    }

    /// Predicted time on an H100, in microseconds.
    pub(super) fn time_us(&self, tile: Tile, quads: usize) -> f64 {
        let (from, to) = self.channels();
        let turn = self.turn(tile);
        let turns = from.div_ceil(tile.planes) * self.rows();
        let cycles = turns as f64 * gpu_cycles(turn.loads, turn.weights, turn.multiply_adds)
            + turns.div_ceil(self.stage(tile)) as f64 * STAGE_CYCLES;
        let threads = quads * self.x.count.div_ceil(tile.pixels) * self.y.count.div_ceil(tile.rows);
        let tiles = to.div_ceil(4 * tile.blocks) * self.convolution.groups;
        gpu_time_us(cycles, SUBGROUPS, threads.div_ceil(WORKGROUP) * tiles)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::nn::Shape;
    use crate::nn::layers::conv2d::geometry::{Axis, Convolution};

    /// Calls `of` with the forward pass of a convolution that keeps the size of its maps, and pools them by windows of that size.
    pub(in crate::nn::layers::conv2d) fn with_pass<T>(
        [from, to, side, kernel]: [usize; 4],
        size: Option<usize>,
        of: impl FnOnce(&ConvolutionPass<'_>) -> T,
    ) -> T {
        let [from, to] = [from, to].map(|channels| Shape::new(channels, side, side));
        let convolution = Convolution {
            input: from,
            output: to,
            kernel,
            stride: 1,
            padding: kernel / 2,
            dilation: 1,
            groups: 1,
        };
        let [y, x] = [Axis::forward(&convolution, side); 2];
        of(&ConvolutionPass {
            convolution: &convolution,
            forward: true,
            from,
            to,
            y,
            x,
            rectified: None,
            pools: size,
        })
    }

    #[test]
    fn what_a_turn_takes_is_counted() {
        let tile = Tile { blocks: 5, pixels: 2, planes: 1, rows: 1, staged: true };
        let turn = with_pass([16, 20, 16, 5], None, |pass| pass.turn(tile));
        // 2 + 4 columns of the map, 20 channels × 5 taps, for 2 pixels of 4 images.
        let expected = Turn { loads: 6, weights: 25, multiply_adds: 800, sums: 160, registers: 222 };
        assert_eq!(turn, expected);
        assert_eq!(with_pass([16, 20, 16, 5], None, |pass| pass.stage(tile)), 40, "400 bytes a turn, 16 KiB");
    }

    /// Channels, side and kernel; quads; the tile that was fastest on an H100, as 4-channel blocks and pixels, and its measured time in microseconds.
    #[test]
    fn the_first_candidate_is_the_one_that_was_measured_as_best() {
        for (layer, quads, best, measured_us) in [
            ([16, 20, 16, 5], 1024, Some((5, 2)), 433.0),
            ([64, 64, 16, 3], 1024, Some((4, 2)), 2164.0),
            ([20, 20, 8, 5], 1024, Some((5, 2)), 145.0),
            ([16, 20, 16, 5], 64, None, 40.0),
            ([64, 64, 16, 3], 64, None, 131.0),
        ] {
            with_pass(layer, None, |pass| {
                let first = pass.staged_tiles(quads)[0];
                let ratio = pass.time_us(first, quads) / measured_us;
                assert!(
                    best.is_none_or(|best| best == (first.blocks, first.pixels)),
                    "{first:?}, not {best:?}"
                );
                assert!((0.65..1.55).contains(&ratio), "{first:?}: {ratio} of {measured_us} µs");
            });
        }
    }

    #[test]
    fn every_staged_tile_keeps_the_limits() {
        for layer in [[1, 1, 1, 1], [3, 7, 3, 2], [40, 200, 5, 11], [300, 300, 9, 1]] {
            with_pass(layer, None, |pass| {
                let tiles = pass.staged_tiles(3);
                assert!((1..MAX_GPU_CANDIDATES).contains(&tiles.len()));
                for tile in tiles {
                    let turn = pass.turn(tile);
                    assert!(turn.registers <= MAX_REGISTERS && turn.weights <= STAGE_WEIGHTS, "{tile:?}");
                }
            });
        }
    }
}
