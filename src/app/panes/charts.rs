//! The Charts pane: loss and accuracy over epochs, training and validation.

use egui::{Response, Ui};
use egui_plot::{HoverPosition, Line, LineStyle, MarkerShape, Plot, PlotPoints, Points, VLine};

use crate::app::curves::{Curves, accuracy_curves, loss_curves, smoothed, value_at};
use crate::app::export::{ChartMark, charts_svg, marks};
use crate::app::pane::{Cx, Dock, FileForm, Pane};
use crate::app::theme;
use crate::app::twin_curves::{TwinCurves, twin_name, twin_words};
use crate::error::Result;
use crate::session::Session;

/// Height of a line of small text with the space below it, in points.
const LINE: f32 = 17.0;

/// Share of a chart's width within which the pointer is at a mark.
const NEAR: f64 = 0.012;

/// Names and colors of the curves: of training, of validation, and of validation with the average of the last weights.
fn named_curves() -> [(&'static str, egui::Color32); 3] {
    [("training", theme::second()), ("validation", theme::accent()), ("averaged weights", theme::third())]
}

/// The Charts pane.
#[derive(Default)]
pub(crate) struct ChartsPane {
    /// Smoothing of the training curves, 0 up to, not including, 1.
    smoothing: f64,
}

impl Pane for ChartsPane {
    fn title(&self) -> &'static str {
        "Charts"
    }

    fn name(&self) -> &'static str {
        "charts"
    }

    fn about(&self) -> &'static str {
        "Loss and accuracy"
    }

    fn dock(&self) -> Dock {
        Dock::Side(1.0)
    }

    fn forms(&self) -> &'static [FileForm] {
        &[FileForm::Svg, FileForm::Csv]
    }

    /// The charts, or the epochs as numbers.
    fn saved(&self, form: FileForm, session: &Session) -> Result<String> {
        if form == FileForm::Csv { session.metrics().csv() } else { Ok(charts_svg(session)) }
    }

    /// Loss and, where there are classes, accuracy below it.
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let metrics = cx.session.metrics();
        if metrics.steps.is_empty() && metrics.epochs.is_empty() {
            ui.centered_and_justified(|ui| {
                ui.weak("Curves begin with the first step; a resumed run has them from its first epoch on.")
            });
            return;
        }
        // Where the charts are at their smallest and yet too high, they scroll.
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| self.charts_ui(ui, cx));
    }
}

impl ChartsPane {
    fn charts_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let (metrics, loss) = (cx.session.metrics(), cx.session.trainer().network.loss);
        legend_ui(ui, cx.session);
        let marks = marks(cx.session);
        let smoothing = self.smoothing;
        let curves =
            |[training, validation, averaged]: Curves| [smoothed(training, smoothing), validation, averaged];
        let twin = TwinCurves::of(cx.session, curves).unwrap_or_default();
        self.head_ui(ui, &format!("Loss ({}) by epoch", loss.name()), cx);
        let charts = if loss.has_classes() { 2.0 } else { 1.0 };
        let height = ((ui.available_height() - LINE * (charts - 1.0)) / charts).max(60.0);
        let shown = Shown { curves: curves(loss_curves(metrics)), twin: twin.loss, top: None };
        let chart = chart_ui(ui, "loss", height, shown, &marks);
        cx.mark("loss chart", &chart);
        if !loss.has_classes() {
            return;
        }
        title_ui(ui, "Accuracy (%) by epoch");
        let shown = Shown { curves: curves(accuracy_curves(metrics)), twin: twin.accuracy, top: Some(100.0) };
        chart_ui(ui, "accuracy", height, shown, &marks);
    }

    /// Title of the first chart and, at the right, smoothing of the training curves.
    fn head_ui(&mut self, ui: &mut Ui, title: &str, cx: &mut Cx<'_, '_>) {
        if cx.is_picture {
            return title_ui(ui, title);
        }
        let hover = "Weight of the points before in the moving average that the training curve is; 0 shows it as it is";
        ui.scope(|ui| {
            // No higher than the line of text.
            ui.spacing_mut().interact_size.y = LINE - ui.spacing().item_spacing.y;
            ui.spacing_mut().button_padding.y = 0.0;
            ui.style_mut().drag_value_text_style = egui::TextStyle::Small;
            ui.horizontal(|ui| {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let field = egui::DragValue::new(&mut self.smoothing).range(0.0..=0.99).speed(0.01);
                    let response = ui.add(field.max_decimals(2));
                    let label = ui.label(egui::RichText::new("smoothing").small().color(theme::muted()));
                    let response = response.labelled_by(label.id).on_hover_text(hover);
                    cx.mark("smoothing", &response);
                    // What room is left is the title's.
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let text = egui::RichText::new(title).small().color(theme::muted());
                        ui.add(egui::Label::new(text).truncate());
                    });
                });
            });
        });
    }
}

