//! The Test pane: pictures of the user's own as probes, and test images as the training goes on, each with what the network says.

mod detail;
mod recent;
mod sketch;
mod strip;

use std::path::PathBuf;

use egui::{RichText, ScrollArea, Ui};

use detail::Detail;
use sketch::Sketch;

use crate::app::number::note_typing;
use crate::app::pane::{Cx, Dock, Pane};
use crate::app::{pictures, theme};
use crate::data::PICTURES;
use crate::session::{Inspect, MAX_PROBES};

/// Width from which strip and list stand beside the pinned picture and not below it, in points.
const WIDE: f32 = 640.0;
/// Share of the width that the pinned picture has there.
const SUBJECT: f32 = 0.46;
/// Smallest and largest width of the field for a file, in points.
const FIELD: (f32, f32) = (110.0, 260.0);

/// The Test pane.
#[derive(Default)]
pub(crate) struct TestPane {
    /// File of a picture, as it is typed.
    file: String,
    /// The canvas, while it is open.
    sketch: Option<Sketch>,
    detail: Detail,
}

impl Pane for TestPane {
    fn title(&self) -> &'static str {
        "Test"
    }

    fn name(&self) -> &'static str {
        "test"
    }

    fn about(&self) -> &'static str {
        "Your own pictures and test images, with the network's answers"
    }

    fn dock(&self) -> Dock {
        Dock::MainTab
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        cx.send(Inspect::Predictions);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            self.bar_ui(ui, cx);
            if ui.available_width() < WIDE {
                self.subject_ui(ui, cx);
                strip::strip_ui(ui, cx);
                ui.separator();
                return recent::recent_ui(ui, cx);
            }
            let size = ui.available_size();
            let (left, height) = (SUBJECT * size.x, size.y.max(sketch::MIN_SIDE + 40.0));
            ui.horizontal_top(|ui| {
                let column = |ui: &mut Ui, width: f32, content: &mut dyn FnMut(&mut Ui)| {
                    ui.allocate_ui(egui::vec2(width, height), |ui| {
                        ui.vertical(|ui| {
                            ui.set_width(width);
                            content(ui);
                        })
                    });
                };
                // The canvas stays where it is when a card comes.
                column(ui, left, &mut |ui| self.subject_ui(ui, cx));
                ui.separator();
                column(ui, size.x - left - 24.0, &mut |ui| {
                    strip::strip_ui(ui, cx);
                    recent::recent_ui(ui, cx);
                });
            });
        });
    }
}

impl TestPane {
    /// Ways to add a picture.
    fn bar_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.horizontal_wrapped(|ui| {
            let label = ui.label("Picture file");
            let width = (ui.available_width() - 260.0).clamp(FIELD.0, FIELD.1);
            let field =
                egui::TextEdit::singleline(&mut self.file).desired_width(width).hint_text("photo.jpg");
            let field = ui.add(field).labelled_by(label.id);
            field
                .clone()
                .on_hover_text(format!("{PICTURES}; relative to the folder in which the program runs"));
            cx.mark("picture file", &field);
            if field.has_focus() || field.lost_focus() {
                note_typing(ui);
            }
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let named = !self.file.trim().is_empty();
            let add = ui
                .add_enabled(named, egui::Button::new("Add"))
                .on_hover_text("Add this picture to the probes");
            cx.mark("add picture", &add);
            if named && (add.clicked() || entered) {
                match pictures::of_file(cx.session, &PathBuf::from(self.file.trim())) {
                    Ok(control) => {
                        cx.send(control);
                        self.file.clear();
                    }
                    Err(error) => cx.report(Err(error)),
                }
            }
            let open = self.sketch.is_some();
            let draw =
                ui.add(egui::Button::new("Draw").selected(open)).on_hover_text("Draw one with the pointer");
            cx.mark("draw", &draw);
            if draw.clicked() {
                self.sketch = if open { None } else { Some(Sketch::new(pictures::input_shape(cx.session))) };
            }
            let count = cx.session.inspection().probes().len();
            let text = format!("{count} of {MAX_PROBES}; or drop a file, or paste (Ctrl+V)");
            ui.label(RichText::new(text).small().color(theme::muted()));
        });
    }

    /// The canvas, or the picture that is pinned.
    fn subject_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let shape = pictures::input_shape(cx.session);
        match &mut self.sketch {
            Some(sketch) if sketch.is_for(shape) => sketch.ui(ui, cx),
            Some(_) => self.sketch = None,
            None => self.detail.ui(ui, cx),
        }
    }
}
