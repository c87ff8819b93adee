//! Geometry of the repulsion's mesh, which the GPU chooses each iteration.

use crate::params;

params! {
    /// The mesh in use, shared with the shaders.
    pub struct Grid {
        /// log2 of the length of the transforms, twice the nodes of a side; 0 before the first iteration.
        level: u32,
        /// 1 where the last iteration rebuilt the kernel's transform.
        rebuild: u32,
        /// Distance between nodes.
        spacing: f32,
        /// Center, halfway between two nodes.
        center_x: f32,
        /// Center, halfway between two nodes.
        center_y: f32,
        /// Width of the points.
        width: f32,
        /// Level of the kernel's transform that the last whole iteration left; 0 before there is one.
        kept: u32,
        /// Partial sums of Σ q̃.
        parts: u32,
    }
}
