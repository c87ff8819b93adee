//! Pictures of [`TensorView`](crate::gpu::TensorView)s, drawn on the GPU from the buffers that training writes.
//!
//! This module knows of tiles and pixels, not of networks.

mod color_map;
mod stats;
mod tiles;

pub use color_map::diverging;
pub use stats::{TileStats, tile_stats_twin};
pub use tiles::{ALL_CHANNELS, Placed, Rect, Style, TileSet, Tiles};
