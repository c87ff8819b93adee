//! The KL divergence of a layout over its iterations: a small curve, and a chart on hover or after a click.

use egui::{Align2, Pos2, Rect, RichText, Sense, Stroke, Ui, UiBuilder, Vec2};
use egui_plot::{Line, Plot, PlotPoints};

use super::look::Look;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::{Layout, LayoutId};

/// Size of the small curve, in points.
const CURVE: Vec2 = Vec2::new(60.0, 24.0);
/// Size of the chart beside the pointer, in points.
const CHART: Vec2 = Vec2::new(320.0, 190.0);
/// Smallest height of a chart with a full axis label, in points.
const LABELLED: f32 = 140.0;

/// The curve in the upper right corner of a layout, or the chart in its place.
pub(crate) fn kl_ui(ui: &mut Ui, body: Rect, layout: &Layout, look: &mut Look, cx: &mut Cx<'_, '_>) {
    let (id, points) = (layout.id(), layout.divergences());
    if points.len() < 2 {
        return;
    }
    let corner = Pos2::new(body.right() - 4.0, body.top() + 4.0);
    let large = Vec2::new((0.6 * body.width()).clamp(120.0, 380.0), (0.5 * body.height()).clamp(80.0, 220.0));
    let size = if look.chart { large } else { CURVE };
    let rect = Align2::RIGHT_TOP.anchor_size(corner, size).intersect(body);
    let response = ui.interact(rect, ui.scope_id().with(("divergence", id.0)), Sense::click());
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, look.chart, "KL chart"));
    cx.mark("divergence", &response);
    if response.clicked() {
        look.chart = !look.chart;
    }
    if look.chart {
        let painter = ui.painter_at(body.intersect(ui.clip_rect()));
        painter.rect(rect, 3.0, theme::panel(), Stroke::new(1.0, theme::line()), egui::StrokeKind::Inside);
        let inside = rect.shrink(4.0);
        let builder = UiBuilder::new().id_salt(("divergence chart", id.0)).max_rect(inside);
        ui.scope_builder(builder, |ui| chart_ui(ui, id, inside.size(), points));
        return;
    }
    curve(ui, rect, points);
    response.on_hover_ui(|ui| {
        ui.label("Kullback-Leibler divergence between neighborhoods in the data and in the layout");
        chart_ui(ui, id, CHART, points);
        ui.label(RichText::new("a click keeps the chart here").small().color(theme::muted()));
    });
}

fn chart_ui(ui: &mut Ui, id: LayoutId, size: Vec2, points: &[[f64; 2]]) {
    let label = if size.y >= LABELLED { "KL divergence" } else { "KL" };
    let plot = Plot::new(("divergence", id.0))
        .width(size.x)
        .height(size.y)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .grid_color(theme::line())
        .show_background(false)
        .include_x(0.0)
        .set_margin_fraction(Vec2::new(0.02, 0.08))
        .grid_spacing(egui::Rangef::new(10.0, 120.0))
        .x_axis_label("iterations")
        .y_axis_label(label);
    plot.show(ui, |plot| {
        let line = Line::new("divergence", PlotPoints::from(points.to_vec()));
        plot.line(line.color(theme::second()).width(1.5));
    });
}

fn curve(ui: &Ui, rect: Rect, points: &[[f64; 2]]) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let [low, high] = points.iter().fold([f64::MAX, f64::MIN], |[a, b], p| [a.min(p[1]), b.max(p[1])]);
    let span = [(last[0] - first[0]).max(1.0), (high - low).max(1e-6)];
    let position = |p: &[f64; 2]| {
        let x = rect.left() + ((p[0] - first[0]) / span[0]) as f32 * rect.width();
        let y = rect.bottom() - ((p[1] - low) / span[1]) as f32 * (rect.height() - 2.0) - 1.0;
        Pos2::new(x, y)
    };
    let line: Vec<Pos2> = points.iter().map(position).collect();
    painter.rect_filled(rect.expand(2.0), 2.0, theme::ground().gamma_multiply(0.8));
    painter.add(egui::Shape::line(line, Stroke::new(1.0, theme::second())));
}
