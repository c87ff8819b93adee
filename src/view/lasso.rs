//! A closed line that selects the points inside it.

use glam::Vec2;

use super::rect::Rect;

/// A closed line, in pixels of the target. Where it crosses itself the even-odd rule decides what is inside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lasso {
    vertices: Vec<Vec2>,
}

impl Lasso {
    /// A lasso through these pixels; fewer than three enclose nothing.
    pub fn new<P: Copy + Into<Vec2>>(path: &[P]) -> Self {
        Self { vertices: path.iter().map(|pixel| (*pixel).into()).collect() }
    }

    /// A rectangle between two opposite corners.
    pub fn rectangle(a: impl Into<Vec2>, b: impl Into<Vec2>) -> Self {
        let (a, b) = (a.into(), b.into());
        Self { vertices: vec![a, Vec2::new(b.x, a.y), b, Vec2::new(a.x, b.y)] }
    }

    /// A bit per pixel of the rectangle, `y · columns + x`: its middle lies inside the lasso.
    pub(super) fn mask(&self, rectangle: &Rect) -> Vec<u32> {
        let [columns, rows] = rectangle.pixels();
        let origin = rectangle.min().floor();
        let mut mask = vec![0_u32; (columns * rows).div_ceil(32) as usize];
        let edges = || self.vertices.iter().zip(self.vertices.iter().cycle().skip(1));
        let mut crossings = Vec::new();
        for row in 0..rows {
            let y = origin.y + row as f32 + 0.5;
            crossings.clear();
            crossings.extend(edges().filter(|(a, b)| (a.y > y) != (b.y > y)).map(|(a, b)| {
                let x = a.x + (b.x - a.x) * ((y - a.y) / (b.y - a.y));
                // The first pixel whose middle lies to the right.
                (x - origin.x - 0.5).ceil().clamp(0.0, columns as f32) as u32
            }));
            crossings.sort_unstable();
            for pair in crossings.chunks_exact(2) {
                for bit in (pair[0]..pair[1]).map(|x| row * columns + x) {
                    mask[bit as usize / 32] |= 1 << (bit % 32);
                }
            }
        }
        mask
    }
}
