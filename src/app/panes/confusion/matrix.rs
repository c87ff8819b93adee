//! The matrix: a row for each class, a column for each answer; in a cell the number of images, darker to lighter by its share of the
//! row. Recall at the right, precision below.

use egui::{Align2, Color32, FontId, Pos2, Rect, Sense, Ui, Vec2};

use super::images::Cell;
use crate::app::answers::{class_name, line_ui, numbered_class};
use crate::app::export::shade;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::{Outcomes, Session};

/// Largest and smallest side of a cell, in points.
const SIDES: (f32, f32) = (30.0, 3.0);
/// Smallest side of a cell in which a number can be read, in points.
const READABLE: f32 = 20.0;
/// Room for a share at the end of a row, and for the names of the classes at most, in points.
const SHARE: f32 = 34.0;
const MAX_NAME: f32 = 84.0;
/// Height of a line of text, in points.
const LINE: f32 = 15.0;

/// Places of the matrix.
struct Grid {
    /// Upper left corner of the cells.
    origin: Pos2,
    side: f32,
    classes: usize,
}

impl Grid {
    fn cell(&self, class: usize, answer: usize) -> Rect {
        let at = Vec2::new(answer as f32, class as f32) * self.side;
        Rect::from_min_size(self.origin + at, Vec2::splat(self.side))
    }

    fn at(&self, pos: Pos2) -> Option<(usize, usize)> {
        let at = (pos - self.origin) / self.side;
        let inside = |v: f32| (v >= 0.0 && v < self.classes as f32).then_some(v as usize);
        inside(at.y).zip(inside(at.x))
    }
}

/// Draws the matrix; a click chooses a cell.
pub(super) fn matrix_ui(ui: &mut Ui, outcomes: &Outcomes, cell: &mut Cell, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let classes = outcomes.classes;
    let name = name_width(ui, session, classes);
    let room = ui.available_size() - Vec2::new(name + SHARE + 8.0, 3.0 * LINE + 8.0);
    let side = (room.x.min(room.y.max(190.0)) / classes as f32).clamp(SIDES.1, SIDES.0);
    let width = name + side * classes as f32 + SHARE + 8.0;
    let size = Vec2::new(width, side * classes as f32 + 3.0 * LINE);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let grid = Grid { origin: rect.min + Vec2::new(name, LINE + 2.0), side, classes };
    cx.mark("matrix", &response);
    (0..classes.min(2)).for_each(|class| cx.mark_rect(format!("cell {class} 1"), grid.cell(class, 1)));
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Canvas, true, "confusion matrix, rows are true classes")
    });
    let top = Pos2::new(grid.origin.x, rect.top());
    line_ui(ui, top, width - name, "answer of the network", theme::muted());
    line_ui(ui, Pos2::new(rect.left(), rect.top()), name - 4.0, "true", theme::muted());
    cells_ui(ui, &grid, outcomes);
    names_ui(ui, rect, &grid, (outcomes, session));
    if let Some((class, answer)) = cell.classes() {
        let chosen = grid.cell(class, answer);
        ui.painter().rect_stroke(chosen, 1.0, (2.0, theme::text()), egui::StrokeKind::Inside);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 2.0, (1.0, theme::second()), egui::StrokeKind::Inside);
    }
    let under = response.hover_pos().and_then(|pos| grid.at(pos));
    if response.clicked()
        && let Some((class, answer)) = response.interact_pointer_pos().and_then(|pos| grid.at(pos))
    {
        cell.choose(class, answer);
    }
    if let Some((class, answer)) = under {
        let [is, says] = [class, answer].map(|class| class_name(session, class));
        let count = outcomes.count(class, answer);
        response
            .on_hover_text_at_pointer(format!("{count} images of {is}, answer {says}: a click shows them"));
    }
}

/// Width of the names of the classes.
fn name_width(ui: &Ui, session: &Session, classes: usize) -> f32 {
    let font = FontId::proportional(11.0);
    let width = |class: usize| {
        let name = numbered_class(session, class);
        ui.painter().layout_no_wrap(name, font.clone(), theme::text()).size().x
    };
    (0..classes.min(64)).map(width).fold(40.0, f32::max).min(MAX_NAME) + 8.0
}

