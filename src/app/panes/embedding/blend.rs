//! A drag that blends a filter with its neighbors: while it hangs under the pointer, the kernel and the loss that it would have.

use egui::{Align2, FontId, Pos2, Rect, RichText, Sense, Ui, Vec2};

use super::coefficients::coefficients;
use super::target::Target;
use crate::app::canvas::MAX_READ_POINTS;
use crate::app::format::{loss, signed};
use crate::app::number::{Rail, number_ui, row_ui};
use crate::app::pane::Cx;
use crate::app::selection::tile_of_row;
use crate::app::tile_set::{TileId, TileSetId};
use crate::app::{tensor_kinds, theme};
use crate::error::Result;
use crate::nn::Edit;
use crate::session::{Control, Layout, LayoutId, LayoutSource, NetworkCommand, Session, TensorKind};
use crate::view::TileSet;

/// Longer side of the two kernels, in points.
const SIDE: f32 = 96.0;
/// Width of the settings and of their names, in points.
const WIDTH: f32 = 280.0;
const NAME_WIDTH: f32 = 80.0;
/// Largest number of neighbors.
const MAX_NEIGHBORS: u32 = 16;

/// Settings of drags that blend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BlendSettings {
    /// A drag of a filter blends it, in place of pinning its point.
    pub on: bool,
    /// Number of neighbors.
    neighbors: u32,
    /// Power of the distance.
    power: f32,
}

impl Default for BlendSettings {
    fn default() -> Self {
        Self { on: false, neighbors: 4, power: 1.0 }
    }
}

impl BlendSettings {
    /// Lays out the numbers.
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.set_width(WIDTH);
        let hover = "Number of nearest filters of the same layer that it becomes a mixture of";
        row_ui(ui, "neighbors", hover, NAME_WIDTH, |ui| {
            let rail = Rail::linear(1.0..=f64::from(MAX_NEIGHBORS));
            let edited = number_ui(ui, "neighbors", self.neighbors, &rail);
            cx.mark("blend neighbors", &edited.field);
            let new = edited.new.and_then(Result::ok).unwrap_or(self.neighbors);
            self.neighbors = new.clamp(1, MAX_NEIGHBORS);
        });
        let hover = "A neighbor at twice the distance has 1/2 of the share at power 1, 1/4 at power 2";
        row_ui(ui, "power", hover, NAME_WIDTH, |ui| {
            let edited = number_ui(ui, "power", self.power, &Rail::linear(0.0..=8.0));
            cx.mark("blend power", &edited.field);
            let new = edited.new.and_then(Result::ok).unwrap_or(self.power);
            self.power = new.clamp(0.0, 8.0);
        });
    }
}

/// A filter of a layout that hangs under the pointer.
pub(crate) struct Blend {
    pub layout: LayoutId,
    pub row: u32,
    tile: TileId,
    /// Numbers of its layer and of itself.
    numbers: (u32, u32),
    /// Rows of the neighbors and their shares.
    shares: Vec<(u32, f32)>,
    /// The change that was shown last.
    edit: Option<Edit>,
}

/// Numbers of the layer and of the filter that a row of a layout of weights stands for.
fn numbers(session: &Session, tile: TileId) -> Option<(u32, u32)> {
    let layer = session.trainer().network.layers.get(tile.node.checked_sub(1)?)?;
    Some((layer.id, *layer.filter_ids.get(tile.tile as usize)?))
}

impl Blend {
    /// The filter of a row; none where the layout is not of filters, or has no other of this layer.
    pub(crate) fn begin(session: &Session, layout: &Layout, row: u32) -> Option<Self> {
        let of_filters = match layout.source() {
            LayoutSource::Tensor { kind, .. } => kind == TensorKind::Weights,
            LayoutSource::Filters => true,
            LayoutSource::Images(_) => false,
        };
        let tile = tile_of_row(layout, row).filter(|_| of_filters)?;
        let numbers = numbers(session, tile)?;
        let count = layout.rows().tiles();
        let blend = Self { layout: layout.id(), row, tile, numbers, shares: Vec::new(), edit: None };
        (count <= MAX_READ_POINTS && blend.others(layout).next().is_some()).then_some(blend)
    }

