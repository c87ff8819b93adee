//! The mesh in use, as the shaders of the mesh and of its transforms share it.

use crate::params;

params! {
    /// The mesh in use.
    pub struct Grid {
        /// log2 of the length of the transforms; twice the nodes of a side.
        level: u32,
        /// Whether the kernels were made anew in the last iteration.
        rebuild: u32,
        /// Distance of nodes.
        spacing: f32,
        /// The middle of the points, halfway between two nodes.
        middle_x: f32,
        /// The middle of the points, halfway between two nodes.
        middle_y: f32,
        /// Width of the points.
        width: f32,
        /// The level that the kernels are for.
        kept: u32,
        /// Summands of Σ q̃.
        parts: u32,
    }
}
