//! Menus of the Embedding pane: all layouts with their memory, and t-SNE settings.

use egui::{RichText, Ui};

use super::names::{layout_details, layout_name};
use crate::app::format::mib;
use crate::app::number::{Edited, Number, Rail, number_ui, row_ui};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::embed::Settings;
use crate::session::{Layout, LayoutCommand, Session};

/// Width of the settings, in points.
const WIDTH: f32 = 330.0;
/// Width of their names, in points.
const NAME_WIDTH: f32 = 96.0;

/// Each layout with its memory and buttons.
pub(crate) fn layouts_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    if session.layouts().is_empty() {
        ui.weak("No layout is open");
        return;
    }
    egui::Grid::new("layouts").num_columns(4).striped(true).show(ui, |ui| {
        for layout in session.layouts() {
            ui.label(layout_name(session, layout)).on_hover_text(layout_details(session, layout));
            ui.label(RichText::new(mib(layout.bytes())).color(theme::muted()))
                .on_hover_text("GPU memory: rows, neighbors, affinities, positions");
            buttons_ui(ui, layout, cx);
            ui.end_row();
        }
    });
    ui.separator();
    let total = session.layouts().iter().map(Layout::bytes).sum();
    ui.label(RichText::new(format!("{} in total", mib(total))).small().color(theme::muted()));
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

/// Settings that hold for all layouts.
pub(crate) fn settings_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let Some(first) = session.layouts().first() else {
        ui.weak("Open a layout first");
        return;
    };
    ui.set_width(WIDTH);
    let hover = "Effective number of neighbors; at most a third of the points";
    let edited =
        setting_ui(ui, "perplexity", hover, first.wanted_perplexity(), &Rail::logarithmic(1.0..=100.0, 1.0));
    send(cx, "perplexity", edited, |layout, value| Some(LayoutCommand::Perplexity(layout.id(), value)));
    sliders_ui(ui, first.settings(), cx);
    let tiles = session.layouts().iter().find(|layout| layout.is_of_tiles());
    let hover = "Training steps between two readings of filters and maps; images have their own interval";
    let every = tiles.map_or(1, |layout| layout.every);
    let edited = setting_ui(ui, "refresh (steps)", hover, every, &Rail::logarithmic(1.0..=1000.0, 1.0));
    send(cx, "refresh", edited, |layout, value| {
        layout.is_of_tiles().then(|| LayoutCommand::Every(layout.id(), value))
    });
    lowered_ui(ui, session);
}

fn setting_ui<T: Number>(ui: &mut Ui, name: &str, hover: &str, value: T, rail: &Rail) -> Edited<T> {
    row_ui(ui, name, hover, NAME_WIDTH, |ui| {
        let edited = number_ui(ui, name, value, rail);
        Edited { response: edited.response.on_hover_text(hover), ..edited }
    })
}

/// Sends a new number to all layouts for which there is a command.
fn send<T: Number>(
    cx: &mut Cx<'_, '_>,
    mark: &'static str,
    edited: Edited<T>,
    command: impl Fn(&Layout, T) -> Option<LayoutCommand>,
) {
    let layouts = cx.session.layouts().iter();
    cx.numbers(mark, edited, |value| layouts.filter_map(move |layout| command(layout, value)));
}

/// A setting's name, its description, its rail, and its place.
type Setting = (&'static str, &'static str, Rail, fn(&mut Settings) -> &mut f32);

fn sliders_ui(ui: &mut Ui, settings: Settings, cx: &mut Cx<'_, '_>) {
    let all: [Setting; 4] = [
        (
            "exaggeration",
            "Factor of the attraction during early exaggeration",
            Rail::linear(1.0..=32.0),
            |s| &mut s.exaggeration,
        ),
        ("exaggerated", "Iterations of early exaggeration", Rail::linear(0.0..=500.0), |s| {
            &mut s.exaggeration_iterations
        }),
        ("learning rate", "Learning rate; 0: the number of points", Rail::linear(0.0..=1000.0), |s| {
            &mut s.learning_rate
        }),
        ("momentum", "Momentum after early exaggeration", Rail::linear(0.0..=0.99), |s| &mut s.momentum),
    ];
    for (name, hover, rail, place) in all {
        let value = *place(&mut settings.clone());
        let edited = setting_ui(ui, name, hover, value, &rail);
        send(cx, name, edited, |layout, value| {
            let mut settings = layout.settings();
            *place(&mut settings) = value;
            Some(LayoutCommand::Settings(layout.id(), settings))
        });
    }
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
        ui.label(RichText::new(text).small().color(theme::second()));
    }
}
