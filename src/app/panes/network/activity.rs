//! A bar or a glow at each tile of the Network pane: how active its unit is, or how much its filter learns (R17, R3).

use egui::{Rect, RichText, Ui, Vec2};

use crate::app::pane::Cx;
use crate::app::tensor_kinds::missing;
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

/// Points by which a glow is wider than its tile, on each side.
const GLOW: f32 = 2.5;

/// Form in which activity is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    /// A bar at the lower side of the tile.
    #[default]
    Bar,
    /// A frame around the tile.
    Glow,
    /// A frame that trembles while the run trains.
    Jitter,
}

/// Each with a sentence about it.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Bar, "bar", "A bar at the lower side of each tile"),
    (Form::Glow, "glow", "A frame around each tile, brighter where the bar would be longer"),
    (Form::Jitter, "jitter", "A glow that trembles while the run trains, more where it is brighter"),
];

/// Content and form of the marks of activity at tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bars {
    /// Content.
    pub of: Activity,
    form: Form,
}

impl Bars {
    /// They lie below the tiles, not on them.
    pub(super) fn are_below(self) -> bool {
        self.form != Form::Bar
    }

    /// Words for the gradients that a node would have bars of, where its tiles are not of them; see [`missing`].
    pub(super) fn missing(self, session: &Session, node: usize, shown: TensorKind) -> Option<String> {
        let says = self.of == Activity::Gradient && shown != TensorKind::WeightGradients;
        missing(session, node, TensorKind::WeightGradients).filter(|_| says)
    }
}

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
pub(super) fn switch_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, bars: &mut Bars) {
    let hover = "A bar at each tile: how active its map is, or how much its filter learns";
    choice_ui(ui, cx, ("bars", "bars", hover), 100.0, &ALL, &mut bars.of);
    match bars.of {
        Activity::LossWithout => progress_ui(ui, cx.session),
        Activity::Off => {}
        _ => {
            let hover = "A bar, a glow, or a glow that trembles";
            choice_ui(ui, cx, ("as", "bars as", hover), 56.0, &FORMS, &mut bars.form);
        }
    }
    if let Some(words) = missing_everywhere(cx.session).filter(|_| bars.of == Activity::Gradient) {
        ui.label(RichText::new(words).small().color(theme::muted()));
    }
}

/// Words for gradients of which no layer has any in the checkpoint shown of a training that is watched.
fn missing_everywhere(session: &Session) -> Option<&'static str> {
    let has = |node| {
        let gradients = session.tensor(node, TensorKind::WeightGradients);
        gradients.is_some() && missing(session, node, TensorKind::WeightGradients).is_none()
    };
    let none = session.watched().is_some() && !(1..session.layers().len()).any(has);
    none.then_some("this checkpoint has no gradients")
}

/// A choice of one of `all`, each with its name and a sentence about it, under a label with a mark and a sentence of its own.
fn choice_ui<T: Copy + PartialEq>(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    (label, mark, hover): (&str, &'static str, &str),
    width: f32,
    all: &[(T, &str, &str)],
    shown: &mut T,
) {
    let name = all.iter().find(|(value, ..)| value == shown).map_or("", |(_, name, _)| name);
    let label = ui.label(label);
    let combo = egui::ComboBox::from_id_salt(mark).selected_text(name).width(width);
    let response = combo.show_ui(ui, |ui| {
        for (value, name, about) in all {
            let response = ui.selectable_value(shown, *value, *name).on_hover_text(*about);
            cx.mark(format!("{mark} {name}"), &response);
        }
    });
    cx.mark(mark, &response.response.labelled_by(label.id).on_hover_text(hover));
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
    let label = egui::Label::new(RichText::new(text).small().color(theme::muted()));
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
        Activity::Gradient if missing(session, node, TensorKind::WeightGradients).is_some() => return None,
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

/// The form of a style of bars.
fn in_form(style: Style, form: Form) -> Style {
    match style {
        _ if form == Form::Bar => style,
        Style::MeanBar => Style::MeanGlow,
        Style::ZerosBar => Style::ZerosGlow,
        _ => Style::MagnitudeGlow,
    }
}

/// Draws the bars of a node at the lower sides of its tiles, or glows around them.
pub(super) fn bars_ui(ui: &Ui, cx: &mut Cx<'_, '_>, node: usize, tiles: &[Rect], bars: Bars) -> Result<()> {
    let Some(mut set) = tile_set(cx.session, node, bars.of) else { return Ok(()) };
    set.style = in_form(set.style, bars.form);
    let id = TileSetId::Activity(node);
    cx.frame.declare(id, &set)?;
    let trembles = bars.form == Form::Jitter && cx.session.is_playing();
    // Not 0, and small enough to be told apart from frame to frame.
    let seconds = ui.input(|i| 1.0 + i.time % 1000.0) as f32;
    cx.frame.tremble(id, if trembles { seconds } else { 0.0 });
    for (tile, rect) in (0..set.view.tiles()).zip(tiles) {
        let rect = if bars.are_below() { rect.expand(GLOW) } else { bar(*rect) };
        cx.frame.place(ui, id, tile, rect);
    }
    Ok(())
}
