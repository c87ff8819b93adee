//! Buffers that a layout keeps from one iteration to the next.

use super::settings::{Settings, State};
use crate::embed::scratch::{Role, Scratch};
use crate::gpu::{Buffer, BufferRange, Gpu};
use crate::params;

/// Entries of the ring of divergences.
pub(super) const HISTORY: usize = 1024;

params! {
    /// Entry of the ring of divergences.
    pub(super) struct Divergence {
        /// Iteration.
        iteration: u32,
        /// Kullback-Leibler divergence before its step.
        value: f32,
    }
}

params! {
    /// A point to move, from the CPU.
    pub(super) struct Pin {
        /// Row.
        row: u32,
        /// Position.
        x: f32,
        /// Position.
        y: f32,
        /// 1: the point stays there.
        held: u32,
    }
}

/// The points of a layout.
pub(super) struct Points {
    /// `[i]`, padded; points that are left out are at 1e15.
    pub positions: Buffer<[f32; 2]>,
    /// `[i]`: velocity and gain of each coordinate.
    pub velocity_gains: Buffer<[f32; 4]>,
    /// Ring of the divergences of the last iterations.
    pub history: Buffer<Divergence>,
    pub state: Buffer<State>,
    pub settings: Buffer<Settings>,
    pub pin: Buffer<Pin>,
    /// `[i]`: coordinates along the two principal components.
    pub components: Buffer<[f32; 2]>,
    /// `[i]`: `(x, y, Σ p ln(1 + d²), Σ p)`.
    pub attraction: BufferRange,
    /// `[block, 2]`.
    pub block_sums: Buffer<[f32; 8]>,
}

impl Points {
    /// `count` points, padded to `stride`, summed in `blocks`; what only an iteration needs lies in `scratch` as far as that goes.
    pub(super) fn new(gpu: &Gpu, [count, stride, blocks]: [usize; 3], scratch: &mut Scratch) -> Self {
        Self {
            positions: Buffer::zeroed(gpu, "positions", stride),
            velocity_gains: Buffer::zeroed(gpu, "velocities and gains", count),
            history: Buffer::zeroed(gpu, "divergences", HISTORY),
            state: Buffer::zeroed(gpu, "state", 1),
            settings: Buffer::zeroed(gpu, "settings", 1),
            pin: Buffer::zeroed(gpu, "pin", 1),
            components: Buffer::zeroed(gpu, "components", count),
            attraction: scratch.take(gpu, Role::Result, "attraction", 4 * count),
            block_sums: Buffer::zeroed(gpu, "sums of blocks", blocks),
        }
    }

    /// Buffers that another layout of as many rows goes on from.
    pub(super) fn kept(&self) -> [BufferRange; 4] {
        let [history, state] = self.progress();
        [self.positions.range(), self.velocity_gains.range(), history, state]
    }

    /// The part of them that is of no single row.
    pub(super) fn progress(&self) -> [BufferRange; 2] {
        [self.history.range(), self.state.range()]
    }
}
