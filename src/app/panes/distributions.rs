//! The Distributions pane: histograms of each layer over the run, as strips, with the shares of dead and saturated units.

use egui::{Align2, FontId, Pos2, Rect, RichText, Sense, Ui, Vec2};

use crate::app::format::{percent, short};
use crate::app::pane::{Cx, Dock, Pane};
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::nn::histograms::{BINS, Quantity};
use crate::session::{LayerUnits, Session};
use crate::view::{Style, TileSet};

/// Width of the names, in points.
const NAMES: f32 = 104.0;
/// Gap between strips, and smallest and largest height of one, in points: at least a pixel for each bin, so that none is left out.
const GAP: f32 = 8.0;
const HEIGHT: [f32; 2] = [BINS as f32 + 1.0, 130.0];

/// A quantity with its name, a sentence about it, what the middle and the ends of its strip are, and its bins.
struct Strip {
    of: Quantity,
    name: &'static str,
    hover: &'static str,
    ends: &'static str,
    bins: [usize; 2],
}

impl Strip {
    /// True where it is counted: checkpoints of a training that is watched have weights, and gradients if they were saved.
    fn is_there(&self, session: &Session) -> bool {
        let mut layers = session.distributions().layers().into_iter().enumerate();
        match self.of {
            _ if session.watched().is_none() => true,
            Quantity::Weights => true,
            Quantity::Gradients => {
                layers.any(|(row, (_, has_weights))| self.is_of(session, row, has_weights))
            }
            Quantity::Activations | Quantity::Ratios => false,
        }
    }

    /// True if a layer has any of it, or could have.
    fn is_of(&self, session: &Session, row: usize, has_weights: bool) -> bool {
        let distributions = session.distributions();
        let mut columns = 0..distributions.steps().len();
        match self.of {
            Quantity::Activations => true,
            Quantity::Weights | Quantity::Ratios => has_weights,
            // Frozen at all steps so far: the strip is dark, and says so.
            Quantity::Gradients if session.watched().is_none() => has_weights,
            Quantity::Gradients => {
                has_weights && columns.any(|column| distributions.has_gradients(row, column))
            }
        }
    }
}

const STRIPS: [Strip; 4] = [
    Strip {
        of: Quantity::Activations,
        name: "activations",
        hover: "Outputs of the layer for the images of a batch",
        ends: "16 on top, 0 in the middle, −16 below",
        bins: [0, BINS - 1],
    },
    Strip {
        of: Quantity::Weights,
        name: "weights",
        hover: "Weights of the layer, biases left out",
        ends: "16 on top, 0 in the middle, −16 below",
        bins: [0, BINS - 1],
    },
    Strip {
        of: Quantity::Gradients,
        name: "gradients",
        hover: "Gradients of the weights, of one batch",
        ends: "16 on top, 0 in the middle, −16 below",
        bins: [0, BINS - 1],
    },
    Strip {
        of: Quantity::Ratios,
        name: "update / weight",
        hover: "Change of each weight by one step, in proportion to the weight; about 0.001 is usual",
        ends: "above 1 on top, none at the bottom",
        bins: [0, 34],
    },
];

/// The Distributions pane.
pub(crate) struct DistributionsPane {
    shown: [bool; STRIPS.len()],
}

impl Default for DistributionsPane {
    fn default() -> Self {
        Self { shown: [true; STRIPS.len()] }
    }
}

impl Pane for DistributionsPane {
    fn title(&self) -> &'static str {
        "Distributions"
    }

    fn name(&self) -> &'static str {
        "distributions"
    }

    fn about(&self) -> &'static str {
        "Histograms of activations, weights, gradients and updates over the run"
    }

    fn dock(&self) -> Dock {
        Dock::MainTab
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let distributions = cx.session.distributions();
        if distributions.steps().len() == 0 {
            let begin = if cx.session.watched().is_some() {
                "Histograms begin with the next checkpoint."
            } else {
                "Histograms begin with the next steps that are trained."
            };
            ui.centered_and_justified(|ui| ui.weak(begin));
            return;
        }
        self.bar_ui(ui, cx);
        let shown =
            STRIPS.iter().zip(self.shown).filter(|(strip, shown)| *shown && strip.is_there(cx.session));
        let shown: Vec<&Strip> = shown.map(|(strip, _)| strip).collect();
        let width = ((ui.available_width() - NAMES) / shown.len().max(1) as f32 - GAP).max(24.0);
        heads_ui(ui, &shown, width);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| strips_ui(ui, cx, &shown, width));
    }
}

impl DistributionsPane {
    /// Choice of the quantities that are shown, and the range of steps.
    fn bar_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let steps: Vec<u32> = cx.session.distributions().steps().collect();
        ui.horizontal_wrapped(|ui| {
            let strips = STRIPS.iter().zip(&mut self.shown);
            for (strip, shown) in strips.filter(|(strip, _)| strip.is_there(cx.session)) {
                let button = ui.add(egui::Button::selectable(*shown, strip.name)).on_hover_text(strip.hover);
                cx.mark(format!("distribution of {}", strip.name), &button);
                *shown ^= button.clicked();
            }
            let [first, last] = [steps.first(), steps.last()].map(|step| step.copied().unwrap_or(0));
            let text = format!("steps {first} to {last}, left to right; bright: many of the layer's values");
            ui.label(RichText::new(text).small().color(theme::muted()));
            if STRIPS.iter().any(|strip| strip.of == Quantity::Gradients && !strip.is_there(cx.session)) {
                let none = "The checkpoints of this training have no gradients.";
                ui.label(RichText::new(none).small().color(theme::muted()));
            }
        });
    }
}

