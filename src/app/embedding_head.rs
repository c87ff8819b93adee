//! The head of a layout: what it is and how far it got, how it looks, and the divergence over the iterations.

use egui::{Align2, FontId, Layout, Pos2, Rect, Sense, Stroke, Ui, UiBuilder, Vec2};
use egui_plot::{Line, Plot, PlotPoints};

use super::embedding_legend::COLOURS;
use super::embedding_pane::Look;
use super::format::percent;
use super::workbench::Workbench;
use super::{embedding_menus, theme};
use crate::session::{Embedding, Session};

/// Width of a head from which on the colours can be chosen there, in points.
const WIDE: f32 = 420.0;
/// The small curve, in points.
const CURVE: Vec2 = Vec2::new(60.0, 24.0);
/// Height of a chart from which on its axis is labelled in full, in points.
const LABELLED: f32 = 140.0;
/// Milliseconds of a refresh from which on its progress is told.
const SLOW_MS: f64 = 500.0;
/// The chart beside the pointer, in points.
const CHART: Vec2 = Vec2::new(320.0, 190.0);

/// Layer, source, iteration, divergence and perplexity at the left; how it looks at the right.
pub(super) fn show(ui: &mut Ui, rect: Rect, bench: &mut Workbench, session: &Session, id: u64) {
    let Some(embedding) = session.embeddings().iter().find(|e| e.id().0 == id) else { return };
    let mut look = bench.embedding.looks.get(&id).copied().unwrap_or_default();
    let builder = UiBuilder::new()
        .id_salt(("look", id))
        .max_rect(rect)
        .layout(Layout::right_to_left(egui::Align::Center));
    let predicts = embedding.images().is_some_and(|images| images.predicts);
    let of_tiles = embedding.is_of_tiles();
    let used = ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().button_padding = Vec2::new(5.0, 1.0);
        let menu = ui.menu_button("look", |ui| look_menu(ui, &mut look, predicts, of_tiles));
        bench.mark("look", &menu.response.on_hover_text("Size of points, indices, colours"));
        if predicts && rect.width() >= WIDE {
            for (colour, name, hover) in COLOURS.iter().rev() {
                let response = ui.selectable_label(look.colour == *colour, *name).on_hover_text(*hover);
                bench.mark(name, &response);
                if response.clicked() {
                    look.colour = *colour;
                }
            }
        }
        ui.min_rect().left()
    });
    bench.embedding.looks.insert(id, look);
    let clip = Rect::from_min_max(rect.min, Pos2::new(used.inner - 4.0, rect.bottom()));
    title(ui, clip, session, embedding);
}

fn look_menu(ui: &mut Ui, look: &mut Look, predicts: bool, of_tiles: bool) {
    ui.add(egui::Slider::new(&mut look.size, 0.25..=4.0).logarithmic(true).text("point size"))
        .on_hover_text("Factor of the size of dots and tiles");
    if predicts {
        ui.horizontal(|ui| {
            ui.label("colour by");
            for (colour, name, hover) in COLOURS {
                ui.selectable_value(&mut look.colour, colour, name).on_hover_text(hover);
            }
        });
    }
    if of_tiles {
        ui.checkbox(&mut look.labels, "indices").on_hover_text("The number of each filter or map beside it");
    }
    ui.checkbox(&mut look.chart, "divergence chart").on_hover_text("Divergence over the iterations");
    if ui.button("fit").on_hover_text("All points are shown (double click)").clicked() {
        (look.pan, look.zoom) = (Vec2::ZERO, 1.0);
    }
    let hint = "Shift+drag: lasso   Ctrl or Alt+drag: box\nEsc or a click on nothing: nothing selected";
    ui.label(egui::RichText::new(hint).small().color(theme::MUTED));
}

