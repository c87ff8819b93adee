//! Pictures of [`TensorView`](crate::gpu::TensorView)s, drawn on the GPU from the buffers that training writes.
//!
//! This module knows of tiles and pixels, not of networks.

mod color_map;
mod placement;
mod projection;
mod scatter;
mod selection;
mod stats;
mod tiles;

pub use color_map::{CLASS_COLORS, RIGHT_WRONG, UNKNOWN, class_color, diverging};
pub use placement::{ColourBy, Hidden, MOST_POINTS, Picked, Placement};
pub use projection::MOST_LISTED;
pub use scatter::{Part, ScatterSet, Scatters};
pub use selection::{Chosen, Lasso, MOST_CHOSEN};
pub use stats::{TileStats, tile_stats_twin};
pub use tiles::{Placed, Rect, Style, TileSet, Tiles};
