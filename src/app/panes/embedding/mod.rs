//! The Embedding pane: t-SNE layouts side by side, drawn from the buffers in which their points move.

mod bar;
mod blend;
mod coefficients;
mod gestures;
mod head;
mod image_menu;
mod kl_chart;
mod layout_view;
mod legend;
mod look;
mod menus;
mod names;
mod sizes;
mod target;

use std::collections::BTreeMap;

use egui::scroll_area::ScrollSource;
use egui::{Rect, Sense, Ui, Vec2};

use self::bar::Bar;
use self::gestures::Gestures;
use self::look::View;
use crate::app::pane::{Cx, Dock, Event, Pane};
use crate::app::selection::Selection;
use crate::session::{Layout, LayoutCommand, LayoutId, LayoutSource, Session, TensorKind};

/// Height of a layout's head, in points.
const HEAD: f32 = 22.0;
/// Smallest width of a layout, in points; more layouts fill further rows.
const MIN_WIDTH: f32 = 200.0;
/// Smallest height of a layout with its head, in points; more rows scroll.
const MIN_HEIGHT: f32 = 130.0;
/// Space between layouts, in points.
const GAP: f32 = 8.0;

/// The Embedding pane.
#[derive(Default)]
pub(crate) struct EmbeddingPane {
    bar: Bar,
    views: BTreeMap<LayoutId, View>,
    gestures: Gestures,
    /// The first layout was opened.
    begun: bool,
}

impl Pane for EmbeddingPane {
    fn title(&self) -> &'static str {
        "Embedding"
    }

    fn name(&self) -> &'static str {
        "embedding"
    }

    fn about(&self) -> &'static str {
        "Layers laid out by t-SNE, 1000 iterations"
    }

    fn dock(&self) -> Dock {
        Dock::Main(1.0)
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        self.open_first(cx);
        self.bar.ui(ui, cx);
        let ids: Vec<LayoutId> = cx.session.layouts().iter().map(Layout::id).collect();
        self.forget_closed(&ids, cx);
        cx.selection.hovered_row = None;
        if ids.is_empty() {
            ui.centered_and_justified(|ui| ui.weak("Choose layers above to lay out their filters or maps"));
            return;
        }
        let least = if cx.is_picture { 0.0 } else { least_height(ui.available_width(), ids.len()) };
        let height = ui.available_height().max(least);
        // The wheel zooms.
        egui::ScrollArea::vertical().scroll_source(ScrollSource::SCROLL_BAR).show(ui, |ui| {
            let area = Rect::from_min_size(ui.cursor().min, Vec2::new(ui.available_width(), height));
            self.layouts_ui(ui, area, cx);
            ui.allocate_rect(area, Sense::hover());
        });
    }

    fn on_event(&mut self, event: &Event, _session: &Session, _selection: &mut Selection) {
        match *event {
            Event::LayoutsOpened(kind) => (self.begun, self.bar.kind) = (true, kind),
            Event::Picked(layout, picked) => {
                self.views.entry(layout).or_default().picked = Some(picked);
            }
            _ => (),
        }
    }
}

impl EmbeddingPane {
    fn layouts_ui(&mut self, ui: &mut Ui, area: Rect, cx: &mut Cx<'_, '_>) {
        let layouts = cx.session.layouts();
        for (layout, cell) in layouts.iter().zip(cells(area, layouts.len())) {
            let (head, body) = cell.split_top_bottom_at_y(cell.top() + HEAD);
            let view = self.views.entry(layout.id()).or_default();
            head::head_ui(ui, head, layout, &mut view.look, cx);
            let gestures = (&mut self.gestures, self.bar.blend);
            if let Some(row) = layout_view::layout_ui(ui, body, layout, view, gestures, cx) {
                cx.selection.hovered_row = Some((layout.id(), row));
            }
        }
    }

    /// Opens the first layer's layout, once, where none is open.
    fn open_first(&mut self, cx: &mut Cx<'_, '_>) {
        if std::mem::replace(&mut self.begun, true) || !cx.session.layouts().is_empty() {
            return;
        }
        let kind = TensorKind::Weights;
        let first = (1..cx.session.layers().len()).find(|node| cx.session.can_lay_out(*node, kind));
        if let Some(node) = first {
            cx.send(LayoutCommand::Open(LayoutSource::Tensor { node, kind }));
        }
    }

    /// Drops the state of closed layouts, and selections that were cleared.
    fn forget_closed(&mut self, open: &[LayoutId], cx: &mut Cx<'_, '_>) {
        self.views.retain(|id, _| open.contains(id));
        self.gestures.keep(open, cx);
        cx.selection.keep_layouts(open);
        cx.frame.keep_layouts(open);
        if cx.selection.take_cleared() {
            self.gestures.cancel_selection();
            open.iter().for_each(|id| cx.frame.clear_selection(*id));
        }
    }
}

/// Rows of `count` layouts in this width: as few as their smallest width allows.
fn rows(width: f32, count: usize) -> usize {
    count.div_ceil(((width / MIN_WIDTH) as usize).max(1))
}

/// Height in which `count` layouts can be read.
fn least_height(width: f32, count: usize) -> f32 {
    rows(width, count) as f32 * (MIN_HEIGHT + GAP) - GAP
}

/// Rectangles of `count` layouts: side by side, in as many rows as their smallest width requires.
fn cells(area: Rect, count: usize) -> Vec<Rect> {
    let rows = rows(area.width(), count);
    let columns = count.div_ceil(rows);
    let counts = Vec2::new(columns as f32, rows as f32);
    let size = (area.size() - GAP * (counts - Vec2::splat(1.0))) / counts;
    let cell = |i: usize| {
        let corner = Vec2::new((i % columns) as f32, (i / columns) as f32) * (size + Vec2::splat(GAP));
        Rect::from_min_size(area.min + corner, size)
    };
    (0..count).map(cell).collect()
}
