//! A bar at each filter's tile: the change of the loss without it; and a mark on those that do little.

use egui::{Rect, Shape, Stroke, Ui, Vec2};

use super::activity::bar;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::{Control, RANKED_IMAGES};

/// Shortest bar in points, so that a filter without effect has one.
const MIN_BAR: f32 = 1.5;

/// Asks for a ranking of the filters as they are.
pub(super) fn request(cx: &mut Cx<'_, '_>) {
    cx.send(Control::RankFilters(RANKED_IMAGES));
}

/// Draws the bars of a node at the lower sides of its tiles, the longest that of the largest change of its layer: red where the loss grows
/// without the filter, green where it falls; and marks.
pub(super) fn bars_ui(ui: &Ui, cx: &Cx<'_, '_>, node: usize, tiles: &[Rect]) {
    let (Some(ranking), Some(index)) = (cx.session.rankings().result(), node.checked_sub(1)) else { return };
    let layer = &cx.session.trainer().network.layers[index];
    if layer.filter_ids.len() != tiles.len() {
        return;
    }
    let found: Vec<_> = layer.filter_ids.iter().map(|id| ranking.find((layer.id, *id))).collect();
    let changes: Vec<Option<f32>> =
        found.iter().map(|found| found.map(|found| ranking.loss_change(found) as f32)).collect();
    let largest = changes.iter().flatten().fold(1e-6_f32, |largest, change| largest.max(change.abs()));
    for ((change, found), tile) in changes.iter().zip(&found).zip(tiles) {
        let (Some(change), Some(found)) = (change, found) else { continue };
        let ground = bar(*tile);
        let width = (ground.width() * change.abs() / largest).max(MIN_BAR);
        let length = Rect::from_min_size(ground.min, Vec2::new(width, ground.height()));
        let color = if *change > 0.0 { theme::fault() } else { theme::third() };
        ui.painter().rect_filled(ground, 0.0, theme::backing());
        ui.painter().rect_filled(length, 0.0, color);
        if !found.signs.is_empty() {
            mark_ui(ui, *tile);
        }
    }
}

/// A filled corner at the upper right.
fn mark_ui(ui: &Ui, tile: Rect) {
    let size = (0.35 * tile.width().min(tile.height())).clamp(4.0, 9.0);
    let corner = |size: f32| {
        let at = tile.right_top();
        vec![at, at + Vec2::new(0.0, size), at - Vec2::new(size, 0.0)]
    };
    ui.painter().add(Shape::convex_polygon(corner(size + 2.5), theme::backing(), Stroke::NONE));
    ui.painter().add(Shape::convex_polygon(corner(size), theme::accent(), Stroke::NONE));
}
