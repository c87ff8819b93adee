//! The Network pane: a column per node with a tile per filter or channel, and the class probabilities of the probe.

mod activity;
mod classes;
mod columns;
mod flow;
mod hand;
mod head;
mod intermediates;
mod kernel;
mod marks;
mod paint;
mod ranking;
mod recipe;
mod shown;
mod softmax;
mod tiles;

use egui::{Rect, RichText, Sense, Ui, Vec2};

use self::activity::{Activity, Bars};
use self::flow::FlowSettings;
use self::hand::{Offers, Opened};
use self::intermediates::Intermediates;
use self::marks::Marks;
use self::paint::Painter;
use self::shown::Shown;
use self::softmax::Softmax;
use crate::app::actions::filter_of;
use crate::app::pane::{Cx, Dock, Event, Pane};
use crate::app::ranked::lines_ui;
use crate::app::selection::Selection;
use crate::app::tensor_kinds::{self, long_name};
use crate::app::theme;
use crate::app::tile_popup::{Enlarged, enlarged_ui, statistics_ui};
use crate::app::tile_set::{TileId, TileSetId};
use crate::error::Result;
use crate::session::{Session, TensorKind};
use crate::view::TileSet;

/// Height of a column's head, in points.
const HEAD: f32 = 62.0;

/// The Network pane.
pub(crate) struct NetworkPane {
    shown: Shown,
    /// Tiles are drawn.
    pictures: bool,
    flow: FlowSettings,
    bars: Bars,
    /// Lanes for skip connections below the tiles, where edges are shown.
    lanes: usize,
    offers: Offers,
    /// Tile of the open context menu.
    menu: Option<TileId>,
    /// The filter that is painted.
    painter: Option<Painter>,
    /// The tile whose computation is shown.
    intermediates: Option<Intermediates>,
    /// The class whose probability is shown step by step.
    softmax: Option<Softmax>,
}

impl Default for NetworkPane {
    fn default() -> Self {
        Self {
            shown: Shown::default(),
            pictures: true,
            flow: FlowSettings::default(),
            bars: Bars::default(),
            lanes: 0,
            offers: Offers::default(),
            menu: None,
            painter: None,
            intermediates: None,
            softmax: None,
        }
    }
}

impl Pane for NetworkPane {
    fn title(&self) -> &'static str {
        "Network"
    }

    fn name(&self) -> &'static str {
        "network"
    }

    fn about(&self) -> &'static str {
        "One column per layer"
    }

    fn dock(&self) -> Dock {
        Dock::Main(1.5)
    }

    /// Columns that keep a readable width by scrolling, except in a picture.
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        head::switch_ui(ui, cx, &mut self.shown, &mut self.flow, &mut self.bars);
        self.lanes = if self.flow.on { flow::lanes(cx.session) } else { 0 };
        let available = ui.available_rect_before_wrap();
        let min_width = columns::min_width(cx.session.layers().len() + 1);
        if cx.is_picture || min_width <= available.width() {
            self.columns_ui(ui, available, cx);
        } else {
            egui::ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
                let size = Vec2::new(min_width, ui.available_height());
                let (area, _) = ui.allocate_exact_size(size, Sense::hover());
                self.columns_ui(ui, area, cx);
            });
        }
        self.publish(cx.selection);
        if self.painter.as_mut().is_some_and(|painter| !painter.ui(ui, cx)) {
            self.painter = None;
        }
        cx.selection.gives_up |=
            self.painter.is_some() || self.intermediates.is_some() || self.softmax.is_some();
        if self.intermediates.as_mut().is_some_and(|shown| !shown.ui(ui, cx)) {
            self.intermediates = None;
        }
        if self.softmax.is_some_and(|shown| !shown.ui(ui, cx)) {
            self.softmax = None;
        }
        self.hover_ui(ui, cx);
    }

    fn on_event(&mut self, event: &Event, session: &Session, selection: &mut Selection) {
        match *event {
            Event::Show(kind) => self.shown.set_everywhere(session, kind),
            Event::MoveSelection { nodes, tiles } => self.move_selection(session, selection, nodes, tiles),
            Event::TogglePictures => self.pictures = !self.pictures,
            Event::GiveUp if self.painter.is_some() => {
                self.painter = self.painter.take().and_then(Painter::left);
            }
            Event::GiveUp => (self.intermediates, self.softmax) = (None, None),
            Event::ToggleIntermediates => {
                let opened = selection.tile.and_then(|tile| Intermediates::new(session, tile));
                self.intermediates = opened.filter(|opened| {
                    self.intermediates.as_ref().is_none_or(|shown| shown.tile() != opened.tile())
                });
            }
            _ => (),
        }
        self.publish(selection);
    }
}

