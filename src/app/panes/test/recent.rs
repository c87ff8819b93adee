//! The running list of test images: right or wrong, what it is, and the three likeliest classes; and the accuracy of the last 200.

use egui::{Align2, FontId, Pos2, Rect, RichText, Sense, Ui, Vec2};

use crate::app::answers::{answer_words, class_name, image_rect, images_ui, line_ui, outline, share_words};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::session::{DataCommand, MAX_SHOWN, Recent, Session};

/// Height of a row, in points.
const ROW: f32 = 30.0;
/// Room for the judgement, in points.
const MARK: f32 = 40.0;

/// The list.
pub(super) fn recent_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let recent: Vec<Recent> = session.inspection().recent().copied().collect();
    let right = recent.iter().filter(|recent| recent.is_right()).count();
    ui.label(RichText::new("Test images as the training goes on").strong())
        .on_hover_text("Drawn from the test set, with the network as it is then; the last ones first");
    let text = format!("right: {} of the last {}", share_words(right, recent.len()), recent.len());
    let label = ui.label(RichText::new(text).color(theme::muted()));
    cx.mark("recent accuracy", &label);
    if recent.is_empty() {
        ui.weak("They come with the next step");
    }
    let mut places = Vec::new();
    for (index, recent) in recent.iter().take(MAX_SHOWN).enumerate() {
        let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::click());
        let verdict = if recent.is_right() { "right" } else { "wrong" };
        let is = class_name(session, usize::from(recent.class));
        let answer = answer_words(session, &recent.best);
        response.widget_info(|| {
            let words = format!("test image {}, {verdict}: is {is}, answer {answer}", recent.image);
            egui::WidgetInfo::labeled(egui::Role::Button, true, words)
        });
        if !ui.is_rect_visible(rect) {
            continue;
        }
        places.push((index, row_ui(ui, rect, session, recent, (verdict, &answer))));
        if response.hovered() || response.has_focus() {
            outline(ui, rect, &response, false);
        }
        if response.clicked() {
            cx.send(DataCommand::PinProbe(recent.image));
        }
        let text = format!(
            "test image {} at step {}: is {is}\n{answer}\na click makes it the probe",
            recent.image, recent.step
        );
        response.on_hover_text(text);
    }
    images_ui(ui, cx, TileSetId::Gallery(1), session.inspection().recent_images(), &places);
}

/// A row without its image, whose rectangle is returned.
fn row_ui(ui: &Ui, rect: Rect, session: &Session, recent: &Recent, (verdict, answer): (&str, &str)) -> Rect {
    let color = if recent.is_right() { theme::third() } else { theme::fault() };
    let room = Rect::from_min_size(rect.min + Vec2::new(2.0, 2.0), Vec2::splat(ROW - 4.0));
    let left = room.right() + 8.0;
    let middle = rect.center().y;
    let font = FontId::proportional(11.0);
    ui.painter().text(Pos2::new(left, middle), Align2::LEFT_CENTER, verdict, font, color);
    let (left, width) = (left + MARK, rect.right() - left - MARK - 4.0);
    let is = format!("is {}", class_name(session, usize::from(recent.class)));
    line_ui(ui, Pos2::new(left, middle - 14.0), width, &is, theme::accent());
    line_ui(ui, Pos2::new(left, middle), width, answer, theme::text());
    image_rect(session, room)
}
