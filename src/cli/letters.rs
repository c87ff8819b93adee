//! Text in pictures that are drawn without a GPU.

use ab_glyph::{Font as _, FontRef, ScaleFont as _, point};

/// A font of one height in pixels.
pub(super) struct Letters {
    font: FontRef<'static>,
    height: f32,
}

impl Letters {
    /// Letters of a height in pixels.
    pub(super) fn new(height: f32) -> Self {
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the font is a font");
        Self { font, height }
    }

    /// Width of a text in pixels.
    pub(super) fn width(&self, text: &str) -> f32 {
        let font = self.font.as_scaled(self.height);
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// The text, cut off where it is wider than `most` pixels.
    pub(super) fn fitting(&self, text: &str, most: f32) -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.width(&text) <= most {
            return text;
        }
        while self.width(&text) > most - self.height && text.pop().is_some() {}
        text + "…"
    }

    /// Writes a text on the base line `y`: `paint` covers a pixel with a share of a color.
    pub(super) fn write(
        &self,
        text: &str,
        mut x: f32,
        y: f32,
        color: [u8; 3],
        paint: &mut impl FnMut([usize; 2], f32, [u8; 3]),
    ) {
        let font = self.font.as_scaled(self.height);
        for c in text.chars() {
            let glyph = font.glyph_id(c).with_scale_and_position(self.height, point(x, y));
            x += font.h_advance(font.glyph_id(c));
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, share| {
                let at = [corner.x + column as f32, corner.y + row as f32];
                if at.iter().all(|at| *at >= 0.0) {
                    paint(at.map(|at| at as usize), share.min(1.0), color);
                }
            });
        }
    }
}
