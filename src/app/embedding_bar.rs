//! The Embedding pane's controls: which layers are laid out, by what, and how the layouts run.

use egui::Ui;

use super::embedding_pane::report;
use super::network_pane::KINDS;
use super::workbench::Workbench;
use crate::session::{Embedding, Session};

/// Which layers, by what, and how they run.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    ui.horizontal_wrapped(|ui| {
        for (kind, name, long) in KINDS {
            let response = ui
                .selectable_label(bench.embedding.kind == kind, name)
                .on_hover_text(format!("Lay out by {long}"));
            if response.clicked() {
                bench.embedding.kind = kind;
                let open = session.embeddings().iter().filter(|e| e.images().is_none()).map(|e| e.layer);
                let layers: Vec<usize> = open.filter(|layer| session.can_embed(*layer, kind)).collect();
                for layer in layers {
                    report(bench, session.open_embedding(layer, kind).map(|_| ()));
                }
            }
        }
        ui.separator();
        for layer in 1..session.layers().len() {
            let kind = bench.embedding.kind;
            let open = session.embeddings().iter().any(|e| e.layer == layer && e.images().is_none());
            if !open && !session.can_embed(layer, kind) {
                continue;
            }
            let name = session.layers()[layer].name.clone();
            let response =
                ui.selectable_label(open, &name).on_hover_text("Open or close this layer's layout");
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
        let open = session.embeddings().iter().any(|e| e.images().is_some());
        let name = session.layers()[session.image_layer()].name.clone();
        let hover = format!(
            "Test images, by their activations of {name} as they are now; close and open it to forward them again"
        );
        let response = ui.selectable_label(open, "images").on_hover_text(hover);
        bench.mark("images", &response);
        if response.clicked() {
            if open {
                session.close_image_embedding();
            } else {
                report(bench, session.open_image_embedding().map(|_| ()));
            }
        }
        ui.separator();
        run_buttons(ui, session);
    });
    ui.add_space(2.0);
}

fn run_buttons(ui: &mut Ui, session: &mut Session) {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let ids: Vec<u64> = session.embeddings().iter().map(Embedding::id).collect();
    let running = session.embeddings().iter().any(|e| e.running);
    let text = if running { "pause" } else { "run" };
    if ui.button(text).on_hover_text("All layouts: go on or stay as they are").clicked() {
        ids.iter().for_each(|id| session.embedding_mut(*id).expect("it is open").running = !running);
    }
    if ui.button("reset").on_hover_text("All layouts begin anew along their principal components").clicked() {
        ids.iter().for_each(|id| session.embedding_mut(*id).expect("it is open").reset(&gpu));
    }
    ui.menu_button("settings", |ui| settings(ui, session, &ids))
        .response
        .on_hover_text("Perplexity, exaggeration, learning rate, momentum: of all layouts");
}

/// Sliders that hold for all layouts.
fn settings(ui: &mut Ui, session: &mut Session, ids: &[u64]) {
    let gpu = std::rc::Rc::clone(session.trainer().gpu());
    let Some(first) = session.embeddings().first() else { return };
    let (mut perplexity, mut all, mut every) = (first.wanted_perplexity(), first.settings(), first.every);
    let before = (perplexity, all, every);
    egui::Grid::new("t-SNE").num_columns(2).show(ui, |ui| {
        let mut row = |name: &str, hover: &str, slider: egui::Slider<'_>| {
            ui.label(name).on_hover_text(hover);
            ui.add(slider).on_hover_text(hover);
            ui.end_row();
        };
        row(
            "perplexity",
            "How many neighbours count, roughly; lowered to a third of the points",
            egui::Slider::new(&mut perplexity, 1.0..=100.0).logarithmic(true),
        );
        row(
            "exaggeration",
            "Factor of the attraction in the first iterations",
            egui::Slider::new(&mut all.exaggeration, 1.0..=32.0),
        );
        row(
            "exaggerated",
            "Iterations with that factor",
            egui::Slider::new(&mut all.exaggeration_iterations, 0.0..=500.0).step_by(10.0),
        );
        row(
            "learning rate",
            "Step size; 0 takes the number of points",
            egui::Slider::new(&mut all.learning_rate, 0.0..=1000.0),
        );
        row(
            "momentum",
            "Share of the last step that is kept",
            egui::Slider::new(&mut all.momentum, 0.0..=0.99),
        );
        row(
            "refresh every",
            "Steps of the training from one reading of the filters to the next",
            egui::Slider::new(&mut every, 1..=1000).logarithmic(true).suffix(" steps"),
        );
    });
    if (perplexity, all, every) == before {
        return;
    }
    for id in ids {
        let embedding = session.embedding_mut(*id).expect("it is open");
        embedding.every = every;
        // The sliders' ranges are those that are valid.
        let _ = embedding.set_settings(&gpu, all);
        if perplexity != before.0 {
            let _ = embedding.set_perplexity(&gpu, perplexity);
        }
    }
}
