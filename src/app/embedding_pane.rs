//! The Embedding pane: layers laid out by t-SNE side by side, drawn from the buffers in which their points move.

use std::collections::BTreeMap;

use egui::{Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::canvas::Frame;
use super::embedding_gestures::{self as gestures, Gesture};
use super::network_pane;
use super::workbench::{TileId, Workbench};
use super::{embedding_bar, embedding_head, embedding_legend, embedding_menus, theme};
use crate::session::{Embedding, Session, TensorKind};
use crate::view::{
    Chosen, ColourBy, Hidden, MOST_LISTED, Part, Picked, Placement, PointStyle, Rect as Pixels, ScatterSet,
    Style, TileSet,
};

/// Sides of a tile, in points.
const SMALLEST: f32 = 12.0;
const LARGEST: f32 = 44.0;
const LARGEST_ZOOMED: f32 = 120.0;
/// Images are drawn as such from this width on, in points; below it as dots.
const THUMBNAIL: f32 = 13.0;
/// Diameter of a dot where there is room, in points.
const DOT: f32 = 4.0;
/// Share of a layout that dots cover.
const COVERED: f32 = 0.15;
/// Height of a layout's head, in points.
const HEAD: f32 = 22.0;
/// Narrowest layout, in points; more of them fill further rows.
const NARROWEST: f32 = 200.0;

/// How the user looks at a layout.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// In points.
    pub pan: Vec2,
    pub zoom: f32,
    /// Factor of the size of points.
    pub size: f32,
    /// The points' indices are shown.
    pub labels: bool,
    /// What the colours of images tell.
    pub colour: ColourBy,
    /// What is hidden, by class, prediction, and of what is right or wrong.
    pub hidden: [Hidden; 3],
    /// The divergence's chart is shown.
    pub chart: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            pan: Vec2::ZERO,
            zoom: 1.0,
            size: 1.0,
            labels: true,
            colour: ColourBy::Class,
            hidden: Default::default(),
            chart: false,
        }
    }
}

/// What the pane remembers: no state of the model.
pub struct EmbeddingPane {
    pub(super) kind: TensorKind,
    pub(super) looks: BTreeMap<u64, Look>,
    /// What was last read back of each layout, and how it was placed then.
    pub(super) found: BTreeMap<u64, Picked>,
    /// What is known of the selections.
    pub(super) chosen: BTreeMap<u64, Chosen>,
    /// The layout and point under the pointer.
    pub(super) hovered: Option<(u64, u32)>,
    pub(super) grabbed: Option<(u64, u32)>,
    /// The lasso or box that is being drawn.
    pub(super) gesture: Option<Gesture>,
    /// The next frame selects nothing.
    clears: bool,
    pub(super) bar: embedding_bar::Bar,
    /// The first layout is opened by the pane itself.
    begun: bool,
}

impl Default for EmbeddingPane {
    fn default() -> Self {
        Self {
            kind: TensorKind::Weights,
            looks: BTreeMap::new(),
            found: BTreeMap::new(),
            chosen: BTreeMap::new(),
            hovered: None,
            grabbed: None,
            gesture: None,
            clears: false,
            bar: embedding_bar::Bar::default(),
            begun: false,
        }
    }
}

impl EmbeddingPane {
    /// Takes in what was read back of a layout.
    pub(super) fn take_found(&mut self, id: u64, found: Picked) {
        self.found.insert(id, found);
    }

    /// Takes in what was read back of a selection.
    pub(super) fn take_chosen(&mut self, id: u64, chosen: Chosen) {
        if chosen.count > 0 {
            self.chosen.insert(id, chosen);
        } else {
            self.chosen.remove(&id);
        }
    }

    /// Selects nothing in any layout.
    pub(super) fn clear_selections(&mut self) {
        (self.clears, self.gesture) = (true, None);
        self.chosen.clear();
    }

    /// The filters or maps of a layer that are selected in its layout, or in that of all filters.
    pub(super) fn selected_tiles(&self, session: &Session, layer: usize) -> Vec<u32> {
        let chosen = |e: &Embedding| self.chosen.get(&e.id()).map_or(&[][..], |chosen| &chosen.indices);
        let of_layout = |e: &Embedding| match e.filters() {
            Some(filters) => {
                let of_layer =
                    |row: &u32| filters.filter(*row).filter(|(of, _)| *of == layer).map(|(_, f)| f);
                chosen(e).iter().filter_map(of_layer).collect()
            }
            None if e.is_of_tiles() && e.layer == layer => chosen(e).to_vec(),
            None => Vec::new(),
        };
        let mut tiles: Vec<u32> = session.embeddings().iter().flat_map(of_layout).collect();
        tiles.sort_unstable();
        tiles.dedup();
        tiles
    }

