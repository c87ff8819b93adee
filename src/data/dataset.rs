//! A data set on the CPU: images as bytes, labels, class names.

use std::fmt;
use std::sync::Arc;

use super::order::{VALIDATION_SHARE, permuted, split_order};
use super::report::Report;
use crate::error::{Error, Result};

/// Squares of bytes whose sum fits 32 bits: sums of these are several in one instruction.
const MAX_SUMMED: usize = 65_536;

/// Channels × height × width of one image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// 1 for gray, 3 for red, green, blue.
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
    /// `[n, c, y, x]`, 0..=255; shared with the loader that streams them.
    pub images: Arc<Vec<u8>>,
    /// `[n]`: the index of each image's class.
    pub labels: Vec<u8>,
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True without images.
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

    /// Checks a split named `part` ("training", "test").
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

/// An error unless every label is below `classes`.
pub(super) fn check_labels(labels: &[u8], classes: usize) -> Result<()> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        None => Ok(()),
        Some(i) => Err(Error::new(
            format!("label {} of image {i} is out of range: there are {classes} classes, from 0", labels[i]),
            "the file is damaged: fetch it again; or if the set has more classes, name them, one a line, in class_names.txt beside it (as CIFAR has batches.meta.txt)",
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
    /// Smallest standard deviation, one of 255 gray levels, so that a constant channel does not divide by zero.
    pub const STD_FLOOR: f32 = 1.0 / 255.0;

    /// The stats that the options `--mean` and `--std` give: one number each, or one for each channel.
    ///
    /// # Errors
    /// When there is another number of them, one is not finite, or a deviation is not above 0.
    pub fn given(channels: usize, mean: &[f32], std: &[f32]) -> Result<Self> {
        let each = |name: &str, values: &[f32]| -> Result<Vec<f32>> {
            let good = values.iter().all(|value| value.is_finite() && (name == "mean" || *value > 0.0));
            match values.len() {
                1 if good => Ok(vec![values[0]; channels]),
                len if good && len == channels => Ok(values.to_vec()),
                _ => {
                    let of = if channels == 1 { "channel" } else { "channels" };
                    let what = format!("--{name} is {values:?}, for images of {channels} {of}");
                    Err(Error::usage(what, "give one finite number, or one for each channel; --std above 0"))
                }
            }
        };
        Ok(Self { mean: each("mean", mean)?, std: each("std", std)? })
    }

    /// An image `[c, y, x]` of bytes as numbers: from 0 to 1, each channel less its mean, by its deviation.
    pub fn normalized(&self, image: &[u8]) -> Vec<f32> {
        let planes = image.chunks((image.len() / self.mean.len()).max(1));
        let of_channel = |(values, (mean, std)): (&[u8], (&f32, &f32))| -> Vec<f32> {
            values.iter().map(|value| (f32::from(*value) / 255.0 - mean) / std).collect()
        };
        planes.zip(self.mean.iter().zip(&self.std)).flat_map(of_channel).collect()
    }
}

/// A data set, valid by construction when made by [`Dataset::new`] or [`Dataset::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Name: "mnist", "shapes", ...
    pub name: String,
    /// Shape of every image.
    pub shape: ImageShape,
    /// Class names; the index is the label.
    pub classes: Vec<String>,
    /// Images for training and validation.
    pub train: Split,
    /// Images for the test.
    pub test: Split,
    /// Number of the last training images that are given for validation; 0: a tenth of all is drawn.
    pub validation: usize,
    /// Found beside the images; it does not count for the run.
    pub report: Report,
}

impl Dataset {
    /// A data set, checked.
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
        Ok(Self { name: name.into(), shape, classes, train, test, validation: 0, report: Report::default() })
    }

    /// The set whose last `count` training images are those for validation.
    ///
    /// # Errors
    /// When they leave none to train on.
    pub(super) fn with_validation(mut self, count: usize) -> Result<Self> {
        if count >= self.train.len() {
            return Err(Error::new("there are no training images", "give at least one"));
        }
        self.validation = count;
        Ok(self)
    }

    /// Number of validation images: those given, or a tenth of the training images.
    pub fn validation_images(&self) -> usize {
        match self.validation {
            0 => (self.train.len() / VALIDATION_SHARE).max(1),
            given => given,
        }
    }

    /// Image indices by position: training, validation and test images (see [`split_order`]).
    pub fn order(&self) -> Vec<u32> {
        let (train, test) = (self.train.len(), self.test.len());
        if self.validation == 0 {
            return split_order(train, test);
        }
        let trained = train - self.validation;
        permuted(trained).chain((trained..train + test).map(|i| i as u32)).collect()
    }

    /// BLAKE3 of shape, number of classes, images, labels and given validation images, as 64 hexadecimal digits.
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
        if self.validation > 0 {
            hasher.update(&(self.validation as u64).to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Mean and standard deviation per channel over all training images but those given for validation, summed in integers.
    pub fn channel_stats(&self) -> ChannelStats {
        let plane = self.shape.height * self.shape.width;
        let images = self.train.len() - self.validation;
        let mut sums = vec![(0u64, 0u64); self.shape.channels];
        for (i, values) in self.train.images[..images * self.shape.len()].chunks_exact(plane).enumerate() {
            let (sum, squares) = &mut sums[i % self.shape.channels];
            for values in values.chunks(MAX_SUMMED) {
                *sum += u64::from(values.iter().map(|value| u32::from(*value)).sum::<u32>());
                *squares += u64::from(values.iter().map(|value| u32::from(*value).pow(2)).sum::<u32>());
            }
        }
        let count = (images * plane) as f64;
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
