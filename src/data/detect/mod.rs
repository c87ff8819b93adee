//! Format detection: the data set that a name or a path means, by the names of the files in a folder, or of its folders.
//!
//! Each format is a row of [`FORMATS`]. Where a folder holds none, those in it are looked at, and those in them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::dataset::Dataset;
use super::source::{OPTIONS, Reading, Source};
use super::{cifar, digits, fit, folder, idx, mat, npz, parquet, shapes, stl, tensors};

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

/// The formats of data sets on disk: the files of each.
pub fn formats() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().map(|format| format.looks_for)
}

impl Dataset {
    /// Opens a built-in data set by name, or one on disk by its folder (or any file of it); see [`Source`] for the options that may follow.
    ///
    /// # Errors
    /// When `source` is neither; when the folder and those in it hold no known data set, or several; when a file
    /// is missing, damaged, too short, too long, larger than 2 GiB, or does not go with the others.
    pub fn open(source: &str) -> Result<Self> {
        let Source { path, reading } = Source::parse(source);
        let data = match path.as_str() {
            "shapes" => shapes::generate(shapes::SEED, shapes::TRAIN, shapes::TEST),
            "digits" => digits::dataset(),
            path => open(Path::new(path), &reading),
        }?;
        let data = match reading.size {
            Some(size) => fit::resized(data, size, reading.fit)?,
            None => data,
        };
        data.report.say();
        Ok(data)
    }

    /// True if the file `path` is named as one of a data set; a Parquet file, which may be of other rows, must have images.
    pub fn has_file_of(path: &Path) -> bool {
        let claims = |format: &Format| format.claims_file(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        FORMATS.iter().any(claims) && (!parquet::claims(&name) || parquet::has_images(path))
    }
}

/// A data set on disk: its folder, and the file by which it was named, if it was.
struct Place<'a> {
    folder: &'a Path,
    file: Option<&'a Path>,
}

impl Place<'_> {
    /// The file that was named, or the only one in the folder that is a set.
    fn only(&self, claims: fn(&str) -> bool) -> Result<PathBuf> {
        if let Some(file) = self.file {
            return Ok(file.to_owned());
        }
        let entries = fs::read_dir(self.folder).map_err(|error| Error::io("read", self.folder, &error))?;
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| claims(&name.to_string_lossy()));
        let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(named).collect();
        found.sort();
        match &found[..] {
            [only] => Ok(only.clone()),
            _ => {
                let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
                let what = format!("{} holds several data sets", self.folder.display());
                Err(Error::new(what, format!("name one of them: {}", names.join(", "))))
            }
        }
    }
}

/// Signs of a format.
#[derive(Clone, Copy)]
enum Signs {
    /// By the name of a file of it.
    File(fn(&str) -> bool),
    /// By the name of a file of it, and by how the file begins, where the name alone may mean other things.
    Content(fn(&Path) -> bool),
    /// By what a folder holds.
    Folder(fn(&Path) -> bool),
    /// By the ending of a file, which may lie beside other things: it counts where the other signs are missing.
    Ending(fn(&str) -> bool),
}

