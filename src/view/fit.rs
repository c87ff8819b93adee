//! The fit of a layout's points into its rectangle, as shaders write it.

use glam::Vec2;

use crate::params;

params! {
    /// The fit of a layout into its rectangle.
    pub(super) struct Fit {
        /// Position at the rectangle's center before panning.
        center: Vec2,
        /// Pixels per unit of position at zoom 1.
        scale: f32,
        /// Largest change of all points.
        largest_change: f32,
    }
}

params! {
    /// The fit of a part of the points.
    pub(super) struct FitPart {
        /// Minimum x and y; then maximum x and y with their signs turned.
        bounds: [f32; 4],
        /// Largest change.
        largest_change: f32,
        padding: f32,
        padding_2: Vec2,
    }
}
