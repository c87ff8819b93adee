//! A layout's place and style in one frame. Lengths are in physical pixels.

use glam::Vec2;

use super::grid::Grid;
use super::groups::{ColorBy, GroupMask};
use super::rect::Rect;

/// Radius of the largest disc beyond half a tile, per pixel of the scale.
pub(crate) const DISC: f32 = 14.0;
/// Side of the largest dot that is written into the pixel buffer.
const MAX_SPLAT: f32 = 16.0;

/// A layout's place in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Visible rectangle; the whole layout fits into it at zoom 1.
    pub rectangle: Rect,
    /// Shift of the layout's center from the rectangle's.
    pub pan: Vec2,
    /// Magnification, 1 or more to see the layout larger than the rectangle.
    pub zoom: f32,
    /// Pointer position, when it is over the layout.
    pub pointer: Option<Vec2>,
    /// Keeps the last frame's fit while points move.
    pub hold: bool,
    /// Physical pixels per point of the interface.
    pub scale: f32,
    /// Grid onto which the points are spread, and the share of the way there, from 0 to 1.
    pub spread: Option<(Grid, f32)>,
    /// Style of the points.
    pub style: PointStyle,
}

/// Style of a layout's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointStyle {
    /// Width and height of a tile.
    pub tile: Vec2,
    /// Diameter of a dot.
    pub dot: f32,
    /// Draws tiles as well as dots.
    pub tiles: bool,
    /// The property that colors stand for.
    pub color_by: ColorBy,
    /// Groups that are hidden.
    pub hidden: GroupMask,
    /// Highlighted point.
    pub marked: Option<u32>,
    /// Dims the points that are not selected.
    pub dim_unselected: bool,
}

impl Default for PointStyle {
    /// Dots of 4 pixels in the colors of their classes.
    fn default() -> Self {
        Self {
            tile: Vec2::splat(4.0),
            dot: 4.0,
            tiles: false,
            color_by: ColorBy::Class,
            hidden: GroupMask::default(),
            marked: None,
            dim_unselected: false,
        }
    }
}

impl Placement {
    /// A layout fitted into a rectangle, in the default style.
    pub fn new(rectangle: Rect) -> Self {
        Self {
            rectangle,
            pan: Vec2::ZERO,
            zoom: 1.0,
            pointer: None,
            hold: false,
            scale: 1.0,
            spread: None,
            style: PointStyle::default(),
        }
    }

    /// Radius of the largest disc, and the room that is left around the points.
    pub(super) fn disc_radius(&self) -> f32 {
        self.style.tile.max_element() / 2.0 + DISC * self.scale
    }
}

impl PointStyle {
    /// Side of a dot in the pixel buffer.
    pub(super) fn splat_side(&self) -> u32 {
        self.dot.round().clamp(1.0, MAX_SPLAT) as u32
    }
}
