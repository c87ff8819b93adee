//! One Parquet file: its columns of images and labels.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::cells::{Cell, Cells};
use super::footer::{Footer, Leaf, Physical, RowGroup};
use crate::data::bounded::{self, damaged};
use crate::data::cache::Key;
use crate::error::{Error, Result};

/// Names of the column of images, where nothing describes it.
const IMAGES: [&str; 5] = ["image", "img", "images", "picture", "pixel_values"];
/// Names of the column of labels, and of that of coarse ones.
const LABELS: [&str; 6] = ["label", "labels", "fine_label", "class", "target", "y"];
const COARSE: &str = "coarse_label";
/// The label of a row whose class is kept back.
pub(super) const NO_LABEL: i16 = -1;
/// Bytes of a file at most: rows are read as they come.
const MAX_BYTES: u64 = 1 << 36;

/// A file of a set.
pub(super) struct Shard {
    pub path: PathBuf,
    /// Bytes of it, and the time of the last change in nanoseconds.
    pub len: u64,
    changed: u64,
    /// 0 for training, 1 for validation, 2 for the test.
    pub part: usize,
    /// Groups of rows, with the pages of images and of labels.
    pub groups: Vec<RowGroup>,
    rows: usize,
    /// Names of the columns, for messages.
    pub image: String,
    label: String,
    columns: [Leaf; 2],
    /// Names of the classes, where the file tells them.
    pub classes: Option<Vec<String>>,
}

impl Shard {
    /// Reads the footer of a file of a part: 0 for training, 1 for validation, 2 for the test.
    ///
    /// # Errors
    /// When it is damaged, or has no columns of images and labels.
    pub(super) fn open(path: &Path, part: usize, coarse: bool) -> Result<Self> {
        let (mut file, len) = bounded::open(path, MAX_BYTES)?;
        let changed = file.metadata().ok().and_then(|found| found.modified().ok());
        let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let footer = Footer::read(&mut file, len)?;
        // Each image takes some bytes, unless a damaged file says that they are all the same.
        let rows = usize::try_from(footer.rows).ok().filter(|rows| *rows as u64 <= len);
        let rows = rows.ok_or_else(|| damaged(format!("it has {} rows, more than bytes", footer.rows)))?;
        if rows == 0 {
            return Err(Error::new("it has no rows", "fetch it again, or take it out of the data set"));
        }
        let (image, label) = (image_column(&footer)?, label_column(&footer, coarse)?);
        Ok(Self {
            path: path.to_owned(),
            len,
            changed: changed.map_or(0, |time| time.as_nanos() as u64),
            part,
            groups: footer.row_groups(&[image, label])?,
            rows,
            image: image.root.clone(),
            label: label.root.clone(),
            classes: footer.classes(&label.root),
            columns: [image.clone(), label.clone()],
        })
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds what tells the file from another.
    pub(super) fn add_to(&self, key: &mut Key) {
        let full = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        key.add(full.as_os_str().as_encoded_bytes());
        [self.part as u64, self.len, self.changed].iter().for_each(|number| key.add(&number.to_le_bytes()));
    }

    /// The values of column 0, the images, or 1, the labels, in a group of rows.
    pub(super) fn cells(&self, column: usize, group: usize) -> Result<Cells> {
        let (file, len) = bounded::open(&self.path, MAX_BYTES)?;
        Cells::new(file, len, &self.columns[column], self.groups[group].chunks[column])
    }

    /// The label of each row, or [`NO_LABEL`].
    ///
    /// # Errors
    /// When one is missing or no class.
    pub(super) fn labels(&self) -> Result<Vec<i16>> {
        let within = |error: Error| error.within(format!("column {}", self.label));
        let mut labels = Vec::new();
        for (index, group) in self.groups.iter().enumerate() {
            let mut cells = self.cells(1, index)?;
            for _ in 0..group.rows {
                let label = match cells.next().map_err(within)? {
                    Cell::Int(label) => label,
                    _ => {
                        let what = format!("row {} has no label", labels.len());
                        return Err(within(Error::new(
                            what,
                            "give each image a class, take the row out, or leave out the file if it has none",
                        )));
                    }
                };
                let class = i16::try_from(label).ok().filter(|class| (NO_LABEL..256).contains(class));
                labels.push(class.ok_or_else(|| {
                    let what = format!("{label} of row {} is no class", labels.len());
                    within(Error::new(what, "classes are whole numbers from 0 to 255"))
                })?);
            }
        }
        Ok(labels)
    }
}

/// True if the file at `path` is a Parquet file with a column of images.
pub(in crate::data) fn has_images(path: &Path) -> bool {
    let footer = bounded::open(path, MAX_BYTES).and_then(|(mut file, len)| Footer::read(&mut file, len));
    footer.is_ok_and(|footer| image_column(&footer).is_ok())
}

/// The column of the bytes of images.
fn image_column(footer: &Footer) -> Result<&Leaf> {
    let holds = |column: &&Leaf| {
        column.kind == Physical::Bytes
            && !column.is_list
            && column.member.as_ref().is_none_or(|member| member == "bytes")
    };
    let called = |name: &str| footer.columns.iter().filter(holds).find(|column| column.root == name);
    let described = footer.described_as("Image").find_map(called);
    // Whatever it is called: the only group with bytes.
    let mut groups = footer.columns.iter().filter(holds).filter(|column| column.member.is_some());
    let only = groups.next().filter(|_| groups.next().is_none());
    let found = described.or_else(|| IMAGES.iter().find_map(|name| called(name))).or(only);
    found.ok_or_else(|| {
        let what = format!("it has no column of images; its columns are {}", footer.listed());
        let help = "call it `image`: a group of `bytes`, those of an image file, and `path`, as Hugging Face's datasets write it";
        Error::new(what, help)
    })
}

/// The column of the classes: the coarse one if `coarse`.
fn label_column(footer: &Footer, coarse: bool) -> Result<&Leaf> {
    let called =
        |name: &str| footer.columns.iter().find(|column| column.root == name && column.member.is_none());
    let found = if coarse {
        called(COARSE)
    } else {
        let mut described = footer.described_as("ClassLabel");
        let only = described.next().filter(|_| described.next().is_none());
        LABELS.iter().find_map(|name| called(name)).or_else(|| only.and_then(called))
    };
    let names = if coarse { COARSE.to_owned() } else { LABELS.join(", ") };
    let Some(column) = found else {
        let what = format!("it has no column of labels; its columns are {}", footer.listed());
        return Err(Error::new(what, format!("call it {names}")));
    };
    if column.is_list || !matches!(column.kind, Physical::Int32 | Physical::Int64) {
        let what = format!("its column {} holds no whole numbers", column.root);
        let help = "give each image the number of its class: in datasets, class_encode_column(name)";
        return Err(Error::new(what, help));
    }
    Ok(column)
}
