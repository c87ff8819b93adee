//! The top bar: play, pause, step and reset; progress, accuracy, speed and rendering overhead.

use egui::{RichText, Ui};

use super::actions::toggle_playing;
use super::format::{percent, short};
use super::pane::Cx;
use super::theme;
use crate::session::{Control, RunState, Session, TrainCommand};

/// The top bar.
pub(crate) struct TopBar {
    /// Seed of the next reset.
    pub seed: u64,
}

impl TopBar {
    /// Lays out the bar.
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            self.buttons_ui(ui, cx);
            ui.separator();
            progress_ui(ui, cx.session);
            ui.separator();
            speed_ui(ui, cx);
        });
        ui.add_space(2.0);
    }

    fn buttons_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let playing = cx.session.is_playing();
        let text = RichText::new(if playing { "⏸ Pause" } else { "▶ Play" }).strong();
        let play = egui::Button::new(text).min_size(egui::vec2(76.0, 26.0));
        let play = ui.add(play).on_hover_text("Start training, or pause after the current step (Space)");
        cx.mark("play", &play);
        if play.clicked() {
            cx.send(toggle_playing(cx.session));
        }
        let step = ui.button("⏭ Step").on_hover_text("One training step (S)");
        cx.mark("step", &step);
        if step.clicked() {
            cx.send(Control::SingleStep);
        }
        let reset = ui.button("⟲ Reset").on_hover_text("New weights from the seed; settings stay (R)");
        cx.mark("reset", &reset);
        if reset.clicked() {
            cx.send(TrainCommand::Reset(self.seed));
        }
        ui.add(egui::DragValue::new(&mut self.seed).prefix("seed ").speed(0.1))
            .on_hover_text("Seed of the next reset: initial weights, order of images, augmentation");
    }
}

/// One value with its name above it.
fn value_ui(ui: &mut Ui, name: &str, value: &str, hover: &str) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(name).small().color(theme::MUTED));
        ui.label(RichText::new(value).monospace());
    })
    .response
    .on_hover_text(hover);
}

fn progress_ui(ui: &mut Ui, session: &Session) {
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
    let text = |value: Option<f64>, form: fn(f64) -> String| value.map_or("–".to_owned(), form);
    let epoch = format!("epoch {:.2}", session.epoch());
    value_ui(ui, state, &epoch, "Epochs: passes over the training images");
    value_ui(ui, "step", &session.step().to_string(), "Training steps: updates of the weights");
    let hover = format!("Training loss ({}), mean over the last 50 steps", loss.name());
    value_ui(ui, "loss", &text(recent.map(|r| r.0), short), &hover);
    let accuracy = text(recent.map(|r| r.1).filter(|_| loss.has_classes()), percent);
    value_ui(ui, "train acc", &accuracy, "Training accuracy over the last 50 steps");
    let accuracy = last.map(|e| f64::from(e.val_accuracy)).filter(|_| loss.has_classes());
    value_ui(ui, "val acc", &text(accuracy, percent), "Validation accuracy after the last epoch");
    if let Some(accuracy) = last.and_then(|e| e.average_val_accuracy).filter(|_| loss.has_classes()) {
        let hover = "Validation accuracy with the average of the last weights";
        value_ui(ui, "avg val acc", &percent(f64::from(accuracy)), hover);
    }
}

fn speed_ui(ui: &mut Ui, cx: &Cx<'_, '_>) {
    let (session, costs) = (cx.session, cx.costs);
    let metrics = session.metrics();
    let running = session.is_playing();
    let rate = if running { short(metrics.images_per_s) } else { "–".to_owned() };
    value_ui(ui, "images/s", &rate, "Training images per second, over about the last second");
    let train = if running { metrics.train_ms } else { 0.0 };
    let moving = session.layouts().iter().any(|layout| !layout.rests());
    let embed = if moving { metrics.layouts_ms } else { 0.0 };
    let views = costs.views_ms;
    value_ui(
        ui,
        "GPU: training + t-SNE + rendering",
        &format!("{train:.1} + {embed:.1} + {views:.1} ms"),
        "GPU time of the last frame: training, t-SNE layouts, rendering of pictures and interface",
    );
    let all = train + embed + views;
    let share = if all > 0.0 { (embed + views) / all } else { 0.0 };
    let overhead = if running { percent(share) } else { "–".to_owned() };
    value_ui(
        ui,
        "rendering overhead",
        &overhead,
        "Share of GPU time not spent on training, but on layouts, pictures and \
         interface (V turns the pictures off)",
    );
    value_ui(ui, "frames/s", &format!("{:.0}", costs.frames_per_s), "Frames drawn per second");
}