impl NetworkPane {
    /// Tells the other panes which tensor the selected tile is of.
    fn publish(&self, selection: &mut Selection) {
        if let Some(tile) = selection.tile {
            selection.shown = self.shown.get(tile.node);
        }
    }

    /// Moves the selected tile as far as there are nodes and tiles.
    fn move_selection(&self, session: &Session, selection: &mut Selection, nodes: i64, tiles: i64) {
        let Some(selected) = selection.tile else {
            selection.tile = Some(TileId { node: 0, tile: 0 });
            return;
        };
        let last = session.layers().len() as i64 - 1;
        let node = (selected.node as i64 + nodes).clamp(0, last) as usize;
        let count = session.tensor(node, self.shown.get(node)).map_or(1, |view| view.tiles());
        let tile = (i64::from(selected.tile) + tiles).clamp(0, i64::from(count) - 1) as u32;
        selection.tile = Some(TileId { node, tile });
    }

    fn tile_set(&self, session: &Session, node: usize) -> Option<TileSet> {
        let kind = self.shown.get(node);
        let view = session.tensor(node, kind)?;
        let style = tensor_kinds::style(&session.layers()[node], kind, view.channels());
        Some(TileSet { view, style })
    }

    /// Head of a column, and the part of its body that tiles take.
    fn split(&self, column: Rect) -> (Rect, Rect) {
        let (head, body) = split(column);
        let body = if self.flow.on { flow::narrowed(body, columns::pitch(column), self.lanes) } else { body };
        (head, body)
    }

    /// Rectangles of a node's tiles.
    fn rects(&self, session: &Session, column: Rect, node: usize) -> Vec<Rect> {
        let set = self.tile_set(session, node);
        set.map_or(Vec::new(), |set| tile_rects(self.split(column).1, &set))
    }

    fn columns_ui(&mut self, ui: &mut Ui, area: Rect, cx: &mut Cx<'_, '_>) {
        let nodes = cx.session.layers().len();
        let columns = columns::columns(area, nodes + 1);
        let visible = ui.clip_rect();
        self.offers.follow(cx.session);
        if self.flow.on && self.pictures {
            let mut tiles: Vec<Vec<Rect>> =
                (0..nodes).map(|node| self.rects(cx.session, columns[node], node)).collect();
            if cx.session.trainer().network.loss.has_classes() {
                tiles.extend(classes::bars(split(columns[nodes]).1, cx.session.class_names().len()));
            }
            flow::edges_ui(ui, cx, area.intersect(visible), &tiles, self.flow);
        }
        let mark = cx.frame.begin();
        if self.bars.are_below() {
            self.bars_ui(ui, cx, &columns);
        }
        for (node, column) in columns.iter().enumerate().take(nodes) {
            if !visible.intersects(*column) {
                continue;
            }
            let (head, body) = self.split(*column);
            head::column_ui(ui, head, cx, &mut self.shown, node, self.offers.of(node));
            hand::insert_ui(ui, head, cx, node);
            let result = self.tiles_ui(ui, body, cx, node);
            cx.report(result);
        }
        if !self.bars.are_below() {
            self.bars_ui(ui, cx, &columns);
        }
        cx.frame.paint(ui, area.intersect(visible), mark);
        if self.bars.of == Activity::LossWithout && self.pictures {
            ranking::request(cx);
            let shown = columns.iter().enumerate().take(nodes).filter(|(_, c)| visible.intersects(**c));
            shown.for_each(|(node, column)| {
                ranking::bars_ui(ui, cx, node, &self.rects(cx.session, *column, node))
            });
        }
        self.marks(ui, &columns, cx);
        self.outline(ui, &columns, cx);
        self.frames(ui, &columns, cx);
        self.request_selected(cx);
        if visible.intersects(columns[nodes]) && cx.session.trainer().network.loss.has_classes() {
            let (head, body) = split(columns[nodes]);
            let clicked = classes::classes_ui(ui, head, body, cx, self.pictures).map(Softmax::new);
            if clicked.is_some() {
                // Numbers come back of one of them.
                (self.intermediates, self.softmax) = (None, clicked.filter(|new| self.softmax != Some(*new)));
            }
        }
        ui.allocate_rect(area, Sense::hover());
    }

