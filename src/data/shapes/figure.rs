//! The ten figures as signed distances: negative within, positive outside, in pixels.
//!
//! A figure is centered at the origin. Coverage of a pixel is the distance at its center, clamped to
//! half a pixel on either side, so the distance need only be right near the outline. A polygon is
//! an intersection of half-planes; the star is the pentagram, which is where at most one of its
//! five half-planes is left.

use super::canvas::{Row, each, floor};
use super::random::Random;

/// Names of the classes; the position is the label.
pub(super) const CLASSES: [&str; 10] =
    ["disc", "ring", "square", "triangle", "star", "cross", "stripes", "checker", "arc", "blob"];

/// Outward normals of a triangle's sides: 120° apart.
const THREE: [[f32; 2]; 3] = [[0.0, 1.0], [0.866_025_4, -0.5], [-0.866_025_4, -0.5]];

/// Outward normals of the pentagram's lines: 72° apart.
const FIVE: [[f32; 2]; 5] = [
    [0.0, 1.0],
    [0.951_056_5, 0.309_017],
    [0.587_785_25, -0.809_017],
    [-0.587_785_25, -0.809_017],
    [-0.951_056_5, 0.309_017],
];

/// Cosine of 72°: distance of the pentagram's lines from its center, for tips at distance 1.
const STAR_INRADIUS: f32 = 0.309_017;

/// One figure with its measures, all in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure {
    /// A filled circle.
    Disc { radius: f32 },
    /// A circle's outline, `half` to each side of `radius`.
    Ring { radius: f32, half: f32 },
    /// A filled square of half side `half`.
    Square { half: f32 },
    /// A filled equilateral triangle.
    Triangle { inradius: f32 },
    /// A filled pentagram.
    Star { inradius: f32 },
    /// Two crossing bars of half length `arm` and half width `half`.
    Cross { arm: f32, half: f32 },
    /// Parallel bars in a square of half side `half`, shifted by `phase`.
    Stripes { half: f32, period: f32, phase: f32 },
    /// A checkerboard in a square of half side `half`.
    Checker { half: f32, cell: f32 },
    /// A circle's outline with a gap around -y; `end` is the unit vector to its right end.
    Arc { radius: f32, half: f32, end: [f32; 2] },
    /// A circle whose radius swings 2, 3 and 4 times around; `waves` are the swings (cosine, sine).
    Blob { radius: f32, waves: [[f32; 2]; 3] },
}

impl Figure {
    /// The figure of class `label` with about the circumradius `reach` in pixels; its proportions are drawn.
    pub(super) fn of_class(label: u8, reach: f32, random: &mut Random) -> Self {
        match label {
            0 => Self::Disc { radius: 0.85 * reach },
            1 => {
                let half = reach * random.range(0.11, 0.19);
                Self::Ring { radius: 0.95 * reach - half, half }
            }
            2 => Self::Square { half: 0.8 * reach },
            3 => Self::Triangle { inradius: 0.55 * reach },
            4 => Self::Star { inradius: 1.08 * STAR_INRADIUS * reach },
            5 => Self::Cross { arm: 0.95 * reach, half: reach * random.range(0.16, 0.28) },
            6 => {
                let half = 0.76 * reach;
                let period = half * random.range(0.6, 0.9);
                Self::Stripes { half, period, phase: random.unit() * period }
            }
            7 => {
                let half = 0.78 * reach;
                Self::Checker { half, cell: half * random.range(0.5, 0.667) }
            }
            8 => {
                let half = reach * random.range(0.13, 0.2);
                // The slope of the end's direction: a gap of 180° to 230°, so an arc is never a ring.
                let slope = random.range(0.0, 0.466);
                let length = (1.0 + slope * slope).sqrt();
                let end = [1.0 / length, slope / length];
                Self::Arc { radius: 0.95 * reach - half, half, end }
            }
            _ => {
                let mut waves = [[0.0; 2]; 3];
                for (wave, most) in waves.iter_mut().zip([0.4, 0.2, 0.16]) {
                    let size = most * random.range(0.7, 1.0);
                    *wave = random.direction().map(|v| v * size);
                }
                Self::Blob { radius: 0.68 * reach, waves }
            }
        }
    }

