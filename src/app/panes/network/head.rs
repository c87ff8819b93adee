//! The heads of the Network pane: the tensor that all nodes show with its color scale, and each node's name and tensor.

use egui::{Rect, RichText, Sense, Ui, Vec2};

use super::activity::{self, Bars};
use super::flow::{self, FlowSettings};
use super::hand::{Offer, hand_ui, layer_menu_ui};
use super::shown::Shown;
use crate::app::actions::is_frozen;
use crate::app::format::rounded;
use crate::app::pane::Cx;
use crate::app::tensor_kinds::{KINDS, missing, short_name};
use crate::app::theme;
use crate::session::Session;
use crate::view::DIVERGING_KNOTS;

/// Smallest width of the switch with its label, in points, and with the color scale.
const LABELED: f32 = 740.0;
const SCALED: f32 = 925.0;

/// The tensor that all nodes show, and the color scale.
pub(super) fn switch_ui(
    ui: &mut Ui,
    cx: &mut Cx<'_, '_>,
    shown: &mut Shown,
    flow: &mut FlowSettings,
    bars: &mut Bars,
) {
    let session = cx.session;
    ui.horizontal_wrapped(|ui| {
        let room = ui.available_width();
        if room >= LABELED {
            ui.label(RichText::new("all layers show").color(theme::muted()));
        }
        for (index, (kind, name, long)) in KINDS.iter().enumerate() {
            let all = shown.is_everywhere(session, *kind);
            let hover = format!("All layers that have them show the {long} (key {})", index + 1);
            let response = ui.selectable_label(all, *name).on_hover_text(hover);
            cx.mark(*name, &response);
            if response.clicked() {
                shown.set_everywhere(session, *kind);
            }
        }
        ui.separator();
        flow::switch_ui(ui, cx, flow);
        ui.separator();
        activity::switch_ui(ui, cx, bars);
        if room >= SCALED {
            ui.separator();
            scale_ui(ui);
        }
    });
    ui.add_space(4.0);
}

/// The color scale: negative, zero, positive.
fn scale_ui(ui: &mut Ui) {
    ui.label(RichText::new("− max").small().color(theme::second()));
    let (rect, response) = ui.allocate_exact_size(Vec2::new(90.0, 9.0), Sense::hover());
    let mut scale = egui::Mesh::default();
    for (index, t) in (0..).zip(DIVERGING_KNOTS) {
        let x = rect.center().x + t * rect.width() / 2.0;
        let [r, g, b] = theme::palette().diverging(t);
        for y in [rect.top(), rect.bottom()] {
            scale.colored_vertex(egui::pos2(x, y), egui::Color32::from_rgb(r, g, b));
        }
        if let Some(left) = u32::checked_sub(2 * index, 2) {
            scale.add_triangle(left, left + 1, left + 2);
            scale.add_triangle(left + 1, left + 2, left + 3);
        }
    }
    ui.painter().add(scale);
    response
        .on_hover_text("Color of a value: zero is the ground; each layer is scaled by its largest magnitude");
    ui.label(RichText::new("+ max").small().color(theme::accent()));
}

/// A node's name, a menu of the tensors that it can show, and what the user's hand can change.
pub(crate) fn column_ui(
    ui: &mut Ui,
    rect: Rect,
    cx: &mut Cx<'_, '_>,
    shown: &mut Shown,
    node: usize,
    offer: Offer,
) {
    let builder = egui::UiBuilder::new().max_rect(rect).layout(egui::Layout::top_down(egui::Align::Center));
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        name_ui(ui, cx.session, node);
        let now = shown.get(node);
        let factor =
            node.checked_sub(1).map_or(1.0, |index| cx.session.trainer().network.layers[index].rate_factor);
        let rate = if factor == 1.0 { String::new() } else { format!("  ×{}", rounded(factor, 2)) };
        let missing = missing(cx.session, node, now);
        let name = if missing.is_some() { "no gradients" } else { short_name(now) };
        let text = RichText::new(name.to_owned() + &rate).small();
        let menu = egui::Button::new(text).frame(false).min_size(Vec2::new(rect.width(), 16.0));
        let hover = "Choose the tensor that this layer shows, its learning rate; remove the layer";
        let hover = missing.map_or(hover.to_owned(), |missing| format!("{hover}\n{missing}"));
        let response = ui.add(menu).on_hover_text(hover);
        cx.mark(format!("{} menu", cx.session.layers()[node].name), &response);
        mark_as_menu(ui, response.rect);
        // A click into the number's field leaves it open.
        let popup =
            egui::Popup::menu(&response).close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside);
        popup.show(|ui| {
            for (kind, name, long) in KINDS.iter().filter(|k| cx.session.tensor(node, k.0).is_some()) {
                if ui.selectable_label(*kind == now, *name).on_hover_text(*long).clicked() {
                    shown.set(node, *kind);
                    ui.close();
                }
            }
            layer_menu_ui(ui, cx, node, offer);
        });
        hand_ui(ui, cx, node, offer);
    });
}

fn name_ui(ui: &mut Ui, session: &Session, node: usize) {
    let info = &session.layers()[node];
    let [c, h, w] = info.output;
    let frozen = is_frozen(session, node);
    let dead = session.metrics().dead.contains(&node);
    let (color, state) = match (dead, frozen) {
        (true, _) => (theme::fault(), "\nno unit fired for any validation image of the last epoch"),
        (false, true) => (theme::second(), "\nfrozen: not trained (Shift+F)"),
        (false, false) => (theme::text(), ""),
    };
    let hover = format!(
        "{}: {}\noutput {c} × {h} × {w}, {} parameters{state}",
        info.kind, info.summary, info.parameters
    );
    let name = if dead { format!("⚠ {}", info.name) } else { info.name.clone() };
    let name = egui::Label::new(RichText::new(name).strong().color(color)).truncate();
    ui.add(name).on_hover_text(hover);
}

/// A small triangle at the right of a menu's button; the fonts have none.
fn mark_as_menu(ui: &Ui, button: Rect) {
    let tip = egui::pos2(button.right() - 5.0, button.center().y + 2.0);
    let points = vec![tip, tip + Vec2::new(-4.0, -4.5), tip + Vec2::new(4.0, -4.5)];
    ui.painter().add(egui::Shape::convex_polygon(points, theme::muted(), egui::Stroke::NONE));
}
