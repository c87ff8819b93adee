//! The loss without a filter, its signs of doing little, and their remedies, in words and buttons.

use egui::{Color32, RichText, Ui};

use super::actions::{delete, edit};
use super::format::{loss, signed};
use super::pane::Cx;
use super::theme;
use crate::session::{FilterRanking, RankedFilter, Session};

/// The last ranking and a filter in it, by the numbers of its layer and itself.
pub(crate) fn ranked(session: &Session, filter: (u32, u32)) -> Option<(&FilterRanking, &RankedFilter)> {
    let ranking = session.rankings().result()?;
    Some((ranking, ranking.find(filter)?))
}

/// Lines about a filter, each with its color; none where it was not ranked.
pub(crate) fn about(session: &Session, filter: (u32, u32)) -> Vec<(String, Color32)> {
    let Some((ranking, found)) = ranked(session, filter) else { return Vec::new() };
    let change = ranking.loss_change(found) as f32;
    let mut lines = vec![(
        format!("without it: loss {} ({})", loss(found.without.all.loss as f32), signed(change)),
        theme::judged(change),
    )];
    if session.trainer().network.loss.has_classes() {
        let points = |share: f64| format!("{:+.1} %", 100.0 * share).replace('-', "−");
        let mut text = format!("accuracy {}", points(ranking.accuracy_change(found)));
        if let Some((class, change)) = ranking.worst_class(found) {
            let name = session.class_names().get(class).map_or("", String::as_str);
            text += &format!("; {name} {}", points(change));
        }
        lines.push((text, theme::muted()));
    }
    let images = ranking.whole.all.images;
    lines.extend(found.signs.iter().map(|sign| (sign.words(images), theme::accent())));
    if !found.tied.is_empty() {
        lines.push((format!("{} other filters go with it", found.tied.len()), theme::muted()));
    }
    lines.push((format!("{images} validation images, step {}", ranking.step), theme::muted()));
    lines
}

/// The lines about a filter.
pub(crate) fn lines_ui(ui: &mut Ui, session: &Session, filter: (u32, u32)) {
    for (text, color) in about(session, filter) {
        ui.add(egui::Label::new(RichText::new(text).small().color(color)).wrap());
    }
}

/// The lines about a filter, and buttons that delete it or carry out the remedies of its signs.
pub(crate) fn remedies_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, filter: (u32, u32)) {
    let session = cx.session;
    let Some((_, found)) = ranked(session, filter) else { return };
    lines_ui(ui, session, filter);
    let network = &session.trainer().network;
    let layer_frozen = network.layer_index(filter.0).is_ok_and(|index| network.layers[index].frozen);
    ui.horizontal_wrapped(|ui| {
        let hover = "Delete it: the Actions pane shows what it really cost (Delete)";
        let response = ui.button("Delete").on_hover_text(hover);
        cx.mark("ranked Delete", &response);
        if response.clicked() {
            cx.send(edit(delete(filter.0, filter.1)));
        }
        for sign in &found.signs {
            let (word, command) = sign.remedy(filter, layer_frozen);
            let label = match word {
                "delete" => continue,
                "merge" => "Merge the two",
                "thaw" => "Unfreeze",
                _ => "Reset",
            };
            let response = ui.button(label).on_hover_text(sign.words(found.without.all.images));
            cx.mark(format!("ranked {label}"), &response);
            if response.clicked() {
                cx.send(command);
            }
        }
    });
}