    /// Opens these layers' layouts, in place of what the pane would open.
    pub(super) fn open(
        &mut self,
        session: &mut Session,
        layers: &[usize],
        kind: TensorKind,
    ) -> crate::Result<()> {
        (self.begun, self.kind) = (true, kind);
        layers.iter().try_for_each(|layer| session.open_embedding(*layer, kind).map(|_| ()))
    }

    /// What is closed is forgotten.
    fn keep(&mut self, ids: &[u64], frame: &mut Frame<'_>) {
        self.looks.retain(|id, _| ids.contains(id));
        self.found.retain(|id, _| ids.contains(id));
        self.chosen.retain(|id, _| ids.contains(id));
        frame.scatters.keep_selections(ids);
        if std::mem::take(&mut self.clears) {
            ids.iter().for_each(|id| frame.scatters.clear_selection(frame.gpu, *id));
        }
    }
}

/// Draws the pane.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session, frame: &mut Frame<'_>) {
    if !std::mem::replace(&mut bench.embedding.begun, true) {
        let first = (1..session.layers().len()).find(|layer| session.can_embed(*layer, TensorKind::Weights));
        if let Some(layer) = first {
            report(bench, session.open_embedding(layer, TensorKind::Weights).map(|_| ()));
        }
    }
    embedding_bar::show(ui, bench, session);
    let area = ui.available_rect_before_wrap();
    let ids: Vec<u64> = session.embeddings().iter().map(Embedding::id).collect();
    bench.embedding.keep(&ids, frame);
    if ids.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("Choose layers above to lay out their filters or maps"));
        return;
    }
    let mut hovered = None;
    for (index, (id, cell)) in ids.iter().zip(cells(area, ids.len())).enumerate() {
        let (head, body) = cell.split_top_bottom_at_y(cell.top() + HEAD);
        embedding_head::show(ui, head, bench, session, *id);
        hovered = layout(ui, body, bench, session, frame, (index, *id)).or(hovered);
    }
    bench.embedding.hovered = hovered;
    ui.allocate_rect(area, Sense::hover());
}

pub fn report(bench: &mut Workbench, result: crate::Result<()>) {
    if let Err(error) = result {
        bench.status = Some(error);
    }
}

/// Rectangles of so many layouts: side by side, in as many rows as their width asks for.
fn cells(area: Rect, count: usize) -> Vec<Rect> {
    let most = ((area.width() / NARROWEST) as usize).max(1);
    let rows = count.div_ceil(most);
    let columns = count.div_ceil(rows);
    let gap = 8.0;
    let size = Vec2::new(
        (area.width() - gap * (columns as f32 - 1.0)) / columns as f32,
        (area.height() - gap * (rows as f32 - 1.0)) / rows as f32,
    );
    let place = |i: usize| {
        let at = Vec2::new((i % columns) as f32 * (size.x + gap), (i / columns) as f32 * (size.y + gap));
        Rect::from_min_size(area.min + at, size)
    };
    (0..count).map(place).collect()
}

/// The points and the pictures of a layout.
fn sets(session: &Session, embedding: &Embedding) -> (ScatterSet, TileSet) {
    let (images, filters) = (embedding.images(), embedding.filters());
    let view = images.map_or(embedding.view(), |images| &images.tiles).clone();
    let changes = session.filter_changes(embedding.layer).filter(|_| embedding.is_of_tiles());
    let labels = images.map(|images| &images.labels).or(filters.map(|filters| &filters.labels));
    let scatter = ScatterSet {
        positions: embedding.positions(),
        flags: embedding.flags(),
        count: view.tiles(),
        change: changes.map(|values| values.range()),
        classes: labels.map(|labels| labels.range()),
        predictions: images.map(|images| images.predictions.range()),
    };
    let style = match (images, filters) {
        (Some(_), _) => Style::Rgb,
        (_, Some(_)) => Style::Signed,
        _ => network_pane::style(&session.layers()[embedding.layer], embedding.kind, view.channels()),
    };
    (scatter, TileSet { view, style })
}

