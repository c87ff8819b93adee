//! The name of a data set, and how its images are brought to one size: `PATH?size=64x48&fit=pad&strict`.
//!
//! The options belong to the data as the path does: a run keeps the whole, and so reads the same images when it is resumed.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, Result};

/// Largest side of an image, in pixels.
pub(super) const MAX_SIDE: usize = 4096;

/// Way of an image of other proportions to the size of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Fit {
    /// The largest middle part with the proportions wanted.
    #[default]
    Crop,
    /// The whole image, between black borders.
    Pad,
    /// The whole image, its proportions changed.
    #[strum(serialize = "stretch")]
    Whole,
}

/// Width and height of images, in pixels: `64` or `64x48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageSize {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl FromStr for ImageSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (width, height) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
        let side = |text: &str| text.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
        side(width).zip(side(height)).map(|(width, height)| Self { width, height }).ok_or_else(|| {
            let what = format!("{text:?} is no size of images");
            Error::usage(what, format!("write 64, or 64x48 for width × height: 1 to {MAX_SIDE} pixels"))
        })
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// One of the splits of EMNIST (G. Cohen, S. Afshar, J. Tapson, A. van Schaik, EMNIST: an extension of MNIST to handwritten letters, 2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum EmnistSplit {
    /// Digits, capital and small letters: 62 classes.
    ByClass,
    /// The same, with 15 small letters counted to their capitals: 47 classes.
    ByMerge,
    /// As `bymerge`, with the same number of images for each class.
    Balanced,
    /// Letters without regard to case: 26 classes.
    Letters,
    /// Ten digits.
    Digits,
    /// Ten digits, with as many images as MNIST.
    Mnist,
}

/// Options of reading the images of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reading {
    /// Size of the images; none: as they are where they agree, else by the rule of the format.
    pub size: Option<ImageSize>,
    /// Way of images of other proportions to it.
    pub fit: Fit,
    /// Stop at a damaged image, in place of leaving it out.
    pub strict: bool,
    /// The split of EMNIST, where a folder holds several.
    pub split: Option<EmnistSplit>,
    /// The coarse labels of CIFAR-100, in place of the fine ones.
    pub coarse: bool,
}

/// The options that may follow a path, for messages.
pub(super) const OPTIONS: &str = "size=64x48, fit=crop (pad, stretch), strict, split=letters (EMNIST: byclass, bymerge, balanced, letters, digits, mnist), labels=coarse (CIFAR-100)";

/// A data set by name or path, and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Built-in name or path.
    pub path: String,
    /// Options of reading its images.
    pub reading: Reading,
}

impl Source {
    /// The source that a text means. What is there as a path is one, whatever it is called.
    pub fn parse(text: &str) -> Self {
        let whole = || Self { path: text.to_owned(), reading: Reading::default() };
        if Path::new(text).exists() {
            return whole();
        }
        let Some((path, options)) = text.rsplit_once('?') else { return whole() };
        let mut reading = Reading::default();
        for option in options.split('&') {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            match name {
                "size" => match value.parse() {
                    Ok(size) => reading.size = Some(size),
                    Err(_) => return whole(),
                },
                "fit" => match value.parse() {
                    Ok(fit) => reading.fit = fit,
                    Err(_) => return whole(),
                },
                "strict" => reading.strict = true,
                "split" => match value.parse() {
                    Ok(split) => reading.split = Some(split),
                    Err(_) => return whole(),
                },
                "labels" if ["coarse", "fine"].contains(&value) => reading.coarse = value == "coarse",
                _ => return whole(),
            }
        }
        Self { path: path.to_owned(), reading }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let Reading { size, fit, strict, split, coarse } = self.reading;
        let mut options: Vec<String> = size.map(|size| format!("size={size}")).into_iter().collect();
        if fit != Fit::default() {
            options.push(format!("fit={fit}"));
        }
        if strict {
            options.push("strict".to_owned());
        }
        options.extend(split.map(|split| format!("split={split}")));
        options.extend(coarse.then(|| "labels=coarse".to_owned()));
        if options.is_empty() { Ok(()) } else { write!(f, "?{}", options.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_and_its_text_say_the_same() {
        for text in [
            "a/b",
            "a?b",
            "a?size=64x48",
            "a?size=7x7&fit=pad&strict",
            "a?b?fit=stretch",
            "a?size=0x3",
            "a?fit=pad&split=letters",
        ] {
            assert_eq!(Source::parse(text).to_string(), text);
        }
        let source = Source::parse("a?size=20&fit=pad");
        let reading =
            Reading { size: Some(ImageSize { width: 20, height: 20 }), fit: Fit::Pad, ..Reading::default() };
        assert_eq!((source.path.as_str(), source.reading), ("a", reading));
        assert_eq!(Source::parse("a?size=0x3").path, "a?size=0x3");
    }

    #[test]
    fn a_path_that_is_there_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("odd?size=8");
        std::fs::create_dir(&path).unwrap();
        assert_eq!(Source::parse(path.to_str().unwrap()).reading, Reading::default());
    }

    #[test]
    fn sizes_are_one_or_two_numbers() {
        assert_eq!("64x48".parse::<ImageSize>().unwrap(), ImageSize { width: 64, height: 48 });
        for text in ["", "0", "64x", "5000", "-3", "3x4x5"] {
            assert!(text.parse::<ImageSize>().is_err(), "{text}");
        }
    }
}
