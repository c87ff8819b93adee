//! A layout under the pointer, for the gestures in it.

use egui::Ui;

use crate::session::Layout;
use crate::view::{Picked, Placement};

/// A layout under the pointer in this frame.
pub(crate) struct Target<'a> {
    /// The layout.
    pub layout: &'a Layout,
    /// Its place in the frame.
    pub placement: &'a Placement,
    /// Row under the pointer and map to positions, a few frames old.
    pub picked: Option<Picked>,
    /// Row under the pointer.
    pub row: Option<u32>,
}

impl Target<'_> {
    /// Position under the pointer, in the layout's coordinates.
    pub(crate) fn position(&self, ui: &Ui) -> Option<[f32; 2]> {
        let pointer = ui.input(|i| i.pointer.hover_pos())? * self.placement.scale;
        Some(self.picked?.position([pointer.x, pointer.y], self.placement))
    }
}
