//! The Steer pane: optimizer, batch and augmentation, probe, and the selected tile.

use std::ops::RangeInclusive;

use egui::{Response, RichText, Slider, Ui};

use crate::app::actions::{is_frozen, move_probe, toggle_frozen};
use crate::app::pane::{Cx, Dock, Pane};
use crate::app::{tensor_kinds, theme, tile_popup};
use crate::nn::{OptimizerKind, Schedule};
use crate::session::{Action, DataCommand, TrainCommand};

/// Batch sizes to choose from.
const BATCHES: [u32; 10] = [1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048];
/// Schedules to choose from.
const SCHEDULES: [(&str, Schedule); 4] = [
    ("constant", Schedule::Constant),
    ("÷ 10 every 10 epochs", Schedule::Step { epochs: 10.0, factor: 0.1 }),
    ("cosine over 12 epochs", Schedule::Cosine { epochs: 12.0 }),
    ("cosine over 50 epochs", Schedule::Cosine { epochs: 50.0 }),
];

/// The Steer pane.
#[derive(Default)]
pub(crate) struct SteerPane;

impl Pane for SteerPane {
    fn title(&self) -> &'static str {
        "Steer"
    }

    fn name(&self) -> &'static str {
        "steer"
    }

    fn about(&self) -> &'static str {
        "Optimizer, batch, augmentation and probe"
    }

    fn dock(&self) -> Dock {
        Dock::Side(1.75)
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            let hover = "Changes take effect at the next step; another optimizer starts with its default \
                         settings";
            heading_ui(ui, "Optimizer", hover);
            grid_ui(ui, "optimizer", |ui| optimizer_ui(ui, cx));
            heading_ui(ui, "Batch and augmentation", "Training images of a step and their random changes");
            grid_ui(ui, "batch", |ui| batch_ui(ui, cx));
            heading_ui(ui, "Probe", "The test image whose maps the Network pane shows; it is not trained on");
            probe_ui(ui, cx);
            heading_ui(ui, "Selection", "The filter or map that was clicked in the Network pane");
            selection_ui(ui, cx);
        });
    }
}

fn heading_ui(ui: &mut Ui, text: &str, hover: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(text).color(theme::MUTED).small()).on_hover_text(hover);
    ui.add_space(1.0);
}

fn grid_ui(ui: &mut Ui, id: &str, rows: impl FnOnce(&mut Ui)) {
    egui::Grid::new(id).num_columns(2).spacing([10.0, 6.0]).show(ui, rows);
}

/// Labels of a setting.
struct Labels {
    name: &'static str,
    /// Name of its widget for scripts.
    mark: &'static str,
    hover: &'static str,
}

fn labels(name: &'static str, mark: &'static str, hover: &'static str) -> Labels {
    Labels { name, mark, hover }
}

/// A row with a widget, which sends the command when the value changed.
fn setting_ui<T: Copy + PartialEq, C: Into<Action>>(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    labels: Labels,
    value: T,
    command: impl Fn(T) -> C,
    widget: impl FnOnce(&mut Ui, &mut T) -> Response,
) {
    ui.label(labels.name).on_hover_text(labels.hover);
    let mut new = value;
    let response = widget(ui, &mut new).on_hover_text(labels.hover);
    cx.mark(labels.mark, &response);
    if new != value {
        cx.send(command(new));
    }
    ui.end_row();
}

/// A slider with equal steps.
fn linear(
    range: RangeInclusive<f32>,
    decimals: usize,
    unit: &str,
) -> impl FnOnce(&mut Ui, &mut f32) -> Response {
    move |ui, value| ui.add(Slider::new(value, range).max_decimals(decimals).suffix(unit))
}

/// A slider from 0 to `max` with equal factors from `smallest` on.
fn logarithmic(max: f32, smallest: f64, decimals: usize) -> impl FnOnce(&mut Ui, &mut f32) -> Response {
    move |ui, value| {
        let slider = Slider::new(value, 0.0..=max).logarithmic(true).smallest_positive(smallest);
        ui.add(slider.max_decimals(decimals))
    }
}

