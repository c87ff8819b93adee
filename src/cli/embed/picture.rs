//! A layout as a picture: one disc per row in the color of its class, and a legend beside it.

use std::ops::Range;

use revacnn::data::Labels;
use revacnn::error::{Error, Result};
use revacnn::threads;

use super::colors;
use super::legend::Legend;

/// Height of the picture, and width of the layout in it, in pixels.
const SIDE: usize = 1200;
const MARGIN: f32 = 30.0;
/// Color of rows that have no labels.
const PLAIN: [u8; 3] = [0, 114, 178];

/// Fewest lines of pixels that a thread is worth.
const SHARE: usize = 32;

/// Some lines of pixels, each channel from 0 to 255.
struct Canvas<'a> {
    width: usize,
    /// The first line.
    first: usize,
    pixels: &'a mut [f32],
}

impl Canvas<'_> {
    /// Covers a share of a pixel with a color.
    fn paint(&mut self, [column, row]: [usize; 2], share: f32, color: [u8; 3]) {
        if column >= self.width || !self.lines().contains(&row) {
            return;
        }
        for (channel, value) in color.iter().enumerate() {
            let pixel = &mut self.pixels[((row - self.first) * self.width + column) * 3 + channel];
            *pixel += share * (f32::from(*value) - *pixel);
        }
    }

    fn lines(&self) -> Range<usize> {
        self.first..self.first + self.pixels.len() / (3 * self.width)
    }

    /// Paints a disc.
    fn disc(&mut self, at: [f32; 2], radius: f32, color: [u8; 3]) {
        let reach =
            |at: f32| ((at - radius - 1.0).max(0.0) as usize)..((at + radius + 2.0) as usize).min(SIDE);
        let (rows, lines) = (reach(at[1]), self.lines());
        for row in rows.start.max(lines.start)..rows.end.min(lines.end) {
            for column in reach(at[0]) {
                let away = (column as f32 + 0.5 - at[0]).hypot(row as f32 + 0.5 - at[1]);
                self.paint([column, row], 0.8 * (radius + 0.5 - away).clamp(0.0, 1.0), color);
            }
        }
    }
}

/// The middle row of each class, by pixels: the one next to the medians of its coordinates.
fn middles(pixels: &[[f32; 2]], labels: &Labels) -> Vec<(usize, [f32; 2])> {
    let mut rows = vec![Vec::new(); labels.names.len()];
    for (at, class) in pixels.iter().zip(&labels.classes).filter(|(at, _)| at.iter().all(|v| v.is_finite())) {
        rows.get_mut(*class as usize).into_iter().for_each(|rows: &mut Vec<[f32; 2]>| rows.push(*at));
    }
    let median = |rows: &[[f32; 2]], axis: usize| {
        let mut values: Vec<f32> = rows.iter().map(|at| at[axis]).collect();
        let middle = values.len() / 2;
        *values.select_nth_unstable_by(middle, f32::total_cmp).1
    };
    let middle = |(class, rows): (usize, Vec<[f32; 2]>)| {
        let [x, y] = (!rows.is_empty()).then(|| [0, 1].map(|axis| median(&rows, axis)))?;
        let away = |at: &[f32; 2]| (at[0] - x).hypot(at[1] - y);
        let nearest = rows.into_iter().min_by(|a, b| away(a).total_cmp(&away(b)))?;
        Some((class, nearest))
    };
    rows.into_iter().enumerate().filter_map(middle).collect()
}

/// A picture 1200 pixels high: a square for the layout, and to its right the legend, if there are labels.
pub(super) fn picture(positions: &[[f32; 2]], labels: Option<&Labels>) -> Result<Vec<u8>> {
    let colors = labels.map(colors::of_classes).unwrap_or_default();
    let legend = labels.map(|labels| Legend::new(labels, &colors, SIDE));
    let width = SIDE + legend.as_ref().map_or(0, Legend::pixels);
    let mut canvas = vec![255.0_f32; SIDE * width * 3];
    let shown = || positions.iter().filter(|p| p[0].is_finite() && p[1].is_finite());
    let bound =
        |axis: usize| shown().fold([f32::MAX, f32::MIN], |[a, b], p| [a.min(p[axis]), b.max(p[axis])]);
    let [x, y] = [bound(0), bound(1)];
    let span = (x[1] - x[0]).max(y[1] - y[0]).max(1e-9);
    let scale = (SIDE as f32 - 2.0 * MARGIN) / span;
    let center = [(x[0] + x[1]) / 2.0, (y[0] + y[1]) / 2.0];
    let radius = (160.0 / (positions.len() as f32).sqrt()).clamp(1.2, 6.0);
    let pixel = |p: &[f32; 2]| [0, 1].map(|axis| (p[axis] - center[axis]) * scale + SIDE as f32 / 2.0);
    let pixels: Vec<[f32; 2]> = positions.iter().map(pixel).collect();
    let color = |row: usize| {
        let class = labels.map(|labels| labels.classes[row] as usize);
        class.map_or(PLAIN, |class| colors.get(class).copied().unwrap_or(colors::NO_CLASS))
    };
    // Each line is of one thread, which paints all discs in their order.
    let share = threads::share(SIDE, SHARE);
    threads::each(canvas.chunks_mut(share * width * 3).enumerate(), |(part, lines)| {
        let mut canvas = Canvas { width, first: part * share, pixels: lines };
        for (row, at) in pixels.iter().enumerate().filter(|(_, at)| at.iter().all(|v| v.is_finite())) {
            canvas.disc(*at, radius, color(row));
        }
    });
    if let Some((legend, labels)) = legend.zip(labels) {
        let mut canvas = Canvas { width, first: 0, pixels: &mut canvas };
        for (class, at) in middles(&pixels, labels) {
            legend.mark(class, at, SIDE as f32, |at, share, color| canvas.paint(at, share, color));
        }
        legend.draw(SIDE as f32, |at, share, color| canvas.paint(at, share, color));
    }
    let bytes = canvas.into_iter().map(|v| v as u8).collect();
    let picture =
        image::RgbImage::from_raw(width as u32, SIDE as u32, bytes).expect("as many bytes as pixels");
    let mut png = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|e| Error::new(format!("the picture cannot be encoded: {e}"), "name an .npz"))?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_class_is_one_of_its_rows() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let pixels = [[0.0, 0.0], [9.0, 1.0], [4.0, 9.0], [5.0, 2.0], [f32::NAN, 0.0], [7.0, 7.0]];
        let labels = Labels::counted(&names, &[0, 0, 0, 0, 0, 2]);
        // Medians of the first class: 5 (of 0, 4, 5, 9) and 2 (of 0, 1, 2, 9).
        assert_eq!(middles(&pixels, &labels), [(0, [5.0, 2.0]), (2, [7.0, 7.0])]);
    }
}
