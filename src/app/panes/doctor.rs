//! The Doctor pane: signs that the run does not learn as it could, each with its evidence, a remedy, and what came of it.

use egui::{Button, Label, ProgressBar, RichText, ScrollArea, Ui};

use crate::app::format::loss;
use crate::app::pane::{Cx, Dock, Pane};
use crate::app::theme;
use crate::session::{Control, Diagnosis, EFFECT_STEPS, Finding, RANKED_IMAGES, Treatment, WATCHED_STEPS};

/// Words of a remedy's button at most, in characters; all of them stand in its hint.
const MAX_WORDS: usize = 56;

/// The Doctor pane.
#[derive(Default)]
pub(crate) struct DoctorPane {
    /// A picture has asked for an examination.
    asked: bool,
}

impl Pane for DoctorPane {
    fn title(&self) -> &'static str {
        "Doctor"
    }

    fn name(&self) -> &'static str {
        "doctor"
    }

    fn about(&self) -> &'static str {
        "Signs that the run does not learn as it could, with remedies"
    }

    fn dock(&self) -> Dock {
        Dock::MainTab
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let doctor = cx.session.doctor();
        // A picture is of a run at rest: nothing else examines it.
        if cx.is_picture && doctor.diagnosis().is_none() && !std::mem::replace(&mut self.asked, true) {
            cx.send(Control::Examine(RANKED_IMAGES));
        }
        head_ui(ui, cx);
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            let Some(diagnosis) = doctor.diagnosis() else {
                ui.add_space(4.0);
                text_ui(ui, RichText::new(about()).color(theme::muted()));
                return;
            };
            for (index, finding) in diagnosis.findings.iter().enumerate() {
                finding_ui(ui, cx, (index, finding));
            }
            let treatments = doctor.treatments();
            if !treatments.is_empty() {
                ui.add_space(6.0);
                text_ui(ui, RichText::new("Remedies").strong());
                treatments.iter().rev().for_each(|treatment| treatment_ui(ui, treatment, cx.session.step()));
            }
        });
    }
}

fn about() -> String {
    format!(
        "Looks for dead, saturated and duplicate filters, weights that explode, vanish or stand still, over-fitting and plateaus. It watches \
         {WATCHED_STEPS} steps where the run trains, and changes nothing."
    )
}

fn text_ui(ui: &mut Ui, text: RichText) {
    ui.add(Label::new(text).wrap());
}

/// The button, and the result in a line.
fn head_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let doctor = cx.session.doctor();
    ui.horizontal_wrapped(|ui| {
        let progress = doctor.progress();
        let examine = ui.add_enabled(progress.is_none(), Button::new("Examine")).on_hover_text(about());
        cx.mark("examine", &examine);
        if examine.clicked() {
            cx.send(Control::Examine(RANKED_IMAGES));
        }
        match (progress, doctor.diagnosis()) {
            (Some(done), _) => {
                drop(ui.add(ProgressBar::new(done as f32).desired_width(120.0).show_percentage()))
            }
            (None, Some(diagnosis)) => {
                drop(ui.label(RichText::new(summary(diagnosis)).color(theme::muted())))
            }
            (None, None) => {}
        }
    });
}

/// `2 findings at step 300`.
fn summary(diagnosis: &Diagnosis) -> String {
    let step = diagnosis.checkup.step;
    match diagnosis.findings.len() {
        0 => format!("Nothing is wrong that can be told, at step {step}"),
        1 => format!("1 finding at step {step}"),
        count => format!("{count} findings at step {step}"),
    }
}

fn finding_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, (index, finding): (usize, &Finding)) {
    ui.separator();
    let place = finding.layer.as_ref().map_or(String::new(), |layer| format!("{layer}: "));
    text_ui(
        ui,
        RichText::new(format!("{place}{}", finding.problem.heading())).strong().color(theme::accent()),
    );
    text_ui(ui, RichText::new(finding.problem.evidence()).small());
    let Some(remedy) = &finding.remedy else { return };
    let network = &cx.session.trainer().network;
    let words: Vec<String> = remedy.commands.iter().map(|command| command.words_in(network)).collect();
    let words = words.join("; ");
    let button = ui.button(shortened(&words)).on_hover_text(&words);
    cx.mark(format!("remedy {index}"), &button);
    if button.clicked() {
        cx.send(Control::Treat(index));
    }
    let at_once = match remedy.loss_change {
        Some(change) => format!("; loss {change:+.4} at once").replace('-', "−"),
        None => String::new(),
    };
    let expected = format!("expected {EFFECT_STEPS} steps later: {}{at_once}", remedy.expected.words());
    text_ui(ui, RichText::new(expected).small().color(theme::muted()));
}

/// The words with a capital letter, and with an end left out where there are many.
fn shortened(words: &str) -> String {
    let mut letters = words.chars();
    let mut text: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    text.extend(letters.by_ref().take(MAX_WORDS));
    if letters.next().is_some() {
        text.push('…');
    }
    text
}

fn treatment_ui(ui: &mut Ui, treatment: &Treatment, now: u32) {
    text_ui(ui, RichText::new(format!("step {}: {}", treatment.step, shortened(&treatment.words))));
    let losses = treatment.loss_before.zip(treatment.outcome.and_then(|outcome| outcome.loss));
    let losses = losses.map_or(String::new(), |(before, after)| {
        format!(" (loss {} › {})", loss(before as f32), loss(after as f32))
    });
    let (text, color) = match treatment.outcome {
        Some(outcome) if outcome.came_true => (format!("it came true{losses}"), theme::judged(-1.0)),
        Some(_) => (format!("it did not come true{losses}"), theme::judged(1.0)),
        None if treatment.due > now => (format!("told in {} steps", treatment.due - now), theme::muted()),
        None => ("being examined…".to_owned(), theme::muted()),
    };
    text_ui(ui, RichText::new(text).small().color(color));
}
