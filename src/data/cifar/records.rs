//! A file of records: one or two label bytes, then an image of 3×32×32 bytes.

use std::path::Path;

use crate::data::bounded;
use crate::data::dataset::ImageShape;
use crate::error::{Error, Result};

/// Shape of every image.
pub(super) const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

/// Labels of each image in a file: one, or two of which one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub(super) enum LabelKind {
    Only,
    Fine,
    Coarse,
}

impl LabelKind {
    /// Number of classes where nothing names them.
    pub(super) fn classes(self) -> usize {
        match self {
            Self::Only => 10,
            Self::Fine => 100,
            Self::Coarse => 20,
        }
    }

    /// The kind of labels in a file that has two for each image or one.
    ///
    /// # Errors
    /// When coarse ones are asked for where there is one.
    pub(super) fn of(two: bool, coarse: bool) -> Result<Self> {
        match (two, coarse) {
            (true, true) => Ok(Self::Coarse),
            (true, false) => Ok(Self::Fine),
            (false, false) => Ok(Self::Only),
            (false, true) => Err(Error::new(
                "it has one label for each image, none of them coarse",
                "leave out labels=coarse",
            )),
        }
    }
}

/// Images and labels of a file.
pub(super) struct Records {
    pub images: Vec<u8>,
    pub labels: Vec<u8>,
    pub kind: LabelKind,
}

/// Reads the file at `path`, which has two labels for each image or one; its length has the last word.
///
/// # Errors
/// When it cannot be read or has no whole number of records.
pub(super) fn read(path: &Path, has_two: bool, coarse: bool) -> Result<Records> {
    let bytes = bounded::read(path, bounded::MAX_BYTES)?;
    let record = |two: bool| SHAPE.len() + if two { 2 } else { 1 };
    let fits = |two: &bool| !bytes.is_empty() && bytes.len().is_multiple_of(record(*two));
    let Some(two) = [has_two, !has_two].into_iter().find(fits) else {
        let what = format!(
            "{} has {} bytes, which is not a whole number of records of {}",
            path.display(),
            bytes.len(),
            record(has_two)
        );
        let help = "the file is damaged or its download was cut short; fetch the binary version again";
        return Err(Error::new(what, help));
    };
    let kind = LabelKind::of(two, coarse).map_err(|error| error.within(path.display()))?;
    let records = || bytes.chunks_exact(record(two));
    let label = usize::from(kind == LabelKind::Fine);
    let labels = records().map(|record| record[label]).collect();
    let mut images = Vec::with_capacity(bytes.len());
    records().for_each(|record| images.extend_from_slice(&record[record.len() - SHAPE.len()..]));
    Ok(Records { images, labels, kind })
}
