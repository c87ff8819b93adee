//! Data sets on the CPU: images as bytes, labels, class names, and where they come from.
//!
//! Images are `[n, c, y, x]` (planar, one byte per value), labels one byte each. A source is a
//! built-in name ("shapes", "digits") or the path of a directory in the IDX format (MNIST and its
//! kin) or in the binary version of CIFAR-10 or CIFAR-100. Whatever a file holds, reading it ends
//! in a valid [`Dataset`] or in one [`Error`]; no more memory is taken than the files have content.

mod augmentation;
mod bounded;
mod cifar;
mod clock;
mod digits;
mod feed;
mod idx;
mod images;
mod matrix;
mod permutation;
mod recognise;
pub mod shapes;

pub use augmentation::{Augmentation, Changes};
pub use clock::{Clock, HISTORY_LEN};
pub use feed::{BatchSizes, Column, Feed, MAX_PROBES, Sampling, draw_twin, split_order};
pub use images::Holding;
pub use matrix::Matrix;
pub use permutation::mix;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};

/// The extent of one image, in pixels per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Values (and bytes) per image: channels · height · width.
    #[expect(clippy::len_without_is_empty, reason = "no data set has images without pixels")]
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

/// Images with their labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// `[n, c, y, x]`, 0..=255; shared with the [`Feed`] that streams them.
    pub images: Arc<Vec<u8>>,
    /// `[n]`: the index of each image's class.
    pub labels: Vec<u8>,
}

impl Split {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes `[c, y, x]` of image `index`.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.images.len() / self.labels.len();
        &self.images[index * len..][..len]
    }

    /// What must hold for a split named `part` ("training", "test").
    fn check(&self, part: &str, shape: ImageShape, classes: usize) -> Result<()> {
        if self.labels.is_empty() {
            return Err(Error::new(format!("there are no {part} images"), "give at least one"));
        }
        if Some(self.images.len()) != self.labels.len().checked_mul(shape.len()) {
            let what = format!(
                "{} {part} labels but {} bytes of {shape} images (that is {} images)",
                self.labels.len(),
                self.images.len(),
                self.images.len() / shape.len(),
            );
            return Err(Error::new(what, "give one label for each image; take both files from the same set"));
        }
        check_labels(&self.labels, classes).map_err(|error| error.within(format!("{part} images")))
    }
}

/// That every label names one of `classes` classes.
fn check_labels(labels: &[u8], classes: usize) -> Result<()> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        None => Ok(()),
        Some(i) => Err(Error::new(
            format!("label {} of image {i} is out of range: there are {classes} classes, from 0", labels[i]),
            "the file is damaged or of another format; fetch it again",
        )),
    }
}

/// Mean and standard deviation per channel, of values scaled to 0..1.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelStats {
    /// `[c]`.
    pub mean: Vec<f32>,
    /// `[c]`, at least [`STD_FLOOR`](Self::STD_FLOOR).
    pub std: Vec<f32>,
}

impl ChannelStats {
    /// The least standard deviation: one of 255 grey levels. A constant channel would divide by zero without it.
    pub const STD_FLOOR: f32 = 1.0 / 255.0;
}

/// A data set, valid by construction when made by [`Dataset::new`] or [`Dataset::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// What to call it: "mnist", "shapes", ...
    pub name: String,
    /// The extent of every image.
    pub shape: ImageShape,
    /// The name of each class; the position is the label.
    pub classes: Vec<String>,
    /// Images to learn from.
    pub train: Split,
    /// Images to be judged by.
    pub test: Split,
}

/// The built-in data sets: name, and one sentence on each.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "shapes",
            "Ten classes of figures in colour, 3×32×32, drawn from a seed: 50 000 to learn, 10 000 to test.",
        ),
        ("digits", "Handwritten digits, 1×8×8, from the UCI repository: 1 500 to learn, 297 to test."),
    ]
}

impl Dataset {
    /// Puts a data set together and checks it.
    ///
    /// # Errors
    /// When the shape is empty, when there are no classes or more than 256, when a split is empty,
    /// when images and labels differ in number, and when a label names no class.
    pub fn new(
        name: impl Into<String>,
        shape: ImageShape,
        classes: Vec<String>,
        train: Split,
        test: Split,
    ) -> Result<Self> {
        if shape.len() == 0 {
            return Err(Error::new(format!("images of {shape} have no pixels"), "give sizes above zero"));
        }
        if classes.is_empty() || classes.len() > 256 {
            let what = format!("{} classes, where 1 to 256 are possible", classes.len());
            return Err(Error::new(what, "give one name for each class"));
        }
        train.check("training", shape, classes.len())?;
        test.check("test", shape, classes.len())?;
        Ok(Self { name: name.into(), shape, classes, train, test })
    }

    /// Opens a built-in data set by name, or one on disk by its directory (or any file of it).
    ///
    /// # Errors
    /// When `source` is neither; when the directory holds no known data set, or several; when a file
    /// is missing, damaged, too short, too long, larger than 2 GiB, or does not go with the others.
    pub fn open(source: &str) -> Result<Self> {
        match source {
            "shapes" => shapes::generate(shapes::SEED, shapes::TRAIN, shapes::TEST),
            "digits" => digits::dataset(),
            path => recognise::open(Path::new(path)),
        }
    }

    /// BLAKE3 of shape, number of classes, images and labels, as 64 hexadecimal digits.
    /// Names do not count: two sets with the same fingerprint train the same.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let ImageShape { channels, height, width } = self.shape;
        let sizes = [channels, height, width, self.classes.len(), self.train.len(), self.test.len()];
        for size in sizes {
            hasher.update(&(size as u64).to_le_bytes());
        }
        for split in [&self.train, &self.test] {
            hasher.update(&split.images[..]);
            hasher.update(&split.labels);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Mean and standard deviation per channel over all training images, summed in integers.
    pub fn channel_stats(&self) -> ChannelStats {
        let plane = self.shape.height * self.shape.width;
        let mut sums = vec![(0u64, 0u64); self.shape.channels];
        for (i, values) in self.train.images.chunks_exact(plane).enumerate() {
            let (sum, squares) = &mut sums[i % self.shape.channels];
            for &value in values {
                *sum += u64::from(value);
                *squares += u64::from(value) * u64::from(value);
            }
        }
        let count = (self.train.len() * plane) as f64;
        let mut stats = ChannelStats { mean: Vec::new(), std: Vec::new() };
        for (sum, squares) in sums {
            let mean = sum as f64 / count;
            let variance = (squares as f64 / count - mean * mean).max(0.0);
            stats.mean.push((mean / 255.0) as f32);
            stats.std.push(((variance.sqrt() / 255.0) as f32).max(ChannelStats::STD_FLOOR));
        }
        stats
    }
}

#[cfg(test)]
mod tests;
