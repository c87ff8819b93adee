//! The visible points of a layout, as the GPU lists them.

use glam::Vec2;

use crate::gpu::{Buffer, BufferRange, Params as _};
use crate::params;

params! {
    /// A point on the screen.
    pub struct ScreenPoint {
        /// Pixel of its center.
        pixel: Vec2,
        /// Radius of its disc in pixels.
        radius: f32,
        /// Bits 0 to 2: not drawn, pinned, selected; then its group.
        state: u32,
    }
}

params! {
    /// A list of points, as long as its buffer.
    pub(super) struct PointList {
        /// Number of points that belong in the list.
        count: u32,
        /// The first indices, in ascending order.
        indices: [u32; 1],
    }
}

/// A list in a range of a buffer.
pub(super) fn list_in(range: BufferRange) -> BufferRange {
    BufferRange { element: Some(PointList::DEF), ..range }
}

/// The points of a layout and the list of visible ones.
#[derive(Clone, Copy)]
pub struct ListedPoints<'a> {
    /// Every point of the layout.
    pub points: &'a Buffer<ScreenPoint>,
    /// The number of visible points, then the indices of the first [`MAX_LISTED`](super::MAX_LISTED) of them.
    pub list: &'a Buffer<u32>,
}

impl ListedPoints<'_> {
    /// Room for indices in the list.
    pub(super) fn max_listed(&self) -> u32 {
        self.list.len() as u32 - 1
    }

    /// The buffers, by their names in shaders.
    pub(super) fn bindings(&self) -> [(&'static str, BufferRange); 2] {
        [("points", self.points.range()), ("list", list_in(self.list.range()))]
    }
}
