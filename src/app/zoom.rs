//! The scale of the interface: the screen's, or less where the window is too small for it.

use egui::{Context, Vec2};

/// Smallest size for which the interface is laid out, in points.
const MIN_SIZE: Vec2 = Vec2::new(640.0, 400.0);
/// Smallest scale at which text can be read, in pixels per point.
const MIN_SCALE: f32 = 0.75;

/// Scale for a window of `pixels`, where `wanted` is asked for, both in pixels per point.
pub(crate) fn fitting(pixels: [u32; 2], wanted: f32) -> f32 {
    let [width, height] = pixels.map(|side| side as f32);
    wanted.min((width / MIN_SIZE.x).min(height / MIN_SIZE.y).max(MIN_SCALE))
}

/// Zoom of a window, which the user may change.
pub(crate) struct Zoom {
    wanted: f32,
    set: f32,
}

impl Zoom {
    /// No zoom.
    pub(crate) fn new() -> Self {
        Self { wanted: 1.0, set: 1.0 }
    }

    /// Sets the zoom for a window of `pixels` on a screen of `native` pixels per point.
    pub(crate) fn fit(&mut self, ctx: &Context, pixels: [u32; 2], native: f32) {
        let now = ctx.zoom_factor();
        if now != self.set {
            self.wanted = now;
        }
        self.set = fitting(pixels, native * self.wanted) / native;
        if self.set != now {
            ctx.set_zoom_factor(self.set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_windows_on_dense_screens_keep_the_smallest_layout() {
        for (pixels, wanted, scale) in [
            ([1366, 768], 1.0, 1.0),
            ([1366, 768], 3.0, 1.92),
            ([640, 400], 3.0, 1.0),
            ([3840, 2160], 3.0, 3.0),
        ] {
            assert!((fitting(pixels, wanted) - scale).abs() < 1e-6, "{pixels:?} at {wanted}");
            let points = pixels.map(|side| side as f32 / scale);
            assert!(points[0] >= 640.0 && points[1] >= 400.0);
        }
        assert_eq!(fitting([100, 100], 2.0), MIN_SCALE);
    }
}
