//! The canvas: a picture is drawn with the pointer, and the network answers with every stroke.

use egui::{Color32, ColorImage, Pos2, Rect, RichText, Sense, TextureHandle, Ui, Vec2};

use crate::app::answers::bars_ui;
use crate::app::pane::Cx;
use crate::app::theme;
use crate::data::ImageShape;
use crate::session::{Inspect, NewProbe, ProbeChange};

/// Smallest side of the canvas, in points.
pub(super) const MIN_SIDE: f32 = 140.0;
/// Largest side of it, in points.
const MAX_SIDE: f32 = 320.0;
/// Pixels of the canvas in a pixel of the image, to each side.
const FINE: usize = 4;
/// Width of the brush at first, as a share of the image's shorter side.
const BRUSH: f32 = 0.09;

/// A drawing and its tools.
pub(super) struct Sketch {
    shape: ImageShape,
    /// Red, green and blue of `FINE` × `FINE` pixels for each of the image.
    pixels: Vec<[u8; 3]>,
    texture: Option<TextureHandle>,
    /// The probe that it is, once there is a stroke.
    probe: Option<u32>,
    /// End of the stroke that is being drawn, in pixels of the canvas.
    last: Option<Pos2>,
    ink: Color32,
    /// Width of the brush in pixels of the image.
    brush: f32,
    /// Drawings that were begun.
    begun: u32,
}

impl Sketch {
    /// An empty canvas: white on black for gray images, as digits are, and ink on white paper for color ones.
    pub(super) fn new(shape: ImageShape) -> Self {
        let paper = if shape.channels == 1 { 0 } else { 255 };
        let brush = (BRUSH * shape.width.min(shape.height) as f32).max(1.0);
        Self {
            shape,
            pixels: vec![[paper; 3]; FINE * FINE * shape.width * shape.height],
            texture: None,
            probe: None,
            last: None,
            ink: if shape.channels == 1 { Color32::WHITE } else { Color32::from_rgb(0x20, 0x50, 0xc0) },
            brush,
            begun: 0,
        }
    }

    /// True if it draws images of this shape.
    pub(super) fn is_for(&self, shape: ImageShape) -> bool {
        self.shape == shape
    }

    fn clear(&mut self) {
        let fresh = Self::new(self.shape);
        (self.pixels, self.texture, self.probe, self.last) = (fresh.pixels, None, None, None);
    }

