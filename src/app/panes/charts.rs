//! The Charts pane: loss and accuracy over epochs, training and validation.

use egui::Ui;
use egui_plot::{Line, MarkerShape, Plot, PlotPoints, Points};

use crate::app::curves::{Curves, accuracy_curves, loss_curves};
use crate::app::export::charts_svg;
use crate::app::pane::{Cx, Dock, FileForm, Pane};
use crate::app::theme;
use crate::error::Result;
use crate::session::Session;

/// Names and colors of the curves: of training, of validation, and of validation with the average of the last weights.
const CURVES: [(&str, egui::Color32); 3] =
    [("training", theme::SECOND), ("validation", theme::ACCENT), ("averaged weights", theme::THIRD)];
/// Height of a line of small text with the space below it, in points.
const LINE: f32 = 17.0;

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

    fn forms(&self) -> &'static [FileForm] {
        &[FileForm::Svg, FileForm::Csv]
    }

    /// The charts, or the epochs as numbers.
    fn saved(&self, form: FileForm, session: &Session) -> Result<String> {
        if form == FileForm::Csv { session.metrics().csv() } else { Ok(charts_svg(session)) }
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
        legend_ui(ui);
        let charts = if loss.has_classes() { 2.0 } else { 1.0 };
        let height = ((ui.available_height() - LINE * charts) / charts).max(60.0);
        ui.label(egui::RichText::new(format!("Loss ({}) by epoch", loss.name())).small().color(theme::MUTED));
        chart_ui(ui, "loss", height, loss_curves(metrics), None);
        if !loss.has_classes() {
            return;
        }
        ui.label(egui::RichText::new("Accuracy (%) by epoch").small().color(theme::MUTED));
        chart_ui(ui, "accuracy", height, accuracy_curves(metrics), Some(100.0));
    }
}

/// The curves' names in one line above the charts, where they hide no curve.
fn legend_ui(ui: &mut Ui) {
    ui.horizontal_wrapped(|ui| {
        for (name, color) in CURVES {
            ui.label(egui::RichText::new(format!("— {name}")).small().color(color));
        }
    });
}

/// The curves, in the order of [`CURVES`]; `top` is the largest possible value, where there is one.
fn chart_ui(ui: &mut Ui, id: &str, height: f32, curves: Curves, top: Option<f64>) {
    let mut plot = Plot::new(id)
        .height(height)
        .grid_color(theme::LINE)
        .allow_scroll(false)
        .include_x(0.0)
        .include_x(1.0)
        .include_y(0.0)
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .show_background(false);
    if let Some(top) = top {
        // The scale of shares is always the same; its marks lie on it.
        plot = plot.default_y_bounds(-0.06 * top, 1.06 * top).y_axis_formatter(move |mark, _| {
            if (0.0..=top).contains(&mark.value) { mark.value.to_string() } else { String::new() }
        });
    }
    let styles =
        [(1.5, None), (2.0, Some((3.5, MarkerShape::Circle))), (2.0, Some((2.5, MarkerShape::Square)))];
    plot.show(ui, |plot| {
        for ((curve, (name, color)), (width, marks)) in curves.into_iter().zip(CURVES).zip(styles) {
            plot.line(Line::new(name, PlotPoints::from(curve.clone())).color(color).width(width));
            if let Some((radius, shape)) = marks {
                plot.points(
                    Points::new(name, PlotPoints::from(curve)).color(color).radius(radius).shape(shape),
                );
            }
        }
    });
}
