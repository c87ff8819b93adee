//! Rows of numbers from a file: `.npy`, `.npz` or a table as text.
//!
//! A row is a point, a column one of its values. Numbers of any real type become `f64`, which keeps the digits of values far from 0;
//! non-finite ones are kept (an embedding leaves such rows out, and says so). An array of more than two axes has one row for each
//! index of its first axis. Beside the rows a file may hold a label for each: a column of words, or one that is called so.

use std::fs::File;
use std::path::Path;

mod columns;
mod labels;
mod npy;
mod table;
mod text;

pub use columns::Selection;
pub use labels::Labels;

use super::bounded;
use crate::error::{Error, Result};
use labels::Words;
use text::{Records, number};

/// Largest file in bytes: 16 GiB, four million rows of 1024 values.
const MAX_BYTES: u64 = 1 << 34;
/// Endings of the files that are read; tables may be packed by gzip.
const ENDINGS: [&str; 7] = ["npy", "npz", "csv", "tsv", "txt", "dat", "data"];
/// What is read, for messages.
const READ: &str = ".npy, .npz, .csv, .tsv or .txt (tables also as .gz)";

/// Rows of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
    /// `[rows, columns]`.
    pub values: Vec<f64>,
}

/// Rows of numbers, and the class of each where the file tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct LabeledRows {
    /// The rows.
    pub matrix: Matrix,
    /// The classes of the rows.
    pub labels: Option<Labels>,
}

impl Matrix {
    /// True for the name of a matrix file, by its extension.
    pub fn is_named(path: &Path) -> bool {
        ending(path).is_some()
    }

    /// The rows of [`LabeledRows::open`], by what the file itself says.
    ///
    /// # Errors
    /// As there.
    pub fn open(path: &Path) -> Result<Self> {
        LabeledRows::open(path, &Selection::default()).map(|rows| rows.matrix)
    }

    /// Row `index`.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..][..self.columns]
    }

    /// Some of the rows.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Self { rows: rows.len(), columns: self.columns, values }
    }
}

impl LabeledRows {
    /// Reads the file at `path`, whose extension says its format, as `selection` says; else of an `.npz` the only array or the one that
    /// is called `X`, `data` or `positions`, and as labels what is called so.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is damaged or larger than 16 GiB, has no rows, numbers that are not real, or lines
    /// that differ in length; when there is no such column or array, or there are not as many labels as rows.
    pub fn open(path: &Path, selection: &Selection<'_>) -> Result<Self> {
        let rows = read(path, selection).map_err(|error| error.within(path.display()))?;
        // What is neither a column nor an array is a file.
        let Some(labels) = selection.labels.filter(|_| rows.labels.is_none()) else { return Ok(rows) };
        let labels = Labels::open(Path::new(labels), rows.matrix.rows)?;
        Ok(Self { labels: Some(labels), ..rows })
    }
}

fn read(path: &Path, selection: &Selection<'_>) -> Result<LabeledRows> {
    let (file, len) = bounded::open(path, MAX_BYTES)?;
    let ending = ending(path)
        .ok_or_else(|| Error::new("it is no matrix", format!("name a file that ends in {READ}")))?;
    if selection.array.is_some() && ending != "npz" {
        return Err(Error::usage("it has no arrays by name", "leave out --array, or name an .npz"));
    }
    match ending {
        "npy" => npy::read_npy(std::io::BufReader::new(file), len, selection),
        "npz" => npy::read_npz(file, selection),
        _ => table::read_table(file, selection),
    }
}

impl Labels {
    /// The labels of `rows` rows in the file at `path`: an array of one value each, or a table of one column, with or without a name.
    ///
    /// # Errors
    /// When it cannot be read, or has not one label for each row.
    pub fn open(path: &Path, rows: usize) -> Result<Self> {
        let read = || {
            let (file, _) = bounded::open(path, MAX_BYTES)?;
            match ending(path) {
                Some("npy") => npy::read_npy_labels(std::io::BufReader::new(file), rows),
                Some("npz") => npy::read_npz_labels(file, rows),
                _ => read_lines(file, rows),
            }
        };
        read().map_err(|error| error.within(path.display()))
    }
}

/// One label a line, below a name where there is one line more.
fn read_lines(file: File, rows: usize) -> Result<Labels> {
    let mut records = Records::new(file)?;
    let mut lines = Vec::new();
    while let Some((line, cells)) = records.next()? {
        let label = match &cells[..] {
            _ if records.separator == b' ' => cells.join(" "),
            // After an index, as pandas writes a series.
            [label] | [_, label] => label.clone(),
            _ => {
                let what = format!("line {line} has {} values, where one label belongs", cells.len());
                return Err(Error::new(what, "put one label on each line"));
            }
        };
        lines.push(label);
    }
    let named = usize::from(lines.len() == rows + 1);
    if lines.len() != rows + named {
        let what = format!("it has {} labels for {rows} rows", lines.len());
        return Err(Error::new(what, "give one label for each row"));
    }
    let mut words = Words::default();
    lines[named..].iter().for_each(|label| words.add(label));
    Ok(words.labels(|word| number(word, records.separator)))
}

fn ending(path: &Path) -> Option<&str> {
    let bare = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz"));
    let unpacked = if bare { Path::new(path.file_stem()?) } else { path };
    let ending = unpacked.extension()?.to_str()?;
    let known = ENDINGS.into_iter().find(|known| ending.eq_ignore_ascii_case(known))?;
    // Arrays are packed by zip.
    (!bare || !known.starts_with("np")).then_some(known)
}

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
