//! Charts: loss and accuracy over epochs, training and validation.

use egui::Ui;
use egui_plot::{Legend, Line, MarkerShape, Plot, PlotPoints, Points};

use super::theme;
use crate::session::{Session, StepMetrics};

/// Points of a training curve at most: each is the mean of a stretch of steps.
const MOST_POINTS: usize = 240;

/// Draws the charts, one above the other; without classes there is no accuracy.
pub fn show(ui: &mut Ui, session: &Session) {
    let (metrics, loss) = (session.metrics(), session.trainer().network.loss);
    if metrics.steps.is_empty() && metrics.epochs.is_empty() {
        ui.centered_and_justified(|ui| {
            ui.weak("Curves begin with the first step; a run that is kept has them from its first epoch on.")
        });
        return;
    }
    let charts = if loss.has_classes() { 2.0 } else { 1.0 };
    let height = ((ui.available_height() - 17.0 * charts) / charts).max(60.0);
    let validation = |of: fn(&crate::session::EpochMetrics) -> f32| -> Vec<[f64; 2]> {
        metrics.epochs.iter().map(|e| [f64::from(e.epoch), f64::from(of(e))]).collect()
    };
    let training = |of: fn(&StepMetrics) -> f32| curve(&metrics.steps, of);
    ui.label(egui::RichText::new(format!("Loss ({})", loss.name())).small().color(theme::MUTED));
    chart(ui, "loss", height, training(|s| s.loss), validation(|e| e.val_loss), None);
    if !loss.has_classes() {
        return;
    }
    ui.label(egui::RichText::new("Accuracy (%)").small().color(theme::MUTED));
    let percent = |points: Vec<[f64; 2]>| points.into_iter().map(|[x, y]| [x, 100.0 * y]).collect();
    let accuracy = percent(validation(|e| e.val_accuracy));
    chart(ui, "accuracy", height, percent(training(|s| s.accuracy)), accuracy, Some(100.0));
}

/// Means of stretches of steps.
fn curve(steps: &[StepMetrics], of: fn(&StepMetrics) -> f32) -> Vec<[f64; 2]> {
    let stretch = steps.len().div_ceil(MOST_POINTS).max(1);
    let mean = |part: &[StepMetrics], of: &dyn Fn(&StepMetrics) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    steps.chunks(stretch).map(|part| [mean(part, &|s| s.epoch), mean(part, &|s| f64::from(of(s)))]).collect()
}

fn chart(
    ui: &mut Ui,
    id: &str,
    height: f32,
    training: Vec<[f64; 2]>,
    validation: Vec<[f64; 2]>,
    top: Option<f64>,
) {
    // Where the curves are not: losses fall, accuracies rise.
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
        plot = plot.include_y(top);
    }
    plot.show(ui, |plot| {
        plot.line(Line::new("training", PlotPoints::from(training)).color(theme::SECOND).width(1.5));
        plot.line(
            Line::new("validation", PlotPoints::from(validation.clone())).color(theme::ACCENT).width(2.0),
        );
        let points = Points::new("validation", PlotPoints::from(validation));
        plot.points(points.color(theme::ACCENT).radius(3.5).shape(MarkerShape::Circle));
    });
}
