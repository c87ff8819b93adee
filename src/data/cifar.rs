//! CIFAR-10 and CIFAR-100 in their binary version: records of label bytes and a 3×32×32 image.
//!
//! CIFAR-10: `data_batch_1.bin` to `data_batch_5.bin` (those that are there, at least one) and `test_batch.bin`,
//! records of 1 + 3072 bytes. CIFAR-100: `train.bin` and `test.bin`, records of 2 + 3072 bytes, of which
//! the second label, the fine one, is used. Images are planar: red, green, blue, each row by row.
//! Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};

use super::bounded;
use super::dataset::{Dataset, ImageShape, Split, check_labels};

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// One of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    name: &'static str,
    /// Training files; all must be there, or with `partly` at least one.
    train: &'static [&'static str],
    partly: bool,
    test: &'static str,
    /// A text file with the name of each class, one a line.
    names: &'static str,
    /// Label bytes before each image; the last of them is used.
    label_bytes: usize,
    classes: usize,
    /// Files of the set, for messages.
    pub looks_for: &'static str,
}

/// Ten classes, one label byte.
pub(super) const CIFAR_10: Version = Version {
    name: "cifar-10",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    partly: true,
    test: "test_batch.bin",
    names: "batches.meta.txt",
    label_bytes: 1,
    classes: 10,
    looks_for: "data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10, binary version)",
};

/// A hundred classes, two label bytes: coarse, fine.
pub(super) const CIFAR_100: Version = Version {
    name: "cifar-100",
    train: &["train.bin"],
    partly: false,
    test: "test.bin",
    names: "fine_label_names.txt",
    label_bytes: 2,
    classes: 100,
    looks_for: "train.bin and test.bin (CIFAR-100, binary version)",
};

/// The classes of CIFAR-10, for a directory without their names.
const CIFAR_10_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

impl Version {
    /// True for the name of a file of this set.
    pub(super) fn claims(&self, name: &str) -> bool {
        self.train.contains(&name) || name == self.test || name == self.names
    }

    /// Reads the set in `directory`.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub(super) fn open(&self, directory: &Path) -> Result<Dataset> {
        let mut train = Split::default();
        for name in self.train {
            let path = directory.join(name);
            if path.exists() || !self.partly {
                self.append(&path, &mut train)?;
            }
        }
        if train.is_empty() {
            let what = format!("{} has no training batch", directory.display());
            return Err(Error::new(what, format!("put at least one there; a set is {}", self.looks_for)));
        }
        let mut test = Split::default();
        self.append(&directory.join(self.test), &mut test)?;
        let classes = match bounded::names(&directory.join(self.names), self.classes)? {
            Some(names) => names,
            None if self.classes == 10 => CIFAR_10_NAMES.map(String::from).to_vec(),
            None => (0..self.classes).map(|label| format!("class {label}")).collect(),
        };
        Dataset::new(self.name, SHAPE, classes, train, test)
            .map_err(|error| error.within(directory.display()))
    }

    /// Appends all records of the file at `path`.
    fn append(&self, path: &Path, split: &mut Split) -> Result<()> {
        let bytes = bounded::read(path, bounded::MAX_BYTES)?;
        let record = self.label_bytes + SHAPE.len();
        if bytes.is_empty() || bytes.len() % record != 0 {
            let what = format!(
                "{} has {} bytes, which is not a whole number of records of {record}",
                path.display(),
                bytes.len()
            );
            let help = "the file is damaged or its download was cut short; fetch the binary version again";
            return Err(Error::new(what, help));
        }
        let labels: Vec<u8> = bytes.chunks_exact(record).map(|record| record[self.label_bytes - 1]).collect();
        check_labels(&labels, self.classes).map_err(|error| error.within(path.display()))?;
        split.labels.extend(labels);
        let images = Arc::make_mut(&mut split.images);
        images.reserve_exact(bytes.len() / record * SHAPE.len());
        for record in bytes.chunks_exact(record) {
            images.extend_from_slice(&record[self.label_bytes..]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Records whose labels are given; image `i` is filled with `10 + i`.
    fn records(labels: &[&[u8]]) -> Vec<u8> {
        let image = |i: usize| vec![10 + i as u8; SHAPE.len()];
        labels.iter().enumerate().flat_map(|(i, label)| [label.to_vec(), image(i)].concat()).collect()
    }

    fn write(dir: &TempDir, name: &str, bytes: &[u8]) {
        fs::write(dir.path().join(name), bytes).unwrap();
    }

    fn ten() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        write(&dir, "data_batch_2.bin", &records(&[&[3], &[9]]));
        write(&dir, "data_batch_5.bin", &records(&[&[0]]));
        write(&dir, "test_batch.bin", &records(&[&[7]]));
        dir
    }

    #[test]
    fn batches_that_are_there_are_joined_in_order() {
        let data = CIFAR_10.open(ten().path()).unwrap();
        assert_eq!(data.train.labels, [3, 9, 0]);
        assert_eq!([0, 1, 2].map(|i| data.train.image(i)[3071]), [10, 11, 10]);
        assert_eq!((data.test.labels[0], data.classes[9].as_str(), data.shape), (7, "truck", SHAPE));
    }

    #[test]
    fn names_come_from_the_meta_file() {
        let dir = ten();
        write(&dir, "batches.meta.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
        assert_eq!(CIFAR_10.open(dir.path()).unwrap().classes[9], "j");
        write(&dir, "batches.meta.txt", b"a\nb\n");
        assert!(CIFAR_10.open(dir.path()).unwrap_err().what().contains("2 class names where 10 belong"));
    }

    #[test]
    fn of_two_labels_the_fine_one_counts() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir, "train.bin", &records(&[&[19, 99], &[200, 5]]));
        write(&dir, "test.bin", &records(&[&[1, 2]]));
        let data = CIFAR_100.open(dir.path()).unwrap();
        assert_eq!((data.train.labels, data.test.labels), (vec![99, 5], vec![2]));
        assert_eq!((data.classes.len(), data.classes[99].as_str()), (100, "class 99"));
    }

    #[test]
    fn damaged_files_are_errors() {
        let whole = records(&[&[3], &[9]]);
        let cases: [(Vec<u8>, &str); 4] = [
            (whole[..whole.len() - 1].to_vec(), "6145 bytes"),
            ([&whole[..], &[0]].concat(), "6147 bytes"),
            (Vec::new(), "0 bytes"),
            (records(&[&[3], &[10]]), "label 10 of image 1 is out of range"),
        ];
        for (bytes, what) in cases {
            let dir = ten();
            write(&dir, "data_batch_5.bin", &bytes);
            let error = CIFAR_10.open(dir.path()).unwrap_err();
            assert!(error.what().contains(what) && error.what().contains("data_batch_5.bin"), "{error}");
        }
    }

    #[test]
    fn missing_files_are_named() {
        let dir = ten();
        fs::remove_file(dir.path().join("test_batch.bin")).unwrap();
        assert!(CIFAR_10.open(dir.path()).unwrap_err().what().contains("test_batch.bin"));
        let dir = tempfile::tempdir().unwrap();
        write(&dir, "test_batch.bin", &records(&[&[7]]));
        assert!(CIFAR_10.open(dir.path()).unwrap_err().what().contains("no training batch"));
        write(&dir, "test.bin", &records(&[&[7, 7]]));
        assert!(CIFAR_100.open(dir.path()).unwrap_err().what().contains("train.bin"));
    }
}
