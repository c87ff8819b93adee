//! One layout of the Embedding pane: its points and tiles, gestures, legend, KL curve, and the enlarged row.

use egui::{Rect, Response, RichText, Sense, Ui};

use super::blend::{Blend, BlendSettings};
use super::gestures::{Gestures, look_around};
use super::look::View;
use super::sizes::{dot_size, grid_sizes, tile_size};
use super::target::Target;
use super::{kl_chart, legend, names};
use crate::app::frame::{Frame, pixels};
use crate::app::pane::Cx;
use crate::app::selection::row_of_tile;
use crate::app::tile_popup::{Enlarged, enlarged_ui};
use crate::app::tile_set::TileSetId;
use crate::app::{tensor_kinds, theme};
use crate::error::Result;
use crate::gpu::Buffer;
use crate::session::{Control, Layout, LayoutSource, Session};
use crate::view::{
    MAX_LISTED, MAX_SPREAD, Placement, PointPrimitive, PointStyle, ScatterSet, Style, TileSet,
};

/// Smallest width of an image's tile, in points; narrower ones are drawn as dots.
const MIN_THUMBNAIL: f32 = 13.0;
/// Time from a layout to a grid, in seconds.
const SPREAD_SECONDS: f32 = 0.6;

/// Draws a layout and acts on the pointer; returns the row under the pointer.
pub(crate) fn layout_ui(
    ui: &mut Ui,
    body: Rect,
    layout: &Layout,
    view: &mut View,
    (gestures, blend): (&mut Gestures, BlendSettings),
    cx: &mut Cx<'_, '_>,
) -> Option<u32> {
    let id = layout.id();
    let response = ui.interact(body, ui.scope_id().with(("layout", id.0)), Sense::click_and_drag());
    mark(&response, layout, cx);
    ui.painter().rect_filled(body, 0.0, theme::ground());
    let (points, tiles) = sets(cx.session, layout);
    look_around(ui, &response, &mut view.look);
    let under = view.picked.and_then(|picked| picked.index).filter(|_| response.hovered());
    let selected = cx.selection.tile.and_then(|tile| row_of_tile(layout, tile));
    let dragged = gestures.dragged(id).or(gestures.blend(id).map(|blend| blend.row));
    let unspread = Placement {
        hold: dragged.is_some(),
        style: PointStyle {
            marked: dragged.or(under).or(selected),
            dim_unselected: cx.selection.rows(id).is_some(),
            ..style(ui, body, layout, view, &tiles)
        },
        ..placement(ui, &response, view)
    };
    let placement = spread(ui, body, layout, view, &tiles, unspread);
    let target = Target { layout, placement: &placement, picked: view.picked, row: under };
    gestures.act(ui, &response, &target, blend, cx);
    let (dragged, blends) = (gestures.dragged(id), gestures.blend(id).is_some());
    if dragged.is_none() && !blends && !gestures.selects() && response.dragged() {
        view.look.pan += response.drag_delta();
    }
    let set = TileSetId::Layout(id);
    let declared = cx.frame.declare(set, &tiles).and_then(|()| cx.frame.place_layout(id, &points, placement));
    if declared.is_err() {
        cx.report(declared);
        return None;
    }
    // Thumbnails are written by the first forward pass.
    if layout.images().is_some() && layout.forwarded_at().is_some() {
        cx.frame.never_changes(set);
    }
    let result = gestures.select(ui, &response, id, points.count, cx);
    cx.report(result);
    cx.frame.request_pick(id);
    let drawn = Drawn { layout, points: &points, tiles: &tiles, placement: &placement };
    let painted = drawn.paint(ui, body, view.look.labels, cx.frame);
    cx.report(painted);
    legend::legend_ui(ui, body, layout, &mut view.look, cx);
    kl_chart::kl_ui(ui, body, layout, &mut view.look, cx);
    if let Some(blend) = gestures.blend(id) {
        let painted = blend.paint(ui, body, &target, cx);
        cx.report(painted);
        return Some(blend.row);
    }
    let row = under.or(dragged).filter(|_| !gestures.selects())?;
    drawn.row_ui(ui, row, blend.on && Blend::begin(cx.session, layout, row).is_some(), cx);
    Some(row)
}

fn mark(response: &Response, layout: &Layout, cx: &mut Cx<'_, '_>) {
    if cx.session.layouts().first().is_some_and(|first| first.id() == layout.id()) {
        cx.mark("layout", response);
    }
    if layout.images().is_some() {
        cx.mark("image layout", response);
    }
    response.widget_info(|| {
        let name = names::layout_name(cx.session, layout);
        egui::WidgetInfo::labeled(egui::Role::Canvas, true, format!("layout of {name}"))
    });
}

/// Points and tiles of a layout.
fn sets(session: &Session, layout: &Layout) -> (ScatterSet, TileSet) {
    let view = layout.tiles().clone();
    let (change, style) = match layout.source() {
        LayoutSource::Tensor { node, kind } => {
            let style = tensor_kinds::style(&session.layers()[node], kind, view.channels());
            (session.filter_drift(node), style)
        }
        LayoutSource::Images(_) => (None, Style::Rgb),
        LayoutSource::Filters => (None, Style::Signed),
    };
    let points = ScatterSet {
        positions: layout.positions(),
        flags: layout.flags(),
        count: view.tiles(),
        change: change.map(Buffer::range),
        classes: layout.labels().map(Buffer::range),
        predictions: layout.images().map(|images| images.predictions.range()),
    };
    (points, TileSet { view, style })
}

