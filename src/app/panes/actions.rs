//! The Actions pane: the last commands, each with the loss before it, after it, and 100 steps later.

use egui::text::LayoutJob;
use egui::{FontFamily, FontId, RichText, TextFormat, Ui};

use crate::app::format::{loss, signed};
use crate::app::pane::{Cx, FileForm, Pane, ToSave};
use crate::app::theme;
use crate::error::Result;
use crate::session::{EFFECT_STEPS, Effect, Session, effects_csv};

/// Rows that are shown; a file has all.
const MAX_ROWS: usize = 200;
/// Width of the column of steps, in points.
const STEP_WIDTH: f32 = 52.0;

/// The Actions pane.
#[derive(Default)]
pub(crate) struct ActionsPane;

impl Pane for ActionsPane {
    fn title(&self) -> &'static str {
        "Actions"
    }

    fn name(&self) -> &'static str {
        "actions"
    }

    fn about(&self) -> &'static str {
        "The last actions with their effects on the loss"
    }

    fn forms(&self) -> &'static [FileForm] {
        &[FileForm::Csv]
    }

    fn saved(&self, _form: FileForm, session: &Session) -> Result<String> {
        effects_csv(session.effects())
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        let rows = session.effects();
        if rows.is_empty() {
            ui.centered_and_justified(|ui| {
                ui.weak("Each change of training, data or network is listed here, with the loss before and after it")
            });
            return;
        }
        ui.horizontal(|ui| {
            let hover = "All rows as a table";
            let save = ui.button("Save as CSV…").on_hover_text(hover);
            cx.mark("save as CSV", &save);
            if save.clicked() {
                let size = ui.max_rect().size();
                *cx.to_save = Some(ToSave { pane: self.name(), form: FileForm::Csv, size });
            }
            let images = session.held_out_images();
            // A picture of a run does not measure, but shows what was.
            let count = if images > 0 { format!("{images} ") } else { String::new() };
            let text = format!("loss on {count}validation images");
            let hover = "The same images each time, which are never trained on. It is measured beside the run, which it \
                         does not change. Below 0 in green is better, above 0 in red is worse";
            ui.add(egui::Label::new(RichText::new(text).small().color(theme::muted())).truncate())
                .on_hover_text(hover);
        });
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for row in rows.iter().rev().take(MAX_ROWS) {
                row_ui(ui, row, session.step());
                ui.separator();
            }
            if let Some(left) = rows.len().checked_sub(MAX_ROWS).filter(|left| *left > 0) {
                ui.weak(format!("{left} earlier ones are in the CSV"));
            }
        });
    }
}

fn row_ui(ui: &mut Ui, row: &Effect, now: u32) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let text = RichText::new(row.step.to_string()).monospace().color(theme::muted());
        ui.allocate_ui_with_layout(
            egui::vec2(STEP_WIDTH, 16.0),
            egui::Layout::right_to_left(egui::Align::TOP),
            |ui| {
                ui.set_width(STEP_WIDTH);
                ui.label(text).on_hover_text("Step after which it was carried out")
            },
        );
        ui.vertical(|ui| {
            let action = RichText::new(&row.action);
            let action =
                if row.undone { action.strikethrough().color(theme::muted()) } else { action.strong() };
            ui.add(egui::Label::new(action).wrap());
            ui.add(egui::Label::new(losses(row, now)).wrap());
            let notes = notes(row);
            if !notes.is_empty() {
                ui.add(
                    egui::Label::new(RichText::new(notes.join("; ")).small().color(theme::muted())).wrap(),
                );
            }
        });
    });
}

/// `0.5123 › 0.5120 −0.0003 › 0.4711 −0.0409 in 100 steps`.
fn losses(row: &Effect, now: u32) -> LayoutJob {
    let mut job = LayoutJob::default();
    let format = |color| TextFormat::simple(FontId::new(12.5, FontFamily::Proportional), color);
    let mut append = |text: &str, color| job.append(text, 0.0, format(color));
    let shown = |value: Option<f32>| value.map_or_else(|| "…".to_owned(), loss);
    let difference = |from: Option<f32>, to: Option<f32>| {
        from.zip(to).map(|(from, to)| (signed(to - from), theme::judged(to - from)))
    };
    append(&format!("{} › {}", shown(row.before), shown(row.after)), theme::text());
    if let Some((text, color)) = difference(row.before, row.after) {
        append(&format!(" {text}"), color);
    }
    if row.undone {
        return job;
    }
    if row.later.is_some() {
        append(&format!(" › {}", shown(row.later)), theme::text());
        if let Some((text, color)) = difference(row.after, row.later) {
            append(&format!(" {text}"), color);
        }
        append(&format!(" in {EFFECT_STEPS} steps"), theme::muted());
    } else if row.waits() && row.due() > now {
        let left = row.due() - now;
        append(&format!(" › in {left} {}", if left == 1 { "step" } else { "steps" }), theme::muted());
    }
    job
}

/// Facts that a reader must know to judge the effect.
fn notes(row: &Effect) -> Vec<String> {
    if row.undone {
        return vec!["undone".to_owned()];
    }
    let mut notes = Vec::new();
    if let Some(trend) = row.trend {
        notes.push(format!("before it {} per {EFFECT_STEPS} steps", signed(trend)));
    }
    match row.shared_with {
        0 => {}
        1 => notes.push("another action within these steps shares in the effect".to_owned()),
        others => notes.push(format!("{others} other actions within these steps share in the effect")),
    }
    if row.cut_short {
        notes.push(format!("the run went back before the {EFFECT_STEPS} steps were made"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_it_knows() {
        let mut row = Effect::default();
        (row.before, row.after) = (Some(0.5), Some(0.5));
        assert_eq!(losses(&row, 0).text, "0.5000 › 0.5000 ±0");
        row.later = Some(0.25);
        assert_eq!(losses(&row, 0).text, "0.5000 › 0.5000 ±0 › 0.2500 −0.2500 in 100 steps");
        assert_eq!(losses(&Effect::default(), 0).text, "… › …");
        (row.trend, row.shared_with, row.cut_short) = (Some(-0.125), 2, true);
        assert_eq!(notes(&row).len(), 3);
        assert_eq!(notes(&row)[0], "before it −0.1250 per 100 steps");
        (row.cut_short, row.undone) = (false, true);
        assert_eq!(
            (losses(&row, 0).text.as_str(), notes(&row)),
            ("0.5000 › 0.5000 ±0", vec!["undone".to_owned()])
        );
    }
}
