//! Steer: hyper-parameters that the next step uses, the probe, and the selected filter.

use egui::{RichText, Slider, Ui};

use super::workbench::Workbench;
use super::{network_pane, theme};
use crate::nn::{Kind, Schedule};
use crate::session::{DataCommand, Session, TrainCommand};

/// Draws the pane.
pub fn show(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        heading(
            ui,
            "Optimizer",
            "A change holds from the next step; another optimizer begins with its usual settings",
        );
        egui::Grid::new("optimizer")
            .num_columns(2)
            .spacing([10.0, 6.0])
            .show(ui, |ui| optimizer(ui, bench, session));
        heading(ui, "Batch and augmentation", "How training images are drawn, on the GPU");
        egui::Grid::new("batch").num_columns(2).spacing([10.0, 6.0]).show(ui, |ui| batch(ui, bench, session));
        heading(ui, "Probe", "The test image whose maps the Network pane shows; it trains nothing");
        probe(ui, bench, session);
        heading(ui, "Selection", "The filter or map that was clicked in the Network pane");
        selection(ui, bench, session);
    });
}

fn heading(ui: &mut Ui, text: &str, hover: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(text).color(theme::MUTED).small()).on_hover_text(hover);
    ui.add_space(1.0);
}

/// A row with a slider; sends the command when the value changed.
fn row(
    ui: &mut Ui,
    bench: &mut Workbench,
    session: &mut Session,
    (name, mark, hover): (&str, &'static str, &str),
    slider: impl FnOnce(&mut f32) -> Slider<'_>,
    value: f32,
    command: impl Fn(f32) -> TrainCommand,
) {
    ui.label(name).on_hover_text(hover);
    let mut new = value;
    let response = ui.add(slider(&mut new)).on_hover_text(hover);
    bench.mark(mark, &response);
    if new != value {
        bench.send(session, command(new));
    }
    ui.end_row();
}

fn optimizer(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let hyper = session.settings().hyper;
    ui.label("optimizer").on_hover_text("Its moments begin anew when it changes; the weights stay");
    egui::ComboBox::from_id_salt("optimizer").selected_text(hyper.optimizer.name()).show_ui(ui, |ui| {
        for kind in Kind::ALL {
            if ui.selectable_label(kind == hyper.optimizer, kind.name()).clicked() {
                bench.send(session, TrainCommand::SetOptimizer(kind));
            }
        }
    });
    ui.end_row();
    row(
        ui,
        bench,
        session,
        ("learning rate", "learning_rate", "Step size; 0 stops learning (+ and − keys)"),
        |v| Slider::new(v, 0.0..=1.0).logarithmic(true).smallest_positive(1e-5).max_decimals(6),
        hyper.learning_rate,
        TrainCommand::SetLearningRate,
    );
    if hyper.optimizer.has_momentum() {
        row(
            ui,
            bench,
            session,
            ("momentum", "momentum", "Share of the last update that is kept, below 1 (M, Shift+M)"),
            |v| Slider::new(v, 0.0..=0.99).max_decimals(3),
            hyper.momentum,
            TrainCommand::SetMomentum,
        );
    }
    if hyper.optimizer.has_beta2() {
        row(
            ui,
            bench,
            session,
            ("beta 2", "beta2", "Share of the last mean of squared gradients that is kept, below 1"),
            |v| Slider::new(v, 0.8..=0.9999).max_decimals(4),
            hyper.beta2,
            TrainCommand::SetBeta2,
        );
    }
    row(
        ui,
        bench,
        session,
        (
            "weight decay",
            "weight_decay",
            "L2 decay of the weights, per step and unit of learning rate (D, Shift+D)",
        ),
        |v| Slider::new(v, 0.0..=0.1).logarithmic(true).smallest_positive(1e-6).max_decimals(6),
        hyper.weight_decay,
        TrainCommand::SetWeightDecay,
    );
    if hyper.optimizer == Kind::Sgd {
        ui.label("Nesterov").on_hover_text("Look ahead along the momentum");
        let mut nesterov = hyper.nesterov;
        if ui.checkbox(&mut nesterov, "").on_hover_text("Look ahead along the momentum").changed() {
            bench.send(session, TrainCommand::SetNesterov(nesterov));
        }
        ui.end_row();
    }
    row(
        ui,
        bench,
        session,
        ("clip norm", "clip_norm", "Largest norm of all gradients together; 0: any"),
        |v| Slider::new(v, 0.0..=100.0).logarithmic(true).smallest_positive(1e-2).max_decimals(3),
        hyper.clip_norm,
        TrainCommand::SetClipNorm,
    );
    schedule(ui, bench, session);
}

/// How the learning rate goes on, and what it is now.
fn schedule(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let now = session.settings().hyper.schedule;
    let choices = [
        ("constant", Schedule::Constant),
        ("÷ 10 every 10 epochs", Schedule::Step { epochs: 10.0, factor: 0.1 }),
        ("cosine over 12 epochs", Schedule::Cosine { epochs: 12.0 }),
        ("cosine over 50 epochs", Schedule::Cosine { epochs: 50.0 }),
    ];
    let name = choices.iter().find(|(_, s)| *s == now).map_or("as given", |(name, _)| *name);
    let rate = session.trainer().learning_rate();
    let hover = format!("How the learning rate goes on, from the beginning of the run; now it is {rate:.2e}");
    ui.label("schedule").on_hover_text(&hover);
    let combo = egui::ComboBox::from_id_salt("schedule").selected_text(name);
    let response = combo.show_ui(ui, |ui| {
        for (name, schedule) in choices {
            if ui.selectable_label(schedule == now, name).clicked() {
                bench.send(session, TrainCommand::SetSchedule(schedule));
            }
        }
    });
    response.response.on_hover_text(hover);
    ui.end_row();
}

fn batch(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let settings = session.settings().clone();
    let most = session.most_batch();
    ui.label("batch").on_hover_text("Images of a step; the weights stay when it changes (B, Shift+B)");
    egui::ComboBox::from_id_salt("batch").selected_text(format!("{} images", settings.batch)).show_ui(
        ui,
        |ui| {
            for size in [1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048].into_iter().filter(|s| *s <= most) {
                if ui.selectable_label(size == settings.batch, size.to_string()).clicked() {
                    bench.send(session, TrainCommand::SetBatch(size));
                }
            }
        },
    );
    ui.end_row();
    ui.label("shift").on_hover_text("Random shift of each training image, in pixels");
    let mut shift = settings.augmentation.shift;
    if ui.add(Slider::new(&mut shift, 0..=8).suffix(" px")).changed() {
        bench.send(session, DataCommand::SetShift(shift));
    }
    ui.end_row();
    ui.label("flip").on_hover_text("Half of the training images are flipped left to right");
    let mut flip = settings.augmentation.flip;
    if ui.checkbox(&mut flip, "").changed() {
        bench.send(session, DataCommand::SetFlip(flip));
    }
    ui.end_row();
    further_augmentation(ui, bench, session);
}

/// A further random change: its name, its hover, its largest value, its unit, its value and its command.
type Change = (&'static str, &'static str, f32, &'static str, f32, fn(f32) -> DataCommand);

fn further_augmentation(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let now = session.settings().augmentation;
    let changes: [Change; 5] = [
        ("rotation", "Rotation to either side", 45.0, "°", now.rotation, DataCommand::SetRotation),
        ("size", "Change of size, as a share", 0.5, "", now.scale, DataCommand::SetScale),
        (
            "brightness",
            "Change of brightness, as a share",
            0.5,
            "",
            now.brightness,
            DataCommand::SetBrightness,
        ),
        ("contrast", "Change of contrast, as a share", 0.9, "", now.contrast, DataCommand::SetContrast),
        ("cutout", "Side of a square that is cut out", 16.0, " px", now.cutout as f32, |v| {
            DataCommand::SetCutout(v.round() as u32)
        }),
    ];
    for (name, hover, most, unit, value, command) in changes {
        ui.label(name).on_hover_text(format!("{hover}, at random for each training image"));
        let mut new = value;
        let slider = Slider::new(&mut new, 0.0..=most).suffix(unit).max_decimals(2);
        if ui.add(slider).changed() {
            bench.send(session, command(new));
        }
        ui.end_row();
    }
}

fn probe(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let (index, label) = session.probe();
    ui.horizontal(|ui| {
        if ui.button("◀").on_hover_text("Previous test image (P)").clicked() {
            bench.move_probe(session, -1);
        }
        let mut new = index;
        let most = session.test_images() as u32 - 1;
        let field = egui::DragValue::new(&mut new).range(0..=most).prefix("test image ");
        if ui.add(field).on_hover_text(format!("Index in the test set, 0 to {most}")).changed() {
            bench.send(session, DataCommand::PinProbe(new));
        }
        if ui.button("▶").on_hover_text("Next test image (N)").clicked() {
            bench.move_probe(session, 1);
        }
        ui.colored_label(theme::ACCENT, &session.class_names()[label]).on_hover_text("Its true class");
    });
}

fn selection(ui: &mut Ui, bench: &mut Workbench, session: &mut Session) {
    let Some(selected) = bench.selected else {
        ui.weak("Click a tile of the Network pane.");
        return;
    };
    let layer = session.layers()[selected.layer].clone();
    ui.label(format!("{} {}  ({})", layer.name, selected.tile, layer.kind));
    let [c, h, w] = layer.output;
    let mut about = format!("{} · {c} × {h} × {w}", layer.summary);
    if layer.parameters > 0 {
        about += &format!(" · {} weights and biases", layer.parameters);
    }
    ui.weak(about);
    if layer.parameters > 0 {
        let index = selected.layer as u32 - 1;
        let mut frozen = session.settings().frozen.contains(&index);
        let hover = "Its parameters stay as they are, and steps leave out what that saves (F)";
        if ui.checkbox(&mut frozen, format!("{} is frozen", layer.name)).on_hover_text(hover).changed() {
            bench.toggle_frozen(session, index);
        }
    }
    let kind = network_pane::long_name(bench.shown[selected.layer]);
    ui.weak(format!("{kind}:")).on_hover_text("What its layer shows in the Network pane");
    network_pane::numbers(ui, "selected numbers", bench.numbers(selected));
}
