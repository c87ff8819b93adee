//! The bar of the Embedding pane: which layers are laid out by which tensor, images, all filters, and menus.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{PopupCloseBehavior, Response, Ui};

use super::blend::BlendSettings;
use super::{image_menu, menus, names};
use crate::app::pane::{Cx, asking};
use crate::app::tensor_kinds::KINDS;
use crate::session::{ImageSource, Layout, LayoutCommand, LayoutId, LayoutSource, TensorKind};

/// State of the bar.
pub(crate) struct Bar {
    /// Tensor by which layers are laid out.
    pub kind: TensorKind,
    /// Images of the next layout of images, where they were chosen.
    source: Option<ImageSource>,
    /// Drags that blend filters.
    pub blend: BlendSettings,
}

impl Default for Bar {
    fn default() -> Self {
        Self { kind: TensorKind::Weights, source: None, blend: BlendSettings::default() }
    }
}

impl Bar {
    /// Lays out the bar.
    pub(crate) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.horizontal_wrapped(|ui| {
            self.kinds_ui(ui, cx);
            ui.separator();
            self.layers_ui(ui, cx);
            all_filters_ui(ui, cx);
            self.images_ui(ui, cx);
            ui.separator();
            self.blend_ui(ui, cx);
            ui.separator();
            run_buttons_ui(ui, cx);
            menu_ui(ui, "layouts", "Run, pause, restart or close each layout; memory", |ui| {
                menus::layouts_ui(ui, cx);
            });
            let hover = "t-SNE settings of all layouts";
            let response = menu_ui(ui, "settings", hover, |ui| menus::settings_ui(ui, cx));
            cx.mark("layout settings", &response);
        });
        ui.add_space(2.0);
    }

    fn kinds_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        for (kind, name, long) in KINDS {
            let hover = format!("Lay out by the {long}");
            if !ui.selectable_label(self.kind == kind, name).on_hover_text(hover).clicked() {
                continue;
            }
            self.kind = kind;
            for layout in cx.session.layouts() {
                if let LayoutSource::Tensor { node, .. } = layout.source()
                    && cx.session.can_lay_out(node, kind)
                {
                    cx.send(LayoutCommand::Open(LayoutSource::Tensor { node, kind }));
                }
            }
        }
    }

    fn layers_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        for (node, info) in session.layers().iter().enumerate().skip(1) {
            let source = LayoutSource::Tensor { node, kind: self.kind };
            let open = open_layout(cx, source);
            if open.is_none() && !session.can_lay_out(node, self.kind) {
                continue;
            }
            let action = open.map_or(LayoutCommand::Open(source), LayoutCommand::Close);
            asking(ui, cx, action, |ui, cx| {
                let hover = "Open or close this layer's layout";
                let response = ui.selectable_label(open.is_some(), &info.name).on_hover_text(hover);
                if node == session.layers().len() - 1 {
                    cx.mark("last layout", &response);
                }
                toggle(&response, open, source, cx);
            });
        }
    }

    fn blend_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let hover = "Drag a filter to blend it: on the drop it becomes the mixture of the filters nearest to the \
                     pointer, the nearer the more; the kernel and the loss are shown before. Off: drag to pin its point";
        let response = ui.selectable_label(self.blend.on, "blend").on_hover_text(hover);
        cx.mark("blend", &response);
        self.blend.on ^= response.clicked();
        if self.blend.on {
            let hover = "Number of neighbors, and power of the distance";
            let response = menu_ui(ui, "⚙", hover, |ui| self.blend.ui(ui, cx));
            cx.mark("blend settings", &response);
        }
    }

    fn images_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let source = self.source.unwrap_or_else(|| cx.session.default_images());
        let open = open_layout(cx, LayoutSource::Images(source));
        let hover = format!("Open or close: {}", names::images_name(cx.session, source));
        let response = ui.selectable_label(open.is_some(), "images").on_hover_text(hover);
        cx.mark("images", &response);
        toggle(&response, open, LayoutSource::Images(source), cx);
        let hover = "Choose the images and the layer, and whether they follow the training";
        let response = menu_ui(ui, "…", hover, |ui| {
            let chosen = image_menu::image_menu_ui(ui, source, open, cx);
            self.source = chosen.or(self.source);
        });
        cx.mark("images menu", &response);
    }
}

/// The open layout that one of this source would replace.
fn open_layout(cx: &Cx<'_, '_>, source: LayoutSource) -> Option<LayoutId> {
    cx.session.layouts().iter().find(|layout| source.replaces(&layout.source())).map(Layout::id)
}

/// Opens a layout by a click on its button, or closes it where it is open.
fn toggle(response: &Response, open: Option<LayoutId>, source: LayoutSource, cx: &mut Cx<'_, '_>) {
    if response.clicked() {
        cx.send(open.map_or(LayoutCommand::Open(source), LayoutCommand::Close));
    }
}

/// A menu that stays open while its widgets are clicked.
fn menu_ui(ui: &mut Ui, text: &str, hover: &str, content: impl FnOnce(&mut Ui)) -> Response {
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (response, _) = MenuButton::new(text).config(config).ui(ui, content);
    response.on_hover_text(hover)
}

fn all_filters_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let open = open_layout(cx, LayoutSource::Filters);
    let hover = "The filters of all layers in one layout, by their responses to test images: filters that \
                 respond to the same images lie together";
    let response = ui.selectable_label(open.is_some(), "all filters").on_hover_text(hover);
    cx.mark("all filters", &response);
    toggle(&response, open, LayoutSource::Filters, cx);
}

fn run_buttons_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let layouts = cx.session.layouts();
    let running = layouts.iter().any(|layout| layout.running);
    let text = if running { "pause" } else { "run" };
    if ui.button(text).on_hover_text("Pause or run all layouts").clicked() {
        layouts.iter().for_each(|layout| cx.send(LayoutCommand::Run(layout.id(), !running)));
    }
    if ui.button("restart").on_hover_text("Restart all layouts from their PCA initialization").clicked() {
        layouts.iter().for_each(|layout| cx.send(LayoutCommand::Restart(layout.id())));
    }
}
