//! The top bar: play, pause, step, reset; where the run is, how fast, and what looking costs.

use egui::{RichText, Ui};

use super::format::{percent, short};
use super::workbench::Workbench;
use super::{keys, theme};
use crate::session::{RunState, Session};

/// Draws the bar.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        buttons(ui, bench, session);
        ui.separator();
        progress(ui, session);
        ui.separator();
        speed(ui, bench, session);
    });
    ui.add_space(2.0);
}

fn buttons(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let playing = session.is_playing();
    let text = RichText::new(if playing { "⏸ Pause" } else { "▶ Play" }).strong();
    let play = egui::Button::new(text).min_size(egui::vec2(76.0, 26.0));
    let play = ui.add(play).on_hover_text("Train, or stop at the end of the step (Space)");
    bench.mark("play", &play);
    if play.clicked() {
        keys::toggle(session);
    }
    let step = ui.button("⏭ Step").on_hover_text("One training step (S)");
    bench.mark("step", &step);
    if step.clicked() {
        session.single_step();
    }
    let reset = ui.button("⟲ Reset").on_hover_text("Fresh weights from the seed; settings stay (R)");
    bench.mark("reset", &reset);
    if reset.clicked() {
        bench.reset(session);
    }
    ui.add(egui::DragValue::new(&mut bench.seed).prefix("seed ").speed(0.1))
        .on_hover_text("The seed of the next reset: weights, order and augmentation");
}

/// One number with its name above it.
fn number(ui: &mut Ui, name: &str, value: &str, hover: &str) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(name).small().color(theme::MUTED));
        ui.label(RichText::new(value).monospace());
    })
    .response
    .on_hover_text(hover);
}

fn progress(ui: &mut Ui, session: &Session) {
    let metrics = session.metrics();
    let last = metrics.epochs.last();
    let recent = metrics.recent(50);
    let loss = session.trainer().network.loss;
    let state = match session.state() {
        RunState::Paused => "paused",
        RunState::Training => "training",
        RunState::Validating => "validating",
        RunState::Finished => "finished",
    };
    number(ui, state, &format!("epoch {:.2}", session.epoch()), "Epochs: passes over the training images");
    number(ui, "step", &session.step().to_string(), "Steps: updates of the weights");
    let text = |value: Option<f64>, form: fn(f64) -> String| value.map_or("–".to_owned(), form);
    number(
        ui,
        "loss",
        &text(recent.map(|r| r.0), short),
        &format!("Loss ({}), mean over the last 50 steps' images", loss.name()),
    );
    number(
        ui,
        "train",
        &text(recent.map(|r| r.1).filter(|_| loss.has_classes()), percent),
        "Training images classified rightly over the last 50 steps",
    );
    let validation = last.map(|e| f64::from(e.val_accuracy)).filter(|_| loss.has_classes());
    number(
        ui,
        "validation",
        &text(validation, percent),
        "Validation images classified rightly after the last epoch",
    );
}

fn speed(ui: &mut Ui, bench: &Workbench, session: &Session) {
    let metrics = session.metrics();
    let running = session.is_playing();
    let rate = if running { short(metrics.images_per_s) } else { "–".to_owned() };
    number(ui, "images/s", &rate, "Training images a second, over the last second or so");
    let (train, views) = (if running { metrics.train_ms } else { 0.0 }, bench.costs.views_ms);
    let moving = session.embeddings().iter().any(|embedding| !embedding.rests());
    let embed = if moving { metrics.embed_ms } else { 0.0 };
    let split = format!("{train:.1} + {embed:.1} + {views:.1} ms");
    number(
        ui,
        "GPU: training + t-SNE + views",
        &split,
        "GPU time of the last frame: training, layouts, and pictures with the interface",
    );
    let all = train + embed + views;
    let share = if all > 0.0 { (embed + views) / all } else { 0.0 };
    let cost = if running { percent(share) } else { "–".to_owned() };
    number(
        ui,
        "cost of looking",
        &cost,
        "Share of the GPU's time that layouts, pictures and interface take (V turns the pictures off)",
    );
    number(ui, "frames/s", &format!("{:.0}", bench.costs.frames_per_s), "Frames drawn a second");
}
