//! Read-back of a layout: for tests, and at the end of a run. All of it waits for the GPU.

use std::ops::Range;

use super::Tsne;
use super::points::HISTORY;
use super::settings::State;
use crate::embed::rows::LEFT_OUT;
use crate::gpu::Gpu;

impl Tsne {
    /// Iteration, divergence and schedule.
    pub fn state(&self, gpu: &Gpu) -> State {
        self.points.state.read(gpu)[0]
    }

    /// Kullback-Leibler divergence of the positions as they are. Nothing moves.
    pub fn measure(&self, gpu: &Gpu) -> f32 {
        let before = self.state(gpu);
        let mut encoder = gpu.encoder("divergence");
        let forces = 0..self.plans.step.len() - 1;
        self.plans.step.record(&mut encoder.begin_compute_pass(&Default::default()), forces);
        gpu.submit(encoder);
        let measured = self.state(gpu).divergence;
        self.points.state.write(gpu, 0, &[before]);
        measured
    }

    /// True if all rows are alike: then all points are in one place, and the divergence is 0.
    pub fn all_alike(&self, gpu: &Gpu) -> bool {
        self.rows.summary.read(gpu)[0].differs == 0
    }

    /// Divergences of the iterations in `range`, of the last 1024.
    pub fn divergences(&self, gpu: &Gpu, range: Range<u32>) -> Vec<f32> {
        let ring = self.points.history.read(gpu);
        let entry = |i: u32| ring[i as usize % HISTORY];
        range.filter(|i| entry(*i).iteration == *i).map(|i| entry(i).value).collect()
    }

    /// Positions of all rows; NaN for those left out.
    pub fn read_positions(&self, gpu: &Gpu) -> Vec<[f32; 2]> {
        let flags = self.rows.flags.read(gpu);
        let mut positions = self.points.positions.read(gpu);
        positions.truncate(self.rows.count);
        for (position, flag) in positions.iter_mut().zip(flags) {
            if flag & LEFT_OUT == LEFT_OUT {
                *position = [f32::NAN; 2];
            }
        }
        positions
    }

    /// Rows that are left out because a value is not finite.
    pub fn left_out(&self, gpu: &Gpu) -> Vec<usize> {
        let flags = self.rows.flags.read(gpu);
        (0..self.rows.count).filter(|i| flags[*i] & LEFT_OUT == LEFT_OUT).collect()
    }

    /// Velocity and gain of each coordinate.
    pub fn read_velocity_gains(&self, gpu: &Gpu) -> Vec<[f32; 4]> {
        self.points.velocity_gains.read(gpu)
    }

    /// Conditional probabilities, [`Tsne::neighbors`] a row, in the order of [`Tsne::read_neighbors`]; there until the first iteration or
    /// measurement, which work in their memory.
    pub fn read_conditional(&self, gpu: &Gpu) -> Vec<f32> {
        self.affinities.read_conditional(gpu)
    }

    /// Joint probabilities, row by row: the other row and the probability.
    pub fn read_affinities(&self, gpu: &Gpu) -> Vec<Vec<(u32, f32)>> {
        self.affinities.read(gpu)
    }

    /// Nearest neighbors of every row, [`Tsne::neighbors`] each, by index; `u32::MAX` past the last.
    pub fn read_neighbors(&self, gpu: &Gpu) -> Vec<u32> {
        self.affinities.read_neighbors(gpu)
    }

    /// Rows of the neighbor search: scaled, centered, and projected where that was asked for.
    pub fn read_searched_rows(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        self.searched.read(gpu)
    }
}
