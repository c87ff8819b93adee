//! The user interface and its own state: what is selected, shown and open. It owns no model state.

use std::collections::BTreeMap;

use egui::{Rect, Ui};

use super::canvas::Frame;
use super::embedding_pane::{self, EmbeddingPane};
use super::{charts_pane, keys, network_pane, steer_pane, theme, top_bar};
use crate::error::Error;
use crate::session::{
    Command, DataCommand, Event, LayerId, NetworkCommand, Session, TensorKind, TrainCommand,
};

/// A pane of the workbench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// One column per layer.
    Network,
    /// Loss and accuracy.
    Charts,
    /// Hyper-parameters, probe, selection.
    Steer,
    /// Layers laid out by t-SNE.
    Embedding,
}

/// A tile of the Network pane: a layer (0 is the input) and a filter or channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileId {
    /// The layer, 0 for the input.
    pub layer: usize,
    /// The filter or channel.
    pub tile: u32,
}

/// GPU and wall time of the last frames, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Costs {
    /// GPU time of pictures and interface in a frame.
    pub views_ms: f64,
    /// Frames a second.
    pub frames_per_s: f64,
}

/// The workbench.
pub struct Workbench {
    tree: egui_tiles::Tree<Pane>,
    /// What each layer shows.
    pub(super) shown: Vec<TensorKind>,
    /// The selected tile.
    pub selected: Option<TileId>,
    /// The tile under the pointer.
    pub(super) hovered: Option<TileId>,
    /// Smallest, largest, mean and deviation of the last tiles that were asked for, once they arrived.
    numbers: Vec<(TileId, [f32; 4])>,
    /// Whether the Network pane draws its pictures.
    pub pictures: bool,
    pub(super) keys_shown: bool,
    pub(super) seed: u64,
    pub(super) status: Option<Error>,
    pub(super) embedding: EmbeddingPane,
    /// An epoch ended since the run was last saved.
    pub(super) epoch_ended: bool,
    /// Costs, given by whoever runs the frames.
    pub costs: Costs,
    /// Where the widgets that scripts click lie, in points.
    pub(super) places: BTreeMap<&'static str, Rect>,
}

impl Workbench {
    /// A workbench for a session.
    pub fn new(session: &Session) -> Self {
        let mut tiles = egui_tiles::Tiles::default();
        let panes = [Pane::Network, Pane::Charts, Pane::Steer, Pane::Embedding];
        let [network, charts, steer, embedding] = panes.map(|pane| {
            let id = tiles.insert_pane(pane);
            tiles.insert_tab_tile(vec![id])
        });
        let pictures = {
            let mut linear =
                egui_tiles::Linear::new(egui_tiles::LinearDir::Vertical, vec![network, embedding]);
            linear.shares.set_share(network, 1.5);
            linear.shares.set_share(embedding, 1.0);
            tiles.insert_container(linear)
        };
        let side = {
            let mut linear = egui_tiles::Linear::new(egui_tiles::LinearDir::Vertical, vec![steer, charts]);
            linear.shares.set_share(steer, 1.75);
            linear.shares.set_share(charts, 1.0);
            tiles.insert_container(linear)
        };
        let mut linear = egui_tiles::Linear::new(egui_tiles::LinearDir::Horizontal, vec![pictures, side]);
        linear.shares.set_share(pictures, 2.9);
        linear.shares.set_share(side, 1.0);
        let root = tiles.insert_container(linear);
        Self {
            tree: egui_tiles::Tree::new(egui::Id::unique("workbench"), root, tiles),
            shown: vec![TensorKind::Activations; session.layers().len()],
            selected: None,
            hovered: None,
            numbers: Vec::new(),
            pictures: true,
            keys_shown: false,
            seed: session.settings().seed,
            status: None,
            embedding: EmbeddingPane::default(),
            epoch_ended: false,
            costs: Costs::default(),
            places: BTreeMap::new(),
        }
    }

    /// The whole workbench, in the root of a frame.
    pub fn ui(&mut self, ui: &mut Ui, session: &mut Session, frame: &mut Frame<'_>) {
        self.take_faults(session);
        keys::handle(ui, self, session);
        egui::Panel::top("top bar").show(ui, |ui| top_bar::show(ui, self, session));
        egui::Panel::bottom("status bar").show(ui, |ui| self.status_bar(ui, session));
        self.hovered = self.embedded_tile(session);
        egui::CentralPanel::default().frame(egui::Frame::NONE).show(ui, |ui| {
            let mut tree =
                std::mem::replace(&mut self.tree, egui_tiles::Tree::empty(egui::Id::unique("workbench")));
            tree.ui(&mut Panes { bench: self, session, frame }, ui);
            self.tree = tree;
        });
        keys::overlay(ui, self);
    }

    /// One pane alone; a picture does not scroll.
    pub fn pane_ui(
        &mut self,
        ui: &mut Ui,
        pane: Pane,
        session: &mut Session,
        frame: &mut Frame<'_>,
        scrolls: bool,
    ) {
        let margin = egui::Frame::NONE.inner_margin(10);
        margin.show(ui, |ui| match pane {
            Pane::Network => {
                network_pane::show(ui, self, session, frame, scrolls);
                network_pane::hover_window(ui, self, session, frame);
            }
            Pane::Charts => charts_pane::show(ui, session),
            Pane::Steer => steer_pane::show(ui, self, session),
            Pane::Embedding => embedding_pane::show(ui, self, session, frame),
        });
    }

