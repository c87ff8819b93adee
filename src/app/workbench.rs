//! The window's interface: the panes in a docking tree, the bars around them, and the actions that they request.

use egui::Ui;

use super::canvas::Readings;
use super::frame::Frame;
use super::keys::{self, Effect};
use super::pane::{Costs, Cx, Dock, Event, Pane, Targets};
use super::panes;
use super::selection::Selection;
use super::theme;
use super::top_bar::TopBar;
use crate::error::{Error, Result};
use crate::session::{
    Action, Command, Event as RunEvent, LayoutCommand, LayoutSource, Session, TensorKind, TrainCommand,
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
    tree: egui_tiles::Tree<usize>,
    panes: Vec<Box<dyn Pane>>,
    top_bar: TopBar,
    selection: Selection,
    keys_shown: bool,
    status: Option<Error>,
    epoch_ended: bool,
    targets: Targets,
    /// Times of the last frames.
    pub costs: Costs,
}

impl Workbench {
    /// A workbench with all panes.
    pub fn new(session: &Session) -> Self {
        let panes = panes::all();
        Self {
            tree: docking_tree(&panes),
            panes,
            top_bar: TopBar { seed: session.settings().seed },
            selection: Selection::default(),
            keys_shown: false,
            status: None,
            epoch_ended: false,
            targets: Targets::new(),
            costs: Costs::default(),
        }
    }

    /// Lays out the whole workbench or one pane in the root of a frame, then performs the requested actions.
    pub fn ui(&mut self, ui: &mut Ui, session: &mut Session, frame: &mut Frame<'_>, show: Show) {
        let mut actions = Vec::new();
        if show == Show::Workbench {
            self.take_events(session);
            self.handle_keys(ui, session, &mut actions);
            self.selection.begin_frame(session);
        }
        let mut cx = Cx {
            session: &*session,
            selection: &mut self.selection,
            frame,
            costs: self.costs,
            is_picture: show != Show::Workbench,
            actions: &mut actions,
            status: &mut self.status,
            targets: &mut self.targets,
        };
        match show {
            Show::Workbench => {
                egui::Panel::top("top bar").show(ui, |ui| self.top_bar.ui(ui, &mut cx));
                egui::Panel::bottom("status bar").show(ui, |ui| status_bar_ui(ui, &mut cx));
                let mut docking = Docking { panes: &mut self.panes, cx };
                let central = egui::CentralPanel::default().frame(egui::Frame::NONE);
                central.show(ui, |ui| self.tree.ui(&mut docking, ui));
                keys::overlay_ui(ui, &mut self.keys_shown);
            }
            Show::Pane(name) => {
                let pane = self.panes.iter_mut().find(|pane| pane.name() == name);
                pane.into_iter().for_each(|pane| pane_ui(ui, pane.as_mut(), &mut cx));
            }
        }
        self.perform(session, actions);
    }

    fn take_events(&mut self, session: &mut Session) {
        for event in session.take_events() {
            match event {
                RunEvent::Fault(error) => self.status = Some(error),
                RunEvent::Epoch(_) => self.epoch_ended = true,
                _ => (),
            }
        }
        if let Err(fault) = session.gpu().check() {
            self.status = Some(fault);
        }
    }

    fn handle_keys(&mut self, ui: &Ui, session: &Session, actions: &mut Vec<Action>) {
        for effect in keys::effects(ui, session, &self.selection) {
            match effect {
                Effect::Act(action) => actions.push(action),
                Effect::Tell(event) => self.tell(&event, session),
                Effect::Reset => actions.push(TrainCommand::Reset(self.top_bar.seed).into()),
                Effect::Clear => {
                    (self.keys_shown, self.selection.tile) = (false, None);
                    self.selection.clear_rows();
                }
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
            let steers = matches!(action, Action::Command(command) if !matches!(command, Command::Layout(_)));
            match session.perform(action) {
                Ok(()) if steers => self.status = None,
                Ok(()) => (),
                Err(error) => self.status = Some(error),
            }
        }
    }

    /// Takes in the numbers that arrived.
    pub fn take(&mut self, readings: Readings, session: &Session) {
        let Readings { tiles, picks, rows, views_ms } = readings;
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

    /// Selected and hovered tiles and rows.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Rectangles of the widgets that scripts click, in points.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}

/// Two columns: the main one is wide and at the left.
fn docking_tree(panes: &[Box<dyn Pane>]) -> egui_tiles::Tree<usize> {
    let mut tiles = egui_tiles::Tiles::default();
    let [mut main, mut side]: [Vec<(Vec<egui_tiles::TileId>, f32)>; 2] = Default::default();
    for (index, pane) in panes.iter().enumerate() {
        let id = tiles.insert_pane(index);
        match (pane.dock(), side.last_mut()) {
            (Dock::Main(share), _) => main.push((vec![id], share)),
            (Dock::Side(share), _) => side.push((vec![id], share)),
            (Dock::Tab, Some((tabs, _))) => tabs.push(id),
            (Dock::Tab, None) => side.push((vec![id], 1.0)),
        }
    }
    let columns = [(main, 2.9), (side, 1.0)].map(|(rows, width)| {
        let tabs: Vec<_> =
            rows.into_iter().map(|(tabs, share)| (tiles.insert_tab_tile(tabs), share)).collect();
        (tiles.insert_container(split(egui_tiles::LinearDir::Vertical, &tabs)), width)
    });
    let root = tiles.insert_container(split(egui_tiles::LinearDir::Horizontal, &columns));
    egui_tiles::Tree::new(egui::Id::unique("workbench"), root, tiles)
}

/// Parts side by side or one above the other, each with its share.
fn split(direction: egui_tiles::LinearDir, parts: &[(egui_tiles::TileId, f32)]) -> egui_tiles::Linear {
    let mut linear = egui_tiles::Linear::new(direction, parts.iter().map(|(id, _)| *id).collect());
    parts.iter().for_each(|(id, share)| linear.shares.set_share(*id, *share));
    linear
}

fn status_bar_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    ui.horizontal(|ui| {
        match cx.status.take() {
            Some(error) => {
                ui.colored_label(theme::FAULT, error.what());
                ui.weak(error.help());
                let dismissed = ui.small_button("✕").on_hover_text("Dismiss").clicked();
                *cx.status = Some(error).filter(|_| !dismissed);
            }
            None => {
                ui.weak(format!("{} · {}", cx.session.title(), cx.session.gpu().info.name));
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.weak("? shows the keys");
        });
    });
}

fn pane_ui(ui: &mut Ui, pane: &mut dyn Pane, cx: &mut Cx<'_, '_>) {
    egui::Frame::NONE.inner_margin(10).show(ui, |ui| pane.ui(ui, cx));
}

/// The panes inside the docking tree.
struct Docking<'d, 'a, 'f> {
    panes: &'d mut [Box<dyn Pane>],
    cx: Cx<'a, 'f>,
}

impl egui_tiles::Behavior<usize> for Docking<'_, '_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: egui_tiles::TileId, index: &mut usize) -> egui_tiles::UiResponse {
        pane_ui(ui, self.panes[*index].as_mut(), &mut self.cx);
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, index: &usize) -> egui::WidgetText {
        self.panes[*index].title().into()
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        theme::GROUND
    }
}
