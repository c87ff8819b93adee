//! Pictures of [`TensorView`](crate::gpu::TensorView)s, drawn on the GPU from the buffers that training writes.
//!
//! This module knows of tiles and pixels, not of networks.

mod color_map;
mod scatter;
mod stats;
mod tiles;

pub use color_map::{CLASS_COLORS, class_color, diverging};
pub use scatter::{Part, Picked, Placement, ScatterSet, Scatters};
pub use stats::{TileStats, tile_stats_twin};
pub use tiles::{Placed, Rect, Style, TileSet, Tiles};
