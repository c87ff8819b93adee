//! The keyboard: every key with its effect, and the overlay that lists them.

use egui::{Key, Modifiers, Ui};

use super::actions::{
    add_filter, delete, edit_filter, move_probe, split, toggle_filters, toggle_frozen, toggle_playing,
};
use super::format::rounded;
use super::number::take_typing;
use super::pane::Event;
use super::selection::Selection;
use crate::nn::Hyper;
use crate::session::{Action, Control, Session, TensorKind, TimeControl, TrainCommand};

/// Effect of a key.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Actions for the session.
    Act(Vec<Action>),
    /// An event for the panes.
    Tell(Event),
    /// A reset with the seed of the top bar.
    Reset,
    /// Clear the selections and close the overlay.
    Clear,
    /// Change from dark to light, or back.
    ToggleTheme,
    /// Open or close the overlay.
    ToggleOverlay,
}

/// A key with its modifiers, and its effect where it has one at present.
type Binding = (Modifiers, Key, fn(&Session, &Selection) -> Option<Effect>);

/// Significant digits of the numbers that keys give.
const DIGITS: usize = 4;

const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;
const COMMAND: Modifiers = Modifiers::COMMAND;

/// Keys as the overlay shows them, with their effects. A key with Shift comes before the same key without, which would take it
/// too.
const KEYS: &[(&str, &str, &[Binding])] = &[
    ("Space", "play or pause", &[(NONE, Key::Space, |s, _| act(toggle_playing(s)))]),
    ("S", "one training step", &[(NONE, Key::S, |_, _| act(Control::SingleStep))]),
    ("R", "reset: new weights from the seed", &[(NONE, Key::R, |_, _| Some(Effect::Reset))]),
    ("1", "all layers show activations", &[(NONE, Key::Num1, |_, _| show(TensorKind::Activations))]),
    ("2", "all layers show weights", &[(NONE, Key::Num2, |_, _| show(TensorKind::Weights))]),
    ("3", "all layers show weight gradients", &[(NONE, Key::Num3, |_, _| show(TensorKind::WeightGradients))]),
    (
        "4",
        "all layers show activation gradients",
        &[(NONE, Key::Num4, |_, _| show(TensorKind::ActivationGradients))],
    ),
    (
        "N  P",
        "next or previous test image as the probe",
        &[(NONE, Key::N, |s, _| act(move_probe(s, 1))), (NONE, Key::P, |s, _| act(move_probe(s, -1)))],
    ),
    (
        "arrows",
        "move the selection: layers left and right, tiles up and down",
        &[
            (NONE, Key::ArrowLeft, |_, _| step(-1, 0)),
            (NONE, Key::ArrowRight, |_, _| step(1, 0)),
            (NONE, Key::ArrowUp, |_, _| step(0, -1)),
            (NONE, Key::ArrowDown, |_, _| step(0, 1)),
        ],
    ),
    (
        "+  −",
        "learning rate × 1.25 or ÷ 1.25",
        &[
            (SHIFT, Key::Plus, faster),
            (NONE, Key::Plus, faster),
            (SHIFT, Key::Equals, faster),
            (NONE, Key::Equals, faster),
            (NONE, Key::Minus, |s, _| {
                act(TrainCommand::SetLearningRate(rounded(hyper(s).learning_rate / 1.25, DIGITS)))
            }),
        ],
    ),
    (
        "M  Shift+M",
        "momentum + 0.05 or − 0.05",
        &[
            (SHIFT, Key::M, |s, _| momentum((hyper(s).momentum - 0.05).max(0.0))),
            (NONE, Key::M, |s, _| momentum((hyper(s).momentum + 0.05).min(0.99))),
        ],
    ),
    (
        "D  Shift+D",
        "weight decay × 2 or ÷ 2, from 0.0001",
        &[
            (SHIFT, Key::D, |s, _| {
                let halved = hyper(s).weight_decay / 2.0;
                weight_decay(if halved < 1e-6 { 0.0 } else { halved })
            }),
            (NONE, Key::D, |s, _| weight_decay((hyper(s).weight_decay * 2.0).max(1e-4))),
        ],
    ),
    (
        "B  Shift+B",
        "batch size × 2 or ÷ 2",
        &[
            (SHIFT, Key::B, |s, _| act(TrainCommand::SetBatch((batch(s) / 2).max(1)))),
            (NONE, Key::B, |s, _| act(TrainCommand::SetBatch((batch(s) * 2).min(s.max_batch())))),
        ],
    ),
    (
        "F  Shift+F",
        "freeze or unfreeze the selected filters, those of a lasso too; the selected layer",
        &[
            (SHIFT, Key::F, |s, selection| toggle_frozen(s, selection.tile?.node).and_then(act)),
            (NONE, Key::F, |s, selection| Some(Effect::Act(toggle_filters(s, &selection.filters(s))))),
        ],
    ),
    (
        "A  X  Delete",
        "add a filter to the selected layer; split or delete the selected filter",
        &[
            (NONE, Key::A, |s, selection| add_filter(s, selection.tile?.node).and_then(act)),
            (NONE, Key::X, |s, selection| edit_filter(s, selection.tile?, split).and_then(act)),
            (NONE, Key::Delete, |s, selection| edit_filter(s, selection.tile?, delete).and_then(act)),
        ],
    ),
    (
        "I",
        "how the selected tile is computed: map × kernel, sum and bias",
        &[(NONE, Key::I, |_, _| Some(Effect::Tell(Event::ToggleIntermediates)))],
    ),
    ("Shift+drag  Ctrl+drag", "in a layout: lasso or box selection", &[]),
    (
        "V",
        "pictures on or off, to see the rendering overhead",
        &[(NONE, Key::V, |_, _| Some(Effect::Tell(Event::TogglePictures)))],
    ),
    ("T", "light or dark", &[(NONE, Key::T, |_, _| Some(Effect::ToggleTheme))]),
    (
        "Ctrl+Z  Ctrl+Shift+Z",
        "undo the last command that changed the run; do it again",
        &[
            (COMMAND.plus(SHIFT), Key::Z, |_, _| time(TimeControl::Redo)),
            (COMMAND, Key::Z, |_, _| time(TimeControl::Undo)),
            (COMMAND, Key::Y, |_, _| time(TimeControl::Redo)),
        ],
    ),
    (
        ",  Home  End",
        "in time: one step back, to the beginning, to the last step",
        &[
            (NONE, Key::Comma, |s, _| time(TimeControl::GoTo(s.step().checked_sub(1)?))),
            (NONE, Key::Home, |_, _| time(TimeControl::GoTo(0))),
            (NONE, Key::End, |_, _| time(TimeControl::GoToEnd)),
        ],
    ),
    (
        "[  ]",
        "to bookmark A or B, with Shift: set it here",
        &[
            (SHIFT, Key::OpenBracket, |_, _| time(TimeControl::SetBookmark(0))),
            (SHIFT, Key::CloseBracket, |_, _| time(TimeControl::SetBookmark(1))),
            (NONE, Key::OpenBracket, |_, _| time(TimeControl::GoToBookmark(0))),
            (NONE, Key::CloseBracket, |_, _| time(TimeControl::GoToBookmark(1))),
        ],
    ),
    (
        "Esc",
        "close this or a window over the maps, clear the selections, stop on a way through time, give up a stroke",
        &[(NONE, Key::Escape, escape)],
    ),
    (
        "?  F1",
        "show or hide these keys",
        &[
            (SHIFT, Key::Questionmark, overlay),
            (NONE, Key::Questionmark, overlay),
            (SHIFT, Key::Slash, overlay),
            (NONE, Key::F1, overlay),
        ],
    ),
];

