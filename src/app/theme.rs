//! One visual theme: dark and calm, one accent; the charts use the colors of the diverging map.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Visuals};

/// Background of charts, layouts and tab bars.
pub(crate) const GROUND: Color32 = Color32::from_rgb(0x11, 0x13, 0x18);
/// Background of panels: the clear color.
pub(crate) const PANEL: Color32 = Color32::from_rgb(0x17, 0x1a, 0x21);
/// Separators and grids.
pub(crate) const LINE: Color32 = Color32::from_rgb(0x2a, 0x2f, 0x3a);
/// Main text.
pub(crate) const TEXT: Color32 = Color32::from_rgb(0xdc, 0xe1, 0xea);
/// Labels, units and secondary text.
pub(crate) const MUTED: Color32 = Color32::from_rgb(0x8b, 0x94, 0xa5);
/// Selected, active or true: orange.
pub(crate) const ACCENT: Color32 = Color32::from_rgb(0xf0, 0x92, 0x33);
/// Counterpart of the accent: blue.
pub(crate) const SECOND: Color32 = Color32::from_rgb(0x5a, 0xa9, 0xf2);
/// A third curve: green.
pub(crate) const THIRD: Color32 = Color32::from_rgb(0x7f, 0xd1, 0x8b);
/// Errors.
pub(crate) const FAULT: Color32 = Color32::from_rgb(0xff, 0x7a, 0x70);

/// Color of a difference of two losses: less is better. The sign says the same.
pub(crate) fn judged(difference: f32) -> Color32 {
    match difference {
        d if d.abs() < 0.000_05 => MUTED,
        d if d < 0.0 => THIRD,
        _ => FAULT,
    }
}

/// Applies the theme to a context.
pub(crate) fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.visuals = visuals();
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
        style.spacing.interact_size.y = 22.0;
        style.spacing.slider_width = 130.0;
        style.text_styles = [
            (TextStyle::Heading, FontId::new(15.0, FontFamily::Proportional)),
            (TextStyle::Body, FontId::new(13.0, FontFamily::Proportional)),
            (TextStyle::Button, FontId::new(13.0, FontFamily::Proportional)),
            (TextStyle::Small, FontId::new(10.5, FontFamily::Proportional)),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
        style.animation_time = 0.08;
    });
}

fn visuals() -> Visuals {
    let mut v = Visuals::dark();
    v.override_text_color = Some(TEXT);
    v.weak_text_color = Some(MUTED);
    // Frames are cleared to the color of panels: on the software adapter, filling a rectangle as large as the window
    // takes as long as drawing all pictures.
    v.panel_fill = Color32::TRANSPARENT;
    v.window_fill = Color32::from_rgb(0x1c, 0x20, 0x29);
    v.window_stroke = Stroke::new(1.0, LINE);
    v.extreme_bg_color = GROUND;
    v.faint_bg_color = Color32::from_rgb(0x1b, 0x1f, 0x27);
    v.selection.bg_fill = Color32::from_rgb(0x7a, 0x4a, 0x18);
    v.selection.stroke = Stroke::new(1.0, Color32::from_rgb(0xff, 0xd9, 0xab));
    v.hyperlink_color = SECOND;
    v.error_fg_color = FAULT;
    let radius = CornerRadius::same(4);
    for widget in [
        &mut v.widgets.noninteractive,
        &mut v.widgets.inactive,
        &mut v.widgets.hovered,
        &mut v.widgets.active,
        &mut v.widgets.open,
    ] {
        widget.corner_radius = radius;
        widget.expansion = 0.0;
    }
    v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    v.widgets.inactive.weak_bg_fill = Color32::from_rgb(0x24, 0x29, 0x34);
    v.widgets.inactive.bg_fill = Color32::from_rgb(0x2b, 0x31, 0x3d);
    v.widgets.hovered.weak_bg_fill = Color32::from_rgb(0x30, 0x37, 0x45);
    v.widgets.active.weak_bg_fill = Color32::from_rgb(0x3a, 0x42, 0x53);
    v.slider_trailing_fill = true;
    v
}
