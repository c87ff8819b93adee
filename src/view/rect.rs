//! A rectangle on the screen.

use bytemuck::{Pod, Zeroable};
use glam::Vec2;

/// A rectangle in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// Upper left corner.
    pub fn min(&self) -> Vec2 {
        Vec2::new(self.x, self.y)
    }

    /// Width and height.
    pub fn size(&self) -> Vec2 {
        Vec2::new(self.width, self.height)
    }

    /// Center.
    pub fn center(&self) -> Vec2 {
        self.min() + self.size() / 2.0
    }

    /// Columns and rows of the pixel grid that the rectangle touches, at least one of each.
    pub fn pixels(&self) -> [u32; 2] {
        ((self.min() + self.size()).ceil() - self.min().floor()).max(Vec2::ONE).as_uvec2().into()
    }
}
