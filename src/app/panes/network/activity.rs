//! A bar at each tile of the Network pane: how active its unit is, or how much its filter learns (R17, R3).

use egui::{Rect, RichText, Ui, Vec2};

use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::error::Result;
use crate::gpu::{BufferRange, TensorView};
use crate::nn::TensorKind;
use crate::session::Session;
use crate::view::{Style, TileSet};

/// Height of a bar, in points, and its largest share of a tile's height.
const BAR: f32 = 4.0;
const MAX_SHARE: f32 = 0.3;

/// Content of the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Activity {
    /// No bars.
    #[default]
    Off,
    /// Mean of the probe's map.
    Mean,
    /// Mean magnitude of the gradient of a filter's coefficients.
    Gradient,
    /// Total absolute change of a filter over the last whole epoch.
    Change,
    /// Share of zeros in the probe's map.
    Zeros,
    /// Change of the loss without the filter.
    LossWithout,
}

/// Each with its name and a sentence about it.
const ALL: [(Activity, &str, &str); 6] = [
    (Activity::Off, "off", "No bars"),
    (
        Activity::Mean,
        "mean activation",
        "Mean of each map of the probe; the longest bar is the largest of the layer, blue is below 0",
    ),
    (
        Activity::Gradient,
        "gradient",
        "Mean magnitude of the gradient of each filter's weights, of the last batch; the longest is the largest of the layer",
    ),
    (
        Activity::Change,
        "change",
        "Total change of each filter's weights over the last whole epoch; the longest is the largest of the layer",
    ),
    (Activity::Zeros, "zeros", "Share of zeros in each map of the probe; a full bar is a map of zeros"),
    (
        Activity::LossWithout,
        "loss without it",
        "How much the loss on validation images changes without each filter, red where it grows, green where it falls; the longest is the \
         largest of the layer. An orange corner marks filters that are dead, saturated, duplicates or do not move",
    ),
];

/// Chooses what the bars show.
pub(super) fn switch_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &mut Activity) {
    let name = ALL.iter().find(|(activity, ..)| activity == shown).map_or("", |(_, name, _)| name);
    let label = ui.label("bars");
    let combo = egui::ComboBox::from_id_salt("activity").selected_text(name).width(100.0);
    let response = combo.show_ui(ui, |ui| {
        for (activity, name, about) in ALL {
            let response = ui.selectable_value(shown, activity, name).on_hover_text(about);
            cx.mark(format!("bars {name}"), &response);
        }
    });
    let hover = "A bar at each tile: how active its map is, or how much its filter learns";
    cx.mark("bars", &response.response.labelled_by(label.id).on_hover_text(hover));
    if *shown == Activity::LossWithout {
        progress_ui(ui, cx.session);
    }
}

/// Progress of the ranking of the filters, in a room that stays the same.
fn progress_ui(ui: &mut Ui, session: &Session) {
    let (text, hover) = match (session.rankings().progress(), session.rankings().result()) {
        (Some(done), _) => {
            (format!("{:.0} %", 100.0 * done), "Share of the measurement under way, beside the training")
        }
        (None, Some(_)) => ("done".to_owned(), "The filters are measured as they are"),
        (None, None) => (String::new(), ""),
    };
    let label = egui::Label::new(RichText::new(text).small().color(theme::MUTED));
    ui.add_sized(Vec2::new(32.0, 16.0), label).on_hover_text(hover);
}

/// Place of a bar, at the lower side of a tile.
pub(super) fn bar(tile: Rect) -> Rect {
    let size = Vec2::new(tile.width(), BAR.min(MAX_SHARE * tile.height()));
    Rect::from_min_size(tile.left_bottom() - Vec2::new(0.0, size.y), size)
}

/// The values whose statistics a node's bars show; none where it has no such ones.
fn tile_set(session: &Session, node: usize, shown: Activity) -> Option<TileSet> {
    let (view, style) = match shown {
        Activity::Off | Activity::LossWithout => return None,
        Activity::Mean => (session.trainer().activations(node, 0), Style::MeanBar),
        Activity::Zeros => (session.trainer().activations(node, 0), Style::ZerosBar),
        Activity::Gradient => (session.tensor(node, TensorKind::WeightGradients)?, Style::MagnitudeBar),
        Activity::Change => {
            let drift = session.filter_drift(node)?;
            let range: BufferRange = drift.range();
            let view = TensorView {
                buffer: range.buffer,
                offset: 0,
                extents: [drift.len() as u32, 1, 1, 1],
                strides: [1, 0, 0, 0],
            };
            (view, Style::MagnitudeBar)
        }
    };
    // The image is one tile, and has no activity of its own.
    (node > 0).then_some(TileSet { view, style })
}

/// Draws the bars of a node at the lower sides of its tiles.
pub(super) fn bars_ui(
    ui: &Ui,
    cx: &mut Cx<'_, '_>,
    node: usize,
    tiles: &[Rect],
    shown: Activity,
) -> Result<()> {
    let Some(set) = tile_set(cx.session, node, shown) else { return Ok(()) };
    cx.frame.declare(TileSetId::Activity(node), &set)?;
    for (tile, rect) in (0..set.view.tiles()).zip(tiles) {
        cx.frame.place(ui, TileSetId::Activity(node), tile, bar(*rect));
    }
    Ok(())
}
