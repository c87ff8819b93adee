//! The picture that is pinned: what of it the network sees, its class, and what can be done with it.

use egui::{Color32, ColorImage, Pos2, Rect, RichText, Sense, TextureHandle, Ui, Vec2};

use crate::app::answers::{BAR_ROW, bars_ui, class_name, image_rect, images_ui};
use crate::app::pane::Cx;
use crate::app::theme;
use crate::app::tile_set::TileSetId;
use crate::data::Preview;
use crate::session::{Inspect, Probe, ProbeChange};

/// Side of picture and image, in points.
const SIDE: f32 = 128.0;
/// Width of the bars, in points.
const BARS: f32 = 130.0;

/// The preview that is shown, on the GPU.
#[derive(Default)]
pub(super) struct Detail {
    texture: Option<(u32, TextureHandle)>,
}

impl Detail {
    pub(super) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        let session = cx.session;
        let probes = session.inspection().probes();
        let Some(index) = probes.iter().position(|probe| probes.pinned() == Some(probe)) else {
            return nothing_ui(ui, cx);
        };
        let Some(probe) = probes.pinned() else { return };
        ui.label(RichText::new(&probe.name).strong()).on_hover_text("The Network pane shows its maps");
        ui.horizontal_wrapped(|ui| {
            if let Some(preview) = &probe.preview {
                self.preview_ui(ui, probe.id, preview);
            }
            let (rect, response) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
            response.on_hover_text("The image as the network sees it, before normalization");
            let place = (index, image_rect(session, rect));
            images_ui(ui, cx, TileSetId::Gallery(0), session.inspection().probe_images(), &[place]);
            let (rect, _) = ui.allocate_exact_size(Vec2::new(BARS, 3.0 * BAR_ROW), Sense::hover());
            let answer = session.inspection().answer(probe.id);
            bars_ui(ui, rect, session, answer, probe.class.map(usize::from));
        });
        let note = |ui: &mut Ui, text: &str| {
            ui.add(egui::Label::new(RichText::new(text).small().color(theme::muted())).wrap());
        };
        if probe.preview.is_some() {
            note(
                ui,
                "The framed part is brought to the size of the network's input as the data set's images were, in gray for a gray data set.",
            );
        }
        if probe.animated {
            note(ui, "The picture is animated: its first frame is taken.");
        }
        buttons_ui(ui, cx, probe);
    }

    /// The picture, with a frame around the part that was taken.
    fn preview_ui(&mut self, ui: &mut Ui, id: u32, preview: &Preview) {
        if self.texture.as_ref().is_none_or(|(of, _)| *of != id) {
            let size = preview.size.map(|side| side as usize);
            let image = ColorImage::from_rgba_unmultiplied(size, &preview.rgba);
            let texture = ui.ctx().load_texture("preview", image, egui::TextureOptions::LINEAR);
            self.texture = Some((id, texture));
        }
        let Some((_, texture)) = &self.texture else { return };
        let whole = Vec2::from(preview.whole.map(|side| side as f32));
        let (room, response) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::hover());
        let scale = (room.width() / whole.x).min(room.height() / whole.y);
        let rect = Rect::from_center_size(room.center(), whole * scale);
        let all = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        // White below it, as the network sees it where the picture is transparent.
        ui.painter().rect_filled(rect, 0.0, Color32::WHITE);
        ui.painter().image(texture.id(), rect, all, Color32::WHITE);
        let [x, y, width, height] = preview.crop.map(|side| side as f32 * scale);
        let frame = Rect::from_min_size(rect.min + Vec2::new(x, y), Vec2::new(width, height));
        ui.painter().rect_stroke(frame, 0.0, (3.0, theme::ground()), egui::StrokeKind::Outside);
        ui.painter().rect_stroke(frame, 0.0, (1.5, theme::accent()), egui::StrokeKind::Outside);
        let [width, height] = preview.whole;
        response.on_hover_text(format!(
            "The picture, {width} × {height} pixels; the frame is the part that was taken"
        ));
    }
}

/// While no picture is pinned.
fn nothing_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>) {
    let (image, class) = cx.session.probe();
    let class = class_name(cx.session, class);
    ui.weak(format!("The Network pane shows test image {image}, a {class}."));
    ui.weak("Add a picture of your own, or draw one, to see what the network makes of it while it learns. It is never trained on.");
    if !cx.session.inspection().probes().is_empty() {
        ui.weak("Click a picture of the strip to show its maps in the Network pane.");
    }
}

fn buttons_ui(ui: &mut Ui, cx: &mut Cx<'_, '_>, probe: &Probe) {
    let (session, id) = (cx.session, probe.id);
    let mut change = None;
    ui.horizontal_wrapped(|ui| {
        let hover = "Its true class: then answers are right or wrong, and gradient maps are those of this class and not of the answer";
        let label = ui.label("It is").on_hover_text(hover);
        let name = probe.class.map_or("not said", |class| class_name(session, usize::from(class)));
        if probe.is_own() {
            let combo = egui::ComboBox::from_id_salt("class of the probe").selected_text(name).width(96.0).truncate();
            let shown = combo.show_ui(ui, |ui| {
                let all = (0..session.class_names().len()).map(|class| u8::try_from(class).ok());
                for class in std::iter::once(None).chain(all) {
                    let name = class.map_or("not said", |class| class_name(session, usize::from(class)));
                    if ui.selectable_label(class == probe.class, name).clicked() {
                        change = Some(ProbeChange::SetClass(id, class));
                    }
                }
            });
            cx.mark("class of the probe", &shown.response.labelled_by(label.id));
            let invert = ui.button("Invert").on_hover_text("Light parts become dark and dark ones light, as where ink is dark");
            cx.mark("invert", &invert);
            change = if invert.clicked() { Some(ProbeChange::Invert(id)) } else { change.take() };
        } else {
            ui.label(RichText::new(name).color(theme::accent()));
        }
        let remove = ui.button("Remove").on_hover_text("Drop it from the strip");
        cx.mark("remove probe", &remove);
        change = if remove.clicked() { Some(ProbeChange::Remove(id)) } else { change.take() };
        let (image, _) = session.probe();
        let back = ui.button(format!("Back to test image {image}")).on_hover_text("The Network pane shows it again");
        cx.mark("back to the test image", &back);
        change = if back.clicked() { Some(ProbeChange::Unpin) } else { change.take() };
    });
    change.into_iter().for_each(|change| cx.send(Inspect::from(change)));
}
