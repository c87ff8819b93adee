//! A 32×32 RGB picture in f32, painted by signed distance and turned into planar bytes at the end.

use super::random::Random;

/// Height and width in pixels.
pub(super) const SIDE: usize = 32;

/// A number for each pixel of a row: a row is calculated at once, several pixels in one instruction.
pub(super) type Row = [f32; SIDE];

/// The picture: three planes of `SIDE` rows, 0..1 (more or less is cut off at the end).
pub(super) struct Canvas {
    planes: [[f32; SIDE * SIDE]; 3],
}

impl Canvas {
    /// A background of `color` in the middle that changes by `slope` from side to side, along `towards`.
    pub(super) fn new(color: [f32; 3], slope: [f32; 3], towards: [f32; 2]) -> Self {
        let mut planes = [[0.0; SIDE * SIDE]; 3];
        for row in 0..SIDE {
            let along = along(row, towards);
            for (plane, (middle, change)) in planes.iter_mut().zip(color.into_iter().zip(slope)) {
                let pixels = plane[row * SIDE..][..SIDE].iter_mut();
                pixels.zip(&along).for_each(|(pixel, along)| *pixel = middle + change * along);
            }
        }
        Self { planes }
    }

    /// Mixes the brush's color in where `distances(x, y)` of a row's points is negative, with (x, y) from `center` in pixels.
    /// Nothing farther than `reach` from the center is touched.
    pub(super) fn paint(
        &mut self,
        center: [f32; 2],
        reach: f32,
        brush: &Brush,
        distances: impl Fn(&Row, &Row) -> Row,
    ) {
        let span = |c: f32| {
            let first = (c - reach).max(0.0) as usize;
            let end = ((c + reach).max(0.0) as usize + 1).min(SIDE);
            first.min(end)..end
        };
        let columns = span(center[0]);
        let x = std::array::from_fn(|column| column as f32 + 0.5 - center[0]);
        for row in span(center[1]) {
            let distances = distances(&x, &[row as f32 + 0.5 - center[1]; SIDE]);
            let mut cover = [0.0; SIDE];
            for (cover, distance) in cover[columns.clone()].iter_mut().zip(&distances[columns.clone()]) {
                *cover = (0.5 - distance).clamp(0.0, 1.0) * brush.opacity;
            }
            self.mix(row, &cover, brush);
        }
    }

    /// Mixes the brush's color into a row, by each pixel's share of it; without a branch, so that several are mixed at once.
    fn mix(&mut self, row: usize, cover: &Row, brush: &Brush) {
        if cover.iter().all(|cover| *cover <= 0.0) {
            return;
        }
        let shade = along(row, brush.towards).map(|along| brush.slope * along);
        for (plane, color) in self.planes.iter_mut().zip(brush.color) {
            let pixels = plane[row * SIDE..][..SIDE].iter_mut();
            for ((pixel, cover), shade) in pixels.zip(cover).zip(shade) {
                *pixel += (color + shade - *pixel) * cover;
            }
        }
    }

    /// Adds noise of amplitude `amplitude` and writes `[3, y, x]` bytes to `bytes`.
    pub(super) fn write(&self, amplitude: f32, random: &mut Random, bytes: &mut [u8]) {
        let noise = random.noise::<{ SIDE * SIDE }>();
        for ((bytes, plane), noise) in bytes.chunks_exact_mut(SIDE * SIDE).zip(&self.planes).zip(&noise) {
            for ((byte, value), noise) in bytes.iter_mut().zip(plane).zip(noise) {
                *byte = whole_part((value + amplitude * noise) * 255.0 + 0.5);
            }
        }
    }
}

/// Color and shading of paint.
pub(super) struct Brush {
    /// RGB, 0..1.
    pub color: [f32; 3],
    /// Share of the paint in the mixture, 0..1.
    pub opacity: f32,
    /// Change of all channels from side to side of the picture.
    pub slope: f32,
    /// The direction (a unit vector) of that change.
    pub towards: [f32; 2],
}

impl Brush {
    /// Paint of one color.
    pub(super) fn plain(color: [f32; 3], opacity: f32) -> Self {
        Self { color, opacity, slope: 0.0, towards: [1.0, 0.0] }
    }
}

/// Distance of a row's pixels from the middle along `towards`, in picture sides.
fn along(row: usize, towards: [f32; 2]) -> Row {
    let middle = 0.5 * SIDE as f32;
    let y = row as f32 + 0.5 - middle;
    std::array::from_fn(|column| {
        let x = column as f32 + 0.5 - middle;
        (x * towards[0] + y * towards[1]) / SIDE as f32
    })
}

/// 2²³: the numbers from there to its double are the whole ones, and their last bits count them.
const WHOLE: f32 = 8_388_608.0;

/// The greatest whole number up to `v`, which is less than 2²² from 0; in instructions that every processor has for several numbers at once.
pub(super) fn floor(v: f32) -> f32 {
    // The nearest one, at most one too much.
    let nearest = if v < 0.0 { v - WHOLE + WHOLE } else { v + WHOLE - WHOLE };
    if nearest > v { nearest - 1.0 } else { nearest }
}

/// `value` cut to 0..=255 without its fraction, as `as u8` does; in such instructions too.
fn whole_part(value: f32) -> u8 {
    (floor(value.clamp(0.0, 255.0)) + WHOLE).to_bits() as u8
}

/// `of(x, y)` for each point of a row.
pub(super) fn each(x: &Row, y: &Row, of: impl Fn(f32, f32) -> f32) -> Row {
    let mut row = [0.0; SIDE];
    for (to, (x, y)) in row.iter_mut().zip(x.iter().zip(y)) {
        *to = of(*x, *y);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(center: [f32; 2], radius: f32) -> Vec<u8> {
        let mut canvas = Canvas::new([0.0; 3], [0.0; 3], [1.0, 0.0]);
        let brush = Brush::plain([1.0, 0.5, 0.0], 1.0);
        let disc = |x: f32, y: f32| (x * x + y * y).sqrt() - radius;
        canvas.paint(center, radius + 1.0, &brush, |x, y| each(x, y, disc));
        let mut bytes = vec![7; 3 * SIDE * SIDE];
        canvas.write(0.0, &mut Random::new(0, 0), &mut bytes);
        bytes
    }

    #[test]
    fn paint_covers_its_area_in_its_color() {
        let bytes = painted([15.3, 16.9], 9.0);
        let sum =
            |c: usize| bytes[c * SIDE * SIDE..][..SIDE * SIDE].iter().map(|&b| f64::from(b)).sum::<f64>();
        let area = std::f64::consts::PI * 81.0;
        assert!((sum(0) / 255.0 - area).abs() < 0.01 * area, "{} for {area}", sum(0) / 255.0);
        assert!((sum(1) / sum(0) - 0.5).abs() < 0.01);
        assert_eq!(sum(2), 0.0);
    }

    #[test]
    fn whole_numbers_are_those_of_the_standard_library() {
        for v in (-4000..4000).map(|i| i as f32 / 13.0).chain([-0.0, 254.999_98, 255.0, 1e6, -1e6]) {
            assert_eq!(floor(v), v.floor(), "{v}");
            assert_eq!(whole_part(v), v as u8, "{v}");
        }
    }

    #[test]
    fn paint_outside_the_picture_is_cut_off() {
        for center in [[-40.0, 3.0], [3.0, 90.0], [-1.0, -1.0], [33.0, 33.0]] {
            painted(center, 5.0);
        }
        assert!(painted([-40.0, 3.0], 5.0).iter().all(|&b| b == 0));
        assert!(painted([-1.0, -1.0], 5.0)[0] == 255);
    }
}