/// Place of a layout in this frame, in pixels.
fn placement(ui: &Ui, response: &Response, view: &View) -> Placement {
    let scale = ui.ctx().pixels_per_point();
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|_| response.dragged());
    let pointer = response.hover_pos().or(pointer);
    Placement {
        pan: glam::Vec2::new(view.look.pan.x, view.look.pan.y) * scale,
        zoom: view.look.zoom,
        pointer: pointer.map(|pointer| glam::Vec2::new(pointer.x, pointer.y) * scale),
        scale,
        ..Placement::new(pixels(response.rect, scale))
    }
}

/// Sizes and colors of a layout's points in this frame, in pixels.
fn style(ui: &Ui, body: Rect, layout: &Layout, view: &View, tiles: &TileSet) -> PointStyle {
    let (look, scale) = (&view.look, ui.ctx().pixels_per_point());
    let (count, groups) = (tiles.view.tiles(), !layout.is_of_tiles());
    let tile = tile_size(body, count, tiles.texels(), look, scale, groups);
    PointStyle {
        tile: glam::Vec2::new(tile.x, tile.y),
        dot: dot_size(body, count, look) * scale,
        tiles: !groups || tile.x >= MIN_THUMBNAIL * scale,
        color_by: look.color_by,
        hidden: look.hidden[look.color_by as usize],
        ..PointStyle::default()
    }
}

/// A placement on its way from the layout to a grid or back.
fn spread(
    ui: &Ui,
    body: Rect,
    layout: &Layout,
    view: &View,
    tiles: &TileSet,
    mut placement: Placement,
) -> Placement {
    let (look, count) = (&view.look, tiles.view.tiles());
    let id = ui.scope_id().with(("grid", layout.id().0));
    let on = look.grid && count <= MAX_SPREAD;
    let share =
        ui.ctx().animate_bool_with_time_and_easing(id, on, SPREAD_SECONDS, egui::emath::easing::cubic_in_out);
    if share == 0.0 {
        return placement;
    }
    let (grid, tile) = grid_sizes(body, count, tiles.texels(), look, placement.scale);
    let tile = placement.style.tile.lerp(glam::Vec2::new(tile.x, tile.y), share).round();
    placement.spread = Some((grid, share));
    placement.style.tile = tile;
    placement.style.tiles |= tile.x >= MIN_THUMBNAIL * placement.scale;
    placement
}

/// A layout as it is drawn in this frame.
struct Drawn<'a> {
    layout: &'a Layout,
    points: &'a ScatterSet,
    tiles: &'a TileSet,
    placement: &'a Placement,
}

impl Drawn<'_> {
    /// Dots; or discs, rings, tiles and labels, one above the other.
    fn paint(&self, ui: &Ui, body: Rect, labels: bool, frame: &mut Frame<'_>) -> Result<()> {
        let (id, area) = (self.layout.id(), body.intersect(ui.clip_rect()));
        // Where not all visible points can be tiles, the others are dots.
        let style = &self.placement.style;
        if !style.tiles || self.points.count > MAX_LISTED {
            frame.paint_layout(ui, area, id, PointPrimitive::Dots);
        }
        if !style.tiles {
            return Ok(());
        }
        let mark = frame.begin();
        frame.place_rows(id, style.tile)?;
        if self.points.change.is_some() {
            frame.paint_layout(ui, area, id, PointPrimitive::Discs);
        }
        frame.paint_layout(ui, area, id, PointPrimitive::Rings);
        frame.paint(ui, area, mark);
        if labels && self.layout.is_of_tiles() {
            frame.paint_layout(ui, area, id, PointPrimitive::Labels);
        }
        Ok(())
    }

    /// A row enlarged beside the pointer, with its description; a drag pins it or `blends` its filter.
    fn row_ui(&self, ui: &Ui, row: u32, blends: bool, cx: &mut Cx<'_, '_>) {
        let Some(pointer) = self.placement.pointer else { return };
        if self.layout.images().is_some() {
            cx.send(Control::AskForImage(self.layout.id(), row));
        }
        let (title, long) = names::row_words(cx.session, self.layout, row);
        let enlarged = Enlarged {
            pointer: egui::pos2(pointer.x, pointer.y) / self.placement.scale,
            set: TileSetId::Layout(self.layout.id()),
            tile: row,
            texels: self.tiles.texels(),
        };
        enlarged_ui(ui, cx.frame, &enlarged, |ui| {
            ui.label(RichText::new(title).strong());
            ui.label(RichText::new(long).small().color(theme::muted()));
            let hint = match (self.placement.spread.is_some(), blends) {
                (true, _) => "on the grid; switch it off to drag",
                (_, true) => "drag to blend with its neighbors, right click to release",
                _ => "drag to pin, right click to release",
            };
            ui.label(RichText::new(hint).small().color(theme::muted()));
        });
    }
}
