//! Data sets in files of MATLAB, as SVHN's cropped digits: `train_32x32.mat` and `test_32x32.mat`.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | level 5: elements of a type and a length, those of 4 bytes or fewer in their tag; each array packed by zlib on its own | The MathWorks, MAT-File Format | read, in either order of bytes |
//! | the first index runs fastest: `X` `[32, 32, 3, n]` is image after image, plane after plane, column by column | SVHN, Netzer et al. 2011 | turned upright |
//! | `y` `[n, 1]`, from 1, in which 10 is the digit 0 | the same | 10 becomes 0, as torchvision has it |
//! | `X` of a single image lacks its last index: `[32, 32, 3]` | MATLAB, whose arrays have no last index of size 1 | told by the number of labels |
//! | whole numbers of a class `double` are stored as bytes | MATLAB and scipy 1.17 | read |
//! | `extra_32x32.mat`, more training images | the same | left out, and said |
//! | version 7.3 is HDF5; level 4 has no header; structs, cells, texts, sparse and complex arrays | The MathWorks | refused |
//!
//! Of crates, matfile was left: it brings a parser and a zlib besides those that are here.

mod elements;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::arrays::{Array, product};
use super::dataset::{Dataset, ImageShape, Split, check_labels};
use super::pixel_arrays::{PixelRange, labels, transposed};
use super::report::Report;
use crate::error::{Error, Result};

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "train_32x32.mat and test_32x32.mat (SVHN, cropped digits)";
/// Files for training and test.
const FILES: [&str; 2] = ["train_32x32.mat", "test_32x32.mat"];
const EXTRA: &str = "extra_32x32.mat";
const DIGITS: usize = 10;

/// True for the name of a file of such a set.
pub(super) fn claims(name: &str) -> bool {
    FILES.contains(&name)
}

/// Reads the set in `directory`.
///
/// # Errors
/// When a file is missing or damaged, or has not the arrays `X` and `y`.
pub(super) fn open(directory: &Path) -> Result<Dataset> {
    let mut range = PixelRange::default();
    let [train, test] = FILES.map(|name| {
        let path = directory.join(name);
        read(&path, &mut range).map_err(|error| error.within(path.display()))
    });
    let ((shape, train), (test_shape, test)) = (train?, test?);
    let within = |error: Error| error.within(directory.display());
    if shape != test_shape {
        let what = format!("{} has images of {shape}, {} of {test_shape}", FILES[0], FILES[1]);
        return Err(within(Error::new(what, "take both files from the same set")));
    }
    let classes = (0..DIGITS).map(|digit| digit.to_string()).collect();
    let data = Dataset::new("svhn", shape, classes, train, test).map_err(within)?;
    let mut report = Report::default();
    report.note("SVHN: images that lie column by column are shown upright; the label 10 is the digit 0");
    if directory.join(EXTRA).exists() {
        report.note(format!("{EXTRA} is left out"));
    }
    range.note(&mut report);
    Ok(Dataset { report, ..data })
}

fn read(path: &Path, range: &mut PixelRange) -> Result<(ImageShape, Split)> {
    let [mut images, numbers] = elements::read(path, ["X", "y"])?;
    // Of a single image MATLAB drops the last index, which is the first here: three planes may be one image or three.
    let lacks_it = images.shape.len() < 3 || images.shape.len() == 3 && images.shape[0] != 1;
    if lacks_it && product(&numbers.shape) == Some(1) {
        images.shape.insert(0, 1);
    }
    // The first index, which runs fastest, is the row.
    let (stored, images) = range.images(images).map_err(|error| error.within("array X"))?;
    let (shape, images) = transposed(stored, &images);
    let count = images.len() / shape.len();
    let numbers = Array { shape: numbers.shape.into_iter().filter(|size| *size != 1).collect(), ..numbers };
    let numbers = if numbers.shape.is_empty() { Array { shape: vec![1], ..numbers } } else { numbers };
    let digits = labels(numbers, count).and_then(|mut labels| {
        check_labels(&labels, DIGITS + 1)?;
        labels.iter_mut().filter(|label| **label == 10).for_each(|label| *label = 0);
        Ok(labels)
    });
    let labels = digits.map_err(|error| error.within("array y"))?;
    Ok((shape, Split { images: images.into(), labels }))
}
