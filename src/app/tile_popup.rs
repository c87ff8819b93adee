//! A tile enlarged beside the pointer, and its statistics.

use egui::{Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::format::short;
use super::frame::Frame;
use super::selection::Selection;
use super::tensor_kinds::missing;
use super::theme;
use super::tile_set::{TileId, TileSetId};
use crate::session::{Session, TensorKind};

/// Longer side of the enlarged tile, in points.
const ENLARGED: f32 = 220.0;
/// Room for the text under the tile, in points.
const TEXT_HEIGHT: f32 = 110.0;
/// Distance from the pointer, in points.
const DISTANCE: f32 = 24.0;

/// An enlarged tile.
pub(crate) struct Enlarged {
    /// Position of the pointer.
    pub pointer: Pos2,
    /// Set of the tile.
    pub set: TileSetId,
    /// Index of the tile.
    pub tile: u32,
    /// Rows and columns of the tile in texels.
    pub texels: [u32; 2],
}

/// Draws an enlarged tile with a text under it; an open menu is not covered.
pub(crate) fn enlarged_ui(ui: &Ui, frame: &mut Frame<'_>, enlarged: &Enlarged, text: impl FnOnce(&mut Ui)) {
    if egui::Popup::is_any_open(ui.ctx()) {
        return;
    }
    let [rows, columns] = enlarged.texels;
    let scale = ENLARGED / rows.max(columns) as f32;
    let size = Vec2::new(columns as f32, rows as f32) * scale;
    egui::Area::new(egui::Id::unique("enlarged"))
        .order(egui::Order::Tooltip)
        .fixed_pos(corner(ui.ctx().content_rect(), enlarged.pointer, size))
        .interactable(false)
        .show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).show(ui, |ui| {
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                let mark = frame.begin();
                frame.place(ui, enlarged.set, enlarged.tile, rect);
                frame.paint(ui, rect, mark);
                text(ui);
            });
        });
}

/// Upper left corner of a popup around a tile of `size`: right of the pointer, or left of it at the screen's edge.
fn corner(screen: Rect, pointer: Pos2, size: Vec2) -> Pos2 {
    let total = Vec2::new(size.x.max(200.0) + 24.0, size.y + TEXT_HEIGHT);
    let right = pointer.x + DISTANCE;
    let x = if right + total.x > screen.right() { pointer.x - DISTANCE - total.x } else { right };
    let y = (pointer.y - total.y / 2.0).clamp(screen.top(), (screen.bottom() - total.y).max(screen.top()));
    Pos2::new(x, y)
}

/// Minimum, maximum, mean and standard deviation of a tile of a node's tensor, or why it has no values.
pub(crate) fn statistics_ui(
    ui: &mut Ui,
    grid: &str,
    (session, selection): (&Session, &Selection),
    (tile, kind): (TileId, TensorKind),
) {
    if let Some(words) = missing(session, tile.node, kind) {
        ui.label(RichText::new(words).small().color(theme::muted()));
        return;
    }
    let statistics = selection.statistics(tile);
    egui::Grid::new(grid).num_columns(4).spacing([10.0, 2.0]).show(ui, |ui| {
        for (index, name) in ["min", "max", "mean", "std"].into_iter().enumerate() {
            ui.label(RichText::new(name).small().color(theme::muted()));
            ui.monospace(statistics.map_or("…".to_owned(), |values| short(f64::from(values[index]))));
            if index % 2 == 1 {
                ui.end_row();
            }
        }
    });
}
