//! Windows that slide over a map, as pooling has them.

use serde::Deserialize;
use toml::{Table, Value};

use super::settings::at_least_one;
use crate::error::{Error, Result};
use crate::nn::{BatchExtent, LayerBuild, ReceptiveField, Shape};
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

impl WindowParams {
    /// Those for maps of these shapes.
    pub fn of(input: Shape, output: Shape, extent: BatchExtent) -> Self {
        Self {
            in_height: input.height as u32,
            in_width: input.width as u32,
            out_height: output.height as u32,
            out_width: output.width as u32,
            quads: extent.quads as u32,
            train_quads: extent.train_quads as u32,
        }
    }
}

/// A window; its pixels outside the map are left out. Sizes are of rows and columns.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Rows and columns.
    pub size: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Pixels around the map that windows may cover.
    pub padding: [usize; 2],
    /// True if a last window may reach beyond the padding, as long as it begins in the map or in the padding before it.
    pub ceil: bool,
}

/// A size in a network file: one for rows and columns, or `[rows, columns]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or two: [rows, columns]")]
enum Sides {
    Both(usize),
    Each([usize; 2]),
}

impl Sides {
    fn each(self) -> [usize; 2] {
        match self {
            Self::Both(side) => [side; 2],
            Self::Each(sides) => sides,
        }
    }
}

/// Settings in a network file; the default of `stride` is `size`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowSettings {
    size: Sides,
    stride: Option<Sides>,
    padding: Option<Sides>,
    #[serde(default)]
    ceil: bool,
}

impl WindowSettings {
    /// The window, if its sides are at most `most`.
    pub(super) fn checked(self, most: usize) -> Result<Window> {
        let size = self.size.each();
        let stride = self.stride.map_or(size, Sides::each);
        let padding = self.padding.map_or([0; 2], Sides::each);
        for axis in 0..2 {
            at_least_one("size", size[axis])?;
            at_least_one("stride", stride[axis])?;
            if padding[axis] > size[axis] / 2 {
                // So that every window has a pixel of the map.
                let what = format!("padding {} with windows of {}", padding[axis], size[axis]);
                return Err(Error::new(what, "make the padding at most half of the size"));
            }
            if size[axis] > most {
                let what = format!("size is {}", size[axis]);
                return Err(Error::new(what, format!("give size a value from 1 to {most}")));
            }
        }
        Ok(Window { size, stride, padding, ceil: self.ceil })
    }
}

/// Two sides for people: `2`, or `2×3`.
fn sides([rows, columns]: [usize; 2]) -> String {
    if rows == columns { rows.to_string() } else { format!("{rows}×{columns}") }
}

impl Window {
    /// A square window.
    pub fn square(size: usize, stride: usize, padding: usize) -> Self {
        Self { size: [size; 2], stride: [stride; 2], padding: [padding; 2], ceil: false }
    }

    /// Settings as a network file has them.
    pub(super) fn settings(&self) -> Table {
        let one = |side: usize| Value::Integer(side as i64);
        let value = |[rows, columns]: [usize; 2]| match rows == columns {
            true => one(rows),
            false => Value::Array(vec![one(rows), one(columns)]),
        };
        let all = [("size", self.size), ("stride", self.stride), ("padding", self.padding)];
        let mut table: Table = all.map(|(name, sides)| (name.to_owned(), value(sides))).into_iter().collect();
        if self.ceil {
            table.insert("ceil".to_owned(), Value::Boolean(true));
        }
        table
    }

    pub fn summary(&self) -> String {
        let padding =
            if self.padding == [0; 2] { String::new() } else { format!(", pad {}", sides(self.padding)) };
        let ceil = if self.ceil { ", ceil" } else { "" };
        format!("{}×{}, stride {}{padding}{ceil}", self.size[0], self.size[1], sides(self.stride))
    }

    /// `⌊(h + 2·padding − size) / stride⌋ + 1` rows, the columns alike; with `ceil` rounded up, less a last window that would begin after
    /// the map.
    pub fn output(&self, input: Shape) -> Result<Shape> {
        let side = |axis: usize, length: usize| {
            let (stride, padding) = (self.stride[axis], self.padding[axis]);
            let rest = (length + 2 * padding).checked_sub(self.size[axis])?;
            if !self.ceil {
                return Some(rest / stride + 1);
            }
            let windows = rest.div_ceil(stride) + 1;
            Some(if (windows - 1) * stride >= length + padding { windows - 1 } else { windows })
        };
        match (side(0, input.height), side(1, input.width)) {
            (Some(height), Some(width)) => Ok(Shape::new(input.channels, height, width)),
            _ => Err(Error::new(
                format!("a {}×{} window does not fit its input of {input}", self.size[0], self.size[1]),
                "take a smaller window, or pool less before it",
            )),
        }
    }

    /// Pixels that an output pixel reads.
    pub fn receptive_field(&self) -> ReceptiveField {
        ReceptiveField {
            kernel: self.size,
            stride: self.stride,
            padding: self.padding,
            ..ReceptiveField::PIXEL
        }
    }

    /// True if no two windows overlap and there is no padding.
    pub fn lie_apart(&self) -> bool {
        self.padding == [0; 2] && (0..2).all(|axis| self.size[axis] <= self.stride[axis])
    }

    /// True if rows and columns are treated alike.
    pub fn is_square(&self) -> bool {
        [self.size, self.stride, self.padding].iter().all(|[rows, columns]| rows == columns)
    }

    pub fn constants(&self) -> [(&'static str, u32); 7] {
        let [size, stride, padding] = [self.size, self.stride, self.padding].map(|s| s.map(|n| n as u32));
        [
            ("SIZE_Y", size[0]),
            ("SIZE_X", size[1]),
            ("STRIDE_Y", stride[0]),
            ("STRIDE_X", stride[1]),
            ("PADDING_Y", padding[0]),
            ("PADDING_X", padding[1]),
            ("CEIL", u32::from(self.ceil)),
        ]
    }

    pub fn params(&self, build: &LayerBuild<'_>) -> WindowParams {
        WindowParams::of(build.input().shape, build.output_shape, build.extent)
    }

    /// Rows (axis 0) or columns of the map, `length` of them, that window `o` covers.
    pub fn covered(&self, axis: usize, o: usize, length: usize) -> std::ops::Range<usize> {
        let (start, padding) = (o * self.stride[axis], self.padding[axis]);
        start.saturating_sub(padding)..(start + self.size[axis]).saturating_sub(padding).min(length)
    }

    /// Number of rows (axis 0) or columns of window `o` that lie in the map or its padding.
    pub fn extent(&self, axis: usize, o: usize, length: usize) -> usize {
        let start = o * self.stride[axis];
        (start + self.size[axis]).min(length + 2 * self.padding[axis]) - start
    }
}
