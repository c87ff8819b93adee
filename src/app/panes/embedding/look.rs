//! The user's view of a layout: pan, zoom, size and colors of points.

use egui::Vec2;

use crate::view::{ColorBy, GroupMask, Picked};

/// A layout as the pane shows it.
#[derive(Default)]
pub(crate) struct View {
    /// Pan, zoom, size and colors.
    pub look: Look,
    /// Row under the pointer and map between pixels and positions, a few frames old.
    pub picked: Option<Picked>,
}

/// Pan, zoom, size and colors of a layout.
pub(crate) struct Look {
    /// Shift of the center, in points of the interface.
    pub pan: Vec2,
    /// Magnification; at 1 the whole layout fits.
    pub zoom: f32,
    /// Factor of the size of dots and tiles.
    pub size: f32,
    /// Indices beside tiles.
    pub labels: bool,
    /// Property that colors stand for.
    pub color_by: ColorBy,
    /// GroupMask groups by class, prediction and error.
    pub hidden: [GroupMask; 3],
    /// Points in the cells of a grid.
    pub grid: bool,
    /// Large chart of the KL divergence.
    pub chart: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            pan: Vec2::ZERO,
            zoom: 1.0,
            size: 1.0,
            labels: true,
            color_by: ColorBy::Class,
            hidden: Default::default(),
            grid: false,
            chart: false,
        }
    }
}

impl Look {
    /// Fits the whole layout.
    pub(crate) fn fit(&mut self) {
        (self.pan, self.zoom) = (Vec2::ZERO, 1.0);
    }
}
