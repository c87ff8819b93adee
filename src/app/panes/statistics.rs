//! The Statistics pane: what a step costs, how much was seen, and how much each layer's weights change from epoch to epoch.

use egui::{Color32, RichText, Ui};
use egui_plot::{GridInput, GridMark, HoverPosition, Line, MarkerShape, Plot, PlotPoints, Points};

use crate::app::format::{short, thousands};
use crate::app::pane::{Cx, Pane};
use crate::app::theme;
use crate::nn::OptimizerKind;
use crate::session::{EpochMetrics, Session, changing_layers};

/// Smallest height of the chart, in points.
const MIN_CHART: f32 = 96.0;
/// Marks of layers, which tell them apart where a color comes again.
const MARKS: [MarkerShape; 4] =
    [MarkerShape::Circle, MarkerShape::Square, MarkerShape::Diamond, MarkerShape::Up];

/// Colors of layers.
fn colors() -> [Color32; 6] {
    let [pink, yellow, gray] = [6, 3, 7].map(|class| {
        let [r, g, b] = theme::palette().class(class);
        Color32::from_rgb(r, g, b)
    });
    [theme::second(), theme::accent(), theme::third(), pink, yellow, gray]
}

/// The Statistics pane.
#[derive(Default)]
pub(crate) struct StatisticsPane;

impl Pane for StatisticsPane {
    fn title(&self) -> &'static str {
        "Statistics"
    }

    fn name(&self) -> &'static str {
        "statistics"
    }

    fn about(&self) -> &'static str {
        "Times of a step, images seen, decay, and the change of each layer's weights"
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            for line in figures(session) {
                ui.horizontal_wrapped(|ui| line.iter().for_each(|figure| figure_ui(ui, figure)));
            }
            ui.add_space(2.0);
            changes_ui(ui, &session.metrics().epochs);
        });
    }
}

/// A number with its name, and a sentence about it.
struct Figure(&'static str, String, &'static str);

fn figure_ui(ui: &mut Ui, Figure(name, value, hover): &Figure) {
    ui.label(RichText::new(*name).small().color(theme::muted())).on_hover_text(*hover);
    ui.label(RichText::new(value).small().monospace()).on_hover_text(*hover);
}

/// The numbers, by lines.
fn figures(session: &Session) -> [Vec<Figure>; 3] {
    let metrics = session.metrics();
    let loss = metrics.recent(50).map(|recent| recent.0);
    let decay = metrics.decay_loss.or_else(|| metrics.epochs.last()?.decay_loss).map(f64::from);
    let number = |value: Option<f64>| value.map_or("–".to_owned(), short);
    let is_apart = session.settings().hyper.optimizer == OptimizerKind::Adamw;
    let decay = if is_apart { "apart (adamw)".to_owned() } else { number(decay) };
    let losses = vec![
        Figure("training loss", number(loss), "Mean over the last 50 steps, without weight decay"),
        Figure(
            "+ weight decay",
            decay,
            "λ/2·Σw² + λ₁·Σ|w| over all weights: what decay adds to the loss that a step lowers",
        ),
    ];
    let images = Figure(
        "images trained on",
        thousands(session.trainer().images_trained()),
        "Since the run began, repeated ones too",
    );
    [vec![images], losses, times(session)]
}

/// The times of the parts of a step.
fn times(session: &Session) -> Vec<Figure> {
    const HOVER: &str = "GPU milliseconds of a step for each of its images: median of the last steps that were timed by parts, at most 8 a second";
    let Some(of) = session.metrics().step_times else {
        let has_none = !session.gpu().timestamps;
        let why = if has_none { "not measured: this adapter has no timestamps" } else { "–" };
        return vec![Figure("ms / image", why.to_owned(), HOVER)];
    };
    let part = |name, ms: f32| Figure(name, short(f64::from(ms)), HOVER);
    let parts = [
        part("ms / image: forward", of.forward_ms),
        part("backward", of.backward_ms),
        part("update", of.update_ms),
    ];
    parts.into()
}