    fn take_faults(&mut self, session: &mut Session) {
        for event in session.take_events() {
            match event {
                Event::Fault(error) => self.status = Some(error),
                Event::Epoch(_) => self.epoch_ended = true,
                _ => (),
            }
        }
        if let Some(fault) = session.gpu().take_errors().into_iter().next() {
            self.status = Some(Error::new(format!("the GPU reports: {fault}"), "take another adapter"));
        }
    }

    fn status_bar(&mut self, ui: &mut Ui, session: &Session) {
        ui.horizontal(|ui| {
            match &self.status {
                Some(error) => {
                    ui.colored_label(theme::FAULT, error.what());
                    ui.weak(error.help());
                    if ui.small_button("✕").on_hover_text("Dismiss").clicked() {
                        self.status = None;
                    }
                }
                None => {
                    ui.weak(format!("{} · {}", session.title(), session.gpu().info.name));
                }
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.weak("? shows the keys");
            });
        });
    }

    /// Sends a command; what is wrong with it goes to the status bar.
    pub(super) fn send(&mut self, session: &mut Session, command: impl Into<Command>) {
        match session.apply(command) {
            Ok(()) => self.status = None,
            Err(error) => self.status = Some(error),
        }
    }

    pub(super) fn reset(&mut self, session: &mut Session) {
        self.send(session, TrainCommand::Reset(self.seed));
    }

    /// All layers that have such a tensor show it.
    pub fn show_everywhere(&mut self, session: &Session, kind: TensorKind) {
        for (layer, shown) in self.shown.iter_mut().enumerate() {
            if session.tensor(layer, kind).is_some() {
                *shown = kind;
            }
        }
    }

    /// Opens the layouts of these layers, in place of the one that the pane begins with.
    ///
    /// # Errors
    /// When one of them has nothing of the kind.
    pub fn open_embeddings(
        &mut self,
        session: &mut Session,
        layers: &[usize],
        kind: TensorKind,
    ) -> crate::Result<()> {
        self.embedding.open(session, layers, kind)
    }

    /// The tile whose point in a layout is under the pointer.
    fn embedded_tile(&self, session: &Session) -> Option<TileId> {
        let (id, tile) = self.embedding.hovered?;
        let embedding = session.embeddings().iter().find(|e| e.id().0 == id && e.images().is_none())?;
        let of_all = embedding.filters().map(|filters| filters.filter(tile));
        let (layer, tile) = of_all.unwrap_or(Some((embedding.layer, tile)))?;
        Some(TileId { layer, tile })
    }

    pub(super) fn move_probe(&mut self, session: &mut Session, by: i64) {
        let index = i64::from(session.probe().0) + by;
        let index = index.rem_euclid(session.test_images() as i64);
        self.send(session, DataCommand::PinProbe(index as u32));
    }

    /// Freezes a layer of the network, or thaws it.
    pub(super) fn toggle_frozen(&mut self, session: &mut Session, layer: u32) {
        let frozen = session.settings().frozen.contains(&layer);
        self.send(
            session,
            if frozen {
                NetworkCommand::Thaw(LayerId(layer))
            } else {
                NetworkCommand::Freeze(LayerId(layer))
            },
        );
    }

    /// Remembers where a widget lies, for scripts that click it.
    pub(super) fn mark(&mut self, name: &'static str, response: &egui::Response) {
        self.places.insert(name, response.rect);
    }

    /// Smallest, largest, mean and deviation of a tile that is hovered or selected, a few frames old.
    pub(super) fn numbers(&self, id: TileId) -> Option<[f32; 4]> {
        self.numbers.iter().find(|(of, _)| *of == id).map(|(_, numbers)| *numbers)
    }

    /// Takes in the numbers of a tile.
    pub(super) fn take_numbers(&mut self, id: TileId, numbers: [f32; 4]) {
        self.numbers.retain(|(of, _)| *of != id);
        self.numbers.insert(0, (id, numbers));
        // One is selected and one hovered.
        self.numbers.truncate(2);
    }

    /// Moves the selection by layers and tiles, to the first tile where there is none; it stays where there is
    /// nothing further.
    pub(super) fn move_selection(&mut self, session: &Session, layers: i64, tiles: i64) {
        let Some(selected) = self.selected else {
            self.selected = Some(TileId { layer: 0, tile: 0 });
            return;
        };
        let last = session.layers().len() as i64 - 1;
        let layer = (selected.layer as i64 + layers).clamp(0, last) as usize;
        let count = session.tensor(layer, self.shown[layer]).map_or(1, |view| view.tiles());
        let tile = (i64::from(selected.tile) + tiles).clamp(0, i64::from(count) - 1) as u32;
        self.selected = Some(TileId { layer, tile });
    }

    /// Where the widgets that scripts click lie, in points.
    pub fn places(&self) -> &BTreeMap<&'static str, Rect> {
        &self.places
    }
}

/// Draws the panes inside the docking tree.
struct Panes<'a, 'f> {
    bench: &'a mut Workbench,
    session: &'a mut Session,
    frame: &'a mut Frame<'f>,
}

impl egui_tiles::Behavior<Pane> for Panes<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: egui_tiles::TileId, pane: &mut Pane) -> egui_tiles::UiResponse {
        self.bench.pane_ui(ui, *pane, self.session, self.frame, true);
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        match pane {
            Pane::Network => "Network",
            Pane::Charts => "Charts",
            Pane::Steer => "Steer",
            Pane::Embedding => "Embedding",
        }
        .into()
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
