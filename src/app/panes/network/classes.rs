//! The last column of the Network pane: a bar of probability per class, the true class in the accent color.

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, FontId, Pos2, Rect, Sense, Ui, Vec2};

use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::view::{Style, TileSet};

/// Largest height of a class's row, in points.
const MAX_ROW: f32 = 30.0;
/// Smallest height of a class's row that can be read, in points; where more classes stand in the column, it shows the most likely.
const MIN_ROW: f32 = 20.0;

/// Number of classes that are shown.
fn rows(body: Rect, classes: usize) -> usize {
    ((body.height() / MIN_ROW) as usize).clamp(1, classes)
}

fn row_height(body: Rect, rows: usize) -> f32 {
    (body.height() / rows as f32).min(MAX_ROW)
}

fn bar(body: Rect, rows: usize, row: usize) -> Rect {
    let height = row_height(body, rows);
    let corner = Pos2::new(body.left(), body.top() + row as f32 * height + height * 0.58);
    Rect::from_min_size(corner, Vec2::new(body.width(), height * 0.26))
}

/// The bars of all classes; none where only the likeliest are shown.
pub(super) fn bars(body: Rect, classes: usize) -> Option<Vec<Rect>> {
    (rows(body, classes) == classes).then(|| (0..classes).map(|row| bar(body, classes, row)).collect())
}

/// Names of the classes with their probabilities; bars only with `pictures`. Returns the class that is clicked.
pub(crate) fn classes_ui(
    ui: &mut Ui,
    head: Rect,
    body: Rect,
    cx: &mut Cx<'_, '_>,
    pictures: bool,
) -> Option<u32> {
    let painter = ui.painter().clone();
    let set = TileSet { view: cx.session.probabilities(), style: Style::Bar };
    let declared = cx.frame.declare(TileSetId::Classes, &set);
    if declared.is_err() {
        cx.report(declared);
        return None;
    }
    let names = cx.session.class_names();
    let label = cx.session.probe_class();
    let rows = rows(body, names.len());
    if rows < names.len() {
        cx.frame.request_classes();
    }
    let title = if rows < names.len() { "likeliest" } else { "classes" };
    painter.text(head.center_top(), Align2::CENTER_TOP, title, FontId::proportional(13.0), theme::text());
    let shown = likeliest(&cx.selection.probabilities, names.len(), rows, label);
    let height = row_height(body, rows);
    let bar = |row| bar(body, rows, row);
    let mark = cx.frame.begin();
    for (row, class) in shown.iter().enumerate().filter(|_| pictures) {
        cx.frame.place(ui, TileSetId::Classes, *class as u32, bar(row));
    }
    cx.frame.paint(ui, body.intersect(ui.clip_rect()), mark);
    let clipped = painter.with_clip_rect(painter.clip_rect().intersect(body.expand2(Vec2::new(2.0, 6.0))));
    for (row, class) in shown.iter().enumerate() {
        let color = if label == Some(*class) { theme::accent() } else { theme::muted() };
        let format = TextFormat::simple(FontId::proportional((height * 0.42).clamp(8.0, 11.5)), color);
        let mut job = LayoutJob::single_section(names[*class].clone(), format);
        job.wrap = TextWrapping::truncate_at_width(body.width());
        let galley = clipped.layout_job(job);
        let corner = Pos2::new(body.left(), bar(row).top() - 1.0 - galley.size().y);
        clipped.galley(corner, galley, color);
    }
    let response = ui.interact(body, ui.scope_id().with("classes"), Sense::click());
    cx.mark("classes", &response);
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "how a probability comes about"));
    let which = if rows < names.len() { "the likeliest classes" } else { "each class" };
    let class = label.and_then(|label| names.get(label)).map_or("picture of your own", String::as_str);
    let text = format!(
        "Probability of {which} of {}, from 0 to 1. The probe is a {class}. A click shows how it comes about.",
        names.len()
    );
    let response = response.on_hover_text(text);
    // From the keyboard it is that of the true class, or else the first.
    let pointed = response.interact_pointer_pos().map(|at| ((at.y - body.top()) / height) as usize);
    let row = pointed.or(shown.iter().position(|class| Some(*class) == label)).unwrap_or(0);
    response.clicked().then(|| shown.get(row).map(|class| *class as u32)).flatten()
}

/// The `rows` likeliest of `count` classes, the true one among them; all in their own order where there is room for all.
fn likeliest(probabilities: &[f32], count: usize, rows: usize, label: Option<usize>) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..count).collect();
    if rows >= count {
        return classes;
    }
    let of = |class: usize| probabilities.get(class).copied().unwrap_or(0.0);
    classes.sort_by(|a, b| of(*b).total_cmp(&of(*a)));
    classes.truncate(rows);
    if let Some(label) = label.filter(|label| !classes.contains(label) && *label < count) {
        classes[rows - 1] = label;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_true_class_is_among_the_likeliest() {
        let probabilities = [0.1, 0.4, 0.05, 0.3, 0.15];
        assert_eq!(likeliest(&probabilities, 5, 5, Some(2)), [0, 1, 2, 3, 4]);
        assert_eq!(likeliest(&probabilities, 5, 3, Some(3)), [1, 3, 4]);
        assert_eq!(likeliest(&probabilities, 5, 3, Some(2)), [1, 3, 2]);
        assert_eq!(likeliest(&[], 5, 2, Some(4)), [0, 4], "before the first probabilities are there");
        assert_eq!(likeliest(&probabilities, 5, 2, None), [1, 3], "its class is not known");
    }
}