    /// The rows of the other filters of its layer.
    fn others<'l>(&self, layout: &'l Layout) -> impl Iterator<Item = u32> + 'l {
        let (row, node) = (self.row, self.tile.node);
        let same_layer = move |other: &u32| tile_of_row(layout, *other).is_some_and(|tile| tile.node == node);
        (0..layout.rows().tiles()).filter(move |other| *other != row).filter(same_layer)
    }

    /// Follows the pointer: the nearest other filters, their shares, and what the filter would become.
    pub(crate) fn follow(
        &mut self,
        target: &Target<'_>,
        position: Option<[f32; 2]>,
        settings: BlendSettings,
        cx: &mut Cx<'_, '_>,
    ) {
        cx.frame.request_points(self.layout, target.layout.positions());
        let points = cx.selection.points.as_ref().filter(|(of, _)| *of == self.layout);
        let (Some((_, points)), Some(position)) = (points, position) else { return };
        let at = |row: u32| Some((row, *points.get(row as usize)?));
        let others: Vec<(u32, [f32; 2])> = self.others(target.layout).filter_map(at).collect();
        self.shares = coefficients(position, &others, settings.neighbors as usize, settings.power);
        let number = |(row, share): &(u32, f32)| {
            let tile = tile_of_row(target.layout, *row)?;
            Some((numbers(cx.session, tile)?.1, *share))
        };
        let from: Vec<(u32, f32)> = self.shares.iter().filter_map(number).collect();
        let (layer, filter) = self.numbers;
        self.edit = (!from.is_empty()).then_some(Edit::BlendFilter { layer, filter, from });
        cx.send(Control::Try(self.edit.clone()));
    }

    /// The filter was dropped: it becomes what was shown. Without `drops` all stays as it was.
    pub(crate) fn end(self, drops: bool, cx: &mut Cx<'_, '_>) {
        cx.send(Control::Try(None));
        if let Some(edit) = self.edit.filter(|_| drops) {
            cx.send(NetworkCommand::Edit(edit));
        }
    }

    /// Draws the lines to the neighbors with their shares, and the kernels with their losses.
    pub(crate) fn paint(&self, ui: &Ui, body: Rect, target: &Target<'_>, cx: &mut Cx<'_, '_>) -> Result<()> {
        let placement = target.placement;
        let Some(pointer) = ui.input(|i| i.pointer.latest_pos()) else { return Ok(()) };
        let points = cx.selection.points.as_ref().filter(|(of, _)| *of == self.layout);
        if let Some(((_, points), picked)) = points.zip(target.picked) {
            let painter = ui.painter().with_clip_rect(body.intersect(ui.clip_rect()));
            let place = |row: u32| -> Option<Pos2> {
                let pixel = picked.pixel(*points.get(row as usize)?, placement) / placement.scale;
                Some(Pos2::new(pixel.x, pixel.y))
            };
            if let Some(own) = place(self.row) {
                let stroke = egui::Stroke::new(1.0, theme::muted());
                painter.extend(egui::Shape::dashed_line(&[own, pointer], stroke, 4.0, 4.0));
            }
            for (row, share) in &self.shares {
                let Some(end) = place(*row) else { continue };
                painter.line_segment([pointer, end], egui::Stroke::new(1.0 + 5.0 * share, theme::accent()));
                let text = format!("{:.0} %", 100.0 * share);
                let middle = pointer + 0.62 * (end - pointer);
                let galley = painter.layout_no_wrap(text, FontId::proportional(11.0), theme::text());
                let rect = Align2::CENTER_CENTER.anchor_size(middle, galley.size());
                painter.rect_filled(
                    rect.expand2(Vec2::new(3.0, 1.0)),
                    3.0,
                    theme::ground().gamma_multiply(0.85),
                );
                painter.galley(rect.min, galley, theme::text());
            }
            painter.circle_filled(pointer, 4.0, theme::accent());
        }
        self.kernels_ui(ui, (body, pointer), cx)
    }

    /// Both kernels with their losses, at the side of the layout where the pointer is not.
    fn kernels_ui(&self, ui: &Ui, (body, pointer): (Rect, Pos2), cx: &mut Cx<'_, '_>) -> Result<()> {
        let (session, node) = (cx.session, self.tile.node);
        let info = &session.layers()[node];
        let views = [(false, session.tensor(node, TensorKind::Weights)), (true, session.trial_filters(node))];
        let mut texels = [1, 1];
        let mut shown = Vec::new();
        for (changed, view) in views {
            let Some(view) = view else { continue };
            let style = tensor_kinds::style(info, TensorKind::Weights, view.channels());
            let set = TileSet { view, style };
            texels = set.texels();
            cx.frame.declare(TileSetId::Trial { changed }, &set)?;
            shown.push(changed);
        }
        let [rows, columns] = texels;
        let size = Vec2::new(columns as f32, rows as f32) * (SIDE / rows.max(columns) as f32);
        let area = egui::Area::new(egui::Id::unique("blend")).order(egui::Order::Tooltip).interactable(false);
        let at_left = pointer.x > body.center().x;
        let (corner, pivot) = match at_left {
            true => (body.left_top() + Vec2::splat(6.0), Align2::LEFT_TOP),
            false => (body.right_top() + Vec2::new(-6.0, 6.0), Align2::RIGHT_TOP),
        };
        area.pivot(pivot).fixed_pos(corner).show(ui.ctx(), |ui| {
            egui::Frame::popup(ui.style()).show(ui, |ui| {
                ui.label(RichText::new(format!("{} {}", info.name, self.tile.tile)).strong());
                ui.horizontal_top(|ui| {
                    for changed in [false, true] {
                        ui.vertical(|ui| {
                            let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
                            if shown.contains(&changed) {
                                let mark = cx.frame.begin();
                                cx.frame.place(ui, TileSetId::Trial { changed }, self.tile.tile, rect);
                                cx.frame.paint(ui, rect, mark);
                            }
                            losses_ui(ui, session, changed);
                        });
                    }
                });
                let hint = "let go to blend, Esc to leave it as it is";
                ui.label(RichText::new(hint).small().color(theme::muted()));
            });
        });
        Ok(())
    }
}

/// The loss of the weights as they are, or as they would be.
fn losses_ui(ui: &mut Ui, session: &Session, changed: bool) {
    let trial = session.trial();
    let losses = trial.and_then(|trial| trial.losses());
    ui.label(RichText::new(if changed { "blended" } else { "now" }).small().color(theme::muted()));
    let value = losses.map_or_else(
        || "loss …".to_owned(),
        |losses| format!("loss {}", loss(if changed { losses.changed } else { losses.present })),
    );
    ui.monospace(value);
    let Some(losses) = losses.filter(|_| changed) else { return };
    let difference = losses.changed - losses.present;
    // While it moves the losses are of a moment before.
    let waits = if trial.is_some_and(|trial| trial.is_measured()) { "" } else { " …" };
    let text = RichText::new(format!("{}{waits}", signed(difference))).monospace();
    ui.label(text.color(theme::judged(difference)));
}
