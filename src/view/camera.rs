//! A layout as shaders see it: the camera, for compute shaders, and the style, for render pipelines.

use glam::Vec2;

use super::picked::NONE;
use super::placement::Placement;
use crate::params;

params! {
    /// The view of a layout, in pixels.
    pub(super) struct Camera {
        /// Upper left corner of the rectangle.
        origin: Vec2,
        /// Width and height of the rectangle.
        size: Vec2,
        /// Shift of the layout's center.
        pan: Vec2,
        /// Pointer position, far away where there is none.
        pointer: Vec2,
        /// Half the width and height around a point in which the pointer hits it.
        reach: Vec2,
        /// Magnification.
        zoom: f32,
        /// Room around the points.
        margin: f32,
        /// Radius of the largest disc.
        disc: f32,
        /// Not 0: the fit stays as it is.
        hold: u32,
        /// Side of a dot in the pixel buffer.
        splat_side: u32,
        /// The highlighted point, or all bits set.
        marked: u32,
        /// Group of a point. 0: its class; 1: its prediction; 2: correctness of the prediction.
        color_by: u32,
        /// Width of the pixel buffer.
        columns: u32,
        /// Height of the pixel buffer.
        rows: u32,
        /// Share of the way from the layout to the grid, from 0 to 1.
        spread: f32,
        /// Bit g: points of group g are hidden.
        hidden: [u32; 8],
    }
}

params! {
    /// The style of a layout's points, in pixels.
    pub(super) struct PointStyleUniform {
        /// Width and height of the target.
        screen: Vec2,
        /// Offset from a point's center to its label's upper right corner.
        label: Vec2,
        /// Half the width and height of a tile.
        half_tile: Vec2,
        /// Upper left corner of the pixel buffer's rectangle.
        origin: Vec2,
        /// Width and height of the pixel buffer's rectangle.
        size: Vec2,
        /// Side of a dot of the label's font.
        font_pixel: f32,
        /// The highlighted point, or all bits set.
        marked: u32,
        /// Radius of a dot.
        dot_radius: f32,
        /// Width of the pixel buffer.
        columns: u32,
        /// Not 0: points that are not selected are dimmed.
        dim_unselected: u32,
        /// Not 0: tiles are framed in the colors of their groups.
        has_classes: u32,
        /// Binary logarithm of the share of the background that shines through a single dot.
        fade: f32,
        padding: u32,
    }
}

impl Camera {
    /// The camera of a placement.
    pub(super) fn new(placement: &Placement) -> Self {
        let Placement { rectangle, pan, zoom, pointer, hold, scale, spread, style } = *placement;
        let half = if style.tiles { style.tile / 2.0 } else { Vec2::splat(style.dot / 2.0) };
        let [columns, rows] = rectangle.pixels();
        Self {
            origin: rectangle.min(),
            size: rectangle.size(),
            pan,
            pointer: pointer.unwrap_or(Vec2::splat(-1e7)),
            reach: half.max(Vec2::splat(4.0 * scale)),
            zoom,
            margin: placement.disc_radius(),
            disc: placement.disc_radius(),
            hold: u32::from(hold),
            splat_side: style.splat_side(),
            marked: style.marked.unwrap_or(NONE),
            color_by: style.color_by as u32,
            columns,
            rows,
            spread: spread.map_or(0.0, |(_, share)| share),
            hidden: style.hidden.0,
        }
    }
}

impl PointStyleUniform {
    /// The style of a placement on a target of `screen` pixels.
    pub(super) fn new(placement: &Placement, screen: Vec2, has_classes: bool) -> Self {
        let Placement { rectangle, scale, style, .. } = *placement;
        let half = style.tile / 2.0;
        let [columns, rows] = rectangle.pixels();
        Self {
            screen,
            label: half - Vec2::new(0.0, 6.0 * scale),
            half_tile: half,
            origin: rectangle.min().floor(),
            size: Vec2::new(columns as f32, rows as f32),
            // Larger digits where there is room for them.
            font_pixel: if half.x > 15.0 * scale { 2.0 * scale } else { scale }.round().max(1.0),
            marked: style.marked.unwrap_or(NONE),
            dot_radius: style.dot / 2.0,
            columns,
            dim_unselected: u32::from(style.dim_unselected),
            has_classes: u32::from(has_classes),
            // A single small dot is faint, so that density shows; a large one is nearly opaque.
            fade: if style.splat_side() == 1 { 0.4_f32 } else { 0.15 }.log2(),
            padding: 0,
        }
    }
}
