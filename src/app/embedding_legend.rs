//! The legend of a layout of images or of all filters, whose words hide and show their points; and what is selected.

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Stroke, Ui, Vec2};

use super::theme;
use super::workbench::Workbench;
use crate::session::{Embedding, Session};
use crate::view::ColourBy;

/// Height of a line, in points.
const LINE: f32 = 15.0;
/// Classes that are named of what is selected, the most frequent first.
const MOST_NAMED: usize = 5;

/// What colours may tell, in words.
pub(super) const COLOURS: [(ColourBy, &str, &str); 3] = [
    (ColourBy::Class, "class", "Colours tell the class of an image"),
    (ColourBy::Prediction, "prediction", "Colours tell what the network takes an image for"),
    (ColourBy::Error, "error", "Colours tell which images the network gets wrong"),
];

/// The legend of images along the lower edge, and of any layout how much is selected along the upper edge.
pub(super) fn show(ui: &mut Ui, body: Rect, bench: &mut Workbench, session: &Session, id: u64) {
    let embedding = session.embeddings().iter().find(|e| e.id().0 == id);
    let of_images = embedding.is_some_and(|e| e.images().is_some());
    let filters = embedding.and_then(Embedding::filters);
    if filters.is_some() || (of_images && session.trainer().network.loss.has_classes()) {
        let names = filters.map_or(session.class_names(), |filters| &filters.names);
        legend(ui, body, bench, names, id);
    }
    selection(ui, body, bench, session, id);
}

fn rgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// The names of the groups in their colours, as many as fit in a third of the height.
fn legend(ui: &mut Ui, body: Rect, bench: &mut Workbench, groups: &[String], id: u64) {
    let Some(mut look) = bench.embedding.looks.get(&id).copied() else { return };
    let right_wrong = ["right".to_owned(), "wrong".to_owned()];
    let names = if look.colour == ColourBy::Error { &right_wrong[..] } else { groups };
    let painter = ui.painter_at(body.intersect(ui.clip_rect()));
    let font = FontId::proportional(11.0);
    let galleys: Vec<_> = names
        .iter()
        .map(|name| painter.layout_no_wrap(name.clone(), font.clone(), Color32::PLACEHOLDER))
        .collect();
    let places = flow(body, &galleys.iter().map(|galley| galley.size().x).collect::<Vec<_>>());
    let hidden = &mut look.hidden[look.colour as usize];
    for (group, (galley, rect)) in galleys.into_iter().zip(places).enumerate() {
        let response = ui.interact(rect, ui.scope_id().with(("group", id, group)), Sense::click());
        let is_hidden = hidden.has(group);
        response.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::CheckBox, true, !is_hidden, &names[group])
        });
        if group == 0 {
            bench.mark("first group", &response);
        }
        let color = rgb(look.colour.color(group));
        let painter = ui.painter_at(body.intersect(ui.clip_rect()));
        painter.rect_filled(rect, 2.0, theme::GROUND.gamma_multiply(0.9));
        let text = Pos2::new(rect.left() + 12.0, rect.center().y - galley.size().y / 2.0);
        let dot = Pos2::new(rect.left() + 5.0, rect.center().y);
        let shade = if is_hidden { theme::MUTED.gamma_multiply(0.6) } else { theme::TEXT };
        painter.galley(text, galley, if response.hovered() { Color32::WHITE } else { shade });
        if is_hidden {
            painter.circle_stroke(dot, 3.0, Stroke::new(1.0, color.gamma_multiply(0.7)));
        } else {
            painter.circle_filled(dot, 3.5, color);
        }
        if response.has_focus() {
            painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme::ACCENT), egui::StrokeKind::Inside);
        }
        let isolates = response.double_clicked() || (response.clicked() && ui.input(|i| i.modifiers.alt));
        if response.double_clicked() {
            // The first of the two clicks hid or showed it.
            hidden.toggle(group);
        }
        if isolates {
            hidden.isolate(group, names.len());
        } else if response.clicked() {
            hidden.toggle(group);
        }
        response.on_hover_text("Click: hide or show; double click or Alt+click: this one alone, or all");
    }
    bench.embedding.looks.insert(id, look);
}

/// Rectangles of words of such widths in lines that end at the lower edge, as long as they fit in a third of the height.
fn flow(body: Rect, widths: &[f32]) -> Vec<Rect> {
    let most = ((body.height() / 3.0 / LINE) as usize).max(1);
    let (mut line, mut x) = (0, 4.0);
    let mut at = Vec::new();
    for width in widths {
        let size = Vec2::new(width + 16.0, LINE);
        if x + size.x > body.width() - 4.0 && x > 4.0 {
            (line, x) = (line + 1, 4.0);
        }
        if line == most {
            break;
        }
        at.push((line, x, size));
        x += size.x + 2.0;
    }
    let lines = at.last().map_or(0, |last| last.0 + 1);
    let top = body.bottom() - 4.0 - LINE * lines as f32;
    let place = |(line, x, size): (usize, f32, Vec2)| {
        Rect::from_min_size(Pos2::new(body.left() + x, top + LINE * line as f32), size)
    };
    at.into_iter().map(place).collect()
}

/// How many points are selected, and of which classes.
fn selection(ui: &Ui, body: Rect, bench: &Workbench, session: &Session, id: u64) {
    let Some(chosen) = bench.embedding.chosen.get(&id) else { return };
    let filters = session.embeddings().iter().find(|e| e.id().0 == id).and_then(Embedding::filters);
    let names = filters.map_or(session.class_names(), |filters| &filters.names);
    let font = FontId::proportional(11.0);
    let mut job = LayoutJob::default();
    job.append(&format!("{} selected", chosen.count), 0.0, TextFormat::simple(font.clone(), theme::TEXT));
    let mut classes: Vec<(usize, u32)> =
        chosen.by_class.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
    classes.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
    for (class, count) in classes.iter().take(MOST_NAMED) {
        let name = names.get(*class).map_or("?", String::as_str);
        let format = TextFormat::simple(font.clone(), rgb(ColourBy::Class.color(*class)));
        job.append(&format!("{name} × {count}"), 8.0, format);
    }
    if let Some(more) = classes.len().checked_sub(MOST_NAMED + 1) {
        let format = TextFormat::simple(font.clone(), theme::MUTED);
        job.append(&format!("{} more", more + 1), 8.0, format);
    }
    let painter = ui.painter_at(body.intersect(ui.clip_rect()));
    let galley = painter.layout_job(job);
    let rect = Align2::LEFT_TOP.anchor_size(body.min + Vec2::new(6.0, 5.0), galley.size());
    painter.rect_filled(rect.expand2(Vec2::new(4.0, 2.0)), 3.0, theme::GROUND.gamma_multiply(0.85));
    painter.galley(rect.min, galley, theme::TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_flow_in_lines_within_the_lower_third() {
        let body = Rect::from_min_size(Pos2::new(30.0, 40.0), Vec2::new(200.0, 150.0));
        let places = flow(body, &[40.0; 30]);
        // Three per line of 56 + 2 points, three lines of 15 points in 50.
        assert_eq!(places.len(), 9);
        for (i, place) in places.iter().enumerate() {
            assert!(body.contains_rect(*place) && place.top() >= body.bottom() - 50.0, "{place:?}");
            assert!(places[..i].iter().all(|other| !other.shrink(0.01).intersects(*place)));
        }
        assert_eq!(flow(body, &[500.0]).len(), 1, "a word wider than the layout is still there");
    }
}