    /// Bars or glows of all columns.
    fn bars_ui(&self, ui: &Ui, cx: &mut Cx<'_, '_>, columns: &[Rect]) {
        if !self.pictures {
            return;
        }
        for (node, column) in columns.iter().enumerate().take(cx.session.layers().len()) {
            if ui.clip_rect().intersects(*column) {
                let tiles = self.rects(cx.session, *column, node);
                let placed = activity::bars_ui(ui, cx, node, &tiles, self.bars);
                cx.report(placed);
            }
        }
    }

    fn tiles_ui(&mut self, ui: &mut Ui, body: Rect, cx: &mut Cx<'_, '_>, node: usize) -> Result<()> {
        let Some(set) = self.tile_set(cx.session, node).filter(|_| self.pictures) else { return Ok(()) };
        cx.frame.declare(TileSetId::Node(node), &set)?;
        let response = ui.interact(body, ui.scope_id().with(("column", node)), Sense::click());
        let pointer = ui.input(|i| i.pointer.hover_pos());
        if response.secondary_clicked() {
            self.menu = None;
        }
        let pointer = pointer.filter(|p| body.contains(*p) && ui.rect_contains_pointer(body));
        for (tile, rect) in (0..).zip(tile_rects(body, &set)) {
            cx.frame.place(ui, TileSetId::Node(node), tile, rect);
            if pointer.is_some_and(|p| rect.contains(p)) {
                let id = Some(TileId { node, tile });
                cx.selection.hovered = id;
                if ui.input(|i| i.pointer.primary_clicked()) {
                    cx.selection.tile = id;
                }
                if response.secondary_clicked() {
                    self.menu = id;
                }
                if response.double_clicked() {
                    self.painter = id.and_then(|id| filter_of(cx.session, id)).map(Painter::new);
                }
            }
        }
        if let Some(tile) = self.menu.filter(|tile| tile.node == node) {
            let menu = egui::Popup::context_menu(&response).show(|ui| hand::tile_menu_ui(ui, cx, tile));
            match menu.and_then(|menu| menu.inner) {
                Some(Opened::Painter) => self.painter = filter_of(cx.session, tile).map(Painter::new),
                Some(Opened::Intermediates) => self.intermediates = Intermediates::new(cx.session, tile),
                None => (),
            }
        }
        Ok(())
    }

    /// Asks for the statistics of the selected tile, which the Steer pane shows.
    fn request_selected(&self, cx: &mut Cx<'_, '_>) {
        let hovered = cx.selection.hovered;
        let Some(id) = cx.selection.tile.filter(|id| self.pictures && hovered != Some(*id)) else { return };
        if self.tile_set(cx.session, id.node).is_some_and(|set| id.tile < set.view.tiles()) {
            cx.frame.request_tile(id);
        }
    }

    /// Marks frozen filters, and those that a command has changed since the last epoch ended, in the columns of their layers.
    fn marks(&self, ui: &Ui, columns: &[Rect], cx: &Cx<'_, '_>) {
        for (layer, column) in cx.session.trainer().network.layers.iter().zip(&columns[1..]) {
            let marks: Vec<Marks> =
                layer.filter_ids.iter().map(|id| Marks::of(cx.session, layer, *id)).collect();
            if !ui.clip_rect().intersects(*column) || marks.iter().all(Marks::is_empty) {
                continue;
            }
            let node = columns.iter().position(|other| other == column).unwrap_or(0);
            let Some(set) = self.tile_set(cx.session, node) else { continue };
            let rects = tile_rects(self.split(*column).1, &set);
            marks.iter().zip(rects).for_each(|(marks, rect)| marks.paint(ui.painter(), rect));
        }
    }

