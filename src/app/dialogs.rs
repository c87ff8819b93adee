//! Dialogs of the window: opening a run, a training or a network, keeping one that has no folder, closing one that cannot be saved, and the
//! file of a pane.

use std::path::{Path, PathBuf};

use egui::{RichText, Ui};

use super::number::note_typing;
use super::pane::{Cx, FileForm, Targets, ToSave};
use super::theme;
use crate::error::{Error, Result};
use crate::session::RunFolder;

/// A request of the user to the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Save the run.
    Save,
    /// Save the run, and close the window once it is saved.
    SaveAndClose,
    /// Close the window without saving.
    Close,
    /// Open the run, the training or the network at this path.
    Open(PathBuf),
    /// Keep the run, which has no folder, in this one.
    Keep(PathBuf),
    /// Draw the pane of this name into a file.
    Draw {
        /// Name of the pane.
        pane: &'static str,
        /// Width and height in pixels.
        size: [u32; 2],
        /// Pixels per point.
        scale: f32,
        /// File of the picture.
        file: PathBuf,
    },
}

/// A pane that is being saved.
struct Saving {
    what: ToSave,
    /// The file, as it is typed.
    file: String,
    /// Width and height of a picture in pixels, as they are typed.
    size: String,
}

/// The dialog that keeps a run.
#[derive(Default)]
struct Keeping {
    /// The folder, as it is typed.
    folder: String,
    /// Reason why it was not kept in a folder, and that folder.
    failed: Option<(String, Error)>,
}

/// State of the dialogs.
#[derive(Default)]
pub(crate) struct Dialogs {
    /// Why the run could not be saved.
    unsaved: Option<Error>,
    /// The window was asked to close while the run could not be saved.
    closing: bool,
    /// Path to open, as it is typed.
    path: Option<String>,
    /// The folder to keep the run in, and why it is not kept in the last one that was tried.
    keeping: Option<Keeping>,
    /// The pane that is being saved.
    saving: Option<Saving>,
    /// The pane that is to be saved now, as text, and its file.
    chosen: Option<(ToSave, PathBuf)>,
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

    /// Shows the dialog that opens a run, a training or a network, with the path where it is known.
    pub(crate) fn open(&mut self, path: Option<PathBuf>) {
        self.focus = true;
        self.path = Some(path.map_or_else(String::new, |path| path.display().to_string()));
    }

    /// Shows the dialog that keeps a run which has no folder.
    pub(crate) fn keep(&mut self) {
        self.focus = true;
        self.keeping = Some(Keeping::default());
    }

    /// Notes whether the run could be kept as it was asked for; where not, the dialog stays and says why.
    pub(crate) fn kept(&mut self, kept: Result<()>) {
        match (kept, &mut self.keeping) {
            (Err(error), Some(keeping)) => {
                keeping.failed = Some((keeping.folder.clone(), error));
                self.focus = true;
            }
            _ => self.keeping = None,
        }
    }

    /// Shows the dialog that saves a pane, with a file; a picture is at first as large as the pane in the window, at `pixels_per_point`.
    pub(crate) fn save_pane(&mut self, what: ToSave, file: &Path, pixels_per_point: f32) {
        let [width, height] =
            [what.size.x, what.size.y].map(|side| (side * pixels_per_point).round().max(1.0));
        self.focus = true;
        self.saving =
            Some(Saving { what, file: file.display().to_string(), size: format!("{width}x{height}") });
    }

    /// The pane that is to be saved as text, and its file, once.
    pub(crate) fn take_chosen(&mut self) -> Option<(ToSave, PathBuf)> {
        self.chosen.take()
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
        ui.add(egui::Label::new(RichText::new(text).color(theme::fault())).truncate())
            .on_hover_text(error.help());
        true
    }

    /// The dialogs that are open.
    pub(crate) fn ui(&mut self, ui: &Ui, is_kept: bool, targets: &mut Targets) {
        self.closing_ui(ui);
        self.opening_ui(ui, is_kept, targets);
        self.keeping_ui(ui, is_kept, targets);
        self.saving_ui(ui, targets);
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
        let Some(path) = &mut self.path else { return };
        note_typing(ui);
        let (mut open, mut request) = (true, None);
        dialog(ui, "Open a run, a training or a network", |ui| {
            ui.label(
                "Folder of a run (--out) or of a PyTorch training to watch, or file of a network (ONNX, Keras, TensorFlow.js, ConvNetJS), which is trained on with \
                 the present data set. All of them can also be dropped on the window",
            );
            let entered = path_ui(ui, path, "/path/to/run", "folder", &mut self.focus, targets);
            ui.weak(if is_kept {
                "The run that is open now is saved first."
            } else {
                "The run that is open now has no folder and is not kept (Keep… would keep it)."
            });
            ui.horizontal(|ui| {
                if ui.add_enabled(!path.is_empty(), egui::Button::new("Open")).clicked() || entered {
                    request = Some(Request::Open(PathBuf::from(path.trim())));
                }
                open = !ui.button("Cancel").clicked();
            });
        });
        if !open || request.is_some() || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
            self.path = None;
        }
        self.requests.extend(request);
    }
}

