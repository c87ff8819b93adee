//! The keyboard: every key with what it does, and the overlay that shows them.

use egui::{Key, Modifiers};

use super::workbench::Workbench;
use crate::session::{RunState, Session, TensorKind, TrainCommand};

/// A key, as it is shown, and what it does.
const KEYS: &[(&str, &str)] = &[
    ("Space", "play or pause"),
    ("S", "one step"),
    ("R", "reset: fresh weights from the seed"),
    ("1", "all layers show activations"),
    ("2", "all layers show weights"),
    ("3", "all layers show weight gradients"),
    ("4", "all layers show activation gradients"),
    ("N  P", "next or previous test image as the probe"),
    ("arrows", "move the selection: layers left and right, tiles up and down"),
    ("+  −", "learning rate × 1.25 or ÷ 1.25"),
    ("M  Shift+M", "momentum up or down by 0.05"),
    ("D  Shift+D", "weight decay × 2 or ÷ 2, from 0.0001"),
    ("B  Shift+B", "batch × 2 or ÷ 2"),
    ("F", "freeze or thaw the selected layer"),
    ("Shift+drag  Ctrl+drag", "in a layout: select with a lasso or a box"),
    ("V", "pictures on or off: what does looking cost?"),
    ("Esc", "close this, clear the selections"),
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
    if pressed(Key::S) {
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
    let arrows =
        [(Key::ArrowLeft, -1, 0), (Key::ArrowRight, 1, 0), (Key::ArrowUp, 0, -1), (Key::ArrowDown, 0, 1)];
    for (key, layers, tiles) in arrows {
        if pressed(key) {
            bench.move_selection(session, layers, tiles);
        }
    }
    if let Some(command) = setting(session, &pressed, &shifted) {
        bench.send(session, command);
    }
    if pressed(Key::F)
        && let Some(selected) = bench.selected
        && session.layers()[selected.layer].parameters > 0
    {
        bench.toggle_frozen(session, selected.layer as u32 - 1);
    }
    if pressed(Key::V) {
        bench.pictures = !bench.pictures;
    }
    if pressed(Key::Escape) {
        (bench.keys_shown, bench.selected) = (false, None);
        bench.embedding.clear_selections();
    }
    if pressed(Key::Questionmark) || shifted(Key::Questionmark) || shifted(Key::Slash) || pressed(Key::F1) {
        bench.keys_shown = !bench.keys_shown;
    }
}

/// The change of a setting that a key asks for. A key with Shift comes before the same without, which would take it too.
fn setting(
    session: &Session,
    pressed: &dyn Fn(Key) -> bool,
    shifted: &dyn Fn(Key) -> bool,
) -> Option<TrainCommand> {
    let settings = session.settings();
    let hyper = settings.hyper;
    let most = session.most_batch();
    if pressed(Key::Plus) || shifted(Key::Plus) || shifted(Key::Equals) || pressed(Key::Equals) {
        Some(TrainCommand::SetLearningRate(hyper.learning_rate * 1.25))
    } else if pressed(Key::Minus) {
        Some(TrainCommand::SetLearningRate(hyper.learning_rate / 1.25))
    } else if shifted(Key::M) {
        Some(TrainCommand::SetMomentum((hyper.momentum - 0.05).max(0.0)))
    } else if pressed(Key::M) {
        Some(TrainCommand::SetMomentum((hyper.momentum + 0.05).min(0.99)))
    } else if shifted(Key::D) {
        let halved = hyper.weight_decay / 2.0;
        Some(TrainCommand::SetWeightDecay(if halved < 1e-6 { 0.0 } else { halved }))
    } else if pressed(Key::D) {
        Some(TrainCommand::SetWeightDecay((hyper.weight_decay * 2.0).max(1e-4)))
    } else if shifted(Key::B) {
        Some(TrainCommand::SetBatch((settings.batch / 2).max(1)))
    } else if pressed(Key::B) {
        Some(TrainCommand::SetBatch((settings.batch * 2).min(most)))
    } else {
        None
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
