//! CIFAR-10, CIFAR-100 and sets like them: records of bytes, or pickles of Python.
//!
//! | behavior of the files | set | source | what is done |
//! | --- | --- | --- | --- |
//! | records of 1 label and 3072 bytes: red, green, blue, each row by row | `data_batch_1.bin` to `5`, `test_batch.bin` | CIFAR-10, binary version | those batches that are there are joined |
//! | records of 2 labels, coarse and fine | `train.bin`, `test.bin` | CIFAR-100, binary version | the fine one counts, with `?labels=coarse` the coarse one |
//! | a record's length, not the name, says how many labels there are | sets in the same form | | read |
//! | names of the classes, one a line, some blank lines after them | `batches.meta.txt`, `fine_label_names.txt`, `coarse_label_names.txt` | both | as many classes as names |
//! | a dict of `data`, uint8 `[n, 3072]` of planes, and `labels` | `data_batch_1` to `5`, `test_batch`, `batches.meta` | CIFAR-10, Python version: protocol 2 of Python 2 | read, never run |
//! | `fine_labels` and `coarse_labels` | `train`, `test`, `meta` | CIFAR-100, Python version | as above |
//!
//! Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

mod batch;
mod records;
#[cfg(test)]
mod tests;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

use super::bounded;
use super::dataset::{Dataset, Split, check_labels};
use super::report::Report;
use records::{LabelKind, SHAPE};

/// One of the sets in one of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    name: &'static str,
    /// Training files; all must be there, or with `partly` at least one.
    train: &'static [&'static str],
    partly: bool,
    test: &'static str,
    /// Files with the names of the classes: of those of the set, and of the coarse ones.
    names: [&'static str; 2],
    has_two: bool,
    is_pickle: bool,
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
    names: ["batches.meta.txt"; 2],
    has_two: false,
    is_pickle: false,
    looks_for: "data_batch_1.bin to data_batch_5.bin and test_batch.bin (CIFAR-10, binary version)",
};

/// A hundred classes, two label bytes: coarse, fine.
pub(super) const CIFAR_100: Version = Version {
    name: "cifar-100",
    train: &["train.bin"],
    partly: false,
    test: "test.bin",
    names: ["fine_label_names.txt", "coarse_label_names.txt"],
    has_two: true,
    is_pickle: false,
    looks_for: "train.bin and test.bin (CIFAR-100, binary version)",
};

/// Ten classes, pickled.
pub(super) const CIFAR_10_PYTHON: Version = Version {
    name: "cifar-10",
    train: &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"],
    partly: true,
    test: "test_batch",
    names: ["batches.meta"; 2],
    has_two: false,
    is_pickle: true,
    looks_for: "data_batch_1 to data_batch_5 and test_batch (CIFAR-10, Python version)",
};

/// A hundred classes, pickled.
pub(super) const CIFAR_100_PYTHON: Version = Version {
    name: "cifar-100",
    train: &["train"],
    partly: false,
    test: "test",
    names: ["meta"; 2],
    has_two: true,
    is_pickle: true,
    looks_for: "train and test (CIFAR-100, Python version)",
};

/// The classes of CIFAR-10, for a directory without their names.
const CIFAR_10_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

impl Version {
    /// True for the name of a file of this set.
    pub(super) fn claims(&self, name: &str) -> bool {
        self.train.contains(&name) || name == self.test || self.names.contains(&name)
    }

    /// True for a file of this name that begins as a pickle does.
    pub(super) fn claims_pickle(&self, path: &Path) -> bool {
        let named = path.file_name().is_some_and(|name| self.claims(&name.to_string_lossy()));
        let starts = || {
            let mut start = [0; 2];
            let (mut file, _) = bounded::open(path, bounded::MAX_BYTES).ok()?;
            file.read_exact(&mut start).ok()?;
            Some(start[0] == 0x80 && start[1] <= 9)
        };
        named && starts().unwrap_or(false)
    }

    /// Reads the set in `directory`, with coarse labels where they are asked for.
    ///
    /// # Errors
    /// When a file is missing or damaged, or has no coarse labels.
    pub(super) fn open(&self, directory: &Path, coarse: bool) -> Result<Dataset> {
        let names = self.names_in(directory, coarse)?;
        let mut reader = FileReader { version: self, coarse, names: names.as_ref(), kind: None };
        let mut train = Split::default();
        for name in self.train {
            let path = directory.join(name);
            if path.exists() || !self.partly {
                reader.append(&path, &mut train)?;
            }
        }
        if train.is_empty() {
            let what = format!("{} has no training batch", directory.display());
            return Err(Error::new(what, format!("put at least one there; a set is {}", self.looks_for)));
        }
        let mut test = Split::default();
        reader.append(&directory.join(self.test), &mut test)?;
        let kind = reader.kind.unwrap_or(LabelKind::Only);
        let classes = match names {
            Some((_, names)) => names,
            None if kind == LabelKind::Only => CIFAR_10_NAMES.map(String::from).to_vec(),
            None => (0..kind.classes()).map(|label| format!("class {label}")).collect(),
        };
        let data = Dataset::new(self.name, SHAPE, classes, train, test)
            .map_err(|error| error.within(directory.display()))?;
        let mut report = Report::default();
        if kind != LabelKind::Only {
            report.note(format!("of the fine and the coarse labels the {kind} ones count"));
        }
        Ok(Dataset { report, ..data })
    }

    /// The file with the names of the classes, and these; none where there is no such file.
    fn names_in(&self, directory: &Path, coarse: bool) -> Result<Option<(PathBuf, Vec<String>)>> {
        let path = directory.join(self.names[usize::from(coarse)]);
        let names = match (self.is_pickle, self.has_two, coarse) {
            (false, ..) => bounded::names(&path)?,
            _ if !path.exists() => None,
            (true, true, true) => Some(batch::names(&path, "coarse_label_names")?),
            (true, true, false) => Some(batch::names(&path, "fine_label_names")?),
            (true, false, _) => Some(batch::names(&path, "label_names")?),
        };
        Ok(names.map(|names| (path, names)))
    }
}

/// Reader of the files of a set, all of which have the same kind of labels.
struct FileReader<'a> {
    version: &'a Version,
    coarse: bool,
    names: Option<&'a (PathBuf, Vec<String>)>,
    kind: Option<LabelKind>,
}

impl FileReader<'_> {
    /// Appends all images of the file at `path`.
    fn append(&mut self, path: &Path, split: &mut Split) -> Result<()> {
        let Version { has_two, is_pickle, .. } = *self.version;
        let read = if is_pickle { batch::read } else { records::read };
        let records = read(path, has_two, self.coarse)?;
        if *self.kind.get_or_insert(records.kind) != records.kind {
            let what = format!(
                "{} has another number of labels for each image than the file before it",
                path.display()
            );
            return Err(Error::new(what, "take all files from the same set"));
        }
        let count = self.names.map_or(records.kind.classes(), |(_, names)| names.len());
        check_labels(&records.labels, count).map_err(|error| match self.names {
            Some((names, _)) => {
                error.within(format!("{} by the names in {}", path.display(), names.display()))
            }
            None => error.within(path.display()),
        })?;
        split.labels.extend(records.labels);
        if split.images.is_empty() {
            split.images = records.images.into();
        } else {
            Arc::make_mut(&mut split.images).extend(records.images);
        }
        Ok(())
    }
}
