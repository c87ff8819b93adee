//! The Embedding pane: layers laid out by t-SNE side by side, drawn from the buffers in which their points move.

use std::collections::BTreeMap;

use egui::{PointerButton, Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::canvas::Frame;
use super::network_pane;
use super::workbench::{TileId, Workbench};
use super::{embedding_bar, embedding_menus, theme};
use crate::session::{Command, Embedding, ImageSet, Session, TensorKind};
use crate::view::{Part, Picked, Placement, Rect as Pixels, ScatterSet, Style, TileSet, class_color};

/// Sides of a tile, in points.
const SMALLEST: f32 = 12.0;
const LARGEST: f32 = 44.0;
const LARGEST_ZOOMED: f32 = 120.0;
/// Images are drawn as such from this width on, in points; below it as dots.
const THUMBNAIL: f32 = 13.0;
/// Diameter of a dot, in points.
const DOT: f32 = 4.0;
/// Height of a layout's head, in points.
const HEAD: f32 = 20.0;
/// Narrowest layout, in points; more of them fill further rows.
const NARROWEST: f32 = 200.0;

/// How the user looks at a layout.
#[derive(Clone, Copy)]
struct Look {
    /// In points.
    pan: Vec2,
    zoom: f32,
}

/// What the pane remembers: no state of the model.
pub struct EmbeddingPane {
    pub(super) kind: TensorKind,
    looks: BTreeMap<u64, Look>,
    /// What was last read back of each layout, and how it was placed then.
    found: BTreeMap<u64, Picked>,
    /// The layout and point under the pointer.
    pub(super) hovered: Option<(u64, u32)>,
    grabbed: Option<(u64, u32)>,
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
            hovered: None,
            grabbed: None,
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
    bench.embedding.looks.retain(|id, _| ids.contains(id));
    bench.embedding.found.retain(|id, _| ids.contains(id));
    if ids.is_empty() {
        ui.centered_and_justified(|ui| ui.weak("Choose layers above to lay out their filters or maps"));
        return;
    }
    let mut hovered = None;
    for (index, (id, cell)) in ids.iter().zip(cells(area, ids.len())).enumerate() {
        let (head, body) = cell.split_top_bottom_at_y(cell.top() + HEAD);
        title(ui, head, session, *id);
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

/// Layer, source, iteration and divergence, with its curve.
fn title(ui: &Ui, rect: Rect, session: &Session, id: u64) {
    let Some(embedding) = session.embeddings().iter().find(|e| e.id() == id) else { return };
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let name = embedding_menus::name(session, embedding);
    let left = egui::Align2::LEFT_CENTER;
    let font = egui::FontId::proportional(12.0);
    let drawn = painter.text(rect.left_center(), left, name, font, theme::TEXT);
    let mut text = match embedding.state() {
        Some(state) => format!("{} it   KL {:.3}", state.iteration, state.divergence),
        None => "…".to_owned(),
    };
    if embedding.perplexity() < embedding.wanted_perplexity() {
        text += &format!("   perplexity {:.1}", embedding.perplexity());
    }
    if embedding.left_out() > 0 {
        text += &format!("   {} left out", embedding.left_out());
    }
    let after = Pos2::new(drawn.right() + 10.0, rect.center().y);
    painter.text(after, left, text, egui::FontId::proportional(10.5), theme::MUTED);
}

/// The divergence over the iterations.
fn curve(ui: &Ui, rect: Rect, embedding: &Embedding) {
    let response = ui.interact(rect, ui.scope_id().with(("divergence", embedding.id())), Sense::hover());
    response.on_hover_text(
        "Kullback-Leibler divergence over the iterations: how much of the neighbourhoods is lost",
    );
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let points = embedding.divergences();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let bound = points.iter().fold([f64::MAX, f64::MIN], |[a, b], p| [a.min(p[1]), b.max(p[1])]);
    let span = [(last[0] - first[0]).max(1.0), (bound[1] - bound[0]).max(1e-6)];
    let place = |p: &[f64; 2]| {
        let x = rect.left() + ((p[0] - first[0]) / span[0]) as f32 * rect.width();
        let y = rect.bottom() - ((p[1] - bound[0]) / span[1]) as f32 * (rect.height() - 2.0) - 1.0;
        Pos2::new(x, y)
    };
    let line: Vec<Pos2> = points.iter().map(place).collect();
    painter.add(egui::Shape::line(line, egui::Stroke::new(1.0, theme::SECOND)));
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
    let mut look = bench.embedding.looks.get(&id).copied().unwrap_or(Look { pan: Vec2::ZERO, zoom: 1.0 });
    let embedding = session.embeddings().iter().find(|e| e.id() == id)?;
    let (layer, kind) = (embedding.layer, embedding.kind);
    let view = embedding.images().map_or(embedding.view(), |images| &images.tiles).clone();
    let of_filters = embedding.filters().map(|filters| filters.labels.range());
    let of_images = embedding.images().is_some();
    let classes = embedding.images().map(|images| images.labels.range()).or(of_filters);
    let of_classes = classes.is_some();
    let scatter = ScatterSet {
        positions: embedding.positions(),
        flags: embedding.flags(),
        count: view.tiles(),
        change: session.filter_changes(layer).filter(|_| !of_classes).map(|values| values.range()),
        classes,
    };
    let style = match (embedding.images(), embedding.filters()) {
        (Some(_), _) => Style::Rgb,
        (_, Some(_)) => Style::Signed,
        _ => network_pane::style(&session.layers()[layer], kind, view.channels()),
    };
    let tiles = TileSet { view, style };
    look_around(ui, &response, body, &mut look);
    let pointer = response.hover_pos().or(ui.input(|i| i.pointer.hover_pos()).filter(|_| response.dragged()));
    let under = bench.embedding.found.get(&id).and_then(|f| f.index).filter(|_| response.hovered());
    let grabbed = bench.embedding.grabbed.filter(|(of, _)| *of == id).map(|(_, point)| point);
    let selected = bench.selected.and_then(|s| match embedding.filters() {
        Some(filters) => filters.row(s.layer, s.tile),
        None => (s.layer == layer && !of_images).then_some(s.tile),
    });
    let marked = grabbed.or(under).or(selected);
    let scale = ui.ctx().pixels_per_point();
    let tile = tile_size(body, &tiles, look.zoom, scale, of_classes);
    let as_dots = of_classes && tile[0] < THUMBNAIL * scale;
    let placement = Placement {
        rectangle: pixels(body, scale),
        pan: (look.pan * scale).into(),
        zoom: look.zoom,
        tile,
        pointer: pointer.map(|p| [p.x * scale, p.y * scale]),
        hold: grabbed.is_some(),
        dot: (DOT * look.zoom.sqrt().min(3.0)) * scale,
        marked,
        scale,
    };
    if !(response.dragged() && grabbed.is_some()) && response.drag_started() {
        bench.embedding.grabbed = under.map(|point| (id, point));
    }
    act(ui, bench, session, &response, (id, layer), &placement, under);
    if grabbed.is_none() && bench.embedding.grabbed.is_none() && response.dragged() {
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
    frame.asked_points.push(id);
    if of_classes {
        legend(ui, body, session, id);
    }
    if as_dots {
        frame.paint_points(ui, body.intersect(ui.clip_rect()), id, Part::Dots);
    } else {
        paint(ui, body, frame, id, set_index, placement.tile, !of_classes);
    }
    if let Some(embedding) = session.embeddings().iter().find(|e| e.id() == id) {
        let corner = Pos2::new(body.right() - 64.0, body.top() + 4.0);
        curve(ui, Rect::from_min_size(corner, Vec2::new(60.0, 22.0)), embedding);
    }
    let point = under.or(grabbed)?;
    if let Some(pointer) = pointer {
        let (title, long) = words(session, id, point);
        if of_images {
            session.ask_for_image(id, point);
        }
        let id = TileId { layer: set_index, tile: point };
        network_pane::enlarged(ui, frame, pointer, &tiles, id, |ui| {
            ui.label(RichText::new(title).strong());
            ui.label(RichText::new(long).small().color(theme::MUTED));
            let hint = "drag to pin it, right click to let it go";
            ui.label(RichText::new(hint).small().color(theme::MUTED));
        });
    }
    // An image is no tile of the Network pane.
    Some((id, point))
}

/// The classes or layers in their colours, along the lower edge.
fn legend(ui: &Ui, body: Rect, session: &Session, id: u64) {
    let painter = ui.painter().with_clip_rect(body.intersect(ui.clip_rect()));
    let mut at = Pos2::new(body.left() + 6.0, body.bottom() - 8.0);
    let filters = session.embeddings().iter().find(|e| e.id() == id).and_then(Embedding::filters);
    let names = filters.map_or(session.class_names(), |filters| &filters.names);
    for (class, name) in names.iter().enumerate() {
        let [r, g, b] = class_color(class);
        let color = egui::Color32::from_rgb(r, g, b);
        let font = egui::FontId::proportional(10.5);
        at.x = painter.text(at, egui::Align2::LEFT_CENTER, name, font, color).right() + 8.0;
    }
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

fn pixels(rect: Rect, scale: f32) -> Pixels {
    let (min, size) = (rect.min * scale, rect.size() * scale);
    Pixels { x: min.x, y: min.y, width: size.x, height: size.y }
}

/// Tiles cover about a fifth of the layout; they grow with the zoom, less than distances do.
fn tile_size(body: Rect, tiles: &TileSet, zoom: f32, scale: f32, of_images: bool) -> [f32; 2] {
    let [rows, columns] = tiles.texels().map(|texels| texels as f32);
    // A layout is about as wide as it is high.
    let length = body.width().min(body.height());
    let area = length * body.width().max(body.height()).min(1.5 * length);
    let side = (0.2 * area / tiles.view.tiles() as f32).sqrt();
    // Images are drawn as dots where there is no room for them.
    let side = if of_images {
        (side * zoom).min(LARGEST)
    } else {
        (side.clamp(SMALLEST, LARGEST) * zoom.sqrt()).min(LARGEST_ZOOMED)
    };
    let side = side * scale;
    let longer = rows.max(columns);
    [side * columns / longer, side * rows / longer].map(|length| length.round().max(3.0))
}

/// The wheel enlarges about the pointer; a double click fits everything.
fn look_around(ui: &Ui, response: &egui::Response, body: Rect, look: &mut Look) {
    let Some(pointer) = response.hover_pos() else { return };
    let scrolled = ui.input(|i| i.smooth_scroll_delta.y);
    let factor = (0.004 * scrolled).exp() * ui.input(|i| i.zoom_delta());
    let zoom = (look.zoom * factor).clamp(0.2, 500.0);
    let from_middle = pointer - body.center();
    look.pan = from_middle - (from_middle - look.pan) * (zoom / look.zoom);
    look.zoom = zoom;
    if response.double_clicked() {
        *look = Look { pan: Vec2::ZERO, zoom: 1.0 };
    }
}

/// A click selects, a drag moves and pins, a right click lets go.
fn act(
    ui: &Ui,
    bench: &mut Workbench,
    session: &mut Session,
    response: &egui::Response,
    (id, layer): (u64, usize),
    placement: &Placement,
    under: Option<u32>,
) {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let found = bench.embedding.found.get(&id).copied();
    let at = ui.input(|i| i.pointer.hover_pos()).zip(found).map(|(pointer, found)| {
        found.position([pointer.x * placement.scale, pointer.y * placement.scale], placement)
    });
    if let (Some(point), Some(embedding)) =
        (under.filter(|_| response.clicked()), session.embeddings().iter().find(|e| e.id() == id))
    {
        let filter = embedding.filters().map_or(Some((layer, point)), |filters| filters.filter(point));
        match embedding.images().map(|images| images.source.set) {
            Some(ImageSet::Test) => bench.send(session, Command::PinProbe(point)),
            Some(ImageSet::Train) => {}
            None => bench.selected = filter.map(|(layer, tile)| TileId { layer, tile }),
        }
    }
    let Some(embedding) = session.embedding_mut(id) else { return };
    let held = bench.embedding.grabbed.filter(|(of, _)| *of == id);
    if let (Some((_, point)), Some(at)) = (held.filter(|_| response.dragged_by(PointerButton::Primary)), at) {
        let placed = embedding.place(&gpu, point as usize, at, true);
        report(bench, placed);
    } else if held.is_some() && !response.dragged() {
        bench.embedding.grabbed = None;
    }
    if let (Some(point), Some(at)) = (under.filter(|_| response.secondary_clicked()), at) {
        let placed = embedding.place(&gpu, point as usize, at, false);
        report(bench, placed);
    }
}

/// Discs, frames, tiles and labels, one above the other.
fn paint(
    ui: &Ui,
    body: Rect,
    frame: &mut Frame<'_>,
    id: u64,
    set_index: usize,
    tile: [f32; 2],
    labels: bool,
) {
    let mark = frame.tiles.mark();
    frame.tiles.cut();
    if let Some(places) = frame.scatters.places(id) {
        frame.tiles.place_points(frame.gpu, set_index, places, tile);
    }
    let placed = frame.tiles.since(mark);
    let area = body.intersect(ui.clip_rect());
    frame.paint_points(ui, area, id, Part::Discs);
    frame.paint_points(ui, area, id, Part::Rings);
    frame.paint(ui, area, placed);
    if labels {
        frame.paint_points(ui, area, id, Part::Labels);
    }
}