    /// Outlines the selected and the hovered tile, and the tiles that are selected as rows of layouts.
    fn outline(&self, ui: &Ui, columns: &[Rect], cx: &Cx<'_, '_>) {
        let outline = |rect: Rect, color| {
            let stroke = egui::Stroke::new(1.5, color);
            ui.painter().rect_stroke(rect, 1.0, stroke, egui::StrokeKind::Outside);
        };
        for (node, column) in columns.iter().enumerate().take(cx.session.layers().len()) {
            let selected = cx.selection.tiles_of(cx.session, node);
            let set = self.tile_set(cx.session, node).filter(|_| !selected.is_empty());
            let Some(set) = set else { continue };
            let rects = tile_rects(self.split(*column).1, &set);
            for rect in selected.iter().filter_map(|tile| rects.get(*tile as usize)) {
                outline(rect.expand(0.5), theme::second());
            }
        }
        for (id, color) in [(cx.selection.hovered, theme::text()), (cx.selection.tile, theme::accent())] {
            let Some((id, set)) = id.and_then(|id| Some((id, self.tile_set(cx.session, id.node)?))) else {
                continue;
            };
            if let Some(rect) = tile_rects(self.split(columns[id.node]).1, &set).get(id.tile as usize) {
                outline(rect.expand(1.0), color);
            }
        }
    }

    /// Frames the receptive field of the pixel in focus on the maps before it.
    fn frames(&self, ui: &Ui, columns: &[Rect], cx: &Cx<'_, '_>) {
        let Some(fields) = self.intermediates.as_ref().and_then(|shown| shown.receptive_fields(cx.session))
        else {
            return;
        };
        for (node, field) in fields.iter().enumerate() {
            let Some(field) = field.as_ref().filter(|_| shows_maps(self.shown.get(node))) else { continue };
            let [_, height, width] = cx.session.layers()[node].output;
            for rect in self.rects(cx.session, columns[node], node) {
                tiles::frame_ui(ui, rect, [height, width], field);
            }
        }
    }

    /// The hovered tile enlarged, with its statistics; rows of layouts are enlarged by the Embedding pane.
    fn hover_ui(&self, ui: &Ui, cx: &mut Cx<'_, '_>) {
        // The window of its weights opens beside it, and is not to be covered.
        let painted = self.painter.as_ref().map(Painter::filter);
        let painted = |tile: &TileId| painted.is_some() && filter_of(cx.session, *tile) == painted;
        let hovered =
            cx.selection.hovered.filter(|tile| cx.selection.hovered_row.is_none() && !painted(tile));
        let (Some(id), Some(pointer)) = (hovered, ui.input(|i| i.pointer.hover_pos())) else { return };
        let Some(set) = self.tile_set(cx.session, id.node) else { return };
        cx.frame.request_tile(id);
        let enlarged =
            Enlarged { pointer, set: TileSetId::Node(id.node), tile: id.tile, texels: set.texels() };
        let (session, selection) = (cx.session, &*cx.selection);
        enlarged_ui(ui, cx.frame, &enlarged, |ui| {
            let name = &session.layers()[id.node].name;
            ui.label(RichText::new(format!("{name} {}", id.tile)).strong());
            let [_, channels, height, width] = set.view.extents;
            let kind = self.shown.get(id.node);
            let small = |text: String| RichText::new(text).small().color(theme::muted());
            ui.label(small(format!("{}, {channels} × {height} × {width}", long_name(kind))));
            statistics_ui(ui, "hovered numbers", (session, selection), (id, kind));
            let about =
                self.bars.missing(session, id.node, kind).into_iter().chain(marks::about(session, id));
            about.for_each(|text| drop(ui.label(small(text))));
            if let Some(filter) = filter_of(session, id).filter(|_| self.bars.of == Activity::LossWithout) {
                lines_ui(ui, session, filter);
            }
        });
    }
}

fn shows_maps(kind: TensorKind) -> bool {
    matches!(kind, TensorKind::Activations | TensorKind::ActivationGradients)
}

/// Head and body of a column.
fn split(column: Rect) -> (Rect, Rect) {
    column.split_top_bottom_at_y(column.top() + HEAD)
}

fn tile_rects(body: Rect, set: &TileSet) -> Vec<Rect> {
    columns::tiles(body, set.view.tiles() as usize, set.texels())
}