/// Names of the quantities above their strips.
fn heads_ui(ui: &mut Ui, shown: &[&Strip], width: f32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 28.0), Sense::hover());
    for (index, strip) in shown.iter().enumerate() {
        let left = rect.left() + NAMES + index as f32 * (width + GAP);
        let cell = Rect::from_min_size(Pos2::new(left, rect.top()), Vec2::new(width, 28.0));
        let painter = ui.painter_at(cell);
        let text = |y: f32, text: &str, size: f32, color| {
            painter.text(
                Pos2::new(left, rect.top() + y),
                Align2::LEFT_TOP,
                text,
                FontId::proportional(size),
                color,
            );
        };
        text(0.0, strip.name, 12.0, theme::text());
        if width > 150.0 {
            text(15.0, strip.ends, 10.0, theme::muted());
        }
        ui.interact(cell, ui.scope_id().with(("head", index)), Sense::hover())
            .on_hover_text(format!("{}. On a scale of powers of two: {}", strip.hover, strip.ends));
    }
}

/// The strips of all layers.
fn strips_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, shown: &[&Strip], width: f32) {
    let session = cx.session;
    let layers = session.distributions().layers();
    for strip in shown {
        let Some(view) = session.distributions().view(strip.of, strip.bins) else { continue };
        let set = TileSet { view, style: Style::Signed };
        let declared = cx.frame.declare(TileSetId::Distribution(strip.of as u8), &set);
        cx.report(declared);
    }
    let height = (ui.available_height() / layers.len().max(1) as f32 - GAP).clamp(HEIGHT[0], HEIGHT[1]);
    let size = Vec2::new(ui.available_width(), (height + GAP) * layers.len() as f32);
    let (area, _) = ui.allocate_exact_size(size, Sense::hover());
    let mark = cx.frame.begin();
    for (row, (node, has_weights)) in layers.into_iter().enumerate() {
        let top = area.top() + row as f32 * (height + GAP);
        let units = session.distributions().units().get(row).copied();
        name_ui(ui, session, node, Pos2::new(area.left(), top), units);
        for (index, strip) in shown.iter().enumerate() {
            if !strip.is_of(session, row, has_weights) {
                continue;
            }
            let left = area.left() + NAMES + index as f32 * (width + GAP);
            let rect = Rect::from_min_size(Pos2::new(left, top), Vec2::new(width, height));
            cx.frame.place(ui, TileSetId::Distribution(strip.of as u8), row as u32, rect);
            cx.mark_rect(format!("{} of {}", strip.name, session.layers()[node].name), rect);
            value_ui(ui, session, (row, strip), rect);
        }
    }
    cx.frame.paint(ui, area.intersect(ui.clip_rect()), mark);
}

/// Name of a layer, and its dead and saturated shares.
fn name_ui(ui: &Ui, session: &Session, node: usize, at: Pos2, units: Option<LayerUnits>) {
    let info = &session.layers()[node];
    let painter = ui.painter_at(Rect::from_min_size(at, Vec2::new(NAMES - 6.0, HEIGHT[0])));
    painter.text(at, Align2::LEFT_TOP, &info.name, FontId::proportional(12.5), theme::text());
    let share = |part: u32, all: u32| percent(f64::from(part) / f64::from(all.max(1)));
    let text = match (info.kind, units) {
        ("relu", Some(units)) => format!("{} dead", share(units.silent, units.channels)),
        ("sigmoid" | "tanh", Some(units)) => {
            format!("{} saturated", share(units.saturated[0], units.saturated[1]))
        }
        _ => return,
    };
    let below = at + Vec2::new(0.0, 17.0);
    painter.text(below, Align2::LEFT_TOP, text, FontId::proportional(11.0), theme::muted());
}

/// Step and value under the pointer.
fn value_ui(ui: &Ui, session: &Session, (row, strip): (usize, &Strip), rect: Rect) {
    let response = ui.interact(rect, ui.scope_id().with((row, strip.name)), Sense::hover());
    let Some(pointer) = response.hover_pos() else { return };
    let steps: Vec<u32> = session.distributions().steps().collect();
    let share = (pointer - rect.min) / rect.size();
    let column = ((share.x * steps.len() as f32) as usize).min(steps.len().saturating_sub(1));
    if strip.of == Quantity::Gradients && !session.distributions().has_gradients(row, column) {
        let why = match session.watched() {
            Some(_) => "its checkpoint has no gradients of the layer",
            None => "no gradients: the layer was frozen",
        };
        response.on_hover_text(format!("step {}: {why}", steps[column]));
        return;
    }
    let rows = strip.bins[1] + 1 - strip.bins[0];
    let bin = strip.bins[1].saturating_sub((share.y * rows as f32) as usize).max(strip.bins[0]);
    let text = format!("step {}: {} of {}", steps[column], strip.name, value_of(strip.of, bin));
    response.on_hover_text(text);
}

/// Values of a bin, in words.
fn value_of(of: Quantity, bin: usize) -> String {
    let scale = of.scale();
    let edge = |index: usize| {
        let octave = 2.0_f64.powi(scale.lowest + (index / scale.per_octave) as i32);
        octave * (1.0 + (index % scale.per_octave) as f64 / scale.per_octave as f64)
    };
    if of == Quantity::Ratios {
        return bin
            .checked_sub(1)
            .map_or("none".to_owned(), |index| format!("{} or more", short(edge(index))));
    }
    let middle = BINS / 2;
    match bin.abs_diff(middle) {
        0 => format!("less than {}, or 0", short(edge(0))),
        distance => {
            let sign = if bin < middle { "−" } else { "" };
            format!("{sign}{} or more", short(edge(distance - 1)))
        }
    }
}
