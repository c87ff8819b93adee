//! Pictures of [`TensorView`](crate::gpu::TensorView)s and of layouts, drawn on the GPU from the buffers that training writes.
//!
//! This module draws tiles and points into pixels; it does not know networks.

mod camera;
mod color_map;
mod fill;
pub mod flow;
mod groups;
mod lasso;
mod listed;
mod picked;
mod placement;
mod projection;
mod rect;
mod scatter;
mod scatter_set;
mod selection;
mod stats;
mod tile_set;
mod tiles;
pub mod twin;
mod uniform;

pub use color_map::{CLASS_COLORS, DIVERGING_KNOTS, RIGHT_WRONG, UNKNOWN, class_color, diverging};
pub use fill::Fills;
pub use groups::{ColorBy, GroupMask};
pub use lasso::Lasso;
pub use listed::{ListedPoints, ScreenPoint};
pub use picked::{MAX_POINTS, PickRecord, Picked};
pub use placement::{Placement, PointStyle};
pub use projection::MAX_LISTED;
pub use rect::Rect;
pub use scatter::{PointPrimitive, Scatters};
pub use scatter_set::ScatterSet;
pub use selection::{MAX_SELECTED, SelectionRecord, SelectionSummary};
pub use stats::{SetStats, TileStats, ValueStats};
pub use tile_set::{Style, TileSet};
pub use tiles::{Placed, Tiles};
