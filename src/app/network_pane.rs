//! The Network pane: one column per layer, one tile per filter or map, and the classes with their probabilities.

use egui::{Rect, RichText, Sense, Ui, Vec2};

use super::canvas::Frame;
use super::format::short;
use super::workbench::{TileId, Workbench};
use super::{network_layout, theme};
use crate::session::{LayerInfo, Session, TensorKind};
use crate::view::{Style, TileSet};

/// What a layer can show: its short and its long name.
pub const KINDS: [(TensorKind, &str, &str); 4] = [
    (TensorKind::Activations, "maps", "activations of the probe"),
    (TensorKind::Weights, "weights", "weights of the filters"),
    (TensorKind::WeightGradients, "grad weights", "gradients of the weights, over the last batch"),
    (TensorKind::ActivationGradients, "grad maps", "gradients of the probe's activations"),
];
/// Height of a column's head, in points.
const HEAD: f32 = 44.0;
/// Width and height of the enlarged tile, in points.
const ENLARGED: f32 = 220.0;

/// The long name of what a layer shows.
pub fn long_name(kind: TensorKind) -> &'static str {
    KINDS.iter().find(|k| k.0 == kind).map_or("", |k| k.2)
}

/// Draws the pane; where it `scrolls`, many layers keep a readable width.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session, frame: &mut Frame<'_>, scrolls: bool) {
    switch_for_all(ui, bench, session);
    let available = ui.available_rect_before_wrap();
    let wanted = network_layout::wanted_width(session.layers().len() + 1);
    if !scrolls || wanted <= available.width() {
        return show_columns(ui, available, bench, session, frame);
    }
    egui::ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
        let size = Vec2::new(wanted, ui.available_height());
        let (area, _) = ui.allocate_exact_size(size, Sense::hover());
        show_columns(ui, area, bench, session, frame);
    });
}

fn show_columns(
    ui: &mut Ui,
    area: Rect,
    bench: &mut Workbench,
    session: &mut Session,
    frame: &mut Frame<'_>,
) {
    let columns = network_layout::columns(area, session.layers().len() + 1);
    let visible = ui.clip_rect();
    let start = frame.tiles.begin_batch();
    for (layer, column) in columns.iter().enumerate().take(session.layers().len()) {
        if !visible.intersects(*column) {
            continue;
        }
        let (head, body) = split(*column);
        column_head(ui, head, bench, session, layer);
        if let Err(error) = column_tiles(ui, body, bench, session, frame, layer) {
            bench.status = Some(error);
        }
    }
    let placed = frame.tiles.end_batch(start);
    frame.paint(ui, area.intersect(visible), placed);
    outline(ui, &columns, bench, session);
    ask_for_selected(bench, session, frame);
    let last = columns[session.layers().len()];
    if visible.intersects(last) && session.trainer().network.loss.has_classes() {
        classes(ui, last, bench, session, frame);
    }
    ui.allocate_rect(area, Sense::hover());
}

fn split(column: Rect) -> (Rect, Rect) {
    let (head, body) = column.split_top_bottom_at_y(column.top() + HEAD);
    (head, body)
}

fn switch_for_all(ui: &mut Ui, bench: &mut Workbench, session: &Session) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("all layers show").color(theme::MUTED));
        for (index, (kind, name, long)) in KINDS.iter().enumerate() {
            let all =
                bench.shown.iter().enumerate().all(|(l, s)| s == kind || session.tensor(l, *kind).is_none());
            let hover = format!("All layers that have them show {long} (key {})", index + 1);
            let response = ui.selectable_label(all, *name).on_hover_text(hover);
            bench.mark(name, &response);
            if response.clicked() {
                bench.show_everywhere(session, *kind);
            }
        }
        ui.separator();
        scale(ui);
    });
    ui.add_space(4.0);
}

