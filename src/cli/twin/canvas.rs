//! Lines, bands and text on a white picture.

use super::super::letters::Letters;

/// A picture, each channel from 0 to 255.
pub(super) struct Canvas {
    size: [usize; 2],
    pixels: Vec<f32>,
}

/// A point in pixels, from the upper left corner.
pub(super) type Point = [f32; 2];

impl Canvas {
    /// A white picture of a width and a height in pixels.
    pub(super) fn new(size: [usize; 2]) -> Self {
        Self { size, pixels: vec![255.0; 3 * size[0] * size[1]] }
    }

    /// Covers a share of a pixel with a color.
    fn cover(&mut self, [column, row]: [usize; 2], share: f32, color: [u8; 3]) {
        if column >= self.size[0] || row >= self.size[1] {
            return;
        }
        let at = 3 * (row * self.size[0] + column);
        for (pixel, value) in self.pixels[at..at + 3].iter_mut().zip(color) {
            *pixel += share * (f32::from(value) - *pixel);
        }
    }

    /// A line through points, as opaque as `opacity`, 0 to 1.
    pub(super) fn line(&mut self, points: &[Point], width: f32, color: [u8; 3], opacity: f32) {
        // The share of a pixel that the nearest part of it covers, so that joints are no darker.
        let reach = width / 2.0 + 1.0;
        let mut shares = std::collections::BTreeMap::<[usize; 2], f32>::new();
        for pair in points.windows(2) {
            let range = |axis: usize| {
                let (low, high) = (pair[0][axis].min(pair[1][axis]), pair[0][axis].max(pair[1][axis]));
                (low - reach).max(0.0) as usize..((high + reach).max(0.0) as usize + 1).min(self.size[axis])
            };
            for row in range(1) {
                for column in range(0) {
                    let away = distance([column as f32 + 0.5, row as f32 + 0.5], pair[0], pair[1]);
                    let share = (width / 2.0 + 0.5 - away).clamp(0.0, 1.0);
                    let most = shares.entry([column, row]).or_default();
                    *most = most.max(share);
                }
            }
        }
        shares.into_iter().for_each(|(at, share)| self.cover(at, opacity * share, color));
    }

    /// The area between two lines over the same x, from left to right.
    pub(super) fn band(&mut self, lower: &[Point], upper: &[Point], color: [u8; 3], opacity: f32) {
        for (low, high) in lower.windows(2).zip(upper.windows(2)) {
            for column in low[0][0].max(0.0) as usize..low[1][0].max(0.0) as usize {
                let t = ((column as f32 + 0.5 - low[0][0]) / (low[1][0] - low[0][0])).clamp(0.0, 1.0);
                let at = |pair: &[Point]| pair[0][1] + t * (pair[1][1] - pair[0][1]);
                let (top, bottom) = (at(low).min(at(high)), at(low).max(at(high)));
                for row in top.max(0.0) as usize..(bottom.max(0.0) as usize + 1).min(self.size[1]) {
                    let share = ((row + 1) as f32).min(bottom) - (row as f32).max(top);
                    self.cover([column, row], opacity * share.clamp(0.0, 1.0), color);
                }
            }
        }
    }

    /// A text on the base line of `at`: 0 begins there, 1 ends there.
    pub(super) fn text(&mut self, letters: &Letters, text: &str, at: Point, align: f32, color: [u8; 3]) {
        let x = at[0] - align * letters.width(text);
        letters.write(text, x, at[1], color, &mut |at, share, color| self.cover(at, share, color));
    }

    /// The pixels.
    pub(super) fn into_image(self) -> image::RgbImage {
        let bytes = self.pixels.into_iter().map(|value| value.round() as u8).collect();
        image::RgbImage::from_raw(self.size[0] as u32, self.size[1] as u32, bytes)
            .expect("as many bytes as pixels")
    }
}

/// Distance of a point from a line between two others.
fn distance(point: Point, a: Point, b: Point) -> f32 {
    let [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    let along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy).max(1e-9);
    let t = along.clamp(0.0, 1.0);
    (point[0] - a[0] - t * dx).hypot(point[1] - a[1] - t * dy)
}