/// Format of a data set on disk.
struct Format {
    /// Files of a set, for messages.
    looks_for: &'static str,
    signs: Signs,
    open: fn(&Place<'_>, &Reading) -> Result<Dataset>,
}

/// The formats that are read.
const FORMATS: &[Format] = &[
    Format {
        looks_for: idx::LOOKS_FOR,
        signs: Signs::File(idx::claims),
        open: |place, reading| idx::open(place.folder, place.file, reading.split),
    },
    Format {
        looks_for: cifar::CIFAR_10.looks_for,
        signs: Signs::File(|name| cifar::CIFAR_10.claims(name)),
        open: |place, reading| cifar::CIFAR_10.open(place.folder, reading.coarse),
    },
    Format {
        looks_for: cifar::CIFAR_100.looks_for,
        signs: Signs::File(|name| cifar::CIFAR_100.claims(name)),
        open: |place, reading| cifar::CIFAR_100.open(place.folder, reading.coarse),
    },
    Format {
        looks_for: cifar::CIFAR_10_PYTHON.looks_for,
        signs: Signs::Content(|path| cifar::CIFAR_10_PYTHON.claims_pickle(path)),
        open: |place, reading| cifar::CIFAR_10_PYTHON.open(place.folder, reading.coarse),
    },
    Format {
        looks_for: cifar::CIFAR_100_PYTHON.looks_for,
        signs: Signs::Content(|path| cifar::CIFAR_100_PYTHON.claims_pickle(path)),
        open: |place, reading| cifar::CIFAR_100_PYTHON.open(place.folder, reading.coarse),
    },
    Format {
        looks_for: stl::LOOKS_FOR,
        signs: Signs::File(stl::claims),
        open: |place, _| stl::open(place.folder),
    },
    Format {
        looks_for: mat::LOOKS_FOR,
        signs: Signs::File(mat::claims),
        open: |place, _| mat::open(place.folder),
    },
    Format {
        looks_for: tensors::LOOKS_FOR,
        signs: Signs::Ending(tensors::claims),
        open: |place, _| tensors::open(&place.only(tensors::claims)?),
    },
    Format {
        looks_for: npz::LOOKS_FOR,
        signs: Signs::Ending(npz::claims),
        open: |place, _| npz::open(&place.only(npz::claims)?),
    },
    Format {
        looks_for: parquet::LOOKS_FOR,
        signs: Signs::Ending(parquet::claims),
        open: |place, reading| parquet::open(place.folder, place.file, reading),
    },
    Format {
        looks_for: parquet::LOOKS_FOR_FOLDERS,
        signs: Signs::Folder(parquet::claims_folder),
        open: |place, reading| parquet::open(place.folder, place.file, reading),
    },
    Format {
        looks_for: folder::LOOKS_FOR,
        signs: Signs::Folder(folder::claims),
        open: |place, reading| folder::open(place.folder, reading),
    },
];

/// Folders within folders that are looked at.
const MAX_DEPTH: usize = 2;
/// Folders that are looked at on each level at most.
const MAX_FOLDERS: usize = 1000;

impl Format {
    fn claims_file(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match self.signs {
            Signs::File(claims) | Signs::Ending(claims) => claims(&name),
            Signs::Content(claims) => claims(path),
            Signs::Folder(_) => false,
        }
    }

    /// The formats of which something lies in `folder`.
    fn in_folder(folder: &Path) -> Result<Vec<&'static Self>> {
        let cannot = |error: &std::io::Error| Error::io("read", folder, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| cannot(&error))? {
            names.push(entry.map_err(|error| cannot(&error))?.file_name().to_string_lossy().into_owned());
        }
        let any = |claims: fn(&str) -> bool| names.iter().any(|name| claims(name));
        let holds = |claims: fn(&Path) -> bool| names.iter().any(|name| claims(&folder.join(name)));
        let signs: [&dyn Fn(Signs) -> bool; 3] = [
            &|signs| match signs {
                Signs::File(claims) => any(claims),
                Signs::Content(claims) => holds(claims),
                _ => false,
            },
            &|signs| matches!(signs, Signs::Folder(claims) if claims(folder)),
            &|signs| matches!(signs, Signs::Ending(claims) if any(claims)),
        ];
        let found = signs.iter().map(|sign| FORMATS.iter().filter(|format| sign(format.signs)).collect());
        Ok(found.into_iter().find(|found: &Vec<&Self>| !found.is_empty()).unwrap_or_default())
    }
}

