//! Marks on the tiles of filters: frozen ones, those that a command has changed since the last epoch ended, and those with a soft goal.

use egui::{CornerRadius, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2};

use crate::app::actions::filter_of;
use crate::app::soft_goals;
use crate::app::theme;
use crate::app::tile_set::TileId;
use crate::nn::NetworkLayer;
use crate::session::Session;

/// Smallest side of a tile that has room for a lock, in points.
const MIN_LOCK_TILE: f32 = 16.0;
/// Marks of a filter's tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Marks {
    frozen: bool,
    edited: bool,
    /// It has a soft goal.
    pulled: bool,
}

impl Marks {
    /// Marks of a filter.
    pub(super) fn of(session: &Session, layer: &NetworkLayer, filter: u32) -> Self {
        Self {
            frozen: layer.is_filter_frozen(filter),
            edited: session.is_filter_edited((layer.id, filter)),
            pulled: layer.goals.iter().any(|goal| goal.goal.filters().contains(&filter)),
        }
    }

    /// True without marks.
    pub(super) fn is_empty(&self) -> bool {
        !self.frozen && !self.edited && !self.pulled
    }

    /// Draws them over a tile.
    pub(super) fn paint(&self, painter: &Painter, tile: Rect) {
        if self.frozen {
            paint_frozen(painter, tile);
        }
        if self.edited {
            paint_edited(painter, tile);
        }
        if self.pulled {
            paint_pulled(painter, tile);
        }
    }
}

/// A dashed frame, and a lock in the lower right corner where there is room.
fn paint_frozen(painter: &Painter, tile: Rect) {
    let frame = tile.shrink(1.0);
    painter.rect_stroke(frame, 0.0, Stroke::new(2.0, theme::backing()), StrokeKind::Middle);
    let corners = [frame.left_top(), frame.right_top(), frame.right_bottom(), frame.left_bottom()];
    let path = [corners[0], corners[1], corners[2], corners[3], corners[0]];
    painter.extend(Shape::dashed_line(&path, Stroke::new(1.5, theme::second()), 3.0, 3.0));
    let side = tile.width().min(tile.height());
    if side < MIN_LOCK_TILE {
        return;
    }
    let size = (0.4 * side).min(11.0);
    let place = Rect::from_min_max(tile.right_bottom() - Vec2::splat(size + 2.0), tile.right_bottom());
    painter.rect_filled(place, 2.0, theme::backing());
    let body = Rect::from_min_max(
        Pos2::new(place.left() + 1.5, place.center().y),
        place.right_bottom() - Vec2::splat(1.5),
    );
    let shackle = Rect::from_center_size(body.center_top(), Vec2::new(0.55 * body.width(), body.height()));
    let radius = CornerRadius::same((shackle.width() / 2.0) as u8);
    painter.rect_stroke(shackle, radius, Stroke::new(1.2, theme::text()), StrokeKind::Middle);
    painter.rect_filled(body, 1.0, theme::text());
}

/// A filled corner at the upper left.
fn paint_edited(painter: &Painter, tile: Rect) {
    let size = (0.35 * tile.width().min(tile.height())).clamp(4.0, 9.0);
    let corner = |size: f32| {
        let at = tile.left_top();
        vec![at, at + Vec2::new(size, 0.0), at + Vec2::new(0.0, size)]
    };
    painter.add(Shape::convex_polygon(corner(size + 2.5), theme::backing(), Stroke::NONE));
    painter.add(Shape::convex_polygon(corner(size), theme::third(), Stroke::NONE));
}

/// A ring with a dot in the lower left corner, as of a target.
fn paint_pulled(painter: &Painter, tile: Rect) {
    let radius = (0.15 * tile.width().min(tile.height())).clamp(2.0, 4.5);
    let center = tile.left_bottom() + Vec2::new(radius + 2.0, -radius - 2.0);
    painter.circle_filled(center, radius + 1.5, theme::backing());
    painter.circle_stroke(center, radius, Stroke::new(1.2, theme::accent()));
    painter.circle_filled(center, 0.35 * radius, theme::accent());
}

/// A tile's marks in words, a line each.
pub(super) fn about(session: &Session, tile: TileId) -> Vec<String> {
    let Some(filter) = filter_of(session, tile) else { return Vec::new() };
    let network = &session.trainer().network;
    let Ok(index) = network.layer_index(filter.0) else { return Vec::new() };
    let marks = Marks::of(session, &network.layers[index], filter.1);
    let plain = [(marks.frozen, "frozen: not trained"), (marks.edited, "changed by you in this epoch")];
    let plain = plain.into_iter().filter(|(is, _)| *is).map(|(_, words)| words.to_owned());
    plain.chain(soft_goals::about(network, filter)).collect()
}
