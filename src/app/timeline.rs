//! The timeline: the steps of the run with a mark for each command, undo and redo, branches, and bookmarks A and B.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Stroke, Ui, Vec2};

use super::pane::{Cx, asking};
use super::theme;
use crate::session::{BranchShown, Control, Mark, TimeControl, TimelineShown, twin_is_wanted};

/// Height of the strip, in points.
const HEIGHT: f32 = 24.0;
/// Distance from a mark within which the pointer is on it, in points.
const REACH: f32 = 5.0;
/// Width below which only the strip, undo and twin are shown, in points.
const NARROW: f32 = 760.0;
/// Names of the bookmarks.
const BOOKMARKS: [&str; 2] = ["A", "B"];

/// Lays out the bar.
pub(crate) fn timeline_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let shown = cx.session.timeline();
    let wide = ui.available_width() >= NARROW;
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        undo_ui(ui, cx, &shown);
        asking(ui, cx, Control::Twin(true), twin_ui);
        if wide {
            asking(ui, cx, Control::Time(TimeControl::Fork), |ui, cx| {
                fork_ui(ui, cx, &shown);
                (0..BOOKMARKS.len()).for_each(|index| bookmark_ui(ui, cx, &shown, index));
            });
        }
        strip_ui(ui, cx, &shown);
    });
    ui.add_space(2.0);
}

fn button(ui: &mut Ui, cx: &mut Cx<'_, '_>, name: &'static str, text: &str, enabled: bool) -> egui::Response {
    let response = ui.add_enabled(enabled, egui::Button::new(text));
    cx.mark(name, &response);
    response
}

fn undo_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &TimelineShown) {
    let sides = [
        ("undo", "Undo", &shown.undo, TimeControl::Undo, "Undo (Ctrl+Z)", "goes back to before it"),
        (
            "redo",
            "Redo",
            &shown.redo,
            TimeControl::Redo,
            "Do again (Ctrl+Shift+Z)",
            "and train on to where the run was",
        ),
    ];
    for (name, text, command, control, title, rest) in sides {
        let hover =
            command.as_ref().map_or(title.to_owned(), |command| format!("{title}: {command}; {rest}"));
        if button(ui, cx, name, text, command.is_some()).on_hover_text(hover).clicked() {
            cx.send(Control::Time(control));
        }
    }
}

fn twin_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let hover = match cx.session.twin() {
        Some(twin) => format!("End the twin, the run without what you did since step {}", twin.since()),
        None if twin_is_wanted(cx.session) => {
            "The twin begins once the evaluation under way has ended".to_owned()
        }
        None => "Twin: a second run from here on, with the same images and without what you do from now on. \
                 Charts shows both. The two take the time of both"
            .to_owned(),
    };
    let on = cx.session.twin().is_some() || twin_is_wanted(cx.session);
    let response = ui.add(egui::Button::new("Twin").selected(on)).on_hover_text(hover);
    cx.mark("twin", &response);
    if response.clicked() {
        cx.send(Control::Twin(!on));
    }
}

/// A branch in words.
fn branch_text((index, branch): (usize, &BranchShown)) -> String {
    let from = if index == 0 { String::new() } else { format!("from step {} ", branch.from) };
    format!("Branch {}: {from}to step {}", index + 1, branch.reached)
}

fn fork_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &TimelineShown) {
    let hover = "Fork: a new branch from here; the present one stays and can be gone back to";
    if button(ui, cx, "fork", "Fork", true).on_hover_text(hover).clicked() {
        cx.send(Control::Time(TimeControl::Fork));
    }
    if shown.branches.len() < 2 {
        return;
    }
    let present = shown.branches.iter().position(|branch| branch.is_present).unwrap_or(0);
    let combo = egui::ComboBox::from_id_salt("branches").width(64.0).selected_text(format!(
        "{} of {}",
        present + 1,
        shown.branches.len()
    ));
    let response = combo.show_ui(ui, |ui| {
        for (index, branch) in shown.branches.iter().enumerate() {
            let label = ui.selectable_label(index == present, branch_text((index, branch)));
            cx.mark(format!("branch {index}"), &label);
            if label.clicked() && index != present {
                cx.send(Control::Time(TimeControl::Switch(index)));
            }
        }
    });
    cx.mark("branches", &response.response);
    response.response.on_hover_text("Branches of this run: go to the end of another one");
}

fn bookmark_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &TimelineShown, index: usize) {
    let name = BOOKMARKS[index];
    let at = shown.bookmarks[index];
    let hover = match at {
        Some(step) => format!("Go to {name}, step {step}. Right-click sets {name} here"),
        None => format!("Set bookmark {name} here, to compare with another moment"),
    };
    let text = egui::RichText::new(name).color(if at.is_some() { theme::accent() } else { theme::muted() });
    let response = ui.add(egui::Button::new(text)).on_hover_text(hover);
    cx.mark(if index == 0 { "bookmark A" } else { "bookmark B" }, &response);
    if response.secondary_clicked() || response.clicked() && at.is_none() {
        cx.send(Control::Time(TimeControl::SetBookmark(index)));
    } else if response.clicked() {
        cx.send(Control::Time(TimeControl::GoToBookmark(index)));
    }
}

