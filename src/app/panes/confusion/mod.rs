//! The Confusion pane: the confusion matrix of the last evaluation, and the images of a cell, the worst first; a click pins one. A
//! training image can be given another class, or left out.

mod edits;
mod images;
mod matrix;

use egui::{RichText, ScrollArea, Ui};

use images::Cell;

use crate::app::answers::share_words;
use crate::app::export::confusion_svg;
use crate::app::pane::{Cx, Dock, FileForm, Pane};
use crate::app::theme;
use crate::error::{Error, Result};
use crate::session::{Control, Inspect, Outcomes, Session, Split};

/// Width from which the images stand beside the matrix and not below it, in points.
const WIDE: f32 = 560.0;

/// The Confusion pane.
pub(crate) struct ConfusionPane {
    split: Split,
    cell: Cell,
    /// A picture has asked for an evaluation.
    asked: bool,
}

impl Default for ConfusionPane {
    fn default() -> Self {
        Self { split: Split::Validation, cell: Cell::default(), asked: false }
    }
}

impl Pane for ConfusionPane {
    fn title(&self) -> &'static str {
        "Confusion"
    }

    fn name(&self) -> &'static str {
        "confusion"
    }

    fn about(&self) -> &'static str {
        "Confusion matrix, and the images of each cell"
    }

    fn dock(&self) -> Dock {
        Dock::MainTab
    }

    fn forms(&self) -> &'static [FileForm] {
        &[FileForm::Svg, FileForm::Csv]
    }

    fn saved(&self, form: FileForm, session: &Session) -> Result<String> {
        let outcomes = session.inspection().outcomes(self.split).ok_or_else(|| {
            Error::new(
                "the images of this set are not counted yet",
                "press “Evaluate now” in the Confusion pane, and save again",
            )
        })?;
        if form == FileForm::Csv {
            outcomes.csv(session.class_names())
        } else {
            Ok(confusion_svg(session, outcomes))
        }
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        if !cx.session.trainer().network.loss.has_classes() {
            ui.weak("A network that makes images has no classes to confuse.");
            return;
        }
        let session = cx.session;
        let split = self.split;
        let outcomes = session.inspection().outcomes(split);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            self.bar_ui(ui, cx, outcomes);
            let Some(outcomes) = outcomes else {
                // A picture is of a run at rest: nothing else evaluates it.
                if cx.is_picture && !std::mem::replace(&mut self.asked, true) {
                    cx.send(Inspect::KeepOutcomes);
                    cx.send(Control::Evaluate(split));
                }
                let text = "Every image is counted at the end of an epoch, or with “Evaluate now”.";
                ui.weak(if session.is_evaluating(split) {
                    "The images are being evaluated…"
                } else {
                    text
                });
                return;
            };
            if ui.available_width() < WIDE {
                matrix::matrix_ui(ui, outcomes, &mut self.cell, cx);
                return self.cell.ui(ui, (outcomes, split), cx);
            }
            let height = ui.available_height();
            ui.horizontal_top(|ui| {
                ui.set_min_height(height);
                ui.vertical(|ui| matrix::matrix_ui(ui, outcomes, &mut self.cell, cx));
                ui.separator();
                ui.vertical(|ui| self.cell.ui(ui, (outcomes, split), cx));
            });
        });
    }
}

impl ConfusionPane {
    /// The split, when it was evaluated and how well, and the cell by its classes.
    fn bar_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>, outcomes: Option<&Outcomes>) {
        ui.horizontal_wrapped(|ui| {
            for split in Split::ALL {
                let name = split.name();
                let button = egui::Button::selectable(self.split == split, name);
                let button = ui.add(button).on_hover_text(format!("Images of the {name} set"));
                cx.mark(format!("confusion of {name}"), &button);
                if button.clicked() {
                    self.split = split;
                }
            }
            let waits = cx.session.is_evaluating(self.split);
            let now = ui.add_enabled(!waits, egui::Button::new("Evaluate now"));
            let now = now.on_hover_text(
                "Forward all images of this set once the step is done; training goes on after it",
            );
            cx.mark("evaluate now", &now);
            if now.clicked() {
                cx.send(Control::Evaluate(self.split));
            }
            if let Some(outcomes) = outcomes {
                self.cell.choice_ui(ui, (outcomes, self.split), cx);
                let all = outcomes.images.len();
                let right = outcomes.images.iter().filter(|image| image.is_right()).count();
                let text = format!("{} of {all} right at step {}", share_words(right, all), outcomes.step);
                ui.label(RichText::new(text).color(theme::muted()));
            }
        });
    }
}
