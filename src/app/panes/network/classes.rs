//! The last column of the Network pane: a bar of probability per class, the true class in the accent color.

use egui::{Align2, FontId, Rect, Sense, Ui, Vec2};

use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::view::{Style, TileSet};

/// Largest height of a class's row, in points.
const MAX_ROW: f32 = 30.0;

/// Names of the classes with their probabilities; bars only with `pictures`.
pub(crate) fn classes_ui(ui: &mut Ui, head: Rect, body: Rect, cx: &mut Cx<'_, '_>, pictures: bool) {
    let painter = ui.painter().clone();
    let title = FontId::proportional(13.0);
    painter.text(head.center_top(), Align2::CENTER_TOP, "classes", title, theme::TEXT);
    let set = TileSet { view: cx.session.probabilities(), style: Style::Bar };
    let declared = cx.frame.declare(TileSetId::Classes, &set);
    if declared.is_err() {
        return cx.report(declared);
    }
    let names = cx.session.class_names();
    let (_, label) = cx.session.probe();
    let height = (body.height() / names.len() as f32).min(MAX_ROW);
    let bar = |class: usize| {
        let corner = egui::pos2(body.left(), body.top() + class as f32 * height + height * 0.58);
        Rect::from_min_size(corner, Vec2::new(body.width(), height * 0.26))
    };
    let mark = cx.frame.begin();
    for class in (0..names.len()).filter(|_| pictures) {
        cx.frame.place(ui, TileSetId::Classes, class as u32, bar(class));
    }
    cx.frame.paint(ui, body.intersect(ui.clip_rect()), mark);
    let font = FontId::proportional((height * 0.42).clamp(7.0, 11.5));
    let clipped = painter.with_clip_rect(body.expand2(Vec2::new(2.0, 6.0)));
    for (class, name) in names.iter().enumerate() {
        let color = if class == label { theme::ACCENT } else { theme::MUTED };
        let corner = egui::pos2(body.left(), bar(class).top() - 1.0);
        clipped.text(corner, Align2::LEFT_BOTTOM, name, font.clone(), color);
    }
    let response = ui.interact(body, ui.scope_id().with("classes"), Sense::hover());
    response
        .on_hover_text(format!("Probability of each class, from 0 to 1. The probe is a {}.", names[label]));
}
