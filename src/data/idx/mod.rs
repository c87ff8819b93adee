//! The IDX format of MNIST and its relatives, raw or gzipped, as four files in one directory.
//!
//! A file is: two zero bytes, the element type, the rank `r`; `r` sizes as big-endian u32; then the values, big-endian, last index
//! fastest. Images are `[n, y, x]`, `[n, y, x, c]` or `[n, c, y, x]`, labels `[n]`, or `[n, classes]` with a single 1 in each row.
//!
//! | behavior of the files | set | source | what is done |
//! | --- | --- | --- | --- |
//! | types 8, 9, B, C, D, E: unsigned and signed byte, 16 and 32 bits, float of 32 and 64 | any | LeCun, Cortes, Burges, The MNIST database | numbers that are no bytes are brought to 0..255 by their range |
//! | a dash or a dot before `idx3`, each file in a folder of its name, gzip or not whatever the name says | MNIST | copies in circulation | found, the raw file first |
//! | the names of MNIST | Fashion-MNIST, KMNIST | their repositories | told by the directory's name or the one above |
//! | images column by column | EMNIST | Cohen et al. 2017, made by MATLAB | turned upright |
//! | labels of `letters` from 1 | EMNIST | the same, `emnist-letters-mapping.txt` | from 0; torchvision keeps a class "N/A" |
//! | `emnist-SPLIT-train-...`, six splits in one archive | EMNIST | the same | `?split=letters`, or a file's name |
//! | labels int32 `[n, 8]`: class, writer and so on; `idx2-int` | QMNIST | Yadav and Bottou 2019 | the first column is the class |
//! | `emnist-SPLIT-mapping.txt`: a line for each class, its label and the ASCII codes of its characters | EMNIST | the same | names of the classes; both cases of a letter as `A/a` |
//! | names of the classes | any | `class_names.txt`, one name a line | they count before all others |

mod family;
mod file;
mod mapping;
mod names;

use std::path::Path;

use crate::error::{Error, Result};

use super::arrays::{Array, Values};
use super::bounded;
use super::dataset::{Dataset, ImageShape, Split, check_labels};
use super::pixel_arrays::{PixelRange, labels, transposed};
use super::report::Report;
use super::source::EmnistSplit;
use family::Family;
pub(super) use names::LOOKS_FOR;
use names::{FileName, Part, Role, SetFiles};

/// A text file with the name of each class, one a line.
const CLASS_NAMES: &str = "class_names.txt";

/// True for the name of a file of a set in this format.
pub(super) fn claims(name: &str) -> bool {
    FileName::parse(name).is_some()
}

/// Reads the set in `directory`: that of `file`, or the split that is asked for.
///
/// # Errors
/// When there are several, or one of the four files is missing, damaged, or does not go with the others.
pub(super) fn open(directory: &Path, file: Option<&Path>, split: Option<EmnistSplit>) -> Result<Dataset> {
    let within = |error: Error| error.within(directory.display());
    let files = SetFiles::find(directory, file, split)?;
    let family = Family::of(&files.set, directory);
    let classes = match bounded::names(&directory.join(CLASS_NAMES))? {
        Some(names) => Some(names),
        None => mapping::classes(&files.mapping(), family.first_label())?.or_else(|| family.classes()),
    };
    let count = classes.as_ref().map_or(256, Vec::len);
    let mut range = PixelRange::default();
    let (train, train_shape) = read_split(&files, Part::Train, family, count, &mut range)?;
    let (test, test_shape) = read_split(&files, Part::Test, family, count, &mut range)?;
    if train_shape != test_shape {
        let what = format!("training images are {train_shape}, test images {test_shape}");
        return Err(within(Error::new(what, "take all four files from the same set")));
    }
    let classes = classes.unwrap_or_else(|| {
        let last = train.labels.iter().chain(&test.labels).max();
        (0..=last.copied().unwrap_or_default()).map(|class| class.to_string()).collect()
    });
    let data = Dataset::new(family.name(&files.set), train_shape, classes, train, test).map_err(within)?;
    let mut report = Report::default();
    report.notes.extend(family.note());
    range.note(&mut report);
    Ok(Dataset { report, ..data })
}

fn read_split(
    files: &SetFiles,
    part: Part,
    family: Family,
    classes: usize,
    range: &mut PixelRange,
) -> Result<(Split, ImageShape)> {
    let (image_path, label_path) = (files.file(part, Role::Images)?, files.file(part, Role::Labels)?);
    let images = file::read(&image_path, 3..=4)?;
    let numbers = file::read(&label_path, 1..=2)?;
    if images.shape[0] != numbers.shape[0] {
        let what = format!(
            "{} has {} images, but {} has {} labels",
            image_path.display(),
            images.shape[0],
            label_path.display(),
            numbers.shape[0]
        );
        return Err(Error::new(what, "take both files from the same set"));
    }
    let (shape, images) = range.images(images).map_err(|error| error.within(image_path.display()))?;
    let (shape, images) = if family.is_transposed() { transposed(shape, &images) } else { (shape, images) };
    let count = images.len() / shape.len();
    let labels = read_labels(numbers, family, count).and_then(|labels| {
        check_labels(&labels, classes)?;
        Ok(labels)
    });
    let labels = labels.map_err(|error| error.within(label_path.display()))?;
    Ok((Split { images: images.into(), labels }, shape))
}

/// The class of each image.
fn read_labels(mut numbers: Array, family: Family, count: usize) -> Result<Vec<u8>> {
    if let (Family::Qmnist, [images, columns]) = (family, &numbers.shape[..]) {
        let (shape, columns) = (vec![*images], *columns as usize);
        let first = numbers.values.numbers()?.into_iter().step_by(columns).collect();
        numbers = Array { shape, values: Values::Numbers(first) };
    }
    let mut labels = labels(numbers, count)?;
    let first = family.first_label();
    if let Some(image) = labels.iter().position(|label| *label < first) {
        let what =
            format!("label {} of image {image} is out of range: they count from {first}", labels[image]);
        return Err(Error::new(what, "the file is damaged, or of another split; fetch it again"));
    }
    labels.iter_mut().for_each(|label| *label -= first);
    Ok(labels)
}

#[cfg(test)]
mod set_tests;
#[cfg(test)]
mod tests;