/// The chart of the layers' changes.
fn changes_ui(ui: &mut Ui, epochs: &[EpochMetrics]) {
    let title = "Mean absolute change of weights by epoch";
    ui.label(RichText::new(title).small().color(theme::muted())).on_hover_text(
        "Of each layer, biases left out; on a scale of powers of ten. An epoch in which the network was changed has none",
    );
    let layers = changing_layers(epochs);
    if layers.is_empty() {
        ui.weak("The first whole epoch gives the first points.");
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 1.0);
        for (index, layer) in layers.iter().enumerate() {
            mark_ui(ui, index);
            ui.label(RichText::new(*layer).small().color(look(index).0));
            ui.add_space(4.0);
        }
    });
    let plot = Plot::new("changes of weights")
        .height((ui.available_height() - 6.0).max(MIN_CHART))
        .grid_color(theme::line())
        .allow_scroll(false)
        .include_x(0.0)
        .include_x(1.0)
        .set_margin_fraction(egui::vec2(0.04, 0.08))
        .y_grid_spacer(powers)
        .y_axis_formatter(|mark, _| short(10.0_f64.powf(mark.value)))
        .label_formatter(|at| {
            let HoverPosition::NearDataPoint { plot_name, position, .. } = at else { return None };
            Some(format!("{plot_name}\nepoch {:.0}: {}", position.x, short(10.0_f64.powf(position.y))))
        })
        .show_background(false);
    plot.show(ui, |plot| {
        for (index, layer) in layers.into_iter().enumerate() {
            let (color, shape) = look(index);
            let points = points(epochs, layer);
            plot.line(Line::new(layer, PlotPoints::from(points.clone())).color(color).width(1.5));
            let marks = Points::new(layer, PlotPoints::from(points)).color(color).radius(3.0);
            plot.points(marks.shape(shape));
        }
    });
}

fn look(index: usize) -> (Color32, MarkerShape) {
    let colors = colors();
    (colors[index % colors.len()], MARKS[index % MARKS.len()])
}

/// A layer's mark, as the chart has it.
fn mark_ui(ui: &mut Ui, index: usize) {
    let (color, shape) = look(index);
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(7.0), egui::Sense::hover());
    let corners = match shape {
        MarkerShape::Square => {
            vec![rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom()]
        }
        MarkerShape::Diamond => {
            vec![rect.center_top(), rect.right_center(), rect.center_bottom(), rect.left_center()]
        }
        MarkerShape::Up => vec![rect.center_top(), rect.right_bottom(), rect.left_bottom()],
        _ => {
            ui.painter().circle_filled(rect.center(), 3.5, color);
            return;
        }
    };
    ui.painter().add(egui::Shape::convex_polygon(corners, color, egui::Stroke::NONE));
}

/// Lines at 1, 2 and 5 times each power of ten, of logarithms.
fn powers(shown: GridInput) -> Vec<GridMark> {
    let (first, last) = (shown.bounds.0.floor() as i32, shown.bounds.1.ceil() as i32);
    let of_power = |power: i32| {
        [(1.0_f64, 1.0), (2.0, 0.3), (5.0, 0.3)]
            .map(|(times, step_size)| GridMark { value: f64::from(power) + times.log10(), step_size })
    };
    let shown = shown.bounds.0..=shown.bounds.1;
    (first..=last.min(first + 40)).flat_map(of_power).filter(|mark| shown.contains(&mark.value)).collect()
}

/// Epoch and decimal logarithm of a layer's change; a layer that does not change, as a frozen one, has no point.
fn points(epochs: &[EpochMetrics], layer: &str) -> Vec<[f64; 2]> {
    let of = |epoch: &EpochMetrics| {
        let change = epoch.weight_changes.iter().find(|change| change.layer == layer)?.change;
        (change > 0.0).then(|| [f64::from(epoch.epoch), f64::from(change).log10()])
    };
    epochs.iter().filter_map(of).collect()
}
