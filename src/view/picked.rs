//! The point under the pointer and the fit of a layout, read back from the GPU.

use glam::Vec2;

use super::placement::Placement;
use crate::params;

/// Largest number of points that a pick can address.
pub const MAX_POINTS: u32 = 1 << 20;
/// No point.
pub(super) const NONE: u32 = u32::MAX;

params! {
    /// A layout's fit and pick as the GPU writes them.
    pub struct PickRecord {
        /// Position at the rectangle's center before panning.
        center: Vec2,
        /// Pixels per unit of position at zoom 1.
        scale: f32,
        /// Largest change of all points.
        largest_change: f32,
        /// Distance to the pointer in eighths of a pixel · 2²⁰ + index of the nearest point, or all bits set.
        key: u32,
        /// None.
        padding: u32,
    }
}

/// The point under the pointer, and the map between pixels and positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picked {
    /// Index of the point.
    pub index: Option<u32>,
    /// Position at the rectangle's center before panning.
    pub center: Vec2,
    /// Pixels per unit of position at zoom 1.
    pub scale: f32,
}

impl Picked {
    /// Bytes to read back.
    pub const BYTES: u64 = size_of::<PickRecord>() as u64;

    /// Decodes the bytes that were read back.
    pub fn read(bytes: &[u8]) -> Self {
        let record: PickRecord = bytemuck::pod_read_unaligned(bytes);
        let index = (record.key != NONE).then_some(record.key & (MAX_POINTS - 1));
        Self { index, center: record.center, scale: record.scale }
    }

    /// Pixel of a layout position.
    pub fn pixel(&self, position: [f32; 2], placement: &Placement) -> Vec2 {
        let away = (Vec2::from(position) - self.center) * self.scale * placement.zoom;
        placement.rectangle.center() + placement.pan + away
    }

    /// Layout position at a pixel.
    pub fn position(&self, pixel: impl Into<Vec2>, placement: &Placement) -> [f32; 2] {
        let away = pixel.into() - placement.rectangle.center() - placement.pan;
        (self.center + away / (self.scale * placement.zoom)).into()
    }
}
