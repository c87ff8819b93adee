//! What the pointer does in a layout: it enlarges and shifts, selects, pins, and draws lassos and boxes.

use egui::{CursorIcon, Modifiers, PointerButton, Pos2, Rect, Stroke, Ui, Vec2};

use super::canvas::Frame;
use super::embedding_pane::{Look, report};
use super::theme;
use super::workbench::{TileId, Workbench};
use crate::session::{DataCommand, ImageSet, Session};
use crate::view::{Lasso, Placement};

/// Of layouts with more points the selection is made when the button goes up.
const MOST_LIVE: u32 = 100_000;
/// Points between two vertices of a lasso.
const STEP: f32 = 2.0;

/// A lasso or a box that is being drawn over a layout, in points of the interface.
pub(super) struct Gesture {
    id: u64,
    path: Vec<Pos2>,
    is_box: bool,
    changed: bool,
}

impl Gesture {
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
        let path: Vec<[f32; 2]> = self.path.iter().map(|p| [p.x * scale, p.y * scale]).collect();
        match path[..] {
            [a, b] if self.is_box => Lasso::rectangle(a, b),
            _ => Lasso::new(&path),
        }
    }

    fn paint(&self, ui: &Ui, clip: Rect) {
        let painter = ui.painter().with_clip_rect(clip.intersect(ui.clip_rect()));
        let stroke = Stroke::new(1.5, theme::SECOND);
        match self.path[..] {
            [a, b] if self.is_box => {
                let rect = Rect::from_two_pos(a, b);
                painter.rect(rect, 0.0, theme::SECOND.gamma_multiply(0.12), stroke, egui::StrokeKind::Middle);
            }
            _ => {
                painter.add(egui::Shape::closed_line(self.path.clone(), stroke));
            }
        }
    }
}

/// Whether a drag with these keys selects: `Some(true)` a box, `Some(false)` a lasso.
fn selects(modifiers: Modifiers) -> Option<bool> {
    if modifiers.shift {
        Some(false)
    } else {
        (modifiers.command || modifiers.ctrl || modifiers.alt).then_some(true)
    }
}

/// The wheel enlarges about the pointer; a double click fits everything.
pub(super) fn look_around(ui: &Ui, response: &egui::Response, body: Rect, look: &mut Look) {
    let Some(pointer) = response.hover_pos() else { return };
    if selects(ui.input(|i| i.modifiers)).is_some() {
        ui.ctx().set_cursor_icon(CursorIcon::Crosshair);
    }
    let scrolled = ui.input(|i| i.smooth_scroll_delta.y);
    let factor = (0.004 * scrolled).exp() * ui.input(|i| i.zoom_delta());
    let zoom = (look.zoom * factor).clamp(0.2, 500.0);
    let from_middle = pointer - body.center();
    look.pan = from_middle - (from_middle - look.pan) * (zoom / look.zoom);
    look.zoom = zoom;
    if response.double_clicked() {
        (look.pan, look.zoom) = (Vec2::ZERO, 1.0);
    }
}

/// A click selects, or where nothing lies selects nothing; a drag moves a point and pins it, with Shift draws a lasso, with Ctrl
/// or Alt a box; a right click lets a point go. Returns whether a point is held.
pub(super) fn act(
    ui: &Ui,
    bench: &mut Workbench,
    session: &mut Session,
    response: &egui::Response,
    (id, layer): (u64, usize),
    placement: &Placement,
    under: Option<u32>,
) -> bool {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let found = bench.embedding.found.get(&id).copied();
    let at = ui.input(|i| i.pointer.hover_pos()).zip(found).map(|(pointer, found)| {
        found.position([pointer.x * placement.scale, pointer.y * placement.scale], placement)
    });
    if response.drag_started_by(PointerButton::Primary) {
        let origin = ui.input(|i| i.pointer.press_origin());
        match selects(ui.input(|i| i.modifiers)).zip(origin) {
            Some((is_box, origin)) => {
                bench.embedding.gesture = Some(Gesture { id, path: vec![origin], is_box, changed: false });
            }
            None => bench.embedding.grabbed = under.map(|point| (id, point)),
        }
    }
    if response.clicked() {
        match under {
            Some(point) => click(bench, session, (id, layer), point),
            None => bench.embedding.clear_selections(),
        }
    }
    let Some(embedding) = session.embedding_mut(id) else { return false };
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
    bench.embedding.grabbed.is_some_and(|(of, _)| of == id)
}

/// A click on a point: a test image becomes the probe, a filter or map is selected in the Network pane.
fn click(bench: &mut Workbench, session: &mut Session, (id, layer): (u64, usize), point: u32) {
    let Some(embedding) = session.embeddings().iter().find(|e| e.id().0 == id) else { return };
    let filter = embedding.filters().map_or(Some((layer, point)), |filters| filters.filter(point));
    match embedding.images().map(|images| images.source.set) {
        Some(ImageSet::Test) => bench.send(session, DataCommand::PinProbe(point)),
        Some(ImageSet::Train) => {}
        None => bench.selected = filter.map(|(layer, tile)| TileId { layer, tile }),
    }
}

/// Draws the lasso or box on and selects what lies within it: at once where points are few, else when it ends.
pub(super) fn select(
    ui: &Ui,
    response: &egui::Response,
    bench: &mut Workbench,
    frame: &mut Frame<'_>,
    id: u64,
    count: u32,
) -> crate::Result<()> {
    let Some(gesture) = bench.embedding.gesture.as_mut().filter(|gesture| gesture.id == id) else {
        return Ok(());
    };
    if let Some(pointer) = ui.input(|i| i.pointer.interact_pos()) {
        gesture.extend(pointer);
    }
    gesture.paint(ui, response.rect);
    let ends = !response.dragged();
    let due = ends || (count <= MOST_LIVE && std::mem::take(&mut gesture.changed));
    let lasso = due.then(|| gesture.lasso(ui.ctx().pixels_per_point()));
    if ends {
        bench.embedding.gesture = None;
    }
    lasso.map_or(Ok(()), |lasso| frame.scatters.select(frame.gpu, id, &lasso))
}
