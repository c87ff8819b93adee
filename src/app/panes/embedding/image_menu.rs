//! The menu of layouts of images: layer, data split, number of images, and how they follow the training.

use egui::{RichText, Ui};

use crate::app::format::short;
use crate::app::number::{Rail, number_ui};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::session::{ImageSet, ImageSource, Layout, LayoutCommand, LayoutId, LayoutSource, Session};

/// Numbers of images to choose from, beside all.
const COUNTS: [usize; 3] = [500, 2000, 10_000];
/// Width of the menu, in points.
const WIDTH: f32 = 380.0;
/// Steps between two forward passes at most.
const MAX_STEPS: u32 = 10_000;

/// The menu; returns the images where they were changed, and opens them where a layout of images is `open`.
pub(crate) fn image_menu_ui(
    ui: &mut Ui,
    source: ImageSource,
    open: Option<LayoutId>,
    cx: &mut Cx<'_, '_>,
) -> Option<ImageSource> {
    ui.set_max_width(WIDTH);
    let mut chosen = source;
    source_ui(ui, cx.session, &mut chosen);
    // Another split or layer may have room for fewer.
    let all = cx.session.images_of(chosen.set);
    let was_all = source.count == cx.session.images_of(source.set) && chosen.set != source.set;
    chosen.count = if was_all { all } else { chosen.count.min(all) };
    let changed = (chosen != source).then_some(chosen);
    if let Some(chosen) = changed.filter(|_| open.is_some()) {
        cx.send(LayoutCommand::Open(LayoutSource::Images(chosen)));
    }
    ui.separator();
    match open.and_then(|id| cx.session.layout(id)) {
        Some(layout) => following_ui(ui, layout, cx),
        None => drop(ui.weak("Open it to choose whether it follows the training")),
    }
    changed
}

fn source_ui(ui: &mut Ui, session: &Session, chosen: &mut ImageSource) {
    let source = *chosen;
    ui.horizontal_wrapped(|ui| {
        ui.weak("by").on_hover_text("The layer by whose activations images are laid out");
        for (node, info) in session.layers().iter().enumerate() {
            let [c, h, w] = info.output;
            let hover = format!("{c} × {h} × {w} activations per image");
            if ui.selectable_label(node == source.node, &info.name).on_hover_text(hover).clicked() {
                chosen.node = node;
            }
        }
    });
    ui.horizontal(|ui| {
        ui.weak("images");
        for (set, name) in [(ImageSet::Train, "training"), (ImageSet::Test, "test")] {
            if ui.selectable_label(source.set == set, name).clicked() {
                chosen.set = set;
            }
        }
    });
    ui.horizontal(|ui| {
        ui.weak("number");
        counts_ui(ui, session, chosen);
    });
}

fn counts_ui(ui: &mut Ui, session: &Session, chosen: &mut ImageSource) {
    let all = session.images_of(chosen.set);
    let max = session.max_images(chosen.node, chosen.set);
    let source = *chosen;
    let mut offer = |count: usize, text: &str| {
        let label = egui::Button::selectable(source.count == count, text);
        let response = ui.add_enabled(count <= max, label);
        let name = &session.layers()[source.node].name;
        let why = format!("{max} images by {name} fit this adapter: choose a layer with fewer activations");
        if response.on_disabled_hover_text(why).clicked() {
            chosen.count = count;
        }
    };
    for count in COUNTS.into_iter().filter(|count| *count < all) {
        offer(count, &count.to_string());
    }
    offer(all, &format!("all {all}"));
}

/// The forward pass of a layout's images: repeated while the network trains, or once now.
fn following_ui(ui: &mut Ui, layout: &Layout, cx: &mut Cx<'_, '_>) {
    let id = layout.id();
    let mut follows = layout.follows();
    let epoch = cx.session.steps_per_epoch();
    let mut now = false;
    ui.horizontal(|ui| {
        let hover =
            "Run the images through the network again while it trains; steps wait for it, frames do not";
        if ui.checkbox(&mut follows, "follow the training").on_hover_text(hover).changed() {
            cx.send(LayoutCommand::Follow(id, follows));
            now |= follows;
        }
        let hover = "Run the images through the network once, after the current step";
        now |= ui.button("forward now").on_hover_text(hover).clicked();
    });
    ui.horizontal(|ui| {
        let hover = format!("Steps between two forward passes; an epoch has {epoch}");
        ui.label("every").on_hover_text(&hover);
        if ui.button("epoch").on_hover_text("Once per epoch").clicked() && epoch != layout.every {
            cx.send(LayoutCommand::Every(id, epoch));
        }
        ui.label("steps");
        let rail = Rail::logarithmic(1.0..=f64::from(MAX_STEPS.max(epoch)), 1.0);
        let mut edited = number_ui(ui, "every", layout.every, &rail);
        edited.response = edited.response.on_hover_text(hover);
        cx.number("every", edited, |every| LayoutCommand::Every(id, every));
    });
    if now {
        cx.send(LayoutCommand::Refresh(id));
    }
    let done =
        layout.forwarded_at().map_or("not forwarded yet".to_owned(), |step| format!("as of step {step}"));
    let (images, cost) = (layout.forwards(), cx.session.forward_ms(layout.forwards()));
    let text = format!("{done}; forwarding {images} images takes about {} ms of GPU time", short(cost));
    ui.label(RichText::new(text).small().color(theme::muted()));
}
