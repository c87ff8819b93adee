//! What is read back of a layout: for tests, and at the end of a run. All of it waits for the GPU.

use std::ops::Range;

use super::{HISTORY, LEFT_OUT, State, Tsne};
use crate::gpu::Gpu;

impl Tsne {
    /// Iteration, divergence and schedule. Waits for the GPU: for tests and the end of a run.
    pub fn state(&self, gpu: &Gpu) -> State {
        self.state.read(gpu)[0]
    }

    /// The divergences of the iterations in `range`, of the last 1024. Waits for the GPU.
    pub fn divergences(&self, gpu: &Gpu, range: Range<u32>) -> Vec<f32> {
        let ring = self.history.read(gpu);
        let entry = |i: u32| ring[i as usize % HISTORY];
        range.filter(|i| entry(*i)[0].to_bits() == *i).map(|i| entry(i)[1]).collect()
    }

    /// Positions of all rows; NaN for those left out. Waits for the GPU.
    pub fn read_positions(&self, gpu: &Gpu) -> Vec<[f32; 2]> {
        let flags = self.rows.flags.read(gpu);
        let mut positions = self.positions.read(gpu);
        positions.truncate(self.rows.count);
        for (position, flag) in positions.iter_mut().zip(flags) {
            if flag & LEFT_OUT == LEFT_OUT {
                *position = [f32::NAN; 2];
            }
        }
        positions
    }

    /// The rows that are left out because a value is not finite. Waits for the GPU.
    pub fn left_out(&self, gpu: &Gpu) -> Vec<usize> {
        let flags = self.rows.flags.read(gpu);
        (0..self.rows.count).filter(|i| flags[*i] & LEFT_OUT == LEFT_OUT).collect()
    }

    /// Last step and gain of each coordinate. Waits for the GPU.
    pub fn read_motions(&self, gpu: &Gpu) -> Vec<[f32; 4]> {
        self.motions.read(gpu)
    }

    /// The conditional probabilities, [`Tsne::neighbours`] a row, in the order of [`Tsne::read_neighbours`]. Waits for the GPU.
    pub fn read_conditional(&self, gpu: &Gpu) -> Vec<f32> {
        self.affinities.read_conditional(gpu)
    }

    /// The joint probabilities, row by row: the other row and the probability. Waits for the GPU.
    pub fn read_affinities(&self, gpu: &Gpu) -> Vec<Vec<(u32, f32)>> {
        self.affinities.read(gpu)
    }

    /// The nearest neighbours of every row, [`Tsne::neighbours`] each, by index; `u32::MAX` where there are no more. Waits for the
    /// GPU.
    pub fn read_neighbours(&self, gpu: &Gpu) -> Vec<u32> {
        self.affinities.read_neighbours(gpu)
    }

    /// The rows among which neighbours are sought, values of row i one after the other: scaled, centred, and reduced where that was
    /// asked for. Waits for the GPU.
    pub fn read_rows_sought(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        self.sought.read(gpu)
    }
}
