//! The status bar: a run that is not saved, the last error, a run that cannot learn, or the run and its adapter.

use egui::{Label, RichText, Ui};

use super::dialogs::Dialogs;
use super::pane::Cx;
use super::theme;

/// Width below which the hint about the keys is left out, and that about tiles, in points.
const NARROW: f32 = 700.0;
const WIDE: f32 = 1000.0;

/// Lays out the bar.
pub(crate) fn status_bar_ui(ui: &mut Ui, dialogs: &mut Dialogs, cx: &mut Cx<'_, '_>) {
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
        if ui.available_width() >= NARROW {
            // Until the first click.
            let is_new = cx.selection.tile.is_none() && ui.available_width() >= WIDE;
            ui.weak(if is_new {
                "hover over a tile to enlarge it, click it for its numbers · ? shows the keys"
            } else {
                "? shows the keys"
            });
        }
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            if !dialogs.status_ui(ui, cx) {
                line_ui(ui, cx);
            }
        });
    });
}

fn line_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    if let Some(error) = cx.status.take() {
        let dismissed = ui.small_button("×").on_hover_text("Dismiss").clicked();
        message_ui(ui, error.what(), error.help());
        *cx.status = Some(error).filter(|_| !dismissed);
        return;
    }
    if let Some(concern) = cx.session.concern() {
        return message_ui(ui, concern.what(), concern.help());
    }
    let gpu = cx.session.gpu();
    let adapter = &gpu.info.name;
    let adapter = if gpu.is_software() {
        format!("no GPU was found: running on the CPU, much slower ({adapter})")
    } else {
        adapter.clone()
    };
    let title = match cx.session.watched() {
        Some(watched) => format!("{} · watched in {}", cx.session.title(), watched.folder().display()),
        None => cx.session.title().to_owned(),
    };
    let text = format!("{title} · {adapter}");
    ui.add(Label::new(RichText::new(&text).color(theme::muted())).truncate()).on_hover_text(text);
}

/// A message and its remedy, in as many lines as they take.
fn message_ui(ui: &mut Ui, what: &str, help: &str) {
    let mut job = egui::text::LayoutJob::default();
    let font = egui::TextStyle::Body.resolve(ui.style());
    for (text, space, color) in [(what, 0.0, theme::fault()), (help, 8.0, theme::muted())] {
        job.append(text, space, egui::TextFormat::simple(font.clone(), color));
    }
    ui.add(Label::new(job).wrap());
}
