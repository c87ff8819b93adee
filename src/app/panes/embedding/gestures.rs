//! Gestures in a layout: zoom and pan, click, drag of a row that pins it or blends its filter, and selection by a lasso or a box.

use egui::{CursorIcon, Modifiers, PointerButton, Pos2, Rect, Response, Stroke, Ui};

use super::blend::{Blend, BlendSettings};
use super::look::Look;
use super::target::Target;
use crate::app::pane::Cx;
use crate::app::selection::tile_of_row;
use crate::app::theme;
use crate::error::Result;
use crate::session::{DataCommand, ImageSet, Layout, LayoutCommand, LayoutId, Session};
use crate::view::Lasso;

/// Points of the largest layout whose selection follows the pointer; in larger ones it is made at the end.
const MAX_LIVE: u32 = 100_000;
/// Distance of two vertices of a lasso, in points of the interface.
const STEP: f32 = 2.0;

/// A drag of a row.
struct Drag {
    layout: LayoutId,
    row: u32,
    /// Last position at which the row was pinned.
    pinned: Option<[f32; 2]>,
}

/// A lasso or a box, in points of the interface.
struct Outline {
    layout: LayoutId,
    path: Vec<Pos2>,
    is_box: bool,
    changed: bool,
}

impl Outline {
    fn extend(&mut self, pointer: Pos2) {
        let far = self.path.last().is_none_or(|last| last.distance(pointer) >= STEP);
        if self.is_box {
            self.changed |= self.path.get(1) != Some(&pointer);
            self.path.truncate(1);
            self.path.push(pointer);
        } else if far {
            self.path.push(pointer);
            self.changed = true;
        }
    }

    fn lasso(&self, scale: f32) -> Lasso {
        let path: Vec<[f32; 2]> = self.path.iter().map(|p| (*p * scale).into()).collect();
        match path[..] {
            [a, b] if self.is_box => Lasso::rectangle(a, b),
            _ => Lasso::new(&path),
        }
    }

    fn paint(&self, ui: &Ui, clip: Rect) {
        let painter = ui.painter().with_clip_rect(clip.intersect(ui.clip_rect()));
        let stroke = Stroke::new(1.5, theme::second());
        match self.path[..] {
            [a, b] if self.is_box => {
                let rect = Rect::from_two_pos(a, b);
                painter.rect(
                    rect,
                    0.0,
                    theme::second().gamma_multiply(0.12),
                    stroke,
                    egui::StrokeKind::Middle,
                );
            }
            _ => {
                painter.add(egui::Shape::closed_line(self.path.clone(), stroke));
            }
        }
    }
}

/// Shape that a drag with these keys selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Lasso,
    Box,
}

fn shape(modifiers: Modifiers) -> Option<Shape> {
    if modifiers.shift {
        Some(Shape::Lasso)
    } else {
        (modifiers.command || modifiers.ctrl || modifiers.alt).then_some(Shape::Box)
    }
}

/// Zooms about the pointer by the wheel; a double click fits the whole layout.
pub(crate) fn look_around(ui: &Ui, response: &Response, look: &mut Look) {
    let Some(pointer) = response.hover_pos() else { return };
    if shape(ui.input(|i| i.modifiers)).is_some() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    let scrolled = ui.input(|i| i.smooth_scroll_delta.y);
    let factor = (0.004 * scrolled).exp() * ui.input(|i| i.zoom_delta());
    let zoom = (look.zoom * factor).clamp(0.2, 500.0);
    let from_center = pointer - response.rect.center();
    look.pan = from_center - (from_center - look.pan) * (zoom / look.zoom);
    look.zoom = zoom;
    if response.double_clicked() {
        look.fit();
    }
}

/// The gesture under way.
#[derive(Default)]
pub(crate) struct Gestures {
    drag: Option<Drag>,
    blend: Option<Blend>,
    outline: Option<Outline>,
}

impl Gestures {
    /// The row of a layout that is dragged.
    pub(crate) fn dragged(&self, layout: LayoutId) -> Option<u32> {
        self.drag.as_ref().filter(|drag| drag.layout == layout).map(|drag| drag.row)
    }

    /// The filter of a layout that is being blended.
    pub(crate) fn blend(&self, layout: LayoutId) -> Option<&Blend> {
        self.blend.as_ref().filter(|blend| blend.layout == layout)
    }

    /// Ends what is under way in layouts that are no longer open.
    pub(crate) fn keep(&mut self, open: &[LayoutId], cx: &mut Cx<'_, '_>) {
        if let Some(blend) = self.blend.take_if(|blend| !open.contains(&blend.layout)) {
            blend.end(false, cx);
        }
    }