    /// The canvas with its tools.
    pub(super) fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        self.tools_ui(ui, cx);
        let side = ui.available_width().min(ui.available_height() - 8.0).clamp(MIN_SIDE, MAX_SIDE);
        let (width, height) = (self.shape.width as f32, self.shape.height as f32);
        let size = Vec2::new(width, height) * (side / width.max(height));
        ui.horizontal_top(|ui| {
            let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
            cx.mark("canvas", &response);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, "canvas to draw on"));
            let strokes = self.strokes(ui, &response, rect);
            if strokes {
                self.send(cx);
            }
            let ends = self.last.is_some() && !ui.input(|i| i.pointer.any_down());
            if let Some(id) = self.probe.filter(|_| ends) {
                // The run's folder keeps it as it is now.
                cx.send(Inspect::from(ProbeChange::Pin(id)));
                self.last = None;
            }
            self.paint(ui, rect, strokes);
            let (rect, _) =
                ui.allocate_exact_size(Vec2::new(ui.available_width().min(150.0), 70.0), Sense::hover());
            let inspection = cx.session.inspection();
            match self.probe.filter(|id| inspection.probes().find(*id).is_some()) {
                Some(id) => bars_ui(ui, rect, cx.session, inspection.answer(id), None),
                None => {
                    drop(ui.put(rect, egui::Label::new(RichText::new("Draw here").color(theme::muted()))))
                }
            }
        });
    }

    fn tools_ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_, '_>) {
        ui.horizontal_wrapped(|ui| {
            let fresh =
                ui.button("New drawing").on_hover_text("Keeps this one in the strip and begins another");
            cx.mark("new drawing", &fresh);
            if fresh.clicked() {
                self.clear();
            }
            let label = ui.label("brush");
            let slider = egui::Slider::new(&mut self.brush, 0.5..=(self.shape.width as f32 / 3.0).max(1.0));
            let slider = slider.show_value(false).logarithmic(true);
            ui.add(slider).labelled_by(label.id).on_hover_text("Width of the brush");
            if self.shape.channels == 3 {
                let label = ui.label("color");
                ui.color_edit_button_srgba(&mut self.ink)
                    .labelled_by(label.id)
                    .on_hover_text("Color of the brush");
            } else {
                let light = self.ink == Color32::WHITE;
                let eraser =
                    ui.add(egui::Button::selectable(!light, "Eraser")).on_hover_text("Draws in black");
                if eraser.clicked() {
                    self.ink = if light { Color32::BLACK } else { Color32::WHITE };
                }
            }
        });
    }

    /// Draws what the pointer has drawn since the last frame, however many moves that were; returns whether it did.
    fn strokes(&mut self, ui: &Ui, response: &egui::Response, rect: Rect) -> bool {
        if !response.is_pointer_button_down_on() && !response.drag_stopped() && !response.clicked() {
            self.last = None;
            return false;
        }
        let moved = |event: &egui::Event| match event {
            egui::Event::PointerMoved(pos) => Some(*pos),
            egui::Event::PointerButton { pos, .. } => Some(*pos),
            _ => None,
        };
        let mut points: Vec<Pos2> = ui.input(|i| i.events.iter().filter_map(moved).collect());
        points.extend(response.interact_pointer_pos().filter(|_| points.is_empty()));
        let scale = (FINE * self.shape.width) as f32 / rect.width();
        for point in &points {
            let to = ((*point - rect.min) * scale).to_pos2();
            let from = self.last.replace(to).unwrap_or(to);
            self.stroke(from, to);
        }
        !points.is_empty()
    }

    /// A stroke with round ends, in pixels of the canvas.
    fn stroke(&mut self, from: Pos2, to: Pos2) {
        let (columns, rows) = (FINE * self.shape.width, FINE * self.shape.height);
        let radius = self.brush * FINE as f32 / 2.0;
        let [r, g, b, _] = self.ink.to_array();
        let along = to - from;
        let area = Rect::from_two_pos(from, to).expand(radius + 1.0);
        let clamped = |at: f32, most: usize| (at.max(0.0) as usize).min(most);
        for y in clamped(area.top(), rows)..clamped(area.bottom() + 1.0, rows) {
            for x in clamped(area.left(), columns)..clamped(area.right() + 1.0, columns) {
                let off = Pos2::new(x as f32 + 0.5, y as f32 + 0.5) - from;
                let share = if along == Vec2::ZERO {
                    0.0
                } else {
                    (off.dot(along) / along.length_sq()).clamp(0.0, 1.0)
                };
                if (off - along * share).length() <= radius.max(0.71) {
                    self.pixels[y * columns + x] = [r, g, b];
                }
            }
        }
    }

    /// The drawing as an image `[c, y, x]`: each value the mean of its pixels of the canvas.
    fn image(&self) -> Vec<u8> {
        let (width, height) = (self.shape.width, self.shape.height);
        let mean = |c: usize, y: usize, x: usize| {
            let pixel = |i: usize| self.pixels[(FINE * y + i / FINE) * FINE * width + FINE * x + i % FINE][c];
            let sum: usize = (0..FINE * FINE).map(|i| usize::from(pixel(i))).sum();
            ((sum + FINE * FINE / 2) / (FINE * FINE)) as u8
        };
        let places = (0..self.shape.channels).flat_map(|c| (0..height).map(move |y| (c, y)));
        places
            .flat_map(|(c, y)| (0..width).map(move |x| (c, y, x)))
            .map(|(c, y, x)| mean(c.min(2), y, x))
            .collect()
    }

    /// Makes it a probe, or shows the network how it is now.
    fn send(&mut self, cx: &mut Cx<'_, '_>) {
        let probes = cx.session.inspection().probes();
        match self.probe.filter(|id| probes.find(*id).is_some()) {
            Some(id) => cx.send(Inspect::from(ProbeChange::SetImage(id, self.image()))),
            None => {
                self.begun += 1;
                self.probe = Some(probes.next_id());
                let name = format!("drawing {}", self.begun);
                let new = NewProbe { name, image: self.image(), preview: None, animated: false };
                cx.send(Inspect::from(ProbeChange::Add(new)));
            }
        }
    }

    fn paint(&mut self, ui: &Ui, rect: Rect, changed: bool) {
        if changed || self.texture.is_none() {
            let size = [FINE * self.shape.width, FINE * self.shape.height];
            let image = ColorImage::from_rgb(size, self.pixels.as_flattened());
            let options = egui::TextureOptions::LINEAR;
            match &mut self.texture {
                Some(texture) => texture.set(image, options),
                None => self.texture = Some(ui.ctx().load_texture("sketch", image, options)),
            }
        }
        let all = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        if let Some(texture) = &self.texture {
            ui.painter().image(texture.id(), rect, all, Color32::WHITE);
        }
        ui.painter().rect_stroke(rect, 0.0, (1.0, theme::muted()), egui::StrokeKind::Outside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_covers_what_lies_under_the_brush_and_is_averaged() {
        let shape = ImageShape { channels: 1, height: 6, width: 10 };
        let mut sketch = Sketch::new(shape);
        assert_eq!(sketch.image(), [0; 60]);
        sketch.brush = 2.0;
        // Along the middle of the canvas, two pixels of the image high.
        sketch.stroke(Pos2::new(-20.0, 12.0), Pos2::new(60.0, 12.0));
        let image = sketch.image();
        let rows: Vec<&[u8]> = image.chunks(10).collect();
        assert_eq!([rows[0], rows[1], rows[4], rows[5]], [[0; 10]; 4]);
        assert_eq!([rows[2], rows[3]], [[255; 10]; 2]);
        // A dot of one pixel, and an eraser.
        let mut sketch = Sketch::new(ImageShape { channels: 3, height: 8, width: 8 });
        (sketch.ink, sketch.brush) = (Color32::from_rgb(255, 0, 100), 1.0);
        sketch.stroke(Pos2::new(18.0, 10.0), Pos2::new(18.0, 10.0));
        let image = sketch.image();
        let at = |c: usize| image[64 * c + 2 * 8 + 4];
        // A circle in a square: π/4 of it, on white paper.
        assert!(
            at(0) == 255 && at(1).abs_diff(64) < 32 && at(2).abs_diff(133) < 20,
            "{:?}",
            [at(0), at(1), at(2)]
        );
        assert_eq!(image.iter().filter(|value| **value != 255).count(), 2);
    }
}
