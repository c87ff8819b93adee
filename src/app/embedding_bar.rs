//! The Embedding pane's controls: which layers are laid out, by what, images and all filters, and how the layouts run.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{PopupCloseBehavior, Ui};

use super::embedding_menus;
use super::embedding_pane::report;
use super::network_pane::KINDS;
use super::workbench::Workbench;
use crate::session::{ImageSource, Session};

/// What the bar remembers: no state of the model.
#[derive(Default)]
pub struct Bar {
    /// The images that are laid out next; the usual ones if none.
    pub(super) source: Option<ImageSource>,
    /// The perplexity while it is dragged.
    pub(super) perplexity: Option<f32>,
}

/// Which layers, by what, and how they run.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    ui.horizontal_wrapped(|ui| {
        kinds(ui, bench, session);
        ui.separator();
        layers(ui, bench, session);
        all_filters(ui, bench, session);
        images(ui, bench, session);
        ui.separator();
        run_buttons(ui, session);
        menu(ui, "layouts", "Every layout: run, pause, reset, close; what it takes", |ui| {
            embedding_menus::layouts(ui, session);
        });
        let hover = "Perplexity, exaggeration, learning rate, momentum: of all layouts";
        menu(ui, "settings", hover, |ui| embedding_menus::settings(ui, bench, session));
    });
    ui.add_space(2.0);
}

/// A menu that stays open while things in it are clicked.
fn menu(ui: &mut Ui, text: &str, hover: &str, content: impl FnOnce(&mut Ui)) -> egui::Response {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::new(text).config(config).ui(ui, content);
    response.on_hover_text(hover)
}

fn kinds(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    for (kind, name, long) in KINDS {
        let response = ui
            .selectable_label(bench.embedding.kind == kind, name)
            .on_hover_text(format!("Lay out by {long}"));
        if response.clicked() {
            bench.embedding.kind = kind;
            let open = session.embeddings().iter().filter(|e| e.is_of_tiles()).map(|e| e.layer);
            let layers: Vec<usize> = open.filter(|layer| session.can_embed(*layer, kind)).collect();
            for layer in layers {
                report(bench, session.open_embedding(layer, kind).map(|_| ()));
            }
        }
    }
}

fn layers(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    for layer in 1..session.layers().len() {
        let kind = bench.embedding.kind;
        let open = session.embeddings().iter().any(|e| e.layer == layer && e.is_of_tiles());
        if !open && !session.can_embed(layer, kind) {
            continue;
        }
        let name = session.layers()[layer].name.clone();
        let response = ui.selectable_label(open, &name).on_hover_text("Open or close this layer's layout");
        if layer == session.layers().len() - 1 {
            bench.mark("last layout", &response);
        }
        if response.clicked() {
            if open {
                session.close_embedding(layer);
            } else {
                report(bench, session.open_embedding(layer, kind).map(|_| ()));
            }
        }
    }
}

fn all_filters(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let open = session.embeddings().iter().any(|e| e.filters().is_some());
    let hover = "The filters of all layers in one layout, by how they respond to test images: those that respond to the same \
                 images lie together";
    let response = ui.selectable_label(open, "all filters").on_hover_text(hover);
    bench.mark("all filters", &response);
    if response.clicked() {
        if open {
            session.close_filter_embedding();
        } else {
            report(bench, session.open_filter_embedding().map(|_| ()));
        }
    }
}

fn images(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let open = session.embeddings().iter().any(|e| e.images().is_some());
    let source = bench.embedding.bar.source.unwrap_or_else(|| session.usual_images());
    let name = embedding_menus::images_name(session, source);
    let response = ui.selectable_label(open, "images").on_hover_text(format!("Open or close: {name}"));
    bench.mark("images", &response);
    if response.clicked() {
        if open {
            session.close_image_embedding();
        } else {
            report(bench, session.open_image_embedding(source).map(|_| ()));
        }
    }
    let hover = "Which images, by which layer, and whether they follow the training";
    let response = menu(ui, "…", hover, |ui| embedding_menus::images(ui, bench, session, source));
    bench.mark("images menu", &response);
}

fn run_buttons(ui: &mut Ui, session: &mut Session) {
    let ids: Vec<u64> = session.embeddings().iter().map(|e| e.id().0).collect();
    let running = session.embeddings().iter().any(|e| e.running);
    let text = if running { "pause" } else { "run" };
    if ui.button(text).on_hover_text("All layouts: go on or stay as they are").clicked() {
        ids.iter().for_each(|id| session.embedding_mut(*id).expect("it is open").running = !running);
    }
    if ui.button("reset").on_hover_text("All layouts begin anew along their principal components").clicked() {
        ids.iter().for_each(|id| session.embedding_mut(*id).expect("it is open").reset());
    }
}
