//! Dialogs of the window: opening a run, closing one that cannot be saved, and the file of a list.

use std::path::{Path, PathBuf};

use egui::{RichText, Ui};

use super::number::note_typing;
use super::pane::{Cx, Targets};
use super::theme;
use crate::error::Error;

/// A request of the user to the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Save the run.
    Save,
    /// Save the run, and close the window once it is saved.
    SaveAndClose,
    /// Close the window without saving.
    Close,
    /// Open the run in this folder.
    Open(PathBuf),
}

/// State of the dialogs.
#[derive(Default)]
pub(crate) struct Dialogs {
    /// Why the run could not be saved.
    unsaved: Option<Error>,
    /// The window was asked to close while the run could not be saved.
    closing: bool,
    /// Folder of the run to open, as it is typed.
    folder: Option<String>,
    /// File in which to save the list of actions, as it is typed.
    csv: Option<String>,
    /// File in which the list is to be saved now.
    csv_chosen: Option<PathBuf>,
    /// The field that was opened is yet to get the keyboard.
    focus: bool,
    requests: Vec<Request>,
}

impl Dialogs {
    /// Notes whether the run could be saved.
    pub(crate) fn saved(&mut self, error: Option<Error>) {
        self.closing &= error.is_some();
        self.unsaved = error;
    }

    /// Asks whether to close without saving.
    pub(crate) fn ask_to_close(&mut self) {
        self.closing = true;
    }

    /// Shows the dialog that opens a run, with the folder where it is known.
    pub(crate) fn open_run(&mut self, folder: Option<PathBuf>) {
        self.focus = true;
        self.folder = Some(folder.map_or_else(String::new, |folder| folder.display().to_string()));
    }

    /// Shows the dialog that saves the list of actions, with a file.
    pub(crate) fn save_actions(&mut self, file: &Path) {
        self.focus = true;
        self.csv = Some(file.display().to_string());
    }

    /// File in which the list of actions is to be saved, once.
    pub(crate) fn take_csv(&mut self) -> Option<PathBuf> {
        self.csv_chosen.take()
    }

    /// Requests since the last call.
    pub(crate) fn take(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// The line of the status bar while the run is not saved; returns whether there is one.
    pub(crate) fn status_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) -> bool {
        let Some(error) = &self.unsaved else { return false };
        let again = ui.button("save again").on_hover_text("Try to save the run again; it is paused");
        cx.mark("save again", &again);
        if again.clicked() {
            self.requests.push(Request::Save);
        }
        let text = format!("The run is paused and not saved: {}", error.what());
        ui.add(egui::Label::new(RichText::new(text).color(theme::FAULT)).truncate())
            .on_hover_text(error.help());
        true
    }

    /// The dialogs that are open.
    pub(crate) fn ui(&mut self, ui: &Ui, is_kept: bool, targets: &mut Targets) {
        self.closing_ui(ui);
        self.opening_ui(ui, is_kept, targets);
        self.csv_ui(ui, targets);
    }

    fn closing_ui(&mut self, ui: &Ui) {
        let Some(error) = self.unsaved.as_ref().filter(|_| self.closing) else { return };
        let (mut closing, mut request) = (true, None);
        dialog(ui, "The run is not saved", |ui| {
            ui.label(error.what());
            ui.weak(error.help());
            ui.horizontal_wrapped(|ui| {
                if ui.button("Save again and close").clicked() {
                    request = Some(Request::SaveAndClose);
                }
                if ui.button("Close without saving").clicked() {
                    request = Some(Request::Close);
                }
                closing = !ui.button("Keep open").clicked();
            });
        });
        self.closing = closing;
        self.requests.extend(request);
    }

    fn opening_ui(&mut self, ui: &Ui, is_kept: bool, targets: &mut Targets) {
        let Some(folder) = &mut self.folder else { return };
        note_typing(ui);
        let (mut open, mut request) = (true, None);
        dialog(ui, "Open a run", |ui| {
            ui.label("Folder that --out made; a folder can also be dropped on the window");
            let entered = path_ui(ui, folder, "/path/to/run", "folder", &mut self.focus, targets);
            ui.weak(if is_kept {
                "The run that is open now is saved first."
            } else {
                "The run that is open now has no folder and is not kept (--out DIR would keep it)."
            });
            ui.horizontal(|ui| {
                if ui.add_enabled(!folder.is_empty(), egui::Button::new("Open")).clicked() || entered {
                    request = Some(Request::Open(PathBuf::from(folder.trim())));
                }
                open = !ui.button("Cancel").clicked();
            });
        });
        if !open || request.is_some() || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
            self.folder = None;
        }
        self.requests.extend(request);
    }
}

impl Dialogs {
    fn csv_ui(&mut self, ui: &Ui, targets: &mut Targets) {
        let Some(file) = &mut self.csv else { return };
        note_typing(ui);
        let (mut open, mut chosen) = (true, None);
        dialog(ui, "Save the actions", |ui| {
            ui.label("File for the list as CSV, one row for each action");
            let entered = path_ui(ui, file, "actions.csv", "actions file", &mut self.focus, targets);
            let path = Path::new(file.trim());
            ui.weak(if path.is_file() {
                "It is there already, and is replaced."
            } else {
                "It is a new file."
            });
            ui.horizontal(|ui| {
                let save = ui.add_enabled(!file.trim().is_empty(), egui::Button::new("Save"));
                targets.insert("save actions".into(), save.rect);
                if save.clicked() || entered {
                    chosen = Some(PathBuf::from(file.trim()));
                }
                open = !ui.button("Cancel").clicked();
            });
        });
        if !open || chosen.is_some() || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
            self.csv = None;
        }
        self.csv_chosen = chosen;
    }
}

/// A field for a path, as a target of this name; returns whether Enter was pressed in it.
fn path_ui(
    ui: &mut Ui,
    path: &mut String,
    hint: &str,
    target: &'static str,
    focus: &mut bool,
    targets: &mut Targets,
) -> bool {
    let field = egui::TextEdit::singleline(path).desired_width(f32::INFINITY).hint_text(hint);
    let field = ui.add(field);
    targets.insert(target.into(), field.rect);
    if std::mem::take(focus) {
        field.request_focus();
    }
    field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter))
}

fn dialog(ui: &Ui, title: &str, content: impl FnOnce(&mut Ui)) {
    let width = (ui.ctx().content_rect().width() - 60.0).clamp(200.0, 440.0);
    egui::Window::new(title)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            ui.set_width(width);
            content(ui);
        });
}