fn cells_ui(ui: &Ui, grid: &Grid, outcomes: &Outcomes) {
    let gap = if grid.side > 8.0 { 0.5 } else { 0.0 };
    for class in 0..grid.classes {
        let row: u32 = (0..grid.classes).map(|answer| outcomes.count(class, answer)).sum();
        for answer in 0..grid.classes {
            let count = outcomes.count(class, answer);
            let share = count as f32 / row.max(1) as f32;
            let rect = grid.cell(class, answer);
            let fill = fill(share, class == answer);
            ui.painter().rect_filled(rect.shrink(gap), 1.0, fill);
            if grid.side >= READABLE && count > 0 {
                let size = if count < 1000 { 11.0 } else { 9.0 };
                let font = FontId::proportional(size);
                ui.painter().text(
                    rect.center(),
                    Align2::CENTER_CENTER,
                    short_count(count),
                    font,
                    readable(fill),
                );
            }
        }
    }
}

/// A count in at most four characters.
fn short_count(count: u32) -> String {
    if count < 10_000 { count.to_string() } else { format!("{}k", count / 1000) }
}

fn names_ui(ui: &Ui, rect: Rect, grid: &Grid, (outcomes, session): (&Outcomes, &Session)) {
    // Where rows are lower than a line, only some have their name.
    let every = (12.0 / grid.side).ceil().max(1.0) as usize;
    let right = grid.cell(0, grid.classes - 1).right() + 6.0;
    let bottom = grid.cell(grid.classes - 1, 0).bottom() + 2.0;
    for class in (0..grid.classes).step_by(every) {
        let middle = grid.cell(class, class).center();
        let width = grid.origin.x - rect.left() - 6.0;
        line_ui(
            ui,
            Pos2::new(rect.left(), middle.y - 7.0),
            width,
            &numbered_class(session, class),
            theme::text(),
        );
        let share =
            outcomes.recall(class).map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        line_ui(ui, Pos2::new(right, middle.y - 7.0), SHARE, &share, theme::muted());
        if grid.side < READABLE {
            continue;
        }
        let font = FontId::proportional(11.0);
        let at = |line: f32| Pos2::new(middle.x, bottom + line * (LINE - 2.0));
        ui.painter().text(at(0.0), Align2::CENTER_TOP, class.to_string(), font.clone(), theme::text());
        let share =
            outcomes.precision(class).map_or("–".to_owned(), |share| format!("{:.0}", 100.0 * share));
        ui.painter().text(at(1.0), Align2::CENTER_TOP, share, FontId::proportional(10.5), theme::muted());
    }
    line_ui(ui, Pos2::new(right, rect.top()), SHARE, "recall", theme::muted());
    if grid.side >= READABLE {
        let at = Pos2::new(rect.left(), bottom + LINE - 2.0);
        line_ui(ui, at, grid.origin.x - rect.left() - 2.0, "prec. %", theme::muted());
    }
}

/// Color of a cell by its share of the row: blue on the diagonal, orange beside it.
fn fill(share: f32, right: bool) -> Color32 {
    let to = if right { theme::second() } else { theme::accent() };
    theme::ground().lerp_to_gamma(to, shade(share))
}

/// White or black, whichever is better read on a color.
fn readable(fill: Color32) -> Color32 {
    if luminance(fill) > 0.179 { Color32::BLACK } else { Color32::WHITE }
}

/// Relative luminance (WCAG 2.1).
fn luminance(color: Color32) -> f32 {
    let linear = |value: u8| {
        let value = f32::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Theme;

    #[test]
    fn every_number_is_read_on_its_color() {
        let contrast = |a: Color32, b: Color32| {
            let [a, b] = [luminance(a), luminance(b)];
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 0.01);
        for theme in [Theme::Dark, Theme::Light] {
            theme::show(theme);
            for right in [false, true] {
                for step in 0..=100 {
                    let fill = fill(step as f32 / 100.0, right);
                    assert!(contrast(fill, readable(fill)) >= 4.5, "{step} %, {right}: {fill:?}");
                }
            }
            let texts = [theme::text(), theme::muted(), theme::accent(), theme::second(), theme::third()];
            for text in texts.into_iter().chain([theme::fault()]) {
                for ground in [theme::ground(), theme::panel()] {
                    assert!(contrast(text, ground) >= 4.5, "{theme:?}: {text:?} on {ground:?}");
                }
            }
        }
        assert_eq!([9999, 10_000, 123_456].map(short_count), ["9999", "10k", "123k"]);
    }

    #[test]
    fn a_point_is_in_the_cell_that_is_drawn_there() {
        let grid = Grid { origin: Pos2::new(10.0, 20.0), side: 7.0, classes: 4 };
        for class in 0..4 {
            for answer in 0..4 {
                assert_eq!(grid.at(grid.cell(class, answer).center()), Some((class, answer)));
            }
        }
        for outside in
            [Pos2::new(9.0, 30.0), Pos2::new(20.0, 19.0), Pos2::new(39.0, 30.0), Pos2::new(20.0, 49.0)]
        {
            assert_eq!(grid.at(outside), None);
        }
    }
}
