//! The top bar: play, pause, step and reset; progress, accuracy, speed and rendering overhead.

use std::sync::Arc;
use std::time::Duration;

use egui::{Galley, RichText, TextWrapMode, Ui, WidgetText};

use super::actions::toggle_playing;
use super::dialogs::Dialogs;
use super::format::{percent, short};
use super::number::field_ui;
use super::pane::{Cx, asking};
use super::theme;
use crate::session::{Control, RunState, Session, TrainCommand, Watched};
use crate::view::Theme;

/// Smallest width of a figure, in points.
const MIN_FIGURE: f32 = 46.0;

/// The top bar.
pub(crate) struct TopBar {
    /// Seed of the next reset.
    pub seed: u64,
}

impl TopBar {
    /// Lays out the bar.
    pub(crate) fn ui(&mut self, ui: &mut Ui, dialogs: &mut Dialogs, cx: &mut Cx<'_, '_>) {
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            self.buttons_ui(ui, cx);
            let open = ui
                .button("Open…")
                .on_hover_text("Open a run, a training to watch or a network, in place of this run");
            cx.mark("open", &open);
            if open.clicked() {
                dialogs.open(None);
            }
            keep_ui(ui, dialogs, cx);
            let dark = theme::shown() == Theme::Dark;
            let hover = if dark { "Light (T)" } else { "Dark (T)" };
            let response = ui.button(if dark { "☀" } else { "🌙" }).on_hover_text(hover);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "light or dark"));
            cx.mark("theme", &response);
            if response.clicked() {
                theme::toggle(ui.ctx());
            }
            ui.separator();
            let mut figures = progress(cx.session);
            figures.extend(speed(cx));
            figures_ui(ui, &figures);
        });
        ui.add_space(2.0);
    }

    fn buttons_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let playing = cx.session.goes_on();
        let text = RichText::new(if playing { "⏸ Pause" } else { "▶ Play" }).strong();
        let play = egui::Button::new(text).min_size(egui::vec2(76.0, 26.0));
        let play = ui.add(play).on_hover_text("Start training, or pause after the current step (Space)");
        cx.mark("play", &play);
        if play.clicked() {
            cx.send(toggle_playing(cx.session));
        }
        asking(ui, cx, Control::SingleStep, |ui, cx| {
            let step = ui.button("⏭ Step").on_hover_text("One training step (S)");
            cx.mark("step", &step);
            if step.clicked() {
                cx.send(Control::SingleStep);
            }
        });
        asking(ui, cx, TrainCommand::Reset(self.seed), |ui, cx| {
            let reset = ui.button("⟲ Reset").on_hover_text("New weights from the seed; settings stay (R)");
            cx.mark("reset", &reset);
            if reset.clicked() {
                cx.send(TrainCommand::Reset(self.seed));
            }
            self.seed_ui(ui, cx);
        });
    }

    fn seed_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let hover = "Seed of the next reset: initial weights, order of images, augmentation";
        ui.weak("seed").on_hover_text(hover);
        let seed = field_ui(ui, "seed", self.seed);
        match seed.new {
            Some(Ok(new)) => self.seed = new,
            Some(Err(error)) => cx.report(Err(error)),
            None => (),
        }
        seed.response.on_hover_text(hover);
    }
}

/// The button that keeps a run which has no folder, or that has a training which is watched save itself.
fn keep_ui(ui: &mut Ui, dialogs: &mut Dialogs, cx: &mut Cx<'_, '_>) {
    if cx.session.watched().is_some() {
        let hover = "Have the training save its model and optimizer for itself, as saved-STEP.pt in its folder, after its next checkpoint";
        let save = ui.button("Save").on_hover_text(hover);
        cx.mark("save", &save);
        if save.clicked() {
            cx.send(Control::Save);
        }
    } else if cx.session.folder().is_none() {
        let keep = ui.button("Keep…").on_hover_text("The run has no folder and is not kept: keep it in one");
        cx.mark("keep", &keep);
        if keep.clicked() {
            dialogs.keep();
        }
    }
}

/// A figure: a value with its name above it.
struct Figure {
    /// Figures of a lower rank are left out last.
    rank: u8,
    name: &'static str,
    value: String,
    hover: String,
}

fn figure(rank: u8, name: &'static str, value: String, hover: impl Into<String>) -> Figure {
    Figure { rank, name, value, hover: hover.into() }
}

