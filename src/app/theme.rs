//! The colors of the interface, dark or light: calm, with one accent; the charts use the colors of the diverging map.

use std::cell::Cell;

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, Style, TextStyle, Visuals};

use crate::view::{Palette, Theme};

/// The colors of one theme.
struct Colors {
    ground: Color32,
    panel: Color32,
    line: Color32,
    text: Color32,
    muted: Color32,
    accent: Color32,
    second: Color32,
    third: Color32,
    fault: Color32,
    /// Floating windows and menus.
    window: Color32,
    /// Every other row of a table.
    faint: Color32,
    /// Buttons at rest, filled parts of widgets, hovered and pressed buttons.
    buttons: [Color32; 4],
    /// Ground and text of what is chosen.
    chosen: [Color32; 2],
}

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

static DARK: Colors = Colors {
    ground: rgb(0x11_13_18),
    panel: rgb(0x17_1a_21),
    line: rgb(0x2a_2f_3a),
    text: rgb(0xdc_e1_ea),
    muted: rgb(0x8b_94_a5),
    accent: rgb(0xf0_92_33),
    second: rgb(0x5a_a9_f2),
    third: rgb(0x7f_d1_8b),
    fault: rgb(0xff_7a_70),
    window: rgb(0x1c_20_29),
    faint: rgb(0x1b_1f_27),
    buttons: [rgb(0x24_29_34), rgb(0x2b_31_3d), rgb(0x30_37_45), rgb(0x3a_42_53)],
    chosen: [rgb(0x7a_4a_18), rgb(0xff_d9_ab)],
};

static LIGHT: Colors = Colors {
    ground: rgb(0xff_ff_ff),
    panel: rgb(0xee_f0_f4),
    line: rgb(0xc8_cd_d6),
    text: rgb(0x1b_1f_27),
    muted: rgb(0x52_5b_6a),
    accent: rgb(0x9a_49_00),
    second: rgb(0x12_62_b0),
    third: rgb(0x1f_6b_2e),
    fault: rgb(0xb4_23_18),
    window: rgb(0xfa_fb_fc),
    faint: rgb(0xe6_e9_ee),
    buttons: [rgb(0xde_e2_e9), rgb(0xcf_d5_df), rgb(0xd0_d6_e0), rgb(0xbe_c6_d3)],
    chosen: [rgb(0xff_d9_ab), rgb(0x5c_2c_00)],
};

thread_local! {
    /// The theme of the window that this thread draws: all code that draws asks for colors, and there is one window.
    static SHOWN: Cell<Theme> = const { Cell::new(Theme::Dark) };
}

/// The theme of egui.
pub(crate) fn to_egui(theme: Theme) -> egui::Theme {
    match theme {
        Theme::Dark => egui::Theme::Dark,
        Theme::Light => egui::Theme::Light,
    }
}

/// The theme that a context wants: the user's, the system's, or else dark.
pub(crate) fn wanted(ctx: &egui::Context) -> Theme {
    match ctx.theme() {
        egui::Theme::Dark => Theme::Dark,
        egui::Theme::Light => Theme::Light,
    }
}

/// The theme in which this thread draws.
pub(crate) fn shown() -> Theme {
    SHOWN.get()
}

/// Changes from dark to light, or back, in the next frame.
pub(crate) fn toggle(ctx: &egui::Context) {
    ctx.set_theme(to_egui(match wanted(ctx) {
        Theme::Dark => Theme::Light,
        Theme::Light => Theme::Dark,
    }));
    ctx.request_repaint();
}

/// Draws in a theme from now on.
pub(crate) fn show(theme: Theme) {
    SHOWN.set(theme);
}

/// Colors of pictures.
pub(crate) fn palette() -> &'static Palette {
    shown().palette()
}

fn colors_of(theme: Theme) -> &'static Colors {
    match theme {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

fn colors() -> &'static Colors {
    colors_of(shown())
}

/// Background of charts, layouts and tab bars.
pub(crate) fn ground() -> Color32 {
    colors().ground
}

/// Background of panels: the clear color.
pub(crate) fn panel() -> Color32 {
    colors().panel
}

/// Separators and grids.
pub(crate) fn line() -> Color32 {
    colors().line
}

/// Backing of marks and bars on pictures, so that they are seen on any.
pub(crate) fn backing() -> Color32 {
    match shown() {
        Theme::Dark => Color32::from_black_alpha(190),
        Theme::Light => Color32::from_white_alpha(215),
    }
}

/// Main text.
pub(crate) fn text() -> Color32 {
    colors().text
}

/// Labels, units and secondary text.
pub(crate) fn muted() -> Color32 {
    colors().muted
}

/// Selected, active or true: orange.
pub(crate) fn accent() -> Color32 {
    colors().accent
}

/// Counterpart of the accent: blue.
pub(crate) fn second() -> Color32 {
    colors().second
}

/// A third curve: green.
pub(crate) fn third() -> Color32 {
    colors().third
}

/// Errors.
pub(crate) fn fault() -> Color32 {
    colors().fault
}

/// Color of a difference of two losses: less is better. The sign says the same.
pub(crate) fn judged(difference: f32) -> Color32 {
    match difference {
        d if d.abs() < 0.000_05 => muted(),
        d if d < 0.0 => third(),
        _ => fault(),
    }
}

/// Applies both themes to a context; what shows is the system's, or dark, until [`egui::Context::set_theme`] says otherwise.
pub(crate) fn apply(ctx: &egui::Context) {
    ctx.options_mut(|options| options.fallback_theme = egui::Theme::Dark);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(to_egui(theme), |style| apply_to(style, theme));
    }
}

fn apply_to(style: &mut Style, theme: Theme) {
    style.visuals = visuals(theme);
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
}

fn visuals(theme: Theme) -> Visuals {
    let colors = colors_of(theme);
    let mut v = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    v.override_text_color = Some(colors.text);
    v.weak_text_color = Some(colors.muted);
    // Frames are cleared to the color of panels: on the software adapter, filling a rectangle as large as the window
    // takes as long as drawing all pictures.
    v.panel_fill = Color32::TRANSPARENT;
    v.window_fill = colors.window;
    v.window_stroke = Stroke::new(1.0, colors.line);
    v.extreme_bg_color = colors.ground;
    v.faint_bg_color = colors.faint;
    let [fill, text] = colors.chosen;
    v.selection.bg_fill = fill;
    v.selection.stroke = Stroke::new(1.0, text);
    v.hyperlink_color = colors.second;
    v.error_fg_color = colors.fault;
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
    v.widgets.noninteractive.bg_stroke = Stroke::new(1.0, colors.line);
    let [rest, filled, hovered, pressed] = colors.buttons;
    v.widgets.inactive.weak_bg_fill = rest;
    v.widgets.inactive.bg_fill = filled;
    v.widgets.hovered.weak_bg_fill = hovered;
    v.widgets.active.weak_bg_fill = pressed;
    v.slider_trailing_fill = true;
    v
}