/// One layout; returns the point under the pointer.
fn layout(
    ui: &mut Ui,
    body: Rect,
    bench: &mut Workbench,
    session: &mut Session,
    frame: &mut Frame<'_>,
    (index, id): (usize, u64),
) -> Option<(u64, u32)> {
    let response = ui.interact(body, ui.scope_id().with(("layout", id)), Sense::click_and_drag());
    if index == 0 {
        bench.mark("layout", &response);
    }
    ui.painter().rect_filled(body, 3.0, theme::GROUND);
    let embedding = session.embeddings().iter().find(|e| e.id() == id)?;
    response.widget_info(|| {
        let name = embedding_menus::name(session, embedding);
        egui::WidgetInfo::labeled(egui::Role::Canvas, true, format!("layout of {name}"))
    });
    let (layer, of_tiles) = (embedding.layer, embedding.is_of_tiles());
    // Their thumbnails are there from the first time on that they were forwarded.
    let never_changes = embedding.images().is_some() && embedding.forwarded_at().is_some();
    let selected = bench.selected.and_then(|s| match embedding.filters() {
        Some(filters) => filters.row(s.layer, s.tile),
        None => (s.layer == layer && of_tiles).then_some(s.tile),
    });
    if embedding.images().is_some() {
        bench.mark("image layout", &response);
    }
    let (scatter, tiles) = sets(session, embedding);
    let mut look = bench.embedding.looks.get(&id).copied().unwrap_or_default();
    gestures::look_around(ui, &response, body, &mut look);
    let under = bench.embedding.found.get(&id).and_then(|f| f.index).filter(|_| response.hovered());
    let placement = place(ui, body, &response, bench, (id, &look), (&tiles, !of_tiles, under.or(selected)));
    let grabbed = gestures::act(ui, bench, session, &response, (id, layer), &placement, under);
    if !grabbed && bench.embedding.gesture.is_none() && response.dragged() {
        look.pan += response.drag_delta();
    }
    bench.embedding.looks.insert(id, look);
    let set_index = session.layers().len() + 1 + index;
    let drawn = frame.tiles.set(frame.gpu, set_index, &tiles);
    let drawn = drawn.and_then(|()| frame.scatters.place(frame.gpu, id, &scatter, placement));
    if drawn.is_err() {
        report(bench, drawn);
        return None;
    }
    if never_changes {
        frame.tiles.never_changes(set_index);
    }
    let selected = gestures::select(ui, &response, bench, frame, id, scatter.count);
    report(bench, selected);
    frame.asked_points.push(id);
    let painted = paint(ui, body, frame, (id, set_index), &scatter, &placement, look.labels && of_tiles);
    report(bench, painted);
    embedding_legend::show(ui, body, bench, session, id);
    embedding_head::divergence(ui, body, bench, session, id);
    let held = bench.embedding.grabbed.filter(|(of, _)| *of == id).map(|(_, point)| point);
    let point = under.or(held).filter(|_| bench.embedding.gesture.is_none())?;
    if let Some(pointer) = placement.pointer {
        let pointer = Pos2::new(pointer.x, pointer.y) / placement.scale;
        let tile = TileId { layer: set_index, tile: point };
        describe(ui, session, frame, pointer, &tiles, (id, tile));
    }
    // An image is no tile of the Network pane.
    Some((id, point))
}

/// Where and how a layout is drawn in this frame.
fn place(
    ui: &Ui,
    body: Rect,
    response: &egui::Response,
    bench: &Workbench,
    (id, look): (u64, &Look),
    (tiles, of_groups, marked): (&TileSet, bool, Option<u32>),
) -> Placement {
    let scale = ui.ctx().pixels_per_point();
    let pointer = response.hover_pos().or(ui.input(|i| i.pointer.hover_pos()).filter(|_| response.dragged()));
    let grabbed = bench.embedding.grabbed.filter(|(of, _)| *of == id).map(|(_, point)| point);
    let tile = tile_size(body, tiles, look, scale, of_groups);
    let style = PointStyle {
        tile: tile.into(),
        dot: dot_size(body, tiles.view.tiles(), look) * scale,
        tiles: !of_groups || tile[0] >= THUMBNAIL * scale,
        color_by: look.colour,
        hidden: look.hidden[look.colour as usize],
        marked: grabbed.or(marked),
        dim_unselected: bench.embedding.chosen.contains_key(&id),
    };
    Placement {
        pan: glam::Vec2::new(look.pan.x, look.pan.y) * scale,
        zoom: look.zoom,
        pointer: pointer.map(|p| glam::Vec2::new(p.x, p.y) * scale),
        hold: grabbed.is_some(),
        scale,
        style,
        ..Placement::new(pixels(body, scale))
    }
}

