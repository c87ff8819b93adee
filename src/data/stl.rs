//! STL-10 in its binary version: images and labels in files of their own.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | `train_X.bin`, `test_X.bin`: 3×96×96 bytes an image, red, green, blue, each column by column | Coates, Lee, Ng 2011, from MATLAB's arrays | turned upright |
//! | `train_y.bin`, `test_y.bin`: a byte each, from 1 | the same | from 0 |
//! | `class_names.txt`, one name a line | the same | as many classes as names; without it the ten of the set |
//! | `unlabeled_X.bin`, images without labels; `fold_indices.txt` | the same | left out, and said |

use std::io::{BufReader, Read as _};
use std::path::Path;

use super::bounded;
use super::dataset::{Dataset, ImageShape, Split, check_labels};
use super::report::Report;
use crate::error::{Error, Result};

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str =
    "train_X.bin, train_y.bin, test_X.bin and test_y.bin (STL-10, binary version)";
const SIDE: usize = 96;
const SHAPE: ImageShape = ImageShape { channels: 3, height: SIDE, width: SIDE };
/// Images and labels for training and test.
const FILES: [(&str, &str); 2] = [("train_X.bin", "train_y.bin"), ("test_X.bin", "test_y.bin")];
const CLASS_NAMES: &str = "class_names.txt";
const UNLABELED: &str = "unlabeled_X.bin";
/// The classes, for a directory without their names.
const NAMES: [&str; 10] =
    ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/// True for the name of a file of such a set.
pub(super) fn claims(name: &str) -> bool {
    FILES.iter().any(|(images, labels)| [*images, *labels].contains(&name))
}

/// Reads the set in `directory`.
///
/// # Errors
/// When a file is missing or damaged, or the files do not go together.
pub(super) fn open(directory: &Path) -> Result<Dataset> {
    let names = bounded::names(&directory.join(CLASS_NAMES))?;
    let classes = names.unwrap_or_else(|| NAMES.map(String::from).to_vec());
    let [train, test] = FILES.map(|files| read_split(directory, files, classes.len()));
    let data = Dataset::new("stl-10", SHAPE, classes, train?, test?);
    let data = data.map_err(|error| error.within(directory.display()))?;
    let mut report = Report::default();
    report.note(
        "STL-10: images that lie column by column are shown upright; labels count from 1 there, from 0 here",
    );
    if directory.join(UNLABELED).exists() {
        report.note(format!("{UNLABELED} is left out: its images have no labels"));
    }
    Ok(Dataset { report, ..data })
}

fn read_split(directory: &Path, (images, labels): (&str, &str), classes: usize) -> Result<Split> {
    let (image_path, label_path) = (directory.join(images), directory.join(labels));
    let mut labels = bounded::read(&label_path, bounded::MAX_BYTES)?;
    let (file, len) = bounded::open(&image_path, bounded::MAX_BYTES)?;
    let count = len / SHAPE.len() as u64;
    if count == 0 || !len.is_multiple_of(SHAPE.len() as u64) {
        let what = format!(
            "{} has {len} bytes, which is not a whole number of images of {}",
            image_path.display(),
            SHAPE.len()
        );
        let help = "the file is damaged or its download was cut short; fetch the binary version again";
        return Err(Error::new(what, help));
    }
    if labels.len() as u64 != count {
        let (labels, label_path) = (labels.len(), label_path.display());
        let what =
            format!("{} has {count} images, but {label_path} has {labels} labels", image_path.display());
        return Err(Error::new(what, "take both files from the same set"));
    }
    if let Some(image) = labels.iter().position(|label| *label == 0) {
        let what = format!("{}: label 0 of image {image} is out of range", label_path.display());
        return Err(Error::new(
            what,
            "labels count from 1 in this format; the file is damaged: fetch it again",
        ));
    }
    labels.iter_mut().for_each(|label| *label -= 1);
    check_labels(&labels, classes)
        .map_err(|error| error.within(format!("{}, counted from 0", label_path.display())))?;
    let mut upright = Vec::with_capacity(labels.len() * SHAPE.len());
    let (mut file, mut plane) = (BufReader::new(file), [0; SIDE * SIDE]);
    for _ in 0..labels.len() * SHAPE.channels {
        file.read_exact(&mut plane).map_err(|e| Error::io("read", &image_path, &e))?;
        (0..SIDE).for_each(|y| upright.extend(plane.iter().skip(y).step_by(SIDE)));
    }
    Ok(Split { images: upright.into(), labels })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// An image of zeros but for one value at a channel, row and column.
    fn image(value: u8, [channel, y, x]: [usize; 3]) -> Vec<u8> {
        let mut bytes = vec![0; SHAPE.len()];
        // The row runs fastest.
        bytes[channel * SIDE * SIDE + x * SIDE + y] = value;
        bytes
    }

    fn whole() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let train = [image(7, [0, 2, 5]), image(9, [2, 95, 0])].concat();
        let files: [(&str, &[u8]); 4] = [
            ("train_X.bin", &train),
            ("train_y.bin", &[1, 10]),
            ("test_X.bin", &image(3, [1, 0, 95])),
            ("test_y.bin", &[4]),
        ];
        files.iter().for_each(|(name, bytes)| fs::write(dir.path().join(name), bytes).unwrap());
        dir
    }

    #[test]
    fn images_are_upright_and_labels_count_from_0() {
        let dir = whole();
        fs::write(dir.path().join("unlabeled_X.bin"), b"").unwrap();
        let data = Dataset::open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(
            (data.name.as_str(), &data.train.labels[..], &data.test.labels[..]),
            ("stl-10", &[0, 9][..], &[3][..])
        );
        let at = |image: &[u8], [channel, y, x]: [usize; 3]| image[(channel * SIDE + y) * SIDE + x];
        assert_eq!(at(data.train.image(0), [0, 2, 5]), 7);
        assert_eq!(at(data.train.image(1), [2, 95, 0]), 9);
        assert_eq!(at(data.test.image(0), [1, 0, 95]), 3);
        assert_eq!(data.train.images.iter().filter(|value| **value != 0).count(), 2);
        assert!(data.report.notes[1].contains("unlabeled_X.bin is left out"));
    }

    #[test]
    fn names_come_from_their_file() {
        let dir = whole();
        assert_eq!(open(dir.path()).unwrap().classes[7], "monkey");
        fs::write(dir.path().join("class_names.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n").unwrap();
        assert_eq!(open(dir.path()).unwrap().classes.concat(), "abcdefghijk");
    }

    #[test]
    fn damaged_files_are_errors() {
        for (name, bytes, what) in [
            ("train_X.bin", vec![1; SHAPE.len() + 1], "has 27649 bytes"),
            ("train_X.bin", Vec::new(), "has 0 bytes"),
            ("train_y.bin", vec![1], "has 2 images, but"),
            ("train_y.bin", vec![3, 0], "label 0 of image 1 is out of range"),
            ("test_y.bin", vec![11], "label 10 of image 0 is out of range"),
        ] {
            let dir = whole();
            fs::write(dir.path().join(name), bytes).unwrap();
            let error = open(dir.path()).unwrap_err();
            assert!(error.what().contains(what) && error.what().contains(name), "{error}");
        }
        let dir = whole();
        fs::remove_file(dir.path().join("test_X.bin")).unwrap();
        assert!(open(dir.path()).unwrap_err().what().contains("test_X.bin"));
    }
}
