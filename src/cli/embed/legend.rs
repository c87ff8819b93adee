//! The legend of a picture: names of the classes in their colors, in columns.

use ab_glyph::{Font as _, FontRef, ScaleFont as _, point};
use revacnn::data::Labels;

use super::colors::{NO_CLASS, is_scale};

/// Height of a line and of its letters, in pixels.
const LINE: f32 = 24.0;
const TEXT: f32 = 18.0;
/// Width of a name at most, and of the color before it, in pixels.
const MAX_NAME: f32 = 220.0;
const MARK: f32 = 26.0;
/// Columns at most.
const MAX_COLUMNS: usize = 5;
/// Lines of a scale.
const SCALE_LINES: usize = 9;

/// A line of the legend; without a color it is a remark.
struct Line {
    name: String,
    color: Option<[u8; 3]>,
}

/// A legend with its size.
pub(super) struct Legend {
    font: FontRef<'static>,
    lines: Vec<Line>,
    /// Lines of a column, and the width of one in pixels.
    per_column: usize,
    column: f32,
}

/// Lines for the classes that rows have, in order.
fn lines(labels: &Labels, colors: &[[u8; 3]], room: usize) -> Vec<Line> {
    let mut present = vec![false; labels.names.len()];
    let none =
        labels.classes.iter().filter(|class| present.get_mut(**class as usize).map(|p| *p = true).is_none());
    let has_none = none.count() > 0;
    let mut shown: Vec<usize> = (0..present.len()).filter(|class| present[*class]).collect();
    if is_scale(labels) && shown.len() > SCALE_LINES {
        shown = (0..SCALE_LINES).map(|i| shown[i * (shown.len() - 1) / (SCALE_LINES - 1)]).collect();
    }
    let name = |class: usize| {
        if labels.names[class].is_empty() { class.to_string() } else { labels.names[class].clone() }
    };
    let of_class = |class: &usize| Line { name: name(*class), color: Some(colors[*class]) };
    let mut lines: Vec<Line> = shown.iter().map(of_class).collect();
    if has_none {
        lines.push(Line { name: "no label".to_owned(), color: Some(NO_CLASS) });
    }
    if lines.len() > room {
        let more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        lines.push(Line { name: format!("and {more} more"), color: None });
    }
    lines
}

impl Legend {
    /// A legend of at most `height` pixels.
    pub(super) fn new(labels: &Labels, colors: &[[u8; 3]], height: usize) -> Self {
        let font = FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the font is a font");
        let per_column = (height as f32 / LINE) as usize - 2;
        let lines = lines(labels, colors, per_column * MAX_COLUMNS);
        let mut legend = Self { font, lines, per_column, column: 0.0 };
        let names = std::mem::take(&mut legend.lines);
        legend.lines =
            names.into_iter().map(|line| Line { name: legend.fitting(line.name), ..line }).collect();
        let widest = legend.lines.iter().map(|line| legend.width(&line.name)).fold(0.0, f32::max);
        legend.column = MARK + widest + LINE;
        legend
    }

    /// Width in pixels.
    pub(super) fn pixels(&self) -> usize {
        (self.lines.len().div_ceil(self.per_column) as f32 * self.column) as usize
    }

    fn width(&self, text: &str) -> f32 {
        let font = self.font.as_scaled(TEXT);
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// The text, cut off where it is too wide.
    fn fitting(&self, text: String) -> String {
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.width(&text) <= MAX_NAME {
            return text;
        }
        while self.width(&text) > MAX_NAME - TEXT {
            text.pop();
        }
        text + "…"
    }

    /// Draws the legend with its left edge at `left`: `paint` covers a pixel with a share of a color.
    pub(super) fn draw(&self, left: f32, mut paint: impl FnMut([usize; 2], f32, [u8; 3])) {
        for (index, line) in self.lines.iter().enumerate() {
            let x = left + (index / self.per_column) as f32 * self.column;
            let y = LINE * ((index % self.per_column) as f32 + 1.5);
            let side = MARK / 2.0;
            for (row, column) in (0..side as usize).flat_map(|row| (0..side as usize).map(move |c| (row, c)))
            {
                let at = [x as usize + column, (y - side) as usize + row + 2];
                line.color.into_iter().for_each(|color| paint(at, 1.0, color));
            }
            self.write(&line.name, x + MARK, y, &mut paint);
        }
    }

    /// Writes a text on the base line `y`.
    fn write(&self, text: &str, mut x: f32, y: f32, paint: &mut impl FnMut([usize; 2], f32, [u8; 3])) {
        let font = self.font.as_scaled(TEXT);
        for c in text.chars() {
            let glyph = font.glyph_id(c).with_scale_and_position(TEXT, point(x, y));
            x += font.h_advance(font.glyph_id(c));
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            outline.draw(|column, row, share| {
                let at = [corner.x + column as f32, corner.y + row as f32];
                if at.iter().all(|at| *at >= 0.0) {
                    paint(at.map(|at| at as usize), share.min(1.0), [30, 30, 30]);
                }
            });
        }
    }
}