fn hyper(session: &Session) -> Hyper {
    session.coming_settings().hyper
}

fn batch(session: &Session) -> u32 {
    session.coming_settings().batch
}

fn momentum(value: f32) -> Option<Effect> {
    act(TrainCommand::SetMomentum(rounded(value, DIGITS)))
}

fn weight_decay(value: f32) -> Option<Effect> {
    act(TrainCommand::SetWeightDecay(rounded(value, DIGITS)))
}

fn act(action: impl Into<Action>) -> Option<Effect> {
    Some(Effect::Act(vec![action.into()]))
}

fn time(control: TimeControl) -> Option<Effect> {
    act(Control::Time(control))
}

fn escape(session: &Session, selection: &Selection) -> Option<Effect> {
    if session.is_travelling() {
        act(Control::Pause)
    } else if selection.gives_up {
        Some(Effect::Tell(Event::GiveUp))
    } else {
        Some(Effect::Clear)
    }
}

fn show(kind: TensorKind) -> Option<Effect> {
    Some(Effect::Tell(Event::Show(kind)))
}

fn step(nodes: i64, tiles: i64) -> Option<Effect> {
    Some(Effect::Tell(Event::MoveSelection { nodes, tiles }))
}

fn faster(session: &Session, _: &Selection) -> Option<Effect> {
    act(TrainCommand::SetLearningRate(rounded(hyper(session).learning_rate * 1.25, DIGITS)))
}

fn overlay(_: &Session, _: &Selection) -> Option<Effect> {
    Some(Effect::ToggleOverlay)
}

/// Effects of the keys pressed in this frame; none while a text field has the keyboard, or had it in the frame before: Escape and
/// Return are its own.
pub(crate) fn effects(ui: &Ui, session: &Session, selection: &Selection) -> Vec<Effect> {
    if take_typing(ui) || ui.ctx().egui_wants_keyboard_input() {
        return Vec::new();
    }
    let bindings = KEYS.iter().flat_map(|(_, _, bindings)| *bindings);
    let pressed = bindings.filter(|(modifiers, key, _)| ui.input_mut(|i| i.consume_key(*modifiers, *key)));
    pressed.filter_map(|(_, _, effect)| effect(session, selection)).collect()
}

/// The overlay.
pub(crate) fn overlay_ui(ui: &Ui, open: &mut bool) {
    egui::Window::new("Keys")
        .open(open)
        .collapsible(false)
        .resizable(false)
        .anchor(egui::Align2::CENTER_CENTER, egui::Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            let height = ui.ctx().content_rect().height() - 90.0;
            egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
                egui::Grid::new("keys").num_columns(2).spacing([24.0, 6.0]).show(ui, |ui| {
                    for (key, effect, _) in KEYS {
                        ui.monospace(*key);
                        ui.label(*effect);
                        ui.end_row();
                    }
                });
            });
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_effects_and_shift_comes_first() {
        let keys: Vec<_> = KEYS.iter().flat_map(|(_, _, bindings)| *bindings).collect();
        assert!(keys.len() > 20, "only {} keys were found", keys.len());
        for (i, (modifiers, key, _)) in keys.iter().enumerate() {
            let before = || keys[..i].iter().filter(|other| other.1 == *key);
            assert!(before().all(|other| other.0 != *modifiers), "{key:?} has two effects");
            let hidden = *modifiers == SHIFT && before().any(|other| other.0 == NONE);
            assert!(!hidden, "{key:?} without Shift takes it with Shift too");
        }
    }
}
