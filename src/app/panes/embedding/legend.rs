//! The legend of a layout: groups that a click hides or shows, and the number of selected points.

use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat};
use egui::{Align2, Color32, FontId, Galley, Pos2, Rect, Response, Sense, Stroke, Ui, Vec2};

use super::look::Look;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::Layout;
use crate::view::{ColorBy, SelectionSummary};

/// Height of a line, in points.
const LINE: f32 = 15.0;
/// Classes that are named in a selection, the most frequent first.
const MAX_NAMED: usize = 5;

/// Properties that colors can stand for.
pub(crate) const COLORS: [(ColorBy, &str, &str); 3] = [
    (ColorBy::Class, "class", "Color by the true class"),
    (ColorBy::Prediction, "prediction", "Color by the predicted class"),
    (ColorBy::Error, "error", "Color by correct or wrong prediction"),
];

/// The groups along the lower edge, where the layout has groups, and the selection along the upper edge.
pub(crate) fn legend_ui(ui: &mut Ui, body: Rect, layout: &Layout, look: &mut Look, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let names = layout.filters().map_or(session.class_names(), |filters| &filters.names);
    let has_classes = layout.images().is_some() && session.trainer().network.loss.has_classes();
    if layout.filters().is_some() || has_classes {
        groups_ui(ui, body, layout, names, look, cx);
    }
    if let Some(rows) = cx.selection.rows(layout.id()) {
        selection(ui, body, rows, names);
    }
}

fn rgb([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

/// Names of the groups in their colors, as many as fit in a third of the height.
fn groups_ui(
    ui: &mut Ui,
    body: Rect,
    layout: &Layout,
    groups: &[String],
    look: &mut Look,
    cx: &mut Cx<'_, '_>,
) {
    let errors = ["correct".to_owned(), "wrong".to_owned()];
    let names = if look.color_by == ColorBy::Error { &errors[..] } else { groups };
    let painter = ui.painter_at(body.intersect(ui.clip_rect()));
    let font = FontId::proportional(11.0);
    let text = |name: &String| painter.layout_no_wrap(name.clone(), font.clone(), Color32::PLACEHOLDER);
    let galleys: Vec<Arc<Galley>> = names.iter().map(text).collect();
    let rects = flow(body, &galleys.iter().map(|galley| galley.size().x).collect::<Vec<_>>());
    for (group, (galley, rect)) in galleys.into_iter().zip(rects).enumerate() {
        let hidden = &mut look.hidden[look.color_by as usize];
        let id = ui.scope_id().with(("group", layout.id().0, group));
        let response = ui.interact(rect, id, Sense::click());
        let shown = !hidden.has(group);
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, shown, &names[group]));
        if group == 0 {
            cx.mark("first group", &response);
        }
        paint_group(&painter, &response, galley, rgb(look.color_by.color(theme::palette(), group)), shown);
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
        response.on_hover_text("Click: hide or show; double click or Alt+click: only this one, or all");
    }
}

fn paint_group(
    painter: &egui::Painter,
    response: &Response,
    galley: Arc<Galley>,
    color: Color32,
    shown: bool,
) {
    let rect = response.rect;
    painter.rect_filled(rect, 2.0, theme::ground().gamma_multiply(0.9));
    let text = Pos2::new(rect.left() + 12.0, rect.center().y - galley.size().y / 2.0);
    let dot = Pos2::new(rect.left() + 5.0, rect.center().y);
    let shade = if shown { theme::text() } else { theme::muted().gamma_multiply(0.6) };
    painter.galley(text, galley, if response.hovered() { theme::text() } else { shade });
    if shown {
        painter.circle_filled(dot, 3.5, color);
    } else {
        painter.circle_stroke(dot, 3.0, Stroke::new(1.0, color.gamma_multiply(0.7)));
    }
    if response.has_focus() {
        painter.rect_stroke(rect, 2.0, Stroke::new(1.0, theme::accent()), egui::StrokeKind::Inside);
    }
}

/// Rectangles of words of these widths, in lines that end at the lower edge and fill at most a third of the height.
fn flow(body: Rect, widths: &[f32]) -> Vec<Rect> {
    let max_lines = ((body.height() / 3.0 / LINE) as usize).max(1);
    let (mut line, mut x) = (0, 4.0);
    let mut words = Vec::new();
    for width in widths {
        let size = Vec2::new(width + 16.0, LINE);
        if x + size.x > body.width() - 4.0 && x > 4.0 {
            (line, x) = (line + 1, 4.0);
        }
        if line == max_lines {
            break;
        }
        words.push((line, x, size));
        x += size.x + 2.0;
    }
    let lines = words.last().map_or(0, |last| last.0 + 1);
    let top = body.bottom() - 4.0 - LINE * lines as f32;
    let rect = |(line, x, size): (usize, f32, Vec2)| {
        Rect::from_min_size(Pos2::new(body.left() + x, top + LINE * line as f32), size)
    };
    words.into_iter().map(rect).collect()
}

/// Number of selected points, in all and by class.
fn selection(ui: &Ui, body: Rect, rows: &SelectionSummary, names: &[String]) {
    let font = FontId::proportional(11.0);
    let mut job = LayoutJob::default();
    job.append(&format!("{} selected", rows.count), 0.0, TextFormat::simple(font.clone(), theme::text()));
    let mut classes: Vec<(usize, u32)> =
        rows.by_class.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
    classes.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
    for (class, count) in classes.iter().take(MAX_NAMED) {
        let name = names.get(*class).map_or("?", String::as_str);
        let format = TextFormat::simple(font.clone(), rgb(ColorBy::Class.color(theme::palette(), *class)));
        job.append(&format!("{name} × {count}"), 8.0, format);
    }
    if let Some(more) = classes.len().checked_sub(MAX_NAMED + 1) {
        let format = TextFormat::simple(font.clone(), theme::muted());
        job.append(&format!("{} more", more + 1), 8.0, format);
    }
    let painter = ui.painter_at(body.intersect(ui.clip_rect()));
    let galley = painter.layout_job(job);
    let rect = Align2::LEFT_TOP.anchor_size(body.min + Vec2::new(6.0, 5.0), galley.size());
    painter.rect_filled(rect.expand2(Vec2::new(4.0, 2.0)), 3.0, theme::ground().gamma_multiply(0.85));
    painter.galley(rect.min, galley, theme::text());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_flow_in_lines_within_the_lower_third() {
        let body = Rect::from_min_size(Pos2::new(30.0, 40.0), Vec2::new(200.0, 150.0));
        let rects = flow(body, &[40.0; 30]);
        // Three per line of 56 + 2 points, three lines of 15 points in 50.
        assert_eq!(rects.len(), 9);
        for (i, rect) in rects.iter().enumerate() {
            assert!(body.contains_rect(*rect) && rect.top() >= body.bottom() - 50.0, "{rect:?}");
            assert!(rects[..i].iter().all(|other| !other.shrink(0.01).intersects(*rect)));
        }
        assert_eq!(flow(body, &[500.0]).len(), 1, "a word wider than the layout is still there");
    }
}