/// What is under the pointer, enlarged, and what it is.
fn describe(
    ui: &Ui,
    session: &mut Session,
    frame: &mut Frame<'_>,
    pointer: Pos2,
    tiles: &TileSet,
    (id, tile): (u64, TileId),
) {
    session.ask_for_image(id, tile.tile);
    let (title, long) = words(session, id, tile.tile);
    network_pane::enlarged(ui, frame, pointer, tiles, tile, |ui| {
        ui.label(RichText::new(title).strong());
        ui.label(RichText::new(long).small().color(theme::MUTED));
        let hint = "drag to pin it, right click to let it go";
        ui.label(RichText::new(hint).small().color(theme::MUTED));
    });
}

/// What is said of a point: its name, and what it shows.
fn words(session: &Session, id: u64, point: u32) -> (String, String) {
    let Some(embedding) = session.embeddings().iter().find(|e| e.id() == id) else {
        return Default::default();
    };
    if let Some(images) = embedding.images() {
        return embedding_menus::words_of_image(session, images, point);
    }
    if let Some((layer, filter)) = embedding.filters().and_then(|filters| filters.filter(point)) {
        let long = format!("responses to {} test images; a click selects it", embedding.forwards());
        return (format!("{} {filter}", session.layers()[layer].name), long);
    }
    let name = &session.layers()[embedding.layer].name;
    (format!("{name} {point}"), network_pane::long_name(embedding.kind).to_owned())
}

pub(super) fn pixels(rect: Rect, scale: f32) -> Pixels {
    let (min, size) = (rect.min * scale, rect.size() * scale);
    Pixels { x: min.x, y: min.y, width: size.x, height: size.y }
}

/// Square points that a layout takes up: it is about as wide as it is high.
fn area_of(body: Rect) -> f32 {
    let length = body.width().min(body.height());
    length * body.width().max(body.height()).min(1.5 * length)
}

/// Diameter of a dot in points: many are small, and grow with the zoom.
fn dot_size(body: Rect, count: u32, look: &Look) -> f32 {
    let side = (COVERED * area_of(body) / count as f32).sqrt().min(DOT);
    (side * look.zoom).min(DOT * look.zoom.sqrt().clamp(1.0, 2.0)).max(1.0) * look.size
}

/// Tiles cover about a fifth of the layout; they grow with the zoom, less than distances do.
fn tile_size(body: Rect, tiles: &TileSet, look: &Look, scale: f32, of_groups: bool) -> [f32; 2] {
    let [rows, columns] = tiles.texels().map(|texels| texels as f32);
    let side = (0.2 * area_of(body) / tiles.view.tiles() as f32).sqrt();
    // Images and filters of all layers are dots in the colours of their groups where there is no room for them.
    let side = if of_groups {
        (side * look.zoom * look.size).min(LARGEST * look.size.max(1.0))
    } else {
        (side.clamp(SMALLEST, LARGEST) * look.zoom.sqrt()).min(LARGEST_ZOOMED) * look.size
    };
    let side = side * scale;
    let longer = rows.max(columns);
    [side * columns / longer, side * rows / longer].map(|length| length.round().max(3.0))
}

/// Dots; or discs, frames, tiles and labels, one above the other.
fn paint(
    ui: &Ui,
    body: Rect,
    frame: &mut Frame<'_>,
    (id, set_index): (u64, usize),
    scatter: &ScatterSet,
    placement: &Placement,
    labels: bool,
) -> crate::Result<()> {
    let area = body.intersect(ui.clip_rect());
    // Where not all that are shown can be tiles, the others are dots.
    if !placement.style.tiles || scatter.count > MOST_LISTED {
        frame.paint_points(ui, area, id, Part::Dots);
    }
    if !placement.style.tiles {
        return Ok(());
    }
    let start = frame.tiles.begin_batch();
    if let Some(listed) = frame.scatters.listed(id) {
        frame.tiles.place_points(frame.gpu, set_index, listed, placement.style.tile)?;
    }
    let placed = frame.tiles.end_batch(start);
    if scatter.change.is_some() {
        frame.paint_points(ui, area, id, Part::Discs);
    }
    frame.paint_points(ui, area, id, Part::Rings);
    frame.paint(ui, area, placed);
    if labels {
        frame.paint_points(ui, area, id, Part::Labels);
    }
    Ok(())
}