fn checkbox(ui: &mut Ui, value: &mut bool) -> Response {
    ui.checkbox(value, "")
}

fn optimizer_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let hyper = cx.session.settings().hyper;
    kind_ui(ui, cx, hyper.optimizer);
    let about = labels("learning rate", "learning_rate", "Learning rate; 0 stops learning (+ and − keys)");
    let slider = logarithmic(1.0, 1e-5, 6);
    setting_ui(ui, cx, about, hyper.learning_rate, TrainCommand::SetLearningRate, slider);
    if hyper.optimizer.has_momentum() {
        let about = labels("momentum", "momentum", "Momentum, or beta 1; below 1 (M, Shift+M)");
        let slider = linear(0.0..=0.99, 3, "");
        setting_ui(ui, cx, about, hyper.momentum, TrainCommand::SetMomentum, slider);
    }
    if hyper.optimizer.has_beta2() {
        let about = labels("beta 2", "beta2", "Decay rate of the average of squared gradients, below 1");
        let slider = linear(0.8..=0.9999, 4, "");
        setting_ui(ui, cx, about, hyper.beta2, TrainCommand::SetBeta2, slider);
    }
    let hover = "L2 weight decay, multiplied by the learning rate (D, Shift+D)";
    let about = labels("weight decay", "weight_decay", hover);
    let slider = logarithmic(0.1, 1e-6, 6);
    setting_ui(ui, cx, about, hyper.weight_decay, TrainCommand::SetWeightDecay, slider);
    if hyper.optimizer == OptimizerKind::Sgd {
        let about = labels("Nesterov", "nesterov", "Nesterov momentum");
        setting_ui(ui, cx, about, hyper.nesterov, TrainCommand::SetNesterov, checkbox);
    }
    let hover = "Longest span in epochs of the average of the last weights, which is evaluated beside them; 0: no average";
    let about = labels("average", "average", hover);
    let slider = linear(0.0..=4.0, 2, " epochs");
    setting_ui(ui, cx, about, hyper.averaging, TrainCommand::SetAverage, slider);
    let about = labels("clip norm", "clip_norm", "Largest norm of all gradients together; 0: no clipping");
    let slider = logarithmic(100.0, 1e-2, 3);
    setting_ui(ui, cx, about, hyper.clip_norm, TrainCommand::SetClipNorm, slider);
    schedule_ui(ui, cx);
}

fn kind_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, now: OptimizerKind) {
    ui.label("optimizer").on_hover_text("A change resets the optimizer's state; weights stay");
    egui::ComboBox::from_id_salt("optimizer").selected_text(now.name()).show_ui(ui, |ui| {
        for kind in OptimizerKind::ALL {
            if ui.selectable_label(kind == now, kind.name()).clicked() {
                cx.send(TrainCommand::SetOptimizer(kind));
            }
        }
    });
    ui.end_row();
}

/// Learning-rate schedule, with the present rate.
fn schedule_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let now = cx.session.settings().hyper.schedule;
    let name = SCHEDULES.iter().find(|(_, s)| *s == now).map_or("as given", |(name, _)| *name);
    let rate = cx.session.trainer().learning_rate();
    let hover = format!("Learning-rate schedule from the beginning of the run; the rate is now {rate:.2e}");
    ui.label("schedule").on_hover_text(&hover);
    let combo = egui::ComboBox::from_id_salt("schedule").selected_text(name);
    let response = combo.show_ui(ui, |ui| {
        for (name, schedule) in SCHEDULES {
            if ui.selectable_label(schedule == now, name).clicked() {
                cx.send(TrainCommand::SetSchedule(schedule));
            }
        }
    });
    response.response.on_hover_text(hover);
    ui.end_row();
}