/// The colour scale: below zero, zero, above.
fn scale(ui: &mut Ui) {
    ui.label(RichText::new("− max").small().color(theme::SECOND));
    let (rect, response) = ui.allocate_exact_size(Vec2::new(90.0, 9.0), Sense::hover());
    let steps = 45;
    for i in 0..steps {
        let t = (i as f32 + 0.5) / steps as f32 * 2.0 - 1.0;
        let width = rect.width() / steps as f32;
        let left = rect.left() + i as f32 * width;
        let bar = Rect::from_min_size(egui::pos2(left, rect.top()), Vec2::new(width + 0.5, rect.height()));
        let [r, g, b] = crate::view::diverging(t);
        ui.painter().rect_filled(bar, 0.0, egui::Color32::from_rgb(r, g, b));
    }
    response.on_hover_text("Colour of a value: zero is dark; each layer is scaled by its largest magnitude");
    ui.label(RichText::new("+ max").small().color(theme::ACCENT));
}

fn column_head(ui: &mut Ui, rect: Rect, bench: &mut Workbench, session: &Session, layer: usize) {
    let info = &session.layers()[layer];
    let builder = egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::top_down(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let [c, h, w] = info.output;
        let hover = format!(
            "{}: {}\noutput {c} × {h} × {w}, {} weights and biases",
            info.kind, info.summary, info.parameters
        );
        let frozen = layer > 0 && session.settings().frozen.contains(&(layer as u32 - 1));
        let (color, state) =
            if frozen { (theme::SECOND, "\nfrozen: its parameters stay (F)") } else { (theme::TEXT, "") };
        let name = egui::Label::new(RichText::new(&info.name).strong().color(color)).truncate();
        ui.add(name).on_hover_text(hover + state);
        let available: Vec<_> = KINDS.iter().filter(|k| session.tensor(layer, k.0).is_some()).collect();
        let shown = bench.shown[layer];
        let current = KINDS.iter().find(|k| k.0 == shown).map_or("", |k| k.1);
        if available.len() < 2 {
            ui.label(RichText::new(current).small().color(theme::MUTED));
            return;
        }
        let text = RichText::new(current).small();
        let menu = egui::Button::new(text).frame(false).min_size(Vec2::new(rect.width(), 16.0));
        let response = ui.add(menu).on_hover_text("Choose what this layer shows");
        mark_as_menu(ui, response.rect);
        egui::Popup::menu(&response).show(|ui| {
            for (kind, name, long) in available {
                if ui.selectable_label(*kind == shown, *name).on_hover_text(*long).clicked() {
                    bench.shown[layer] = *kind;
                }
            }
        });
    });
}

/// A small triangle at the right of a menu's button; the fonts have none.
fn mark_as_menu(ui: &Ui, button: Rect) {
    let tip = egui::pos2(button.right() - 5.0, button.center().y + 2.0);
    let points = vec![tip, tip + Vec2::new(-4.0, -4.5), tip + Vec2::new(4.0, -4.5)];
    ui.painter().add(egui::Shape::convex_polygon(points, theme::MUTED, egui::Stroke::NONE));
}

/// How a layer's tensor is coloured: images in colour, all else around zero.
pub fn style(info: &LayerInfo, kind: TensorKind, channels: u32) -> Style {
    let image = info.kind == "input" && kind == TensorKind::Activations;
    let colour_filters = kind == TensorKind::Weights && channels == 3;
    if image || colour_filters { Style::Rgb } else { Style::Signed }
}

fn tile_set(bench: &Workbench, session: &Session, layer: usize) -> Option<TileSet> {
    let kind = bench.shown[layer];
    let view = session.tensor(layer, kind)?;
    let style = style(&session.layers()[layer], kind, view.channels());
    Some(TileSet { view, style })
}

fn tile_rects(body: Rect, set: &TileSet) -> Vec<Rect> {
    network_layout::tiles(body, set.view.tiles() as usize, set.texels())
}

