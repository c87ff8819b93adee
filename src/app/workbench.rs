//! The window's interface: the panes in a docking tree, the bars around them, and the actions that they request.

use std::path::{Path, PathBuf};

use egui::Ui;

use super::canvas::Readings;
use super::dialogs::{Dialogs, Request};
use super::docking::{Docking, pane_ui};
use super::frame::Frame;
use super::keys::{self, Effect};
use super::pane::{Costs, Cx, Event, Pane, Targets, ToSave};
use super::panes;
use super::pictures;
use super::selection::Selection;
use super::status_bar::status_bar_ui;
use super::theme;
use super::timeline::timeline_ui;
use super::top_bar::TopBar;
use super::typed::TypedNumber;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{
    Action, Command, Control, Event as RunEvent, Inspect, LayoutCommand, LayoutSource, NetworkCommand,
    Openable, Session, TensorKind, TrainCommand, write_whole,
};

/// Content of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// The whole workbench.
    Workbench,
    /// The pane of this name.
    Pane(&'static str),
}

impl Show {
    /// Everything that can be shown by name, with a description: each pane, and the workbench.
    pub fn all() -> Vec<(&'static str, &'static str, Self)> {
        let panes = panes::all().into_iter().map(|pane| (pane.name(), pane.about(), Self::Pane(pane.name())));
        panes.chain([("workbench", "The whole window", Self::Workbench)]).collect()
    }
}

/// The workbench: panes, selection and window state. It owns no state of the run.
pub struct Workbench {
    docking: Docking,
    panes: Vec<Box<dyn Pane>>,
    top_bar: TopBar,
    selection: Selection,
    keys_shown: bool,
    /// Dialogs, and what the user asks of the window in them.
    dialogs: Dialogs,
    status: Option<Error>,
    epoch_ended: bool,
    /// The effects of actions are being measured.
    measures: bool,
    /// Files of pictures that were dropped on the window.
    dropped: Vec<PathBuf>,
    targets: Targets,
    typed: TypedNumber,
    /// Times of the last frames.
    pub costs: Costs,
}

impl Workbench {
    /// A workbench with all panes.
    pub fn new(session: &Session) -> Self {
        let panes = panes::all();
        Self {
            docking: Docking::new(&panes),
            panes,
            top_bar: TopBar { seed: session.settings().seed },
            selection: Selection::default(),
            keys_shown: false,
            dialogs: Dialogs::default(),
            status: None,
            epoch_ended: false,
            measures: false,
            dropped: Vec::new(),
            targets: Targets::new(),
            typed: TypedNumber::default(),
            costs: Costs::default(),
        }
    }

    /// Lays out the whole workbench or one pane in the root of a frame, then performs the requested actions.
    pub fn ui(&mut self, ui: &mut Ui, session: &mut Session, frame: &mut Frame<'_>, show: Show) {
        let (mut actions, mut to_save) = (Vec::new(), None);
        if show == Show::Workbench {
            self.measure(session);
            self.take_events(session);
            self.take_pictures(ui, session);
            self.handle_keys(ui, session, &mut actions);
            self.selection.begin_frame(session);
            self.typed.begin_frame();
        }
        let mut cx = Cx {
            session: &*session,
            selection: &mut self.selection,
            frame,
            costs: self.costs,
            is_picture: show != Show::Workbench,
            actions: &mut actions,
            to_save: &mut to_save,
            status: &mut self.status,
            targets: &mut self.targets,
            typed: &mut self.typed,
        };
        match show {
            Show::Workbench => {
                let dialogs = &mut self.dialogs;
                egui::Panel::top("top bar").show(ui, |ui| self.top_bar.ui(ui, dialogs, &mut cx));
                egui::Panel::bottom("status bar").show(ui, |ui| status_bar_ui(ui, dialogs, &mut cx));
                egui::Panel::bottom("timeline").show(ui, |ui| timeline_ui(ui, &mut cx));
                let is_kept = cx.session.folder().is_some();
                let central = egui::CentralPanel::default().frame(egui::Frame::NONE);
                central.show(ui, |ui| self.docking.ui(ui, &mut self.panes, cx));
                keys::overlay_ui(ui, &mut self.keys_shown);
                self.dialogs.ui(ui, is_kept, &mut self.targets);
                self.save_pane(session, to_save, ui.ctx().pixels_per_point());
                match self.typed.take_left(ui) {
                    Some(Ok(left)) => actions.extend(left),
                    Some(Err(error)) => self.status = Some(error),
                    None => (),
                }
            }
            Show::Pane(name) => {
                let pane = self.panes.iter_mut().find(|pane| pane.name() == name);
                pane.into_iter().for_each(|pane| pane_ui(ui, pane.as_mut(), &mut cx));
            }
        }
        self.perform(session, actions);
    }