/// Opens the data set in the folder `path` or below, or the one that the file `path` belongs to.
///
/// # Errors
/// When there is no such path, no known data set there, or several; and those of the readers.
fn open(path: &Path, reading: &Reading) -> Result<Dataset> {
    if !path.exists() {
        return Err(missing(path));
    }
    let check = |format: &Format| {
        let option = match (reading.split, reading.coarse) {
            (Some(split), _) if !format.looks_for.contains("EMNIST") => format!("split={split}"),
            (_, true) if !format.looks_for.contains("CIFAR") => "labels=coarse".to_owned(),
            _ => return Ok(()),
        };
        let what = format!("{}: it has no {option}: it is {}", path.display(), format.looks_for);
        Err(Error::new(what, "leave the option out: split= is for EMNIST, labels= for CIFAR-100"))
    };
    if path.is_dir() {
        let (folder, format) = find(path)?;
        check(format)?;
        let mut data = (format.open)(&Place { folder: &folder, file: None }, reading)?;
        if folder != path {
            data.report.notes.insert(0, format!("the data set is that in {}", folder.display()));
        }
        return Ok(data);
    }
    let Some(format) = FORMATS.iter().find(|format| format.claims_file(path)) else {
        let what = format!("{} is a file of no known data set", path.display());
        return Err(Error::new(what, format!("name the folder of a data set (unpacked): {}", all_formats())));
    };
    // A bare file name has the empty path for a parent.
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check(format)?;
    (format.open)(&Place { folder, file: Some(path) }, reading)
}

/// The only data set in `root`, or else in the folders in it, or in those in them.
fn find(root: &Path) -> Result<(PathBuf, &'static Format)> {
    let mut level = vec![root.to_owned()];
    for _ in 0..=MAX_DEPTH {
        let mut found = Vec::new();
        for folder in &level {
            let here = match Format::in_folder(folder) {
                Err(error) if folder == root => return Err(error),
                here => here.unwrap_or_default(),
            };
            if let [_, _, ..] = here[..] {
                return Err(several(folder, &here));
            }
            found.extend(here.into_iter().map(|format| (folder.clone(), format)));
        }
        match found.len() {
            0 => {}
            1 => return Ok(found.remove(0)),
            _ => {
                let names: Vec<String> = found.iter().map(|(path, _)| path.display().to_string()).collect();
                let what = format!("{} holds several data sets", root.display());
                return Err(Error::new(what, format!("name one of them: {}", names.join(", "))));
            }
        }
        level = level.iter().flat_map(|folder| folder::folders(folder).unwrap_or_default()).collect();
        level.truncate(MAX_FOLDERS);
    }
    let shown = root.display();
    if fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none()) {
        let what = format!("{shown} is an empty directory");
        return Err(Error::new(what, format!("put a data set there: {}", all_formats())));
    }
    match folder::loose_images(root) {
        0 => {
            let what = format!("{shown} holds no known data set");
            Err(Error::new(what, format!("what was looked for: {}", all_formats())))
        }
        images => {
            let what =
                format!("{shown} holds no known data set: its {images} images are in no folders of classes");
            let help = "put the images of each class into a folder of its name; looked for were: ";
            Err(Error::new(what, help.to_owned() + &all_formats()))
        }
    }
}

fn several(folder: &Path, formats: &[&Format]) -> Error {
    let found: Vec<&str> = formats.iter().map(|format| format.looks_for).collect();
    let what = format!("{} holds files of several data sets: {}", folder.display(), found.join("; "));
    Error::new(what, "name one of the files to say which one, or give each set its own directory")
}

fn all_formats() -> String {
    formats().collect::<Vec<_>>().join("; ")
}

/// Error for what is neither a built-in name nor a path.
fn missing(path: &Path) -> Error {
    let text = path.to_string_lossy();
    if let Some((path, option)) = text.rsplit_once('?').filter(|(path, _)| Path::new(path).exists()) {
        let what = format!("{path}: \"?{option}\" has an option or value that is not known");
        return Error::new(what, format!("options follow a ?, joined by &: {OPTIONS}"));
    }
    let names: Vec<&str> = builtin().iter().map(|(name, _)| *name).collect();
    let what = format!("\"{}\" is neither a built-in data set nor a path that exists", path.display());
    Error::new(what, format!("built in are {}; or name the directory of a data set", names.join(" and ")))
}

#[cfg(test)]
mod tests;
