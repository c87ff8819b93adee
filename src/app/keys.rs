//! The keyboard: every key with what it does, and the overlay that shows them.

use egui::{Key, Modifiers};

use super::workbench::Workbench;
use crate::session::{Command, RunState, Session, TensorKind};

/// A key, as it is shown, and what it does.
const KEYS: &[(&str, &str)] = &[
    ("Space", "play or pause"),
    ("S  →", "one step"),
    ("R", "reset: fresh weights from the seed"),
    ("1", "all layers show activations"),
    ("2", "all layers show weights"),
    ("3", "all layers show weight gradients"),
    ("4", "all layers show activation gradients"),
    ("N  P", "next or previous test image as the probe"),
    ("+  −", "learning rate × 1.25 or ÷ 1.25"),
    ("V", "pictures on or off: what does looking cost?"),
    ("Esc", "close this, clear the selection"),
    ("?  F1", "show or hide these keys"),
];

/// Carries out the keys that were pressed, unless a text field has them.
pub fn handle(ui: &egui::Ui, bench: &mut Workbench, session: &mut Session) {
    if ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    let shifted = |key| ui.input_mut(|i| i.consume_key(Modifiers::SHIFT, key));
    if pressed(Key::Space) {
        toggle(session);
    }
    if pressed(Key::S) || pressed(Key::ArrowRight) {
        session.single_step();
    }
    if pressed(Key::R) {
        bench.reset(session);
    }
    let kinds = [
        (Key::Num1, TensorKind::Activations),
        (Key::Num2, TensorKind::Weights),
        (Key::Num3, TensorKind::WeightGradients),
        (Key::Num4, TensorKind::ActivationGradients),
    ];
    for (key, kind) in kinds {
        if pressed(key) {
            bench.show_everywhere(session, kind);
        }
    }
    if pressed(Key::N) {
        bench.move_probe(session, 1);
    }
    if pressed(Key::P) {
        bench.move_probe(session, -1);
    }
    let rate = session.settings().hyper.learning_rate;
    if pressed(Key::Plus) || shifted(Key::Plus) || shifted(Key::Equals) || pressed(Key::Equals) {
        bench.send(session, Command::SetLearningRate(rate * 1.25));
    }
    if pressed(Key::Minus) {
        bench.send(session, Command::SetLearningRate(rate / 1.25));
    }
    if pressed(Key::V) {
        bench.pictures = !bench.pictures;
    }
    if pressed(Key::Escape) {
        (bench.keys_shown, bench.selected) = (false, None);
    }
    if pressed(Key::Questionmark) || shifted(Key::Questionmark) || shifted(Key::Slash) || pressed(Key::F1) {
        bench.keys_shown = !bench.keys_shown;
    }
}

/// Play when it rests, pause when it runs.
pub fn toggle(session: &mut Session) {
    match session.state() {
        RunState::Paused | RunState::Finished => session.play(),
        RunState::Training | RunState::Validating if session.is_playing() => session.pause(),
        RunState::Training | RunState::Validating => session.play(),
    }
}

/// The overlay.
pub fn overlay(ui: &egui::Ui, bench: &mut Workbench) {
    let mut open = bench.keys_shown;
    egui::Window::new("Keys")
        .open(&mut open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            egui::Grid::new("keys").num_columns(2).spacing([24.0, 6.0]).show(ui, |ui| {
                for (key, does) in KEYS {
                    ui.monospace(*key);
                    ui.label(*does);
                    ui.end_row();
                }
            });
        });
    bench.keys_shown = open;
}
