//! The IDX format of MNIST and its relatives, raw or gzipped, as four files in one directory.
//!
//! A file is: two zero bytes, the element type (8: unsigned byte), the rank `r`; `r` sizes as
//! big-endian u32; then the values, last index fastest. Images are `[n, y, x]`, labels `[n]`.
//! Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::bounded;
use super::dataset::{Dataset, ImageShape, Split, check_labels};
use super::gzip::{GzipReader, is_gzip};

/// Stems of the image and label files of each split, without the part that says the rank.
const STEMS: [(&str, &str); 2] = [("train-images", "train-labels"), ("t10k-images", "t10k-labels")];
/// Largest height or width of an image in pixels.
const MAX_SIDE: usize = 4096;
/// Classes of the sets in this format that are read here.
const CLASSES: usize = 10;

const FASHION: [&str; CLASSES] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, each with or without .gz (MNIST)";

/// True for the name of a file of a set in this format.
pub(super) fn claims(name: &str) -> bool {
    let stems = STEMS.iter().flat_map(|(images, labels)| [(*images, 3), (*labels, 1)]);
    stems.into_iter().any(|(stem, rank)| spellings(stem, rank).any(|spelling| spelling == name))
}

/// File names in use: with a dash or a dot, raw or gzipped.
fn spellings(stem: &str, rank: usize) -> impl Iterator<Item = String> {
    ["", ".gz"].into_iter().flat_map(move |end| {
        ["-", "."].into_iter().map(move |joint| format!("{stem}{joint}idx{rank}-ubyte{end}"))
    })
}

/// Reads the set in `directory`.
///
/// # Errors
/// When one of the four files is missing, damaged, or does not go with the others.
pub(super) fn open(directory: &Path) -> Result<Dataset> {
    let (train, train_shape) = read_split(directory, STEMS[0])?;
    let (test, test_shape) = read_split(directory, STEMS[1])?;
    if train_shape != test_shape {
        return Err(Error::new(
            format!("{}: training images are {train_shape}, test images {test_shape}", directory.display()),
            "take all four files from the same set",
        ));
    }
    let (name, classes) = if is_fashion(directory) {
        ("fashion-mnist", FASHION.map(String::from).to_vec())
    } else {
        ("mnist", (0..CLASSES).map(|digit| digit.to_string()).collect())
    };
    Dataset::new(name, train_shape, classes, train, test).map_err(|error| error.within(directory.display()))
}

/// True if the directory or its parent (as in `FashionMNIST/raw`) is named for Fashion-MNIST.
fn is_fashion(directory: &Path) -> bool {
    let full = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
    let mut last_two = full.iter().rev().take(2);
    last_two.any(|part| part.to_string_lossy().to_lowercase().contains("fashion"))
}

fn read_split(directory: &Path, (images, labels): (&str, &str)) -> Result<(Split, ImageShape)> {
    let image_path = find(directory, images, 3)?;
    let label_path = find(directory, labels, 1)?;
    let (sizes, images) = read(&image_path, 3)?;
    let (_, labels) = read(&label_path, 1)?;
    check_labels(&labels, CLASSES).map_err(|error| error.within(label_path.display()))?;
    if sizes[0] != labels.len() {
        let what = format!(
            "{} has {} images, but {} has {} labels",
            image_path.display(),
            sizes[0],
            label_path.display(),
            labels.len()
        );
        return Err(Error::new(what, "take both files from the same set"));
    }
    Ok((
        Split { images: images.into(), labels },
        ImageShape { channels: 1, height: sizes[1], width: sizes[2] },
    ))
}

fn find(directory: &Path, stem: &str, rank: usize) -> Result<PathBuf> {
    // Some archives unpack each file into a folder of its name.
    let places = |name: String| [directory.join(&name), directory.join(&name).join(name)];
    let places = || spellings(stem, rank).flat_map(places);
    let found = places().find(|path| path.is_file()).or_else(|| places().find(|path| path.exists()));
    found.ok_or_else(|| {
        let what = format!("{} has no {stem}-idx{rank}-ubyte, raw or gzipped", directory.display());
        Error::new(what, format!("put the missing file there; a set is {LOOKS_FOR}"))
    })
}

/// The sizes and the values of an IDX file of rank `rank`.
fn read(path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let (file, len) = bounded::open(path, bounded::MAX_BYTES)?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| Error::io("read", path, &error))?;
    // By content, not by name: browsers and archivers unpack files and leave the name as it was.
    if is_gzip(start) {
        parse(&mut GzipReader::new(file, bounded::MAX_BYTES + 4096), rank, None)
    } else {
        parse(&mut file, rank, Some(len))
    }
    .map_err(|error| error.within(path.display()))
}

/// Reads header and values; `len` is the length of the whole in bytes where it is known beforehand.
fn parse(source: &mut dyn Read, rank: usize, len: Option<u64>) -> Result<(Vec<usize>, Vec<u8>)> {
    let mut header = vec![0; 4 + 4 * rank];
    source.read_exact(&mut header).map_err(|error| unreadable(&error, "header"))?;
    if header[..4] != [0, 0, 8, rank as u8] {
        let what = format!("starts with {:02x?}, not with {:02x?}", &header[..4], [0, 0, 8, rank]);
        let help = "this is not the IDX file it is named after; fetch it again";
        return Err(Error::new(what, help));
    }
    let sizes: Vec<usize> =
        header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let count = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let count = count.filter(|&count| {
        count > 0 && count as u64 <= bounded::MAX_BYTES && sizes[1..].iter().all(|&side| side <= MAX_SIDE)
    });
    let Some(count) = count else {
        let what = format!("the header claims the sizes {sizes:?}");
        return Err(Error::new(what, "the file is damaged; fetch it again"));
    };
    let expected = (header.len() + count) as u64;
    if let Some(len) = len.filter(|&len| len != expected) {
        return Err(wrong_length(&sizes, len, expected));
    }
    let mut values = Vec::new();
    // One byte more than belongs there: it shows that there is more, and otherwise makes gzip check its sum.
    source.take(count as u64 + 1).read_to_end(&mut values).map_err(|error| unreadable(&error, "values"))?;
    if values.len() == count {
        Ok((sizes, values))
    } else {
        Err(wrong_length(&sizes, (header.len() + values.len()) as u64, expected))
    }
}

fn wrong_length(sizes: &[usize], len: u64, expected: u64) -> Error {
    let amount = if len < expected { format!("has only {len}") } else { format!("has {len} or more") };
    let what = format!("sizes {sizes:?} take {expected} bytes, but the file {amount}");
    Error::new(what, "the file is damaged, or its download was cut short; fetch it again")
}

fn unreadable(error: &std::io::Error, part: &str) -> Error {
    let what = match error.kind() {
        ErrorKind::UnexpectedEof => format!("the file ends within its {part}"),
        _ => format!("cannot read its {part}: {error}"),
    };
    Error::new(what, "the file is damaged, or its download was cut short; fetch it again")
}

#[cfg(test)]
mod tests;