    /// The signed distances of a row's points (`x`, `y`) from the outline, in pixels; exact near straight
    /// and round parts, too small in magnitude beyond corners.
    pub(super) fn distances(&self, x: &Row, y: &Row) -> Row {
        match *self {
            Self::Disc { radius } => each(x, y, |x, y| length(x, y) - radius),
            Self::Ring { radius, half } => each(x, y, |x, y| (length(x, y) - radius).abs() - half),
            Self::Square { half } => each(x, y, |x, y| bar(x, y, half, half)),
            Self::Triangle { inradius } => each(x, y, |x, y| {
                THREE.iter().fold(f32::MIN, |most, n| most.max(x * n[0] + y * n[1] - inradius))
            }),
            Self::Star { inradius } => each(x, y, |x, y| second_greatest(x, y) - inradius),
            Self::Cross { arm, half } => each(x, y, |x, y| bar(x, y, arm, half).min(bar(x, y, half, arm))),
            Self::Stripes { half, period, phase } => {
                each(x, y, |x, y| bar(x, y, half, half).max(-edge(x + phase, 0.5 * period)))
            }
            Self::Checker { half, cell } => each(x, y, |x, y| {
                let (u, v) = (edge(x + 0.5 * cell, cell), edge(y + 0.5 * cell, cell));
                let within = u.abs().min(v.abs()) * u.signum() * v.signum();
                bar(x, y, half, half).max(-within)
            }),
            Self::Arc { radius, half, end } => each(x, y, |x, y| {
                let side = x.abs();
                let (dx, dy) = (side - end[0] * radius, y - end[1] * radius);
                let (from_end, from_line) = (length(dx, dy), (length(x, y) - radius).abs());
                // Past the end's ray, towards -y, the nearest point of the circle's line is its end.
                (if side * end[1] > y * end[0] { from_end } else { from_line }) - half
            }),
            Self::Blob { radius, waves } => each(x, y, |x, y| length(x, y) - radius * swing(x, y, &waves)),
        }
    }
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// The second greatest distance along the pentagram's five normals: one line may be crossed, into one of the tips.
fn second_greatest(x: f32, y: f32) -> f32 {
    let (mut first, mut second) = (f32::MIN, f32::MIN);
    for n in FIVE {
        let d = x * n[0] + y * n[1];
        second = second.max(d.min(first));
        first = first.max(d);
    }
    second
}

/// Signed distance of an axis-parallel bar of half sizes `w` and `h`.
fn bar(x: f32, y: f32, w: f32, h: f32) -> f32 {
    (x.abs() - w).max(y.abs() - h)
}

/// Distance to the nearest multiple of `width`, positive in every other interval, with one of them from 0 to `width`.
fn edge(x: f32, width: f32) -> f32 {
    let u = x / (2.0 * width);
    let v = u - floor(u);
    let near = if v < 0.5 { v.min(0.5 - v) } else { -(v - 0.5).min(1.0 - v) };
    near * 2.0 * width
}

/// The factor on a blob's radius in the direction of (`x`, `y`): 1 + Σ waves · (cos kθ, sin kθ), k = 2, 3, 4,
/// by multiplying complex numbers.
fn swing(x: f32, y: f32, waves: &[[f32; 2]; 3]) -> f32 {
    let length = length(x, y).max(1e-6);
    let (c, s) = (x / length, y / length);
    let (mut cos, mut sin) = (c, s);
    let mut factor = 1.0;
    for wave in waves {
        (cos, sin) = (cos * c - sin * s, sin * c + cos * s);
        factor += wave[0] * cos + wave[1] * sin;
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::super::canvas::SIDE;
    use super::*;

    impl Figure {
        fn distance(&self, x: f32, y: f32) -> f32 {
            self.distances(&[x; SIDE], &[y; SIDE])[SIDE - 1]
        }
    }

    #[test]
    fn known_points_are_within_and_outside() {
        let cases = [
            (Figure::Disc { radius: 5.0 }, [3.0, 3.0], [4.0, 4.0]),
            (Figure::Ring { radius: 5.0, half: 1.0 }, [3.0, 4.0], [0.0, 0.0]),
            (Figure::Square { half: 5.0 }, [4.5, -4.5], [5.5, 0.0]),
            (Figure::Triangle { inradius: 3.0 }, [0.0, -5.5], [0.0, 3.5]),
            (Figure::Star { inradius: 3.0 }, [0.0, 9.0], [0.0, -6.0]),
            (Figure::Cross { arm: 6.0, half: 1.0 }, [0.0, 5.5], [3.0, 3.0]),
            (Figure::Stripes { half: 6.0, period: 4.0, phase: 0.0 }, [1.0, 5.0], [3.0, 0.0]),
            (Figure::Checker { half: 6.0, cell: 4.0 }, [0.0, 0.0], [4.0, 0.0]),
            (Figure::Arc { radius: 5.0, half: 1.0, end: [1.0, 0.0] }, [0.0, 5.0], [0.0, -5.0]),
            (Figure::Blob { radius: 5.0, waves: [[0.2, 0.0]; 3] }, [7.0, 0.0], [0.0, 5.5]),
        ];
        for (label, (figure, within, outside)) in cases.iter().enumerate() {
            assert!(figure.distance(within[0], within[1]) < 0.0, "{} within", CLASSES[label]);
            assert!(figure.distance(outside[0], outside[1]) > 0.0, "{} outside", CLASSES[label]);
        }
    }

    #[test]
    fn no_distance_changes_faster_than_the_point_moves() {
        let mut random = Random::new(0, 0);
        for label in [0, 1, 2, 3, 4, 5, 6, 7, 8] {
            for _ in 0..2000 {
                let figure = Figure::of_class(label, 10.0, &mut random);
                let p = [random.range(-12.0, 12.0), random.range(-12.0, 12.0)];
                let step = random.direction().map(|v| 0.05 * v);
                let change = figure.distance(p[0] + step[0], p[1] + step[1]) - figure.distance(p[0], p[1]);
                assert!(change.abs() < 0.051, "{figure:?} at {p:?}: {change}");
            }
        }
    }

    #[test]
    fn a_checkerboard_is_half_full() {
        let figure = Figure::Checker { half: 6.0, cell: 4.0 };
        let (mut within, mut all) = (0, 0);
        for i in 0..120 {
            for j in 0..120 {
                all += 1;
                let d = figure.distance(-5.95 + 0.1 * i as f32, -5.95 + 0.1 * j as f32);
                within += i32::from(d < 0.0);
            }
        }
        assert!((within * 9 - all * 5).abs() < all / 20, "5 of 9 cells: {within} of {all}");
    }
}
