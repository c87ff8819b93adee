//! The Charts pane: loss and accuracy over epochs, training and validation.

use egui::Ui;
use egui_plot::{Legend, Line, MarkerShape, Plot, PlotPoints, Points};

use crate::app::pane::{Cx, Dock, Pane};
use crate::app::theme;
use crate::session::{EpochMetrics, StepMetrics};

/// Points of a training curve at most; each is the mean of consecutive steps.
const MAX_POINTS: usize = 240;
/// Name of the curve of the average of the last weights.
const AVERAGED: &str = "averaged weights";

/// The Charts pane.
#[derive(Default)]
pub(crate) struct ChartsPane;

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

    /// Loss and, where there are classes, accuracy below it.
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let (metrics, loss) = (cx.session.metrics(), cx.session.trainer().network.loss);
        if metrics.steps.is_empty() && metrics.epochs.is_empty() {
            ui.centered_and_justified(|ui| {
                ui.weak("Curves begin with the first step; a resumed run has them from its first epoch on.")
            });
            return;
        }
        let charts = if loss.has_classes() { 2.0 } else { 1.0 };
        let height = ((ui.available_height() - 17.0 * charts) / charts).max(60.0);
        let validation = |of: fn(&EpochMetrics) -> Option<f32>| -> Vec<[f64; 2]> {
            metrics.epochs.iter().filter_map(|e| Some([f64::from(e.epoch), f64::from(of(e)?)])).collect()
        };
        let training = |of: fn(&StepMetrics) -> f32| curve(&metrics.steps, of);
        ui.label(egui::RichText::new(format!("Loss ({})", loss.name())).small().color(theme::MUTED));
        let curves =
            [training(|s| s.loss), validation(|e| Some(e.val_loss)), validation(|e| e.average_val_loss)];
        chart_ui(ui, "loss", height, curves, None);
        if !loss.has_classes() {
            return;
        }
        ui.label(egui::RichText::new("Accuracy (%)").small().color(theme::MUTED));
        let percent = |points: Vec<[f64; 2]>| points.into_iter().map(|[x, y]| [x, 100.0 * y]).collect();
        let average = validation(|e| e.average_val_accuracy);
        let curves = [training(|s| s.accuracy), validation(|e| Some(e.val_accuracy)), average].map(percent);
        chart_ui(ui, "accuracy", height, curves, Some(100.0));
    }
}

/// Means of consecutive steps.
fn curve(steps: &[StepMetrics], of: fn(&StepMetrics) -> f32) -> Vec<[f64; 2]> {
    let length = steps.len().div_ceil(MAX_POINTS).max(1);
    let mean = |part: &[StepMetrics], of: &dyn Fn(&StepMetrics) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    steps.chunks(length).map(|part| [mean(part, &|s| s.epoch), mean(part, &|s| f64::from(of(s)))]).collect()
}

/// Curves of training, validation, and validation with averaged weights; `top` is the largest possible value, where there is one.
fn chart_ui(
    ui: &mut Ui,
    id: &str,
    height: f32,
    [training, validation, average]: [Vec<[f64; 2]>; 3],
    top: Option<f64>,
) {
    // The corner without curves: losses fall, accuracies rise.
    let corner = if top.is_some() { egui_plot::Corner::RightBottom } else { egui_plot::Corner::RightTop };
    let mut plot = Plot::new(id)
        .height(height)
        .legend(Legend::default().background_alpha(0.6).position(corner))
        .grid_color(theme::LINE)
        .allow_scroll(false)
        .include_x(0.0)
        .include_x(1.0)
        .include_y(0.0)
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .x_axis_label("epochs")
        .show_background(false);
    if let Some(top) = top {
        // The scale of shares is always the same; its marks lie on it.
        plot = plot.default_y_bounds(-0.06 * top, 1.06 * top).y_axis_formatter(move |mark, _| {
            if (0.0..=top).contains(&mark.value) { mark.value.to_string() } else { String::new() }
        });
    }
    plot.show(ui, |plot| {
        plot.line(Line::new("training", PlotPoints::from(training)).color(theme::SECOND).width(1.5));
        plot.line(
            Line::new("validation", PlotPoints::from(validation.clone())).color(theme::ACCENT).width(2.0),
        );
        let points = Points::new("validation", PlotPoints::from(validation));
        plot.points(points.color(theme::ACCENT).radius(3.5).shape(MarkerShape::Circle));
        if !average.is_empty() {
            let points = Points::new(AVERAGED, PlotPoints::from(average.clone()));
            let line = Line::new(AVERAGED, PlotPoints::from(average));
            plot.line(line.color(theme::THIRD).width(2.0));
            plot.points(points.color(theme::THIRD).radius(2.5).shape(MarkerShape::Square));
        }
    });
}
