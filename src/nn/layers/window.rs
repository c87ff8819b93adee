//! Square windows that slide over a map, as pooling has them.

use serde::{Deserialize, Serialize};

use super::settings::at_least_one;
use crate::error::{Error, Result};
use crate::nn::{LayerBuild, ReceptiveField, Shape};
use crate::params;

params! {
    /// The parameters of the shaders of pooling.
    pub struct WindowParams {
        /// Rows of the input.
        in_height: u32,
        /// Columns of the input.
        in_width: u32,
        /// Rows of the output.
        out_height: u32,
        /// Columns of the output.
        out_width: u32,
        /// Quads of images.
        quads: u32,
        /// Those that are trained on.
        train_quads: u32,
    }
}

/// A window; its pixels outside the map are left out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Window {
    /// Rows and columns.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
    /// Pixels around the map that windows may cover.
    pub padding: usize,
}

/// Settings in a network file; the default of `stride` is `size`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowSettings {
    size: usize,
    stride: Option<usize>,
    #[serde(default)]
    padding: usize,
}

impl WindowSettings {
    pub(super) fn checked(self) -> Result<Window> {
        let Self { size, stride, padding } = self;
        let stride = stride.unwrap_or(size);
        at_least_one("size", size)?;
        at_least_one("stride", stride)?;
        if padding > size / 2 {
            // So that every window has a pixel of the map.
            let what = format!("padding {padding} with windows of {size}");
            return Err(Error::new(what, "make the padding at most half of the size"));
        }
        Ok(Window { size, stride, padding })
    }
}

impl Window {
    pub fn summary(&self) -> String {
        let padding = if self.padding > 0 { format!(", pad {}", self.padding) } else { String::new() };
        format!("{0}×{0}, stride {1}{padding}", self.size, self.stride)
    }

    /// `⌊(h + 2·padding − size) / stride⌋ + 1` rows, the columns alike.
    pub fn output(&self, input: Shape) -> Result<Shape> {
        let side = |length: usize| {
            (length + 2 * self.padding).checked_sub(self.size).map(|rest| rest / self.stride + 1)
        };
        match (side(input.height), side(input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(input.channels, height, width)),
            _ => Err(Error::new(
                format!("a {0}×{0} window does not fit its input of {input}", self.size),
                "take a smaller window, or pool less before it",
            )),
        }
    }

    /// Pixels that an output pixel reads.
    pub fn receptive_field(&self) -> ReceptiveField {
        ReceptiveField::square(self.size, self.stride, self.padding)
    }

    /// True if no two windows overlap and there is no padding.
    pub fn lie_apart(&self) -> bool {
        self.size <= self.stride && self.padding == 0
    }

    pub fn constants(&self) -> [(&'static str, u32); 3] {
        [("SIZE", self.size as u32), ("STRIDE", self.stride as u32), ("PADDING", self.padding as u32)]
    }

    pub fn params(&self, build: &LayerBuild<'_>) -> WindowParams {
        let (input, output) = (build.input().shape, build.output_shape);
        WindowParams {
            in_height: input.height as u32,
            in_width: input.width as u32,
            out_height: output.height as u32,
            out_width: output.width as u32,
            quads: build.extent.quads as u32,
            train_quads: build.extent.train_quads as u32,
        }
    }

    /// Rows (or columns) of the map, `length` of them, that window `o` covers.
    pub fn rows(&self, o: usize, length: usize) -> std::ops::Range<usize> {
        let start = o * self.stride;
        start.saturating_sub(self.padding)..(start + self.size).saturating_sub(self.padding).min(length)
    }
}