fn column_tiles(
    ui: &Ui,
    body: Rect,
    bench: &mut Workbench,
    session: &Session,
    frame: &mut Frame<'_>,
    layer: usize,
) -> crate::Result<()> {
    let Some(set) = tile_set(bench, session, layer).filter(|_| bench.pictures) else { return Ok(()) };
    frame.tiles.set(frame.gpu, layer, &set)?;
    let pointer =
        ui.input(|i| i.pointer.hover_pos()).filter(|p| body.contains(*p) && ui.rect_contains_pointer(body));
    for (tile, rect) in tile_rects(body, &set).into_iter().enumerate() {
        let id = TileId { layer, tile: tile as u32 };
        frame.place(ui, layer, id.tile, rect);
        if pointer.is_some_and(|p| rect.contains(p)) {
            bench.hovered = Some(id);
            if ui.input(|i| i.pointer.primary_clicked()) {
                bench.selected = Some(id);
            }
        }
    }
    Ok(())
}

/// The selected tile's numbers are shown in the Steer pane.
fn ask_for_selected(bench: &Workbench, session: &Session, frame: &mut Frame<'_>) {
    let Some(id) = bench.selected.filter(|id| bench.pictures && bench.hovered != Some(*id)) else { return };
    if tile_set(bench, session, id.layer).is_some_and(|set| id.tile < set.view.tiles()) {
        frame.asked.push(id);
    }
}

/// Frames around the selected and the hovered tile, and around those that are selected in the layout of their layer.
fn outline(ui: &Ui, columns: &[Rect], bench: &Workbench, session: &Session) {
    for (layer, column) in columns.iter().enumerate().take(session.layers().len()) {
        let chosen = bench.embedding.selected_tiles(session, layer);
        let Some(set) = tile_set(bench, session, layer).filter(|_| !chosen.is_empty()) else { continue };
        let rects = tile_rects(split(*column).1, &set);
        for rect in chosen.iter().filter_map(|tile| rects.get(*tile as usize)) {
            let stroke = egui::Stroke::new(1.5, theme::SECOND);
            ui.painter().rect_stroke(rect.expand(0.5), 1.0, stroke, egui::StrokeKind::Outside);
        }
    }
    let marks = [(bench.hovered, theme::TEXT), (bench.selected, theme::ACCENT)];
    for (id, color) in marks.into_iter().filter_map(|(id, color)| Some((id?, color))) {
        let Some(set) = tile_set(bench, session, id.layer) else { continue };
        let (_, body) = split(columns[id.layer]);
        if let Some(rect) = tile_rects(body, &set).get(id.tile as usize) {
            let stroke = egui::Stroke::new(1.5, color);
            ui.painter().rect_stroke(rect.expand(1.0), 1.0, stroke, egui::StrokeKind::Outside);
        }
    }
}

/// The last column: a bar of probability per class, the true class in the accent colour.
fn classes(ui: &mut Ui, column: Rect, bench: &mut Workbench, session: &Session, frame: &mut Frame<'_>) {
    let (head, body) = split(column);
    let (_, label) = session.probe();
    let painter = ui.painter().clone();
    let center = egui::Align2::CENTER_TOP;
    painter.text(head.center_top(), center, "classes", egui::FontId::proportional(13.0), theme::TEXT);
    let set = TileSet { view: session.probabilities(), style: Style::Bar };
    let index = session.layers().len();
    if let Err(error) = frame.tiles.set(frame.gpu, index, &set) {
        bench.status = Some(error);
        return;
    }
    let names = session.class_names();
    let pitch = (body.height() / names.len() as f32).min(30.0);
    let start = frame.tiles.begin_batch();
    let mut texts = Vec::new();
    for (class, name) in names.iter().enumerate() {
        let top = body.top() + class as f32 * pitch;
        let bar = Rect::from_min_size(
            egui::pos2(body.left(), top + pitch * 0.58),
            Vec2::new(body.width(), pitch * 0.26),
        );
        if bench.pictures {
            frame.place(ui, index, class as u32, bar);
        }
        texts.push((egui::pos2(body.left(), bar.top() - 1.0), name, class == label));
    }
    let placed = frame.tiles.end_batch(start);
    frame.paint(ui, body.intersect(ui.clip_rect()), placed);
    let font = egui::FontId::proportional((pitch * 0.42).clamp(7.0, 11.5));
    let clipped = painter.with_clip_rect(body.expand2(Vec2::new(2.0, 6.0)));
    for (place, name, is_label) in texts {
        let color = if is_label { theme::ACCENT } else { theme::MUTED };
        clipped.text(place, egui::Align2::LEFT_BOTTOM, name, font.clone(), color);
    }
    let response = ui.interact(body, ui.scope_id().with("classes"), Sense::hover());
    response.on_hover_text(format!(
        "Probability of each class, bar from 0 to 1. The probe is a {}.",
        names[label]
    ));
}

