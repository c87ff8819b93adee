//! The strip of probes: a card each, with the likeliest classes; a click pins it.

use egui::{Pos2, Rect, ScrollArea, Sense, Ui, Vec2};

use crate::app::answers::{answer_words, bars_ui, class_name, image_rect, images_ui, line_ui, outline};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::session::{Inspect, Probe, ProbeChange, Session};

/// Width and height of a card, in points.
const CARD: Vec2 = Vec2::new(154.0, 84.0);
/// Room of the image in it, in points.
const IMAGE: f32 = 54.0;

/// The cards; nothing without probes.
pub(super) fn strip_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let probes = session.inspection().probes();
    if probes.is_empty() {
        return;
    }
    let pinned = probes.pinned().map(|probe| probe.id);
    ScrollArea::horizontal().id_salt("probes").auto_shrink([false, true]).show(ui, |ui| {
        ui.horizontal(|ui| {
            let mut places = Vec::new();
            // The last one that was added stands first.
            for (index, probe) in probes.iter().enumerate().rev() {
                let (rect, response) = ui.allocate_exact_size(CARD, Sense::click());
                if index + 1 == probes.len() {
                    cx.mark("first probe", &response);
                }
                let words = words(session, probe);
                response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, words.clone()));
                if !ui.is_rect_visible(rect) {
                    continue;
                }
                ui.painter().rect_filled(rect, 4.0, theme::ground());
                places.push((index, card_ui(ui, rect, session, probe)));
                outline(ui, rect, &response, pinned == Some(probe.id));
                if response.clicked() {
                    let pins = pinned != Some(probe.id);
                    cx.send(Inspect::from(if pins {
                        ProbeChange::Pin(probe.id)
                    } else {
                        ProbeChange::Unpin
                    }));
                }
                response.on_hover_text(format!("{words}\na click shows its maps in the Network pane"));
            }
            images_ui(ui, cx, TileSetId::Gallery(0), session.inspection().probe_images(), &places);
        });
    });
}

/// Name, answer and class in words.
fn words(session: &Session, probe: &Probe) -> String {
    let class = probe.class.map(|class| format!(", is {}", class_name(session, usize::from(class))));
    let answer = session.inspection().answer(probe.id);
    let answer = answer.map(|best| format!(": {}", answer_words(session, best)));
    format!("{}{}{}", probe.name, class.unwrap_or_default(), answer.unwrap_or_default())
}

/// A card without its image, whose rectangle is returned.
fn card_ui(ui: &Ui, rect: Rect, session: &Session, probe: &Probe) -> Rect {
    let inner = rect.shrink(6.0);
    let answer = session.inspection().answer(probe.id);
    let class = probe.class.map(usize::from);
    let judged = answer.zip(class).map(|(best, class)| best.first as usize == class);
    let (mark, color) = match judged {
        Some(true) => ("right  ", theme::third()),
        Some(false) => ("wrong  ", theme::fault()),
        None => ("", theme::muted()),
    };
    line_ui(ui, inner.min, inner.width(), &format!("{mark}{}", probe.name), color);
    let top = inner.top() + 17.0;
    let room =
        Rect::from_min_max(Pos2::new(inner.left(), top), Pos2::new(inner.left() + IMAGE, inner.bottom()));
    let bars = Rect::from_min_max(Pos2::new(room.right() + 8.0, top), inner.max);
    bars_ui(ui, bars, session, answer, class);
    image_rect(session, room)
}