    /// Measures the effects of actions from the first frame on.
    fn measure(&mut self, session: &mut Session) {
        if !std::mem::replace(&mut self.measures, true) {
            let measured = session.measure_effects();
            self.report(measured);
            let kept = session.control(Control::Inspect(Inspect::KeepOutcomes));
            self.report(kept);
        }
    }

    /// Pictures that were dropped or pasted become probes, and the pane that shows them comes to the front.
    fn take_pictures(&mut self, ui: &Ui, session: &mut Session) {
        let dropped = std::mem::take(&mut self.dropped).into_iter();
        let mut found: Vec<_> = dropped.map(|path| pictures::of_file(session, &path)).collect();
        ui.input(|i| {
            for event in &i.events {
                if let egui::Event::PasteImage(image) = event {
                    found.push(pictures::of_clipboard(session, image));
                }
            }
        });
        for picture in found {
            let added = picture.and_then(|control| session.control(control));
            if added.is_ok() {
                self.show_pane("test");
            }
            self.report(added);
        }
    }

    /// Brings a pane before the tabs beside it.
    pub fn show_pane(&mut self, name: &str) {
        let pane = self.panes.iter().position(|pane| pane.name() == name);
        pane.into_iter().for_each(|pane| self.docking.show(pane));
    }

    /// Shows the dialog that saves a pane where one asks for it, and writes the file that was chosen.
    fn save_pane(&mut self, session: &Session, to_save: Option<ToSave>, pixels_per_point: f32) {
        if let Some(what) = to_save {
            let folder = session.folder().map(Path::to_owned).unwrap_or_default();
            let file = format!("{}.{}", what.pane, what.form.name().to_lowercase());
            self.dialogs.save_pane(what, &folder.join(file), pixels_per_point);
        }
        if let Some((what, file)) = self.dialogs.take_chosen()
            && let Some(pane) = self.panes.iter().find(|pane| pane.name() == what.pane)
        {
            let saved = pane.saved(what.form, session).and_then(|text| write_whole(&file, text.as_bytes()));
            self.report(saved);
        }
    }

    /// Takes in what has happened.
    pub(super) fn take_events(&mut self, session: &mut Session) {
        let mut found = None;
        for event in session.take_events() {
            match event {
                RunEvent::Fault(error) | RunEvent::Notice(error) => found = Some(error),
                RunEvent::Epoch(_) => self.epoch_ended = true,
                _ => (),
            }
        }
        found = session.gpu().check().err().or(found);
        // What follows a fault of the GPU may be its effect: the first one stays.
        let stays = self.status.as_ref().is_some_and(|shown| shown.kind() == ErrorKind::Gpu);
        self.status = if stays { self.status.take() } else { found.or(self.status.take()) };
    }

    fn handle_keys(&mut self, ui: &Ui, session: &Session, actions: &mut Vec<Action>) {
        for effect in keys::effects(ui, session, &self.selection) {
            match effect {
                Effect::Act(all) => actions.extend(all),
                Effect::Tell(event) => self.tell(&event, session),
                Effect::Reset => actions.push(TrainCommand::Reset(self.top_bar.seed).into()),
                Effect::Clear => {
                    (self.keys_shown, self.selection.tile) = (false, None);
                    self.selection.clear_rows();
                }
                Effect::ToggleTheme => theme::toggle(ui.ctx()),
                Effect::ToggleOverlay => self.keys_shown = !self.keys_shown,
            }
        }
    }

    /// Tells all panes of an event.
    fn tell(&mut self, event: &Event, session: &Session) {
        self.panes.iter_mut().for_each(|pane| pane.on_event(event, session, &mut self.selection));
    }

    /// Performs actions in order. The status bar shows the last error; a command that steers the run and succeeds clears it.
    fn perform(&mut self, session: &mut Session, actions: Vec<Action>) {
        for action in actions {
            if changes_nothing(session, &action) {
                continue;
            }
            let steers =
                matches!(&action, Action::Command(command) if !matches!(command, Command::Layout(_)));
            match session.perform(action) {
                Ok(()) if steers => self.status = None,
                Ok(()) => (),
                Err(error) => self.status = Some(error),
            }
        }
    }