/// Steps along a strip.
struct Scale {
    rect: Rect,
    /// The step at its right end.
    end: u32,
}

impl Scale {
    fn x(&self, step: u32) -> f32 {
        self.rect.left() + self.rect.width() * step.min(self.end) as f32 / self.end as f32
    }

    fn step(&self, at: Pos2) -> u32 {
        let share = ((at.x - self.rect.left()) / self.rect.width()).clamp(0.0, 1.0);
        (share * self.end as f32).round() as u32
    }
}

/// The strip of steps. A press or a drag goes to a step that the run has been at.
fn strip_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &TimelineShown) {
    let text = position_text(shown);
    let text = ui.painter().layout_no_wrap(text, FontId::monospace(11.5), theme::muted());
    let size = Vec2::new((ui.available_width() - text.size().x - 14.0).max(60.0), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    cx.mark("timeline", &response);
    let last_mark = shown.marks.last().map_or(0, |mark| mark.step);
    let scale = Scale { rect: rect.shrink2(Vec2::new(6.0, 0.0)), end: shown.reached.max(last_mark).max(1) };
    draw(ui.painter(), &scale, shown);
    let at = Pos2::new(rect.right() + 8.0, rect.center().y - text.size().y / 2.0);
    ui.allocate_space(Vec2::new(text.size().x, 1.0));
    ui.painter().galley(at, text, theme::muted());
    if let Some(pointer) = response.interact_pointer_pos()
        && (response.clicked() || response.dragged() || response.drag_stopped())
    {
        let step = scale.step(pointer).min(shown.reached);
        let settled = response.clicked() || response.drag_stopped();
        // While it is on its way to a step of before, only the last one counts.
        if step != shown.sought.unwrap_or(shown.step) && (settled || shown.sought.is_none()) {
            cx.send(Control::Time(TimeControl::GoTo(step)));
        }
    }
    if let Some(pointer) = response.hover_pos() {
        let near = |mark: &&Mark| (scale.x(mark.step) - pointer.x).abs() <= REACH;
        let lines: Vec<String> = shown.marks.iter().filter(near).map(mark_text).collect();
        let step = scale.step(pointer).min(shown.reached);
        let text = if lines.is_empty() { format!("Go to step {step}") } else { lines.join("\n") };
        response.on_hover_text_at_pointer(text);
    }
}

fn mark_text(mark: &Mark) -> String {
    let coming = if mark.done { "" } else { " (to come)" };
    format!("step {}: {}{coming}", mark.step, mark.words)
}

/// Position of the run in words.
fn position_text(shown: &TimelineShown) -> String {
    match shown.sought {
        Some(step) => format!("step {} › {step}, Esc stops", shown.step),
        None if shown.step < shown.reached => format!("step {} of {}", shown.step, shown.reached),
        None => format!("step {}", shown.step),
    }
}

fn draw(painter: &Painter, scale: &Scale, shown: &TimelineShown) {
    let rect = scale.rect;
    let line = |x: f32, top: f32, bottom: f32, width: f32, color: Color32| {
        painter.line_segment([Pos2::new(x, top), Pos2::new(x, bottom)], Stroke::new(width, color));
    };
    let bar = |from: f32, to: f32, color: Color32| {
        let middle = rect.center().y + 4.0;
        painter.rect_filled(Rect::from_x_y_ranges(from..=to, middle - 2.5..=middle + 2.5), 2.5, color);
    };
    let (now, reached) = (scale.x(shown.step), scale.x(shown.reached));
    bar(rect.left(), rect.right(), theme::line());
    bar(rect.left(), reached, theme::muted().gamma_multiply(0.45));
    bar(rect.left(), now, theme::second());
    for step in &shown.key_frames {
        line(scale.x(*step), rect.bottom() - 4.0, rect.bottom() - 1.0, 1.0, theme::muted());
    }
    for mark in &shown.marks {
        let (x, top) = (scale.x(mark.step), rect.top() + 1.0);
        let corners = [Pos2::new(x - 4.0, top), Pos2::new(x + 4.0, top), Pos2::new(x, top + 7.0)];
        // Filled where it is carried out, hollow where it is to come.
        let fill = if mark.done { theme::accent() } else { Color32::TRANSPARENT };
        let stroke = Stroke::new(1.0, theme::accent());
        painter.add(egui::Shape::convex_polygon(corners.to_vec(), fill, stroke));
    }
    for (step, name) in
        shown.bookmarks.iter().zip(BOOKMARKS).filter_map(|(step, name)| Some((step.as_ref()?, name)))
    {
        let at = Pos2::new(scale.x(*step), rect.bottom() + 1.0);
        painter.text(at, Align2::CENTER_BOTTOM, name, FontId::proportional(10.0), theme::accent());
    }
    if let Some(step) = shown.sought {
        line(scale.x(step), rect.top(), rect.bottom(), 1.0, theme::second());
    }
    line(now, rect.top() + 4.0, rect.bottom(), 2.0, theme::text());
    painter.circle_filled(Pos2::new(now, rect.center().y + 4.0), 5.0, theme::text());
}