fn title(ui: &Ui, rect: Rect, session: &Session, embedding: &Embedding) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let name = embedding_menus::name(session, embedding);
    let left = Align2::LEFT_CENTER;
    let font = FontId::proportional(12.0);
    let drawn = painter.text(rect.left_center(), left, name, font, theme::TEXT);
    let mut text = match embedding.state() {
        Some(state) => format!("{} it   KL {:.3}", state.iteration, state.divergence),
        None => String::new(),
    };
    // What comes at every step is too short to be told.
    let slow = embedding.costs_ms().0 > SLOW_MS || embedding.state().is_none();
    if let Some((what, done)) = session.layout_progress(embedding.id()).filter(|_| slow) {
        text += &format!("   {what} {}", percent(done));
    }
    text += &format!("   perplexity {:.0}", embedding.perplexity());
    if embedding.perplexity() < embedding.wanted_perplexity() {
        text += &format!(" of {:.0}", embedding.wanted_perplexity());
    }
    if embedding.left_out() > 0 {
        text += &format!("   {} left out", embedding.left_out());
    }
    let after = Pos2::new(drawn.right() + 10.0, rect.center().y);
    painter.text(after, left, text, FontId::proportional(10.5), theme::MUTED);
}

/// The divergence over the iterations: a small curve in the upper right corner; a chart where the pointer is on it, or that stays
/// after a click.
pub(super) fn divergence(ui: &mut Ui, body: Rect, bench: &mut Workbench, session: &Session, id: u64) {
    let Some(embedding) = session.embeddings().iter().find(|e| e.id().0 == id) else { return };
    let Some(mut look) = bench.embedding.looks.get(&id).copied() else { return };
    let points = embedding.divergences();
    if points.len() < 2 {
        return;
    }
    let corner = Pos2::new(body.right() - 4.0, body.top() + 4.0);
    let size = if look.chart {
        Vec2::new((0.6 * body.width()).clamp(120.0, 380.0), (0.5 * body.height()).clamp(80.0, 220.0))
    } else {
        CURVE
    };
    let rect = Align2::RIGHT_TOP.anchor_size(corner, size).intersect(body);
    let response = ui.interact(rect, ui.scope_id().with(("divergence", id)), Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, look.chart, "divergence chart"));
    bench.mark("divergence", &response);
    if response.clicked() {
        look.chart = !look.chart;
        bench.embedding.looks.insert(id, look);
    }
    if look.chart {
        let painter = ui.painter_at(body.intersect(ui.clip_rect()));
        painter.rect(rect, 3.0, theme::PANEL, Stroke::new(1.0, theme::LINE), egui::StrokeKind::Inside);
        let inside = rect.shrink(4.0);
        let builder = UiBuilder::new().id_salt(("divergence chart", id)).max_rect(inside);
        ui.scope_builder(builder, |ui| chart(ui, id, inside.size(), points));
        return;
    }
    curve(ui, rect, points);
    response.on_hover_ui(|ui| {
        ui.label("Kullback-Leibler divergence: how much of the neighbourhoods is lost");
        chart(ui, id, CHART, points);
        ui.label(egui::RichText::new("a click keeps the chart here").small().color(theme::MUTED));
    });
}

fn chart(ui: &mut Ui, id: u64, size: Vec2, points: &[[f64; 2]]) {
    let plot = Plot::new(("divergence", id))
        .width(size.x)
        .height(size.y)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .grid_color(theme::LINE)
        .show_background(false)
        .include_x(0.0)
        .set_margin_fraction(Vec2::new(0.02, 0.08))
        .grid_spacing(egui::Rangef::new(10.0, 120.0))
        .x_axis_label("iterations");
    // A label on a low axis would be longer than it.
    let plot = if size.y >= LABELLED { plot.y_axis_label("KL divergence") } else { plot.y_axis_label("KL") };
    plot.show(ui, |plot| {
        let line = Line::new("divergence", PlotPoints::from(points.to_vec()));
        plot.line(line.color(theme::SECOND).width(1.5));
    });
}

fn curve(ui: &Ui, rect: Rect, points: &[[f64; 2]]) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let bound = points.iter().fold([f64::MAX, f64::MIN], |[a, b], p| [a.min(p[1]), b.max(p[1])]);
    let span = [(last[0] - first[0]).max(1.0), (bound[1] - bound[0]).max(1e-6)];
    let place = |p: &[f64; 2]| {
        let x = rect.left() + ((p[0] - first[0]) / span[0]) as f32 * rect.width();
        let y = rect.bottom() - ((p[1] - bound[0]) / span[1]) as f32 * (rect.height() - 2.0) - 1.0;
        Pos2::new(x, y)
    };
    let line: Vec<Pos2> = points.iter().map(place).collect();
    painter.rect_filled(rect.expand(2.0), 2.0, theme::GROUND.gamma_multiply(0.8));
    painter.add(egui::Shape::line(line, Stroke::new(1.0, theme::SECOND)));
}