/// The hovered tile, enlarged, with its numbers.
pub fn hover_window(ui: &Ui, bench: &mut Workbench, session: &Session, frame: &mut Frame<'_>) {
    let (Some(id), Some(pointer)) = (bench.hovered, ui.input(|i| i.pointer.hover_pos())) else { return };
    // The Embedding pane enlarges what is hovered there.
    let Some(set) = tile_set(bench, session, id.layer).filter(|_| bench.embedding.hovered.is_none()) else {
        return;
    };
    frame.asked.push(id);
    enlarged(ui, frame, pointer, &set, id, |ui| hover_text(ui, bench, session, id, &set));
}

/// A tile enlarged beside the pointer, with a text under it; `id.layer` is the set that the frame knows it by.
pub fn enlarged(
    ui: &Ui,
    frame: &mut Frame<'_>,
    pointer: egui::Pos2,
    set: &TileSet,
    id: TileId,
    text: impl FnOnce(&mut Ui),
) {
    let [rows, columns] = set.texels();
    let scale = ENLARGED / rows.max(columns) as f32;
    let size = Vec2::new(columns as f32, rows as f32) * scale;
    let screen = ui.ctx().content_rect();
    let total = Vec2::new(size.x.max(200.0) + 24.0, size.y + 110.0);
    let x = if pointer.x + 24.0 + total.x > screen.right() {
        pointer.x - 24.0 - total.x
    } else {
        pointer.x + 24.0
    };
    let y = (pointer.y - total.y / 2.0).clamp(screen.top(), (screen.bottom() - total.y).max(screen.top()));
    egui::Area::new(egui::Id::unique("enlarged"))
        .order(egui::Order::Tooltip)
        .fixed_pos(egui::pos2(x, y))
        .interactable(false)
        .show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).show(ui, |ui| {
                let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                let start = frame.tiles.begin_batch();
                frame.place(ui, id.layer, id.tile, rect);
                let placed = frame.tiles.end_batch(start);
                frame.paint(ui, rect, placed);
                text(ui);
            });
        });
}

fn hover_text(ui: &mut Ui, bench: &Workbench, session: &Session, id: TileId, set: &TileSet) {
    let info = &session.layers()[id.layer];
    ui.label(RichText::new(format!("{} {}", info.name, id.tile)).strong());
    let [_, channels, height, width] = set.view.extents;
    let kind = long_name(bench.shown[id.layer]);
    ui.label(RichText::new(format!("{kind}, {channels} × {height} × {width}")).small().color(theme::MUTED));
    numbers(ui, "hovered numbers", bench.numbers(id));
}

/// Smallest, largest, mean and standard deviation of a tile.
pub fn numbers(ui: &mut Ui, grid: &str, numbers: Option<[f32; 4]>) {
    egui::Grid::new(grid).num_columns(4).spacing([10.0, 2.0]).show(ui, |ui| {
        for (index, name) in ["min", "max", "mean", "std"].into_iter().enumerate() {
            ui.label(RichText::new(name).small().color(theme::MUTED));
            ui.monospace(numbers.map_or("…".to_owned(), |n| short(f64::from(n[index]))));
            if index % 2 == 1 {
                ui.end_row();
            }
        }
    });
}