/// The curves' names above the charts, where they hide no curve, and the twin in words.
fn legend_ui(ui: &mut Ui, session: &Session) {
    ui.horizontal_wrapped(|ui| {
        for (name, color) in named_curves() {
            ui.label(egui::RichText::new(format!("— {name}")).small().color(color));
        }
        if let Some(twin) = session.twin() {
            title_ui(ui, &format!("- - {}", twin_name(twin)));
        }
    });
    if let Some(words) = twin_words(session) {
        ui.label(egui::RichText::new(words).small());
    }
}

fn title_ui(ui: &mut Ui, text: &str) {
    ui.label(egui::RichText::new(text).small().color(theme::muted()));
}

/// The curves of a chart, in the order of [`named_curves`], and those of the twin.
#[derive(Clone)]
struct Shown {
    curves: Curves,
    twin: Curves,
    /// The largest possible value, where there is one.
    top: Option<f64>,
}

impl Shown {
    /// Lines of the label at an epoch: the values of the curves there, and what was done.
    fn hover_text(&self, epoch: f64, marks: &[ChartMark], near: f64) -> String {
        let unit = if self.top.is_some() { " %" } else { "" };
        let values = |of: &str, curves: &Curves| {
            let value = |(curve, (name, _)): (&Vec<[f64; 2]>, (&str, _))| {
                value_at(curve, epoch).map(|value| format!("\n{of}{name} {value:.3}{unit}"))
            };
            curves.iter().zip(named_curves()).filter_map(value).collect::<String>()
        };
        let done = marks.iter().filter(|mark| (mark.epoch - epoch).abs() <= near);
        let done: String = done.map(|mark| format!("\n{}: {}", mark.number, mark.words)).collect();
        let [run, twin] = [values("", &self.curves), values("twin's ", &self.twin)];
        format!("epoch {epoch:.2}{run}{twin}{done}")
    }
}

/// The curves, those of the twin dashed, with lines where something was done. Returns the chart.
fn chart_ui(ui: &mut Ui, id: &str, height: f32, shown: Shown, marks: &[ChartMark]) -> Response {
    let Shown { curves, twin, top } = shown.clone();
    let last = curves.iter().filter_map(|curve| curve.last()).fold(1.0, |last, point| point[0].max(last));
    let (done, near) = (marks.to_vec(), NEAR * last);
    let mut plot = Plot::new(id)
        .height(height)
        .grid_color(theme::line())
        .allow_scroll(false)
        .include_x(0.0)
        .include_x(1.0)
        .include_y(0.0)
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .show_background(false)
        .show_y(false)
        .label_formatter(move |at| {
            let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = at;
            Some(shown.hover_text(position.x, &done, near))
        });
    if let Some(top) = top {
        // The scale of shares is always the same; its marks lie on it.
        plot = plot.default_y_bounds(-0.06 * top, 1.06 * top).y_axis_formatter(move |mark, _| {
            if (0.0..=top).contains(&mark.value) { mark.value.to_string() } else { String::new() }
        });
    }
    let styles =
        [(1.5, None), (2.0, Some((3.5, MarkerShape::Circle))), (2.0, Some((2.5, MarkerShape::Square)))];
    let shown = plot.show(ui, |plot| {
        for mark in marks {
            let line = VLine::new("", mark.epoch).color(theme::muted()).width(1.0);
            plot.vline(line.style(LineStyle::dashed_loose()).allow_hover(false));
        }
        for ((curve, (name, color)), (width, marks)) in twin.into_iter().zip(named_curves()).zip(styles) {
            let name = format!("twin's {name}");
            let line =
                Line::new(name.as_str(), PlotPoints::from(curve.clone())).color(color).width(0.7 * width);
            plot.line(line.style(LineStyle::dashed_dense()));
            if let Some((radius, shape)) = marks {
                let points = Points::new(name.as_str(), PlotPoints::from(curve)).color(color);
                plot.points(points.radius(radius).shape(shape).filled(false));
            }
        }
        for ((curve, (name, color)), (width, marks)) in curves.into_iter().zip(named_curves()).zip(styles) {
            plot.line(Line::new(name, PlotPoints::from(curve.clone())).color(color).width(width));
            if let Some((radius, shape)) = marks {
                plot.points(
                    Points::new(name, PlotPoints::from(curve)).color(color).radius(radius).shape(shape),
                );
            }
        }
    });
    shown.response
}
