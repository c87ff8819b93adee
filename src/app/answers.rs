//! The network's answer to an image: its three likeliest classes, as words and as bars; and small images in a row.

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Color32, FontId, Pos2, Rect, Ui, Vec2};

use super::format::percent;
use super::pane::Cx;
use super::theme;
use super::tile_set::TileSetId;
use crate::nn::TopK;
use crate::session::{Gallery, Session};
use crate::view::{Style, TileSet};

/// Height of a class with its bar, in points.
pub(crate) const BAR_ROW: f32 = 18.0;
/// Room for a share, such as `100 %`, in points.
const SHARE: f32 = 30.0;

/// Name of a class.
pub(crate) fn class_name(session: &Session, class: usize) -> &str {
    session.class_names().get(class).map_or("?", String::as_str)
}

/// Number and name of a class; once where they are the same.
pub(crate) fn numbered_class(session: &Session, class: usize) -> String {
    let name = class_name(session, class);
    if name == class.to_string() { name.to_owned() } else { format!("{class} {name}") }
}

/// The likeliest classes in words: `4: 87 %, 9: 10 %, 7: 2 %`.
pub(crate) fn answer_words(session: &Session, best: &TopK) -> String {
    let words = best
        .classes()
        .map(|(class, share)| format!("{}: {:.0} %", class_name(session, class), 100.0 * share));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "no answer: its outputs are not finite".to_owned() } else { words.join(", ") }
}

/// A text in one line, shortened where it is wider than `width`.
pub(crate) fn line_ui(ui: &Ui, at: Pos2, width: f32, text: &str, color: Color32) {
    let format = TextFormat::simple(FontId::proportional(11.0), color);
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap = TextWrapping::truncate_at_width(width.max(8.0));
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(at, galley, color);
}

/// The likeliest classes as bars in a rectangle, as many as fit, that of the image in the accent color.
pub(crate) fn bars_ui(ui: &Ui, rect: Rect, session: &Session, best: Option<&TopK>, class: Option<usize>) {
    let Some(best) = best else { return line_ui(ui, rect.min, rect.width(), "…", theme::muted()) };
    if best.first == TopK::NONE {
        return line_ui(ui, rect.min, rect.width(), "not finite", theme::fault());
    }
    let rows = ((rect.height() / BAR_ROW) as usize).max(1);
    for (row, (of, share)) in best.classes().take(rows).enumerate() {
        let top = rect.top() + row as f32 * BAR_ROW;
        let color = if class == Some(of) { theme::accent() } else { theme::text() };
        line_ui(ui, Pos2::new(rect.left(), top), rect.width() - SHARE - 4.0, class_name(session, of), color);
        let text = format!("{:.0} %", 100.0 * share);
        let right = Pos2::new(rect.right(), top);
        ui.painter().text(right, Align2::RIGHT_TOP, text, FontId::proportional(11.0), theme::text());
        let line = Rect::from_min_size(Pos2::new(rect.left(), top + 14.0), Vec2::new(rect.width(), 2.5));
        ui.painter().rect_filled(line, 1.0, theme::line());
        let share = share.clamp(0.0, 1.0) * line.width();
        let color = if class == Some(of) { theme::accent() } else { theme::second() };
        ui.painter().rect_filled(Rect::from_min_size(line.min, Vec2::new(share, 2.5)), 1.0, color);
    }
}

/// Draws images of a gallery, each given by its place in it and its rectangle.
pub(crate) fn images_ui(
    ui: &Ui,
    cx: &mut Cx<'_, '_>,
    set: TileSetId,
    gallery: &Gallery,
    places: &[(usize, Rect)],
) {
    let Some(view) = gallery.view().cloned() else { return };
    let declared = cx.frame.declare(set, &TileSet { view, style: Style::Rgb });
    if declared.is_err() {
        return cx.report(declared);
    }
    let mark = cx.frame.begin();
    for (tile, rect) in places.iter().filter(|(tile, _)| *tile < gallery.numbers().len()) {
        cx.frame.place(ui, set, *tile as u32, *rect);
    }
    cx.frame.paint(ui, ui.clip_rect(), mark);
}

/// The largest rectangle in the middle of `room` with the proportions of the network's input.
pub(crate) fn image_rect(session: &Session, room: Rect) -> Rect {
    let input = session.trainer().network.input;
    let (width, height) = (input.width as f32, input.height as f32);
    let scale = (room.width() / width).min(room.height() / height);
    Rect::from_center_size(room.center(), Vec2::new(width, height) * scale)
}

/// The share of right answers in words.
pub(crate) fn share_words(right: usize, all: usize) -> String {
    if all == 0 { "–".to_owned() } else { percent(right as f64 / all as f64) }
}

/// A frame around a widget that has the keyboard or is chosen.
pub(crate) fn outline(ui: &Ui, rect: Rect, response: &egui::Response, chosen: bool) {
    let (width, color) = match (chosen, response.has_focus(), response.hovered()) {
        (_, true, _) => (2.0, theme::second()),
        (true, ..) => (2.0, theme::accent()),
        (_, _, true) => (1.0, theme::muted()),
        _ => (1.0, theme::line()),
    };
    ui.painter().rect_stroke(rect, 4.0, (width, color), egui::StrokeKind::Inside);
}
