//! Pictures of [`TensorView`](crate::gpu::TensorView)s and of layouts, drawn on the GPU from the buffers that training writes.
//!
//! This module draws tiles and points into pixels; it does not know networks.

mod camera;
mod color_map;
mod fill;
mod fit;
pub mod flow;
mod grid;
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
mod spread;
mod stats;
mod tile_set;
mod tiles;
pub mod twin;
mod uniform;

pub use color_map::{DIVERGING_KNOTS, Palette, Rgb, Theme};
pub use fill::Fills;
pub use grid::Grid;
pub use groups::{ColorBy, GroupMask};
pub use lasso::Lasso;
pub use listed::{ListedPoints, ScreenPoint};
pub use picked::{MAX_POINTS, PickRecord, Picked};
#[cfg(feature = "app")]
pub(crate) use placement::DISC;
pub use placement::{Placement, PointStyle};
pub use projection::MAX_LISTED;
pub use rect::Rect;
pub use scatter::{PointPrimitive, Scatters};
pub use scatter_set::ScatterSet;
pub use selection::{MAX_SELECTED, SelectionRecord, SelectionSummary};
pub use spread::MAX_SPREAD;
pub use stats::{SetStats, TileStats, ValueStats};
pub use tile_set::{Style, TileSet};
pub use tiles::{Placed, Tiles};