    /// Leaves the field in which a number is typed, as before the window closes.
    pub fn leave_field(&mut self, session: &mut Session) {
        if let Some(Ok(actions)) = self.typed.leave() {
            self.perform(session, actions);
        }
    }

    /// Saves the run; where that fails it is paused, and the status bar says why. Returns whether it is saved.
    pub fn save(&mut self, session: &mut Session) -> bool {
        let error = session.save().err();
        if error.is_some() {
            session.pause();
        }
        let saved = error.is_none();
        self.dialogs.saved(error);
        saved
    }

    /// Keeps the run, which has no folder, in this one; where that fails the dialog that asked for it says why. Returns whether it is kept.
    pub fn keep(&mut self, session: &mut Session, folder: &Path) -> bool {
        let kept = session.keep(folder);
        let is_kept = kept.is_ok();
        self.dialogs.kept(kept);
        is_kept
    }

    /// Pauses and saves the run before the window closes; where that fails the user is asked. Returns whether to close.
    pub fn close(&mut self, session: &mut Session) -> bool {
        session.pause();
        self.leave_field(session);
        let saved = self.save(session);
        if !saved {
            self.dialogs.ask_to_close();
        }
        saved
    }

    /// Asks whether to open the run or training of which the folder or a file was dropped on the window, or the network; any other file is to be a picture.
    pub fn take_dropped(&mut self, dropped: &Path) {
        if !Openable::is_meant_by(dropped) {
            return self.dropped.push(dropped.to_owned());
        }
        self.dialogs.open(Some(Openable::at(dropped).path().to_owned()));
    }

    /// Requests of the user to the window since the last call.
    pub fn take_requests(&mut self) -> Vec<Request> {
        self.dialogs.take()
    }

    /// Takes in the numbers that arrived.
    pub fn take(&mut self, readings: Readings, session: &Session) {
        let Readings { tiles, classes, weights, bias, terms, picks, points, rows, views_ms } = readings;
        self.selection.points = points.or(self.selection.points.take());
        self.selection.probabilities = classes.unwrap_or(std::mem::take(&mut self.selection.probabilities));
        self.selection.weights = weights.or(self.selection.weights.take());
        self.selection.terms = terms.or(self.selection.terms.take());
        self.selection.bias = bias.or(self.selection.bias);
        tiles.into_iter().for_each(|(tile, values)| self.selection.set_statistics(tile, values));
        rows.into_iter().for_each(|(layout, rows)| self.selection.set_rows(layout, rows));
        picks.into_iter().for_each(|(layout, pick)| self.tell(&Event::Picked(layout, pick), session));
        self.costs.views_ms = views_ms.unwrap_or(self.costs.views_ms);
    }

    /// True once after the end of an epoch.
    pub fn take_epoch_ended(&mut self) -> bool {
        std::mem::take(&mut self.epoch_ended)
    }

    /// All layers that have such a tensor show it.
    pub fn show_everywhere(&mut self, session: &Session, kind: TensorKind) {
        self.tell(&Event::Show(kind), session);
    }

    /// Opens layouts of these nodes, in place of the one that the Embedding pane opens at the start.
    ///
    /// # Errors
    /// When one of the nodes has no such tensor.
    pub fn open_layouts(&mut self, session: &mut Session, nodes: &[usize], kind: TensorKind) -> Result<()> {
        self.tell(&Event::LayoutsOpened(kind), session);
        let open = |node: &usize| LayoutCommand::Open(LayoutSource::Tensor { node: *node, kind });
        nodes.iter().map(open).try_for_each(|command| session.apply(command))
    }

    /// Shows an error in the status bar.
    pub(super) fn report(&mut self, result: Result<()>) {
        self.status = result.err().or(self.status.take());
    }

    /// Selected and hovered tiles and rows.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Rectangles of the widgets that scripts click, in points.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}

/// True for a command after which all settings are as they are now; a reset and the commands of layouts are others.
fn changes_nothing(session: &Session, action: &Action) -> bool {
    let Action::Command(command) = action else { return false };
    let other = match command {
        Command::Layout(_) | Command::Train(TrainCommand::Reset(_)) => true,
        Command::Network(command) => !matches!(command, NetworkCommand::Freeze(_) | NetworkCommand::Thaw(_)),
        Command::Train(_) | Command::Data(_) => false,
    };
    let settings = session.coming_settings();
    !other && settings.changed(command, session.step()) == settings
}