impl Dialogs {
    fn keeping_ui(&mut self, ui: &Ui, is_kept: bool, targets: &mut Targets) {
        let Some(Keeping { folder, failed }) = self.keeping.as_mut().filter(|_| !is_kept) else { return };
        note_typing(ui);
        let (mut open, mut keep) = (true, false);
        dialog(ui, "Keep the run", |ui| {
            ui.label(
                "Folder to keep the run in, with all that was done in it; it is made if it is not there. From then on the run is saved there \
                 after each epoch and at its end, and Open… goes on with it",
            );
            let entered = path_ui(ui, folder, "/path/to/run", "keep folder", &mut self.focus, targets);
            let path = Path::new(folder.trim());
            let free = if folder.trim().is_empty() { Ok(()) } else { RunFolder::check_free(path) };
            let tried = failed.as_ref().filter(|(tried, _)| tried == folder).map(|(_, error)| error);
            if let Some(error) = free.as_ref().err().or(tried) {
                ui.colored_label(theme::fault(), error.what());
                ui.weak(error.help());
            }
            ui.horizontal(|ui| {
                let can = !folder.trim().is_empty() && free.is_ok();
                let button = ui.add_enabled(can, egui::Button::new("Keep"));
                targets.insert("keep now".into(), button.rect);
                keep = can && (button.clicked() || entered);
                open = !ui.button("Cancel").clicked();
            });
        });
        if keep {
            self.requests.push(Request::Keep(PathBuf::from(folder.trim())));
        }
        if !open || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
            self.keeping = None;
        }
    }

    fn saving_ui(&mut self, ui: &Ui, targets: &mut Targets) {
        let Some(Saving { what, file, size }) = &mut self.saving else { return };
        note_typing(ui);
        let (is_picture, name) = (what.form == FileForm::Png, what.form.name());
        let (mut open, mut save) = (true, false);
        let mut pixels = None;
        dialog(ui, &format!("Save {} as {name}", what.pane), |ui| {
            let entered = path_ui(ui, file, "file", "save file", &mut self.focus, targets);
            let is_there = Path::new(file.trim()).is_file();
            ui.weak(if is_there { "It is there already, and is replaced." } else { "It is a new file." });
            pixels = if is_picture { size_ui(ui, size, targets) } else { Some([0, 0]) };
            ui.horizontal(|ui| {
                let can = !file.trim().is_empty() && pixels.is_some();
                let button = ui.add_enabled(can, egui::Button::new("Save"));
                targets.insert("save now".into(), button.rect);
                save = can && (button.clicked() || entered);
                open = !ui.button("Cancel").clicked();
            });
        });
        let (what, path) = (*what, PathBuf::from(file.trim()));
        match pixels.filter(|_| save) {
            Some(size) if is_picture => {
                let scale = (size[0] as f32 / what.size.x.max(1.0)).clamp(0.5, 8.0);
                self.requests.push(Request::Draw { pane: what.pane, size, scale, file: path });
            }
            Some(_) => self.chosen = Some((what, path)),
            None => (),
        }
        if !open || save || ui.input(|i| i.key_pressed(egui::Key::Escape)) {
            self.saving = None;
        }
    }
}

/// A field for the width and height of a picture; returns them where they are some.
fn size_ui(ui: &mut Ui, size: &mut String, targets: &mut Targets) -> Option<[u32; 2]> {
    let sides = |size: &str| {
        let (width, height) = size.trim().split_once(['x', '×'])?;
        let sides = [width.trim().parse().ok()?, height.trim().parse().ok()?];
        sides.iter().all(|side| *side > 0).then_some(sides)
    };
    ui.horizontal(|ui| {
        let label = ui.label("Width and height in pixels");
        let field = ui.add(egui::TextEdit::singleline(size).desired_width(90.0)).labelled_by(label.id);
        targets.insert("save size".into(), field.rect);
    });
    let found = sides(size);
    if found.is_none() {
        ui.colored_label(theme::fault(), "Give width and height, such as 1280x800");
    }
    found
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
