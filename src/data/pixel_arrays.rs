//! Images and labels out of arrays of numbers.
//!
//! Images are `[n, y, x]`, `[n, y, x, c]` or `[n, c, y, x]` with 1 or 3 channels. Bytes are taken as they are; other numbers, which lie in
//! 0..1, −1..1, 0..255 or 0..65535, are brought to 0..255, the range being that of the training images.

use super::arrays::{AS_NUMBERS, Array, Values};
use super::dataset::ImageShape;
use super::report::Report;
use crate::error::{Error, Result};

/// Largest height or width of an image in pixels.
const MAX_SIDE: usize = 4096;

/// Lowest and highest number that is brought to 0..255: that of the first array which is not of bytes.
#[derive(Debug, Default)]
pub(super) struct PixelRange(Option<[f32; 2]>);

impl PixelRange {
    /// Images `[n, c, y, x]` of an array.
    ///
    /// # Errors
    /// When its shape is not that of images, or its values are words, NaN or infinite.
    pub(super) fn images(&mut self, array: Array) -> Result<(ImageShape, Vec<u8>)> {
        let bytes = match array.values {
            Values::Bytes(bytes) => bytes,
            Values::Signed(values) => self.bytes(&values, |v| f32::from(*v))?,
            Values::Floats(values) => self.bytes(&values, |v| *v)?,
            Values::Numbers(values) => self.bytes(&values, |v| *v as f32)?,
            Values::Words(_) => return Err(Error::new("its values are words, not pixels", AS_NUMBERS)),
        };
        planes(&array.shape, bytes)
    }

    fn bytes<T>(&mut self, values: &[T], number: impl Fn(&T) -> f32) -> Result<Vec<u8>> {
        let [low, high] = match self.0 {
            Some(known) => known,
            None => *self.0.insert(range(values.iter().map(&number))?),
        };
        // Numbers beyond the range of the training images become black or white.
        Ok(values.iter().map(|v| ((number(v) - low) / (high - low) * 255.0).round() as u8).collect())
    }

    /// Notes the range, where there is one.
    pub(super) fn note(&self, report: &mut Report) {
        if let Some([low, high]) = self.0 {
            report.note(format!("pixels of {low} to {high} are brought to 0 to 255"));
        }
    }
}

/// Lowest and highest number of an array that is brought to 0..255.
fn range(values: impl Iterator<Item = f32>) -> Result<[f32; 2]> {
    let (mut low, mut high) = (0.0_f32, 0.0_f32);
    for value in values {
        if !value.is_finite() {
            return Err(Error::new(format!("it holds {value}"), "give it finite numbers"));
        }
        (low, high) = (low.min(value), high.max(value));
    }
    let known = [[0.0, 1.0], [-1.0, 1.0], [0.0, 255.0], [0.0, 65535.0]];
    Ok(known.into_iter().find(|[l, h]| *l <= low && high <= *h).unwrap_or([low, high]))
}

/// Images `[n, c, y, x]` of an array of this shape.
fn planes(shape: &[u64], bytes: Vec<u8>) -> Result<(ImageShape, Vec<u8>)> {
    if bytes.is_empty() {
        return Err(Error::new(format!("its shape is {shape:?}: it is empty"), "give it images"));
    }
    let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
    let (channels, height, width, last) = match sizes[..] {
        [_, height, width] => (1, height, width, false),
        [_, height, width, channels @ (1 | 3)] => (channels, height, width, true),
        [_, channels @ (1 | 3), height, width] => (channels, height, width, false),
        _ => {
            let what = format!("its shape is {shape:?}");
            return Err(Error::new(
                what,
                "give it images as [n, y, x], [n, y, x, c] or [n, c, y, x], with 1 or 3 channels",
            ));
        }
    };
    if height > MAX_SIDE || width > MAX_SIDE {
        return Err(Error::new(
            format!("its images are {width} × {height}"),
            format!("{MAX_SIDE} pixels a side are the most"),
        ));
    }
    let shape = ImageShape { channels, height, width };
    if !last || channels == 1 {
        return Ok((shape, bytes));
    }
    let mut planes = Vec::with_capacity(bytes.len());
    for image in bytes.chunks_exact(shape.len()) {
        (0..3).for_each(|c| planes.extend(image.iter().skip(c).step_by(3)));
    }
    Ok((shape, planes))
}

/// Images whose columns are rows on disk.
pub(super) fn transposed(stored: ImageShape, images: &[u8]) -> (ImageShape, Vec<u8>) {
    let ImageShape { channels, height: columns, width: rows } = stored;
    let mut upright = Vec::with_capacity(images.len());
    for plane in images.chunks_exact(rows * columns) {
        (0..rows).for_each(|y| upright.extend(plane.iter().skip(y).step_by(rows)));
    }
    (ImageShape { channels, height: rows, width: columns }, upright)
}

/// One label for each image: an array `[n]` or `[n, 1]`, or `[n, classes]` with a single 1 in each row.
pub(super) fn labels(array: Array, count: usize) -> Result<Vec<u8>> {
    let sizes: Vec<usize> = array.shape.iter().map(|size| *size as usize).collect();
    let numbers = array.values.numbers()?;
    let class = |number: f64| {
        let valid = number.fract() == 0.0 && (0.0..256.0).contains(&number);
        valid.then_some(number as u8).ok_or_else(|| {
            Error::new(format!("{number} is no class"), "classes are whole numbers from 0 to 255")
        })
    };
    match sizes[..] {
        [n] | [n, 1] if n == count => numbers.into_iter().map(class).collect(),
        [n, width] if n == count && width <= 256 => {
            let row = |row: &[f64]| {
                let ones = row.iter().filter(|value| **value == 1.0).count();
                let only = ones == 1 && row.iter().all(|value| *value == 0.0 || *value == 1.0);
                only.then(|| row.iter().position(|value| *value == 1.0).unwrap_or(0) as u8).ok_or_else(|| {
                    Error::new(
                        "its images have several labels each",
                        "give each image one class: an array [n]",
                    )
                })
            };
            numbers.chunks_exact(width).map(row).collect()
        }
        _ => {
            let what = format!("its shape is {sizes:?}, where {count} labels belong");
            Err(Error::new(what, "give it one label for each image"))
        }
    }
}
