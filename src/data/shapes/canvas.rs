//! A 32×32 RGB picture in f32, painted by signed distance and turned into planar bytes at the end.

use super::random::Random;

/// Height and width in pixels.
pub(super) const SIDE: usize = 32;

/// The picture: three planes of `SIDE` rows, 0..1 (more or less is cut off at the end).
pub(super) struct Canvas {
    planes: [[f32; SIDE * SIDE]; 3],
}

impl Canvas {
    /// A background of `color` in the middle that changes by `slope` from side to side, along `towards`.
    pub(super) fn new(color: [f32; 3], slope: [f32; 3], towards: [f32; 2]) -> Self {
        let mut planes = [[0.0; SIDE * SIDE]; 3];
        for (plane, (middle, change)) in planes.iter_mut().zip(color.into_iter().zip(slope)) {
            for (i, pixel) in plane.iter_mut().enumerate() {
                *pixel = middle + change * along(i, towards);
            }
        }
        Self { planes }
    }

    /// Mixes `color` in where `distance(x, y)` is negative, with (x, y) from `center` in pixels.
    /// Nothing farther than `reach` from the center is touched. The color changes by `slope` along x.
    pub(super) fn paint(
        &mut self,
        center: [f32; 2],
        reach: f32,
        brush: &Brush,
        distance: impl Fn(f32, f32) -> f32,
    ) {
        let span = |c: f32| {
            let first = (c - reach).max(0.0) as usize;
            let end = ((c + reach).max(0.0) as usize + 1).min(SIDE);
            first.min(end)..end
        };
        for row in span(center[1]) {
            for column in span(center[0]) {
                let x = column as f32 + 0.5 - center[0];
                let y = row as f32 + 0.5 - center[1];
                let cover = (0.5 - distance(x, y)).clamp(0.0, 1.0) * brush.opacity;
                if cover > 0.0 {
                    let i = row * SIDE + column;
                    let shade = brush.slope * along(i, brush.towards);
                    for (plane, color) in self.planes.iter_mut().zip(brush.color) {
                        plane[i] += (color + shade - plane[i]) * cover;
                    }
                }
            }
        }
    }

    /// Adds noise of amplitude `amplitude` and writes `[3, y, x]` bytes to `bytes`.
    pub(super) fn write(&self, amplitude: f32, random: &mut Random, bytes: &mut [u8]) {
        let (red, rest) = bytes.split_at_mut(SIDE * SIDE);
        let (green, blue) = rest.split_at_mut(SIDE * SIDE);
        let byte = |value: f32, noise: f32| ((value + amplitude * noise) * 255.0 + 0.5) as u8;
        for i in 0..SIDE * SIDE {
            let noise = random.noise();
            red[i] = byte(self.planes[0][i], noise[0]);
            green[i] = byte(self.planes[1][i], noise[1]);
            blue[i] = byte(self.planes[2][i], noise[2]);
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

/// Distance of pixel `i` from the middle along `towards`, in picture sides.
fn along(i: usize, towards: [f32; 2]) -> f32 {
    let middle = 0.5 * SIDE as f32;
    let x = (i % SIDE) as f32 + 0.5 - middle;
    let y = (i / SIDE) as f32 + 0.5 - middle;
    (x * towards[0] + y * towards[1]) / SIDE as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(center: [f32; 2], radius: f32) -> Vec<u8> {
        let mut canvas = Canvas::new([0.0; 3], [0.0; 3], [1.0, 0.0]);
        let brush = Brush::plain([1.0, 0.5, 0.0], 1.0);
        canvas.paint(center, radius + 1.0, &brush, |x, y| (x * x + y * y).sqrt() - radius);
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
    fn paint_outside_the_picture_is_cut_off() {
        for center in [[-40.0, 3.0], [3.0, 90.0], [-1.0, -1.0], [33.0, 33.0]] {
            painted(center, 5.0);
        }
        assert!(painted([-40.0, 3.0], 5.0).iter().all(|&b| b == 0));
        assert!(painted([-1.0, -1.0], 5.0)[0] == 255);
    }
}
