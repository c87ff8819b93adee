//! The training image that is chosen: its class, and whether it is left out, to be changed.

use egui::{RichText, Ui};

use crate::app::answers::class_name;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::data::DataEdits;
use crate::session::{DataCommand, Outcome};

/// The training image that is chosen.
#[derive(Default)]
pub(super) struct EditedImage(Option<Outcome>);

impl EditedImage {
    /// Number of the image.
    pub(super) fn number(&self) -> Option<u32> {
        self.0.map(|image| image.number)
    }

    /// Chooses an image.
    pub(super) fn choose(&mut self, image: Outcome) {
        self.0 = Some(image);
    }

    /// Its class, and what can be done with it.
    pub(super) fn ui(&self, ui: &mut Ui, edits: &DataEdits, cx: &mut Cx<'_, '_>) {
        ui.horizontal_wrapped(|ui| {
            let Some(image) = self.0 else {
                let text = "Click an image to give it another class, or to leave it out.";
                ui.label(RichText::new(text).color(theme::muted()));
                return;
            };
            ui.label(format!("image {}", image.number));
            class_ui(ui, image, edits, cx);
            let is_out = edits.leaves_out(image.number);
            let out = ui.add_enabled(!is_out, egui::Button::new("Leave out"));
            let out = out.on_hover_text(
                "The network sees it no more; in each epoch another training image takes its place",
            );
            cx.mark("leave out", &out);
            if out.clicked() {
                cx.send(DataCommand::LeaveOut(image.number));
            }
            let is_changed = is_out || edits.class(image.number).is_some();
            let back = ui.add_enabled(is_changed, egui::Button::new("Restore"));
            let back = back
                .on_hover_text("Takes the image as the data set has it: with its class, and not left out");
            cx.mark("restore image", &back);
            if back.clicked() {
                cx.send(DataCommand::RestoreImage(image.number));
            }
        });
    }
}

/// The class of an image, to be chosen.
fn class_ui(ui: &mut Ui, image: Outcome, edits: &DataEdits, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let now = edits.class(image.number).unwrap_or(image.class);
    let label = ui.label("class");
    let combo = egui::ComboBox::from_id_salt("class of the image");
    let combo = combo.selected_text(class_name(session, usize::from(now))).width(90.0).truncate();
    let shown = combo.show_ui(ui, |ui| {
        for class in (0..=u8::MAX).take(session.class_names().len()) {
            let choice = ui.selectable_label(now == class, class_name(session, usize::from(class)));
            cx.mark(format!("relabel {class}"), &choice);
            if choice.clicked() && class != now {
                cx.send(DataCommand::Relabel { image: image.number, class });
            }
        }
    });
    let response = shown.response.labelled_by(label.id);
    cx.mark("class of the image", &response);
    response.on_hover_text("Class that the network is to learn from the next step on");
}
