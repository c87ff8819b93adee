//! A filter's kernel enlarged: its cells, their colors, and those that a stroke passes.

use egui::{Color32, Pos2, Rect};

use crate::app::theme;

/// Rows and columns of a channel of a filter, and the number of channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Kernel {
    /// The kernel of a filter with these extents, `[out, in, ky, kx]`.
    pub(super) fn of([_, channels, rows, columns]: [u32; 4]) -> Self {
        let [channels, rows, columns] = [channels, rows, columns].map(|n| n as usize);
        if rows * columns > 1 {
            return Self { channels, rows, columns };
        }
        // One weight a channel, such as of a dense layer: all of them side by side.
        let columns = (channels as f64).sqrt().ceil() as usize;
        Self { channels: 1, rows: channels.div_ceil(columns), columns }
    }
}

/// Color of a cell that shows one weight, or three as red, green and blue.
pub(super) fn color(at: &[usize], values: &[f32], largest: f32) -> Color32 {
    let share = |at: &usize| values[*at] / largest;
    if let [red, green, blue] = at {
        let [r, g, b] = [red, green, blue].map(|at| (127.5 * (1.0 + share(at).clamp(-1.0, 1.0))) as u8);
        return Color32::from_rgb(r, g, b);
    }
    let [r, g, b] = at.first().map_or([0; 3], |at| theme::palette().diverging(share(at)));
    Color32::from_rgb(r, g, b)
}

/// Row and column of the cell at a position, or of the nearest.
pub(super) fn cell_at(pos: Pos2, rect: Rect, kernel: Kernel) -> [usize; 2] {
    let share = (pos - rect.min) / rect.size();
    let index = |share: f32, count: usize| ((share * count as f32).max(0.0) as usize).min(count - 1);
    [index(share.y, kernel.rows), index(share.x, kernel.columns)]
}

/// The cells from one to another, both included, without gaps.
pub(super) fn line(from: [usize; 2], to: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    let steps = (0..2).map(|i| from[i].abs_diff(to[i])).max().unwrap_or(0);
    (0..=steps).map(move |step| {
        let share = if steps == 0 { 1.0 } else { step as f64 / steps as f64 };
        [0, 1].map(|i| (from[i] as f64 + share * (to[i] as f64 - from[i] as f64)).round() as usize)
    })
}
