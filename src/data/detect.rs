//! Format detection: the data set that a name or a path means, by the names of the files in a directory.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

use super::dataset::Dataset;
use super::{cifar, digits, idx, shapes};

/// The built-in data sets: name and description.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        (
            "shapes",
            "Ten classes of figures in color, 3×32×32, drawn from a seed: 50 000 to learn, 10 000 to test.",
        ),
        ("digits", "Handwritten digits, 1×8×8, from the UCI repository: 1 500 to learn, 297 to test."),
    ]
}

impl Dataset {
    /// Opens a built-in data set by name, or one on disk by its directory (or any file of it).
    ///
    /// # Errors
    /// When `source` is neither; when the directory holds no known data set, or several; when a file
    /// is missing, damaged, too short, too long, larger than 2 GiB, or does not go with the others.
    pub fn open(source: &str) -> Result<Self> {
        match source {
            "shapes" => shapes::generate(shapes::SEED, shapes::TRAIN, shapes::TEST),
            "digits" => digits::dataset(),
            path => open(Path::new(path)),
        }
    }

    /// True if the file `path` is named as one of a data set.
    pub fn has_file_of(path: &Path) -> bool {
        path.file_name().is_some_and(|name| FORMATS.iter().any(|f| f.claims(&name.to_string_lossy())))
    }
}

/// Format of a data set on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Idx,
    Cifar(cifar::Version),
}

const FORMATS: [Format; 3] = [Format::Idx, Format::Cifar(cifar::CIFAR_10), Format::Cifar(cifar::CIFAR_100)];

impl Format {
    fn claims(&self, name: &str) -> bool {
        match self {
            Self::Idx => idx::claims(name),
            Self::Cifar(version) => version.claims(name),
        }
    }

    fn looks_for(&self) -> &'static str {
        match self {
            Self::Idx => idx::LOOKS_FOR,
            Self::Cifar(version) => version.looks_for,
        }
    }

    fn open(&self, directory: &Path) -> Result<Dataset> {
        match self {
            Self::Idx => idx::open(directory),
            Self::Cifar(version) => version.open(directory),
        }
    }
}

/// Opens the data set in the directory `path`, or the one that the file `path` belongs to.
///
/// # Errors
/// When there is no such path, no known data set there, or several; and those of the readers.
fn open(path: &Path) -> Result<Dataset> {
    if !path.exists() {
        return Err(missing(path));
    }
    if path.is_dir() {
        return in_directory(path)?.open(path);
    }
    let format = path.file_name().and_then(|name| FORMATS.iter().find(|f| f.claims(&name.to_string_lossy())));
    let Some(format) = format else {
        let what = format!("{} is a file of no known data set", path.display());
        return Err(Error::new(
            what,
            format!("name the directory of a data set (unpacked): {}", all_formats()),
        ));
    };
    // A bare file name has the empty path for a parent.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    format.open(parent.unwrap_or(Path::new(".")))
}

/// The only format with files in `directory`.
fn in_directory(directory: &Path) -> Result<Format> {
    let cannot = |error: &std::io::Error| Error::io("read", directory, error);
    let mut found = [false; FORMATS.len()];
    let mut empty = true;
    for entry in fs::read_dir(directory).map_err(|error| cannot(&error))? {
        let name = entry.map_err(|error| cannot(&error))?.file_name();
        empty = false;
        for (found, format) in found.iter_mut().zip(FORMATS) {
            *found |= format.claims(&name.to_string_lossy());
        }
    }
    let formats: Vec<Format> =
        FORMATS.into_iter().zip(found).filter(|(_, found)| *found).map(|(f, _)| f).collect();
    match formats[..] {
        [format] => Ok(format),
        [] if empty => {
            let what = format!("{} is an empty directory", directory.display());
            Err(Error::new(what, format!("put a data set there: {}", all_formats())))
        }
        [] => {
            let what = format!("{} holds no known data set", directory.display());
            Err(Error::new(what, format!("what was looked for: {}", all_formats())))
        }
        _ => {
            let found: Vec<&str> = formats.iter().map(Format::looks_for).collect();
            let what =
                format!("{} holds files of several data sets: {}", directory.display(), found.join("; "));
            Err(Error::new(
                what,
                "name one of the files to say which one, or give each set its own directory",
            ))
        }
    }
}

fn all_formats() -> String {
    FORMATS.map(|format| format.looks_for()).join("; ")
}

/// Error for what is neither a built-in name nor a path.
fn missing(path: &Path) -> Error {
    let names: Vec<&str> = builtin().iter().map(|(name, _)| *name).collect();
    let what = format!("\"{}\" is neither a built-in data set nor a path that exists", path.display());
    Error::new(what, format!("built in are {}; or name the directory of a data set", names.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        dir
    }

    #[test]
    fn one_file_tells_the_format() {
        let cases = [
            ("t10k-labels.idx1-ubyte.gz", FORMATS[0]),
            ("data_batch_4.bin", FORMATS[1]),
            ("batches.meta.txt", FORMATS[1]),
            ("test.bin", FORMATS[2]),
        ];
        for (name, format) in cases {
            assert_eq!(in_directory(directory(&[name, "readme.html"]).path()).unwrap(), format);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_built_in_ones() {
        let error = open(Path::new("mnsit")).unwrap_err();
        assert!(error.what().contains("\"mnsit\" is neither"));
        assert!(error.help().contains("shapes and digits") && error.help().contains("directory"));
        assert!(open(Path::new("")).is_err());
    }

    #[test]
    fn directories_without_a_set_say_what_was_looked_for() {
        let error = open(directory(&[]).path()).unwrap_err();
        assert!(error.what().contains("empty directory"), "{error}");
        for names in [&["data_batch_1"][..], &["cat.png", "data_batch_6.bin", "train.bin.gz"]] {
            let error = open(directory(names).path()).unwrap_err();
            assert!(error.what().contains("no known data set"), "{error}");
            assert!(
                error.help().contains("test_batch.bin") && error.help().contains("train-images-idx3-ubyte")
            );
        }
    }

    #[test]
    fn several_sets_in_one_directory_are_told_apart_by_a_file() {
        let dir = directory(&["test_batch.bin", "train.bin"]);
        let error = open(dir.path()).unwrap_err();
        assert!(error.what().contains("several") && error.what().contains("CIFAR-100"), "{error}");
        let error = open(&dir.path().join("train.bin")).unwrap_err();
        assert!(error.what().contains("train.bin has 0 bytes"), "{error}");
    }

    #[test]
    fn a_file_of_no_set_is_an_error() {
        let dir = directory(&["cifar-10-binary.tar.gz"]);
        let error = open(&dir.path().join("cifar-10-binary.tar.gz")).unwrap_err();
        assert!(error.what().contains("file of no known data set") && error.help().contains("unpacked"));
    }
}