fn batch_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let settings = cx.session.settings();
    ui.label("batch").on_hover_text("Images per step; the weights stay when it changes (B, Shift+B)");
    let combo = egui::ComboBox::from_id_salt("batch").selected_text(format!("{} images", settings.batch));
    combo.show_ui(ui, |ui| {
        for size in BATCHES.into_iter().filter(|size| *size <= cx.session.max_batch()) {
            if ui.selectable_label(size == settings.batch, size.to_string()).clicked() {
                cx.send(TrainCommand::SetBatch(size));
            }
        }
    });
    ui.end_row();
    augmentation_ui(ui, cx);
}

fn augmentation_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let now = cx.session.settings().augmentation;
    let about = labels("shift", "shift", "Random shift of each training image, in pixels at most");
    let slider = |ui: &mut Ui, value: &mut u32| ui.add(Slider::new(value, 0..=8).suffix(" px"));
    setting_ui(ui, cx, about, now.shift, DataCommand::SetShift, slider);
    let about = labels("flip", "flip", "Random horizontal flip of each training image");
    setting_ui(ui, cx, about, now.flip, DataCommand::SetFlip, checkbox);
    let about =
        labels("rotation", "rotation", "Random rotation of each training image, to either side at most");
    let slider = linear(0.0..=45.0, 2, "°");
    setting_ui(ui, cx, about, now.rotation, DataCommand::SetRotation, slider);
    let about = labels("size", "size", "Random change of each training image's size, as a share at most");
    setting_ui(ui, cx, about, now.scale, DataCommand::SetScale, linear(0.0..=0.5, 2, ""));
    let about = labels("brightness", "brightness", "Random change of brightness, as a share at most");
    setting_ui(ui, cx, about, now.brightness, DataCommand::SetBrightness, linear(0.0..=0.5, 2, ""));
    let about = labels("contrast", "contrast", "Random change of contrast, as a share at most");
    setting_ui(ui, cx, about, now.contrast, DataCommand::SetContrast, linear(0.0..=0.9, 2, ""));
    let about = labels("cutout", "cutout", "Side of a square that is cut out at a random place; 0: none");
    let command = |side: f32| DataCommand::SetCutout(side.round() as u32);
    setting_ui(ui, cx, about, now.cutout as f32, command, linear(0.0..=16.0, 2, " px"));
}

fn probe_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let (index, label) = session.probe();
    ui.horizontal(|ui| {
        if ui.button("◀").on_hover_text("Previous test image (P)").clicked() {
            cx.send(move_probe(session, -1));
        }
        let mut new = index;
        let max = session.test_images() as u32 - 1;
        let field = egui::DragValue::new(&mut new).range(0..=max).prefix("test image ");
        if ui.add(field).on_hover_text(format!("Index in the test set, 0 to {max}")).changed() {
            cx.send(DataCommand::PinProbe(new));
        }
        if ui.button("▶").on_hover_text("Next test image (N)").clicked() {
            cx.send(move_probe(session, 1));
        }
        ui.colored_label(theme::ACCENT, &session.class_names()[label]).on_hover_text("True class");
    });
}

fn selection_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let Some(selected) = cx.selection.tile else {
        ui.weak("Click a tile of the Network pane.");
        return;
    };
    let info = &cx.session.layers()[selected.node];
    ui.label(format!("{} {}  ({})", info.name, selected.tile, info.kind));
    let [c, h, w] = info.output;
    let mut about = format!("{} · {c} × {h} × {w}", info.summary);
    if info.parameters > 0 {
        about += &format!(" · {} parameters", info.parameters);
    }
    ui.weak(about);
    if let Some(toggle) = toggle_frozen(cx.session, selected.node) {
        let mut frozen = is_frozen(cx.session, selected.node);
        let hover = "Its parameters are not trained, and steps skip their gradients (F)";
        if ui.checkbox(&mut frozen, format!("{} is frozen", info.name)).on_hover_text(hover).changed() {
            cx.send(toggle);
        }
    }
    let kind = tensor_kinds::long_name(cx.selection.shown);
    ui.weak(format!("{kind}:")).on_hover_text("The tensor that its layer shows in the Network pane");
    tile_popup::statistics_ui(ui, "selected numbers", cx.selection.statistics(selected));
}
