//! Tiles of maps in a window: their places, the pixel pointed at, and frames around pixels.

use egui::{Pos2, Rect, Ui, Vec2};

use crate::app::theme;
use crate::gpu::TensorView;
use crate::nn::Pixels;

/// The largest rectangle of this many rows and columns of texels in a square cell, centered.
pub(super) fn fitted(cell: Rect, [rows, columns]: [u32; 2]) -> Rect {
    let scale = cell.width() / rows.max(columns).max(1) as f32;
    // A value alone needs no large tile.
    let scale = scale.min(24.0);
    Rect::from_center_size(cell.center(), Vec2::new(columns as f32, rows as f32) * scale)
}

/// The position of a pointer that moves or clicks; a resting one leaves the choice to the keyboard.
pub(super) fn pointed(ui: &Ui, response: &egui::Response) -> Option<Pos2> {
    let moves = ui.input(|i| i.pointer.delta() != Vec2::ZERO);
    response.hover_pos().filter(|_| moves || response.clicked())
}

/// Row and column of the pixel at a position of a tile.
pub(super) fn pixel_at(at: Pos2, rect: Rect, view: &TensorView) -> Option<[u32; 2]> {
    let share = (at - rect.min) / rect.size();
    let pixel = |share: f32, count: u32| ((share * count as f32) as u32).min(count - 1);
    rect.contains(at).then(|| [pixel(share.y, view.height()), pixel(share.x, view.width())])
}

/// Frames a rectangle of pixels of a tile that has `height × width` of them.
pub(super) fn frame_ui(ui: &Ui, tile: Rect, [height, width]: [usize; 2], field: &Pixels) {
    let scale = tile.size() / Vec2::new(width as f32, height as f32);
    let corner = |y: usize, x: usize| tile.min + Vec2::new(x as f32, y as f32) * scale;
    let rect = Rect::from_min_max(corner(field[0].start, field[1].start), corner(field[0].end, field[1].end));
    let kind = egui::StrokeKind::Outside;
    ui.painter().rect_stroke(rect.expand(1.0), 0.0, egui::Stroke::new(1.0, theme::ground()), kind);
    ui.painter().rect_stroke(rect, 0.0, egui::Stroke::new(1.0, theme::third()), kind);
}
