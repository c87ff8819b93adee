//! A pickled batch: a dict of images and labels.

use std::path::Path;

use super::records::{LabelKind, Records, SHAPE};
use crate::data::arrays::Values;
use crate::data::bounded;
use crate::data::pickle::Pickle;
use crate::error::{Error, Result};

/// Bytes of a file with the names of the classes at most.
const MAX_NAMES: u64 = 1 << 20;

/// Reads the file at `path`, whose images have two labels or one.
///
/// # Errors
/// When it cannot be read, is no such pickle, or its parts do not go together.
pub(super) fn read(path: &Path, has_two: bool, coarse: bool) -> Result<Records> {
    let bytes = bounded::read(path, bounded::MAX_BYTES)?;
    read_batch(bytes, has_two, coarse).map_err(|error| error.within(path.display()))
}

fn read_batch(bytes: Vec<u8>, has_two: bool, coarse: bool) -> Result<Records> {
    let pickle = Pickle::read(bytes)?;
    let two = has_two && !pickle.has("labels");
    let kind = LabelKind::of(two, coarse)?;
    let labels = match kind {
        LabelKind::Only => pickle.integers("labels")?,
        LabelKind::Fine => pickle.integers("fine_labels")?,
        LabelKind::Coarse => pickle.integers("coarse_labels")?,
    };
    let data = pickle.byte_array("data")?;
    let count = data.shape.first().copied().unwrap_or(0);
    let (Values::Bytes(images), true) = (data.values, data.shape[..] == [count, SHAPE.len() as u64]) else {
        let what = format!("its data have the shape {:?}, not [n, {}]", data.shape, SHAPE.len());
        return Err(Error::new(what, "give it images of 3×32×32 bytes, a row each"));
    };
    if labels.len() as u64 != count {
        let what = format!("it has {count} images and {} labels", labels.len());
        return Err(Error::new(what, "the file is damaged; fetch it again"));
    }
    let label = |(image, label): (usize, i64)| {
        u8::try_from(label).map_err(|_| {
            let what = format!("label {label} of image {image} is out of range");
            Error::new(what, "classes are whole numbers from 0 to 255")
        })
    };
    let labels = labels.into_iter().enumerate().map(label).collect::<Result<_>>()?;
    Ok(Records { images, labels, kind })
}

/// The names of the classes in the file at `path`, by the name of their list.
///
/// # Errors
/// When it cannot be read, is no such pickle, or names no classes or more than 256.
pub(super) fn names(path: &Path, list: &str) -> Result<Vec<String>> {
    let bytes = bounded::read(path, MAX_NAMES)?;
    let read = || {
        let names = Pickle::read(bytes)?.texts(list)?;
        if (1..=256).contains(&names.len()) {
            return Ok(names);
        }
        let what = format!("its {list} are {}, where 1 to 256 belong", names.len());
        Err(Error::new(what, "the file is damaged: fetch it again, or remove it"))
    };
    read().map_err(|error: Error| error.within(path.display()))
}