    /// Follows the pointer with the filter that is being blended; lets go of it where the button was released, and leaves it as it was
    /// on Escape.
    fn go_on_blending(
        &mut self,
        ui: &Ui,
        response: &Response,
        target: &Target<'_>,
        blend: BlendSettings,
        cx: &mut Cx<'_, '_>,
    ) {
        let Some(mut held) = self.blend.take_if(|held| held.layout == target.layout.id()) else { return };
        if !response.dragged() {
            // Escape ends a drag without a release.
            let released = ui.input(|i| i.pointer.primary_released());
            let inside = ui.input(|i| i.pointer.latest_pos()).is_some_and(|at| response.rect.contains(at));
            return held.end(released && inside, cx);
        }
        held.follow(target, target.position(ui), blend, cx);
        cx.selection.gives_up = true;
        self.blend = Some(held);
    }

    /// A lasso or a box is being drawn.
    pub(crate) fn selects(&self) -> bool {
        self.outline.is_some()
    }

    /// Drops the lasso or box.
    pub(crate) fn cancel_selection(&mut self) {
        self.outline = None;
    }

    /// Acts on the pointer. A click selects a row, or clears the selection; a drag pins a row or `blend`s its filter, with Shift draws
    /// a lasso, with Ctrl or Alt a box; a right click releases a row.
    pub(crate) fn act(
        &mut self,
        ui: &Ui,
        response: &Response,
        target: &Target<'_>,
        blend: BlendSettings,
        cx: &mut Cx<'_, '_>,
    ) {
        let id = target.layout.id();
        if response.drag_started_by(PointerButton::Primary) {
            self.begin(ui, target, blend, cx.session);
        }
        self.go_on_blending(ui, response, target, blend, cx);
        if response.clicked() {
            match target.row {
                Some(row) => click(target.layout, row, cx),
                None => {
                    self.cancel_selection();
                    cx.selection.clear_rows();
                }
            }
        }
        let position = target.position(ui);
        if let Some(drag) = self.drag.as_mut().filter(|drag| drag.layout == id) {
            match position.filter(|_| response.dragged_by(PointerButton::Primary)) {
                Some(position) if drag.pinned == Some(position) => (),
                Some(position) => {
                    drag.pinned = Some(position);
                    cx.send(LayoutCommand::Pin { layout: id, row: drag.row, position });
                }
                None if !response.dragged() => self.drag = None,
                None => (),
            }
        }
        let released =
            target.row.filter(|_| response.secondary_clicked() && target.placement.spread.is_none());
        if let (Some(row), Some(position)) = (released, position) {
            cx.send(LayoutCommand::Release { layout: id, row, position });
        }
    }

    /// Begins the drag of a row or a selection.
    fn begin(&mut self, ui: &Ui, target: &Target<'_>, blend: BlendSettings, session: &Session) {
        let layout = target.layout.id();
        let origin = ui.input(|i| i.pointer.press_origin());
        match shape(ui.input(|i| i.modifiers)).zip(origin) {
            Some((shape, origin)) => {
                let is_box = shape == Shape::Box;
                self.outline = Some(Outline { layout, path: vec![origin], is_box, changed: false });
            }
            // On a grid a place is no position of the layout.
            None if target.placement.spread.is_some() => {}
            None => {
                let row = target.row.filter(|_| blend.on);
                self.blend = row.and_then(|row| Blend::begin(session, target.layout, row));
                let pins = target.row.filter(|_| self.blend.is_none());
                self.drag = pins.map(|row| Drag { layout, row, pinned: None });
            }
        }
    }

    /// Draws the lasso or box and selects the rows in it: while it is drawn where points are few, else at its end.
    ///
    /// # Errors
    /// When a shader is faulty.
    pub(crate) fn select(
        &mut self,
        ui: &Ui,
        response: &Response,
        id: LayoutId,
        count: u32,
        cx: &mut Cx<'_, '_>,
    ) -> Result<()> {
        let Some(outline) = self.outline.as_mut().filter(|outline| outline.layout == id) else {
            return Ok(());
        };
        if let Some(pointer) = ui.input(|i| i.pointer.interact_pos()) {
            outline.extend(pointer);
        }
        outline.paint(ui, response.rect);
        let ends = !response.dragged();
        let due = ends || (count <= MAX_LIVE && std::mem::take(&mut outline.changed));
        let lasso = due.then(|| outline.lasso(ui.ctx().pixels_per_point()));
        if ends {
            self.outline = None;
        }
        lasso.map_or(Ok(()), |lasso| cx.frame.select(id, &lasso))
    }
}

/// A click on a row: a test image becomes the probe, a filter or map is selected.
fn click(layout: &Layout, row: u32, cx: &mut Cx<'_, '_>) {
    match layout.images().map(|images| images.source.set) {
        Some(ImageSet::Test) => cx.send(DataCommand::PinProbe(row)),
        Some(ImageSet::Train) => {}
        None => cx.selection.tile = tile_of_row(layout, row),
    }
}
