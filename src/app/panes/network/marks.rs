//! Marks on the tiles of filters: frozen ones, and those that a command has changed since the last epoch ended.

use egui::{CornerRadius, Painter, Pos2, Rect, Shape, Stroke, StrokeKind, Vec2};

use crate::app::actions::filter_of;
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
}

impl Marks {
    /// Marks of a filter.
    pub(super) fn of(session: &Session, layer: &NetworkLayer, filter: u32) -> Self {
        Self { frozen: layer.is_filter_frozen(filter), edited: session.is_filter_edited((layer.id, filter)) }
    }

    /// True without marks.
    pub(super) fn is_empty(&self) -> bool {
        !self.frozen && !self.edited
    }

    /// Draws them over a tile.
    pub(super) fn paint(&self, painter: &Painter, tile: Rect) {
        if self.frozen {
            paint_frozen(painter, tile);
        }
        if self.edited {
            paint_edited(painter, tile);
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

/// A tile's marks in words; none without.
pub(super) fn about(session: &Session, tile: TileId) -> Option<&'static str> {
    let (layer, filter) = filter_of(session, tile)?;
    let network = &session.trainer().network;
    let layer = &network.layers[network.layer_index(layer).ok()?];
    let marks = Marks::of(session, layer, filter);
    match (marks.frozen, marks.edited) {
        (false, false) => None,
        (true, false) => Some("frozen: not trained"),
        (false, true) => Some("changed by you in this epoch"),
        (true, true) => Some("frozen, and changed by you in this epoch"),
    }
}
