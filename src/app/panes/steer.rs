//! The Steer pane: optimizer, batch and augmentation, probe, and the selected tile.

use egui::{RichText, Ui};

use crate::app::actions::{
    filter_of, is_filter_frozen, is_frozen, move_probe, toggle_filters, toggle_frozen,
};
use crate::app::number::{Number, Rail, field_ui, number_ui, row_ui};
use crate::app::pane::{Cx, Dock, Pane, asking};
use crate::app::ranked::remedies_ui;
use crate::app::soft_goals::{goals_ui, has_goals};
use crate::app::{tensor_kinds, theme, tile_popup};
use crate::nn::{Loss, OptimizerKind, Schedule, Target};
use crate::session::{Action, DataCommand, NetworkCommand, TrainCommand};

/// Width of the names of settings, in points.
const NAME_WIDTH: f32 = 84.0;
/// Largest width of a choice, in points.
const MAX_CHOICE: f32 = 220.0;
/// Batch sizes to choose from.
const BATCHES: [u32; 10] = [1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048];
/// Schedules to choose from.
const SCHEDULES: [(&str, Schedule); 4] = [
    ("constant", Schedule::Constant),
    ("÷ 10 every 10 epochs", Schedule::Step { epochs: 10.0, factor: 0.1 }),
    ("cosine over 12 epochs", Schedule::Cosine { epochs: 12.0 }),
    ("cosine over 50 epochs", Schedule::Cosine { epochs: 50.0 }),
];

/// Losses of a classification to choose from.
const LOSSES: [(&str, Loss); 4] = [
    ("cross-entropy", Loss::SoftmaxCrossEntropy { label_smoothing: 0.0 }),
    ("cross-entropy, smoothing 0.1", Loss::SoftmaxCrossEntropy { label_smoothing: 0.1 }),
    ("multi-class hinge", Loss::SvmHinge { margin: 1.0 }),
    ("squared error", Loss::L2Regression { target: Target::Class }),
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
            optimizer_ui(ui, cx);
            let loss = cx.session.trainer().network.loss;
            asking(ui, cx, NetworkCommand::SetLoss(loss), loss_ui);
            heading_ui(ui, "Batch and augmentation", "Training images of a step and their random changes");
            let batch = cx.session.coming_settings().batch;
            asking(ui, cx, TrainCommand::SetBatch(batch), batch_ui);
            augmentation_ui(ui, cx);
            heading_ui(ui, "Probe", "The test image whose maps the Network pane shows; it is not trained on");
            probe_ui(ui, cx);
            heading_ui(ui, "Selection", "The filter or map that was clicked in the Network pane");
            selection_ui(ui, cx);
            if has_goals(&cx.session.trainer().network) {
                let hover = "Terms of the loss that pull filters together, apart, or toward a kernel; the loss that is shown is without them";
                heading_ui(ui, "Soft goals", hover);
                goals_ui(ui, cx);
            }
        });
    }
}

fn heading_ui(ui: &mut Ui, text: &str, hover: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(text).color(theme::muted()).small()).on_hover_text(hover);
    ui.add_space(1.0);
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

/// A row with a number, which sends the command when it has changed.
fn setting_ui<T: Number, C: Into<Action>>(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    labels: Labels,
    value: T,
    command: impl Fn(T) -> C,
    rail: &Rail,
) {
    asking(ui, cx, command(value), |ui, cx| {
        row_ui(ui, labels.name, labels.hover, NAME_WIDTH, |ui| {
            let mut edited = number_ui(ui, labels.name, value, rail);
            edited.response = edited.response.on_hover_text(labels.hover);
            cx.number(labels.mark, edited, command);
        });
    });
}

/// A row with a checkbox.
fn switch_ui<C: Into<Action>>(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    labels: Labels,
    value: bool,
    command: impl Fn(bool) -> C,
) {
    asking(ui, cx, command(value), |ui, cx| {
        row_ui(ui, labels.name, labels.hover, NAME_WIDTH, |ui| {
            let mut new = value;
            let response = ui.checkbox(&mut new, "").on_hover_text(labels.hover);
            cx.mark(labels.mark, &response);
            if new != value {
                cx.send(command(new));
            }
        });
    });
}

