//! Menus of the Embedding pane: all layouts with their memory, and t-SNE settings.

use egui::{RichText, Slider, Ui};

use super::names::{layout_details, layout_name};
use crate::app::format::mib;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::embed::Settings;
use crate::session::{Layout, LayoutCommand, Session};

/// Each layout with its memory and buttons.
pub(crate) fn layouts_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    if session.layouts().is_empty() {
        ui.weak("No layout is open");
        return;
    }
    egui::Grid::new("layouts").num_columns(4).striped(true).show(ui, |ui| {
        for layout in session.layouts() {
            ui.label(layout_name(session, layout)).on_hover_text(layout_details(layout));
            ui.label(RichText::new(mib(layout.bytes())).color(theme::MUTED))
                .on_hover_text("GPU memory: rows, neighbors, affinities, positions");
            buttons_ui(ui, layout, cx);
            ui.end_row();
        }
    });
    ui.separator();
    let total = session.layouts().iter().map(Layout::bytes).sum();
    ui.label(RichText::new(format!("{} in total", mib(total))).small().color(theme::MUTED));
}

fn buttons_ui(ui: &mut Ui, layout: &Layout, cx: &mut Cx<'_, '_>) {
    let id = layout.id();
    if ui.small_button(if layout.running { "pause" } else { "run" }).clicked() {
        cx.send(LayoutCommand::Run(id, !layout.running));
    }
    if ui.small_button("restart").on_hover_text("Restart from the PCA initialization").clicked() {
        cx.send(LayoutCommand::Restart(id));
    }
    let hover = "Run its images through the network once, after the current step";
    if layout.forwards() > 0 && ui.small_button("forward").on_hover_text(hover).clicked() {
        cx.send(LayoutCommand::Refresh(id));
    }
    if ui.small_button("close").clicked() {
        cx.send(LayoutCommand::Close(id));
    }
}

/// Settings that hold for all layouts; `dragged` is the perplexity while its slider is dragged.
pub(crate) fn settings_ui(ui: &mut Ui, dragged: &mut Option<f32>, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let Some(first) = session.layouts().first() else {
        ui.weak("Open a layout first");
        return;
    };
    let before = first.settings();
    let mut settings = before;
    let tiles = session.layouts().iter().find(|layout| layout.is_of_tiles());
    let every_before = tiles.map_or(1, |layout| layout.every);
    let mut every = every_before;
    let mut perplexity = None;
    egui::Grid::new("t-SNE").num_columns(2).show(ui, |ui| {
        perplexity = perplexity_ui(ui, dragged, first.wanted_perplexity());
        sliders_ui(ui, &mut settings);
        let hover = "Training steps between two readings of filters and maps; images have their own interval";
        let slider = Slider::new(&mut every, 1..=1000).logarithmic(true).suffix(" steps");
        slider_ui(ui, "refresh every", hover, slider);
    });
    lowered_ui(ui, session);
    if (settings, every) == (before, every_before) && perplexity.is_none() {
        return;
    }
    for layout in session.layouts() {
        if layout.is_of_tiles() && layout.every != every {
            cx.send(LayoutCommand::Every(layout.id(), every));
        }
        if settings != before {
            cx.send(LayoutCommand::Settings(layout.id(), settings));
        }
        if let Some(perplexity) = perplexity {
            cx.send(LayoutCommand::Perplexity(layout.id(), perplexity));
        }
    }
}

fn slider_ui(ui: &mut Ui, name: &str, hover: &str, slider: Slider<'_>) {
    ui.label(name).on_hover_text(hover);
    ui.add(slider).on_hover_text(hover);
    ui.end_row();
}

fn sliders_ui(ui: &mut Ui, settings: &mut Settings) {
    let slider = Slider::new(&mut settings.exaggeration, 1.0..=32.0);
    slider_ui(ui, "exaggeration", "Factor of the attraction during early exaggeration", slider);
    let slider = Slider::new(&mut settings.exaggeration_iterations, 0.0..=500.0).step_by(10.0);
    slider_ui(ui, "exaggerated", "Iterations of early exaggeration", slider);
    let slider = Slider::new(&mut settings.learning_rate, 0.0..=1000.0);
    slider_ui(ui, "learning rate", "Learning rate; 0: the number of points", slider);
    let slider = Slider::new(&mut settings.momentum, 0.0..=0.99);
    slider_ui(ui, "momentum", "Momentum after early exaggeration", slider);
}

/// The perplexity slider; returns the value once it is released, because affinities are computed again for it.
fn perplexity_ui(ui: &mut Ui, dragged: &mut Option<f32>, before: f32) -> Option<f32> {
    let hover = "Effective number of neighbors; at most a third of the points";
    ui.label("perplexity").on_hover_text(hover);
    let mut value = dragged.unwrap_or(before);
    let response = ui.add(Slider::new(&mut value, 1.0..=100.0).logarithmic(true)).on_hover_text(hover);
    ui.end_row();
    if response.changed() {
        *dragged = Some(value);
    }
    let held = response.dragged() || response.is_pointer_button_down_on();
    if held { None } else { dragged.take().filter(|value| *value != before) }
}

/// Layouts with too few points for the requested perplexity.
fn lowered_ui(ui: &mut Ui, session: &Session) {
    let lowered = |layout: &&Layout| layout.perplexity() < layout.wanted_perplexity();
    for layout in session.layouts().iter().filter(lowered) {
        let text = format!(
            "{}: perplexity {:.1} instead of {:.1}, because it has {} points",
            layout_name(session, layout),
            layout.perplexity(),
            layout.wanted_perplexity(),
            layout.rows().tiles(),
        );
        ui.label(RichText::new(text).small().color(theme::SECOND));
    }
}
