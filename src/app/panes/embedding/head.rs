//! The head of a layout: its name, progress and perplexity at the left, its colors and the menu `look` at the right.

use egui::{Align2, FontId, Pos2, Rect, Ui, UiBuilder, Vec2};

use super::legend::COLORS;
use super::look::Look;
use super::names::{layout_name, missing_rows};
use crate::app::format::percent;
use crate::app::number::{Rail, number_ui, row_ui};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::{Layout, Session};
use crate::view::MAX_SPREAD;

/// Smallest width of a head with the choice of colors, in points.
const WIDE: f32 = 420.0;
/// Width of the menu, in points.
const WIDTH: f32 = 280.0;
/// Shortest refresh whose progress is shown, in milliseconds.
const SLOW_MS: f64 = 500.0;

/// Lays out the head.
pub(crate) fn head_ui(ui: &mut Ui, rect: Rect, layout: &Layout, look: &mut Look, cx: &mut Cx<'_, '_>) {
    let builder = UiBuilder::new()
        .id_salt(("look", layout.id().0))
        .max_rect(rect)
        .layout(egui::Layout::right_to_left(egui::Align::Center));
    let predicts = layout.images().is_some_and(|images| images.predicts);
    let used = ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        ui.spacing_mut().button_padding = Vec2::new(5.0, 1.0);
        let menu = ui.menu_button("style", |ui| look_ui(ui, look, predicts, layout.is_of_tiles()));
        cx.mark("look", &menu.response.on_hover_text("Size, labels and colors of points"));
        grid_ui(ui, look, layout, cx);
        if predicts && rect.width() >= WIDE {
            for (color_by, name, hover) in COLORS.into_iter().rev() {
                let response = ui.selectable_label(look.color_by == color_by, name).on_hover_text(hover);
                cx.mark(name, &response);
                if response.clicked() {
                    look.color_by = color_by;
                }
            }
        }
        ui.min_rect().left()
    });
    let clip = Rect::from_min_max(rect.min, Pos2::new(used.inner - 4.0, rect.bottom()));
    title(ui, clip, cx.session, layout);
}

/// The switch between the layout and a grid.
fn grid_ui(ui: &mut Ui, look: &mut Look, layout: &Layout, cx: &mut Cx<'_, '_>) {
    let fits = layout.tiles().tiles() <= MAX_SPREAD;
    let hover = if fits {
        "A cell of a grid for each point, so that none covers another; what is near stays near".to_owned()
    } else {
        format!("Layouts of up to {MAX_SPREAD} points can be put onto a grid")
    };
    let label = egui::Button::selectable(look.grid && fits, "grid");
    let response = ui.add_enabled(fits, label).on_hover_text(&hover).on_disabled_hover_text(hover);
    cx.mark("grid", &response);
    look.grid ^= response.clicked();
}

fn look_ui(ui: &mut Ui, look: &mut Look, predicts: bool, of_tiles: bool) {
    ui.set_width(WIDTH);
    let hover = "Factor of the size of dots and tiles";
    row_ui(ui, "point size", hover, 64.0, |ui| {
        let edited = number_ui(ui, "point size", look.size, &Rail::logarithmic(0.25..=4.0, 0.25));
        let new = edited.new.and_then(Result::ok).unwrap_or(edited.shown);
        look.size = new.clamp(0.25, 4.0);
        edited.response.on_hover_text(hover);
    });
    if predicts {
        ui.horizontal(|ui| {
            ui.label("color by");
            for (color_by, name, hover) in COLORS {
                ui.selectable_value(&mut look.color_by, color_by, name).on_hover_text(hover);
            }
        });
    }
    if of_tiles {
        ui.checkbox(&mut look.labels, "indices").on_hover_text("Index of each filter or map beside it");
    }
    ui.checkbox(&mut look.chart, "KL chart").on_hover_text("KL divergence over the iterations");
    if ui.button("fit").on_hover_text("Show all points (double click)").clicked() {
        look.fit();
    }
    let hint =
        "Shift+drag: lasso   Ctrl or Alt+drag: box\nEsc or a click on the background: clear the selection";
    ui.label(egui::RichText::new(hint).small().color(theme::muted()));
}

fn title(ui: &Ui, rect: Rect, session: &Session, layout: &Layout) {
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let left = Align2::LEFT_CENTER;
    let name = layout_name(session, layout);
    let drawn = painter.text(rect.left_center(), left, name, FontId::proportional(12.0), theme::text());
    // Parts that do not fit are left out whole.
    let mut after = drawn.right() + 10.0;
    for part in progress(session, layout) {
        let galley = painter.layout_no_wrap(part, FontId::proportional(10.5), theme::muted());
        let width = galley.size().x;
        if after + width > rect.right() {
            break;
        }
        painter.galley(Pos2::new(after, rect.center().y - galley.size().y / 2.0), galley, theme::muted());
        after += width + 8.0;
    }
}

/// Iterations, KL divergence, the work under way, perplexity, and rows that are left out.
fn progress(session: &Session, layout: &Layout) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(state) = layout.state() {
        parts.extend([format!("{} it", state.iteration), format!("KL {:.3}", state.divergence)]);
    }
    let slow = layout.costs_ms().0 > SLOW_MS || layout.state().is_none();
    if let Some((work, done)) = session.layout_progress(layout.id()).filter(|_| slow) {
        parts.push(format!("{work} {}", percent(done)));
    }
    let mut perplexity = format!("perplexity {:.0}", layout.perplexity());
    if layout.perplexity() < layout.wanted_perplexity() {
        perplexity += &format!(" of {:.0}", layout.wanted_perplexity());
    }
    parts.push(perplexity);
    if let Some(missing) = missing_rows(session, layout) {
        parts.insert(0, missing);
    } else if layout.all_alike() {
        parts.push("all rows are alike".to_owned());
    }
    if layout.left_out() > 0 {
        parts.push(format!("{} NaN rows left out", layout.left_out()));
    }
    parts
}