/// A row with a choice, as wide as the room that is left.
fn choice_ui(ui: &mut Ui, name: &str, hover: &str, chosen: &str, choices: impl FnOnce(&mut Ui)) {
    row_ui(ui, name, hover, NAME_WIDTH, |ui| {
        let width = ui.available_width().min(MAX_CHOICE);
        let combo = egui::ComboBox::from_id_salt(name).selected_text(chosen).width(width).truncate();
        combo.show_ui(ui, choices).response.on_hover_text(hover);
    });
}

fn optimizer_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let hyper = cx.session.coming_settings().hyper;
    asking(ui, cx, TrainCommand::SetOptimizer(hyper.optimizer), |ui, cx| {
        kind_ui(ui, cx, hyper.optimizer);
    });
    let about = labels("learning rate", "learning_rate", "Learning rate; 0 stops learning (+ and − keys)");
    let rail = Rail::logarithmic(0.0..=1.0, 1e-5);
    setting_ui(ui, cx, about, hyper.learning_rate, TrainCommand::SetLearningRate, &rail);
    if hyper.optimizer.has_momentum() {
        let about = labels("momentum", "momentum", "Momentum, or beta 1; below 1 (M, Shift+M)");
        let rail = Rail::linear(0.0..=0.99);
        setting_ui(ui, cx, about, hyper.momentum, TrainCommand::SetMomentum, &rail);
    }
    if hyper.optimizer.has_beta2() {
        let about = labels("beta 2", "beta2", "Decay rate of the average of squared gradients, below 1");
        setting_ui(ui, cx, about, hyper.beta2, TrainCommand::SetBeta2, &Rail::linear(0.8..=0.999));
    }
    let hover = "L2 weight decay, multiplied by the learning rate (D, Shift+D)";
    let about = labels("weight decay", "weight_decay", hover);
    let rail = Rail::logarithmic(0.0..=0.1, 1e-6);
    setting_ui(ui, cx, about, hyper.weight_decay, TrainCommand::SetWeightDecay, &rail);
    if hyper.optimizer == OptimizerKind::Sgd {
        let about = labels("Nesterov", "nesterov", "Nesterov momentum");
        switch_ui(ui, cx, about, hyper.nesterov, TrainCommand::SetNesterov);
    }
    let hover = "Longest span in epochs of the average of the last weights, which is evaluated beside them; 0: no average";
    let about = labels("avg (epochs)", "average", hover);
    setting_ui(ui, cx, about, hyper.averaging, TrainCommand::SetAverage, &Rail::linear(0.0..=4.0));
    let about = labels("clip norm", "clip_norm", "Largest norm of all gradients together; 0: no clipping");
    let rail = Rail::logarithmic(0.0..=100.0, 1e-2);
    setting_ui(ui, cx, about, hyper.clip_norm, TrainCommand::SetClipNorm, &rail);
    asking(ui, cx, TrainCommand::SetSchedule(hyper.schedule), schedule_ui);
}

fn kind_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, now: OptimizerKind) {
    let hover = "A change resets the optimizer's state; weights stay";
    choice_ui(ui, "optimizer", hover, now.name(), |ui| {
        for kind in OptimizerKind::ALL {
            if ui.selectable_label(kind == now, kind.name()).clicked() {
                cx.send(TrainCommand::SetOptimizer(kind));
            }
        }
    });
}

/// The loss; of a network that makes images there is one.
fn loss_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let now = cx.session.trainer().network.loss;
    if !now.has_classes() {
        return;
    }
    let name = LOSSES.iter().find(|(_, loss)| *loss == now).map_or("as given", |(name, _)| *name);
    let hover = "Loss from the next step on; weights and the optimizer's state stay";
    choice_ui(ui, "loss", hover, name, |ui| {
        for (name, loss) in LOSSES {
            if ui.selectable_label(loss == now, name).clicked() {
                cx.send(NetworkCommand::SetLoss(loss));
            }
        }
    });
}

/// Learning-rate schedule, with the present rate.
fn schedule_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let now = cx.session.coming_settings().hyper.schedule;
    let name = SCHEDULES.iter().find(|(_, s)| *s == now).map_or("as given", |(name, _)| *name);
    let rate = cx.session.trainer().learning_rate();
    let hover = format!("Learning-rate schedule from the beginning of the run; the rate is now {rate:.2e}");
    choice_ui(ui, "schedule", &hover, name, |ui| {
        for (name, schedule) in SCHEDULES {
            if ui.selectable_label(schedule == now, name).clicked() {
                cx.send(TrainCommand::SetSchedule(schedule));
            }
        }
    });
}