/// The figures that fit in one line, by their ranks.
fn figures_ui(ui: &mut Ui, figures: &[Figure]) {
    let gap = ui.spacing().item_spacing.x + 4.0;
    ui.spacing_mut().item_spacing.x = gap;
    let texts = figures.iter().map(|figure| {
        let name = RichText::new(figure.name).small().color(theme::muted());
        let value = RichText::new(&figure.value).monospace();
        [name, value].map(|text| {
            let text = WidgetText::from(text);
            text.into_galley(ui, Some(TextWrapMode::Extend), f32::INFINITY, egui::TextStyle::Body)
        })
    });
    let texts: Vec<_> = texts.collect();
    let width = |[name, value]: &[Arc<Galley>; 2]| name.size().x.max(value.size().x).max(MIN_FIGURE) + gap;
    let sizes: Vec<(u8, f32)> =
        figures.iter().zip(&texts).map(|(figure, text)| (figure.rank, width(text))).collect();
    let shown = fitting(&sizes, ui.available_width());
    for (((figure, texts), (_, width)), _) in
        figures.iter().zip(texts).zip(sizes).zip(shown).filter(|(_, shown)| *shown)
    {
        let column = ui.vertical(|ui| {
            ui.set_width(width - gap);
            ui.spacing_mut().item_spacing.y = 0.0;
            texts.into_iter().for_each(|text| drop(ui.label(text)));
        });
        column.response.on_hover_text(&figure.hover);
    }
}

/// Chooses figures, given as rank and width, until the room is filled.
fn fitting(figures: &[(u8, f32)], room: f32) -> Vec<bool> {
    let mut order: Vec<usize> = (0..figures.len()).collect();
    order.sort_by_key(|index| figures[*index].0);
    let mut left = room;
    let taken = order.into_iter().take_while(|index| {
        left -= figures[*index].1;
        left >= 0.0
    });
    let taken: Vec<usize> = taken.collect();
    (0..figures.len()).map(|index| taken.contains(&index)).collect()
}

fn progress(session: &Session) -> Vec<Figure> {
    let metrics = session.metrics();
    let last = metrics.epochs.last();
    let recent = metrics.recent(50);
    let loss = session.trainer().network.loss;
    let state = match session.state() {
        RunState::Paused => "paused",
        RunState::Training => "training",
        RunState::Validating => "validating",
        RunState::Finished => "finished",
        RunState::Waiting => "waiting",
    };
    let text = |value: Option<f64>, form: fn(f64) -> String| value.map_or("–".to_owned(), form);
    let training = recent.map(|r| r.1).filter(|share| loss.has_classes() && share.is_finite());
    let validation = last.map(|e| f64::from(e.val_accuracy)).filter(|_| loss.has_classes());
    let hover = format!("Training loss ({}), mean over the last 50 steps", loss.name());
    let average = last.and_then(|e| e.average_val_accuracy).filter(|_| loss.has_classes());
    let average = average.map(|accuracy| {
        let hover = "Validation accuracy with the average of the last weights";
        figure(6, "avg val acc", percent(f64::from(accuracy)), hover)
    });
    let mut figures = vec![
        figure(0, state, format!("epoch {:.2}", session.epoch()), state_hover(session)),
        figure(4, "step", session.step().to_string(), "Training steps: updates of the weights"),
        figure(1, "loss", text(recent.map(|r| r.0), short), hover),
        figure(5, "train acc", text(training, percent), "Training accuracy over the last 50 steps"),
        figure(2, "val acc", text(validation, percent), "Validation accuracy after the last epoch"),
    ];
    figures.extend(average);
    figures
}

/// The words about the run's state.
fn state_hover(session: &Session) -> String {
    let epochs = "Epochs: passes over the training images";
    match session.watched().and_then(Watched::quiet_for) {
        Some(quiet) => format!(
            "The training has written no checkpoint for {}; it may have ended, or waits itself. {epochs}",
            waited(quiet)
        ),
        None => epochs.to_owned(),
    }
}

/// A time in its largest unit: 20 s, 3 min, 5 h.
fn waited(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn speed(cx: &Cx<'_, '_>) -> Vec<Figure> {
    let (session, costs) = (cx.session, cx.costs);
    let metrics = session.metrics();
    let running = session.is_playing();
    let rate = if running { short(metrics.images_per_s) } else { "–".to_owned() };
    let train = if running { metrics.train_ms } else { 0.0 };
    let moving = session.layouts().iter().any(|layout| !layout.rests());
    let embed = if moving { metrics.layouts_ms } else { 0.0 };
    let views = costs.views_ms;
    let overhead = if running { percent(costs.drawing_share) } else { "–".to_owned() };
    vec![
        figure(3, "images/s", rate, "Training images per second, over about the last second"),
        figure(
            8,
            "GPU: training + t-SNE + rendering",
            format!("{train:.1} + {embed:.1} + {views:.1} ms"),
            "GPU time of the last frame: training, t-SNE layouts, rendering of pictures and interface",
        ),
        figure(
            7,
            "rendering overhead",
            overhead,
            "Share of the time that pictures and interface take from the training, over about the last second: half at most, but \
             while you click (V turns the pictures off)",
        ),
        figure(6, "frames/s", format!("{:.0}", costs.frames_per_s), "Frames drawn per second"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_lowest_ranks_stay() {
        let figures = [(2, 50.0), (0, 40.0), (1, 30.0)];
        assert_eq!(fitting(&figures, 120.0), [true; 3]);
        assert_eq!(fitting(&figures, 119.0), [false, true, true]);
        assert_eq!(fitting(&figures, 69.0), [false, true, false]);
        assert_eq!(fitting(&figures, 10.0), [false; 3]);
    }
}