fn batch_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let batch = cx.session.coming_settings().batch;
    let max = cx.session.max_batch();
    let hover = "Images per step; the weights stay when it changes (B, Shift+B)";
    row_ui(ui, "batch", hover, NAME_WIDTH, |ui| {
        let mut edited = field_ui(ui, "batch", batch);
        edited.response = edited.response.on_hover_text(format!("1 to {max} images"));
        cx.number("batch", edited, TrainCommand::SetBatch);
        let menu = ui.menu_button("images", |ui| {
            for size in BATCHES.into_iter().filter(|size| *size <= max) {
                if ui.selectable_label(size == batch, size.to_string()).clicked() {
                    cx.send(TrainCommand::SetBatch(size));
                }
            }
        });
        menu.response.on_hover_text("Choose a size");
    });
}

fn augmentation_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let now = cx.session.coming_settings().augmentation;
    let about = labels("shift (px)", "shift", "Random shift of each training image, in pixels at most");
    setting_ui(ui, cx, about, now.shift, DataCommand::SetShift, &Rail::linear(0.0..=8.0));
    let about = labels("flip", "flip", "Random horizontal flip of each training image");
    switch_ui(ui, cx, about, now.flip, DataCommand::SetFlip);
    let about =
        labels("rotation (°)", "rotation", "Random rotation of each training image, to either side at most");
    setting_ui(ui, cx, about, now.rotation, DataCommand::SetRotation, &Rail::linear(0.0..=45.0));
    let about = labels("size", "size", "Random change of each training image's size, as a share at most");
    setting_ui(ui, cx, about, now.scale, DataCommand::SetScale, &Rail::linear(0.0..=0.5));
    let about = labels("brightness", "brightness", "Random change of brightness, as a share at most");
    setting_ui(ui, cx, about, now.brightness, DataCommand::SetBrightness, &Rail::linear(0.0..=0.5));
    let about = labels("contrast", "contrast", "Random change of contrast, as a share at most");
    setting_ui(ui, cx, about, now.contrast, DataCommand::SetContrast, &Rail::linear(0.0..=0.9));
    let about =
        labels("cutout (px)", "cutout", "Side of a square that is cut out at a random place; 0: none");
    setting_ui(ui, cx, about, now.cutout, DataCommand::SetCutout, &Rail::linear(0.0..=16.0));
}

fn probe_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let session = cx.session;
    let (_, label) = session.probe();
    ui.horizontal_wrapped(|ui| {
        ui.label("test image");
        if ui.button("◀").on_hover_text("Previous test image (P)").clicked() {
            cx.send(move_probe(session, -1));
        }
        let max = session.test_images() - 1;
        let mut edited = field_ui(ui, "test image", session.coming_settings().probe);
        edited.response = edited.response.on_hover_text(format!("Index in the test set, 0 to {max}"));
        cx.number("probe", edited, DataCommand::PinProbe);
        if ui.button("▶").on_hover_text("Next test image (N)").clicked() {
            cx.send(move_probe(session, 1));
        }
        let class = &session.class_names()[label];
        let text = RichText::new(class).color(theme::accent());
        ui.add(egui::Label::new(text).truncate()).on_hover_text(format!("True class: {class}"));
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
        let hover = "Its parameters are not trained, and steps skip their gradients (Shift+F)";
        if ui.checkbox(&mut frozen, format!("{} is frozen", info.name)).on_hover_text(hover).changed() {
            cx.send(toggle);
        }
    }
    if let Some(filter) = filter_of(cx.session, selected) {
        let mut frozen = is_filter_frozen(cx.session, filter);
        let hover = "Its weights and bias are not trained; all others are (F)";
        if ui.checkbox(&mut frozen, format!("filter {} is frozen", filter.1)).on_hover_text(hover).changed() {
            toggle_filters(cx.session, &[filter].into()).into_iter().for_each(|action| cx.send(action));
        }
    }
    if let Some(filter) = filter_of(cx.session, selected) {
        remedies_ui(ui, cx, filter);
    }
    let kind = tensor_kinds::long_name(cx.selection.shown);
    ui.weak(format!("{kind}:")).on_hover_text("The tensor that its layer shows in the Network pane");
    let of = (selected, cx.selection.shown);
    tile_popup::statistics_ui(ui, "selected numbers", (cx.session, cx.selection), of);
}
