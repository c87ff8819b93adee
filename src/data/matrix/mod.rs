//! Rows of numbers from a file: `.npy`, `.npz` or a table as text.
//!
//! A row is a point, a column one of its values. Numbers of up to 32 bits stay `f32`, all others become `f64`, which keeps the
//! digits of values far from 0; non-finite ones are kept (an embedding leaves such rows out, and says so). An array of more than two axes has one row for each
//! index of its first axis. Beside the rows a file may hold a label for each: a column of words, or one that is called so.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

mod columns;
mod format;
mod labels;
mod npy;
mod rows;
mod schema;
mod table;
mod text;

pub use columns::Selection;
pub use labels::Labels;
pub use rows::{LabeledRows, Matrix, Numbers};

use super::bounded;
use crate::error::{Error, Result};
use format::{Format, MAX_BYTES};
use labels::Words;
use text::Records;

impl Matrix {
    /// True for the name of a matrix file, by its extension.
    pub fn is_named(path: &Path) -> bool {
        Format::of(path).is_ok()
    }

    /// The rows of [`LabeledRows::open`], by the names in the file.
    ///
    /// # Errors
    /// As there.
    pub fn open(path: &Path) -> Result<Self> {
        LabeledRows::open(path, &Selection::default()).map(|rows| rows.matrix)
    }
}

impl LabeledRows {
    /// Reads the file at `path`, whose extension says its format, as `selection` says; else of an `.npz` the only array or the one that
    /// is called `X`, `data` or `positions`, and as labels those that are called so.
    ///
    /// # Errors
    /// When it cannot be read, is of another format, is damaged or larger than 16 GiB, has no rows, numbers that are not real, or lines
    /// that differ in length; when there is no such column or array, or there are not as many labels as rows.
    pub fn open(path: &Path, selection: &Selection<'_>) -> Result<Self> {
        let rows = read(path, selection).map_err(|error| error.within(path.display()))?;
        // What is neither a column nor an array is a file.
        let Some(labels) = selection.labels.filter(|_| rows.labels.is_none()) else { return Ok(rows) };
        let labels = Labels::open(Path::new(labels), rows.matrix.rows)?;
        Ok(Self { labels: Some(labels), ..rows })
    }
}

/// Opens the file at `path` and looks at its first bytes.
fn open(path: &Path, format: Format) -> Result<(BufReader<File>, u64)> {
    let (file, len) = bounded::open(path, u64::MAX)?;
    if len > MAX_BYTES {
        let what = format!("it has {len} bytes; the most is {MAX_BYTES}");
        return Err(Error::new(what, "save fewer rows or columns, or as float32 in an .npy"));
    }
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| Error::io("read", path, &error))?;
    if format != Format::Table {
        format.check(start)?;
    }
    Ok((file, len))
}

fn read(path: &Path, selection: &Selection<'_>) -> Result<LabeledRows> {
    let format = Format::of(path)?;
    let (file, len) = open(path, format)?;
    if selection.array.is_some() && format != Format::Npz {
        return Err(Error::usage("it has no arrays by name", "leave out --array, or name an .npz"));
    }
    match format {
        Format::Npy => npy::read_npy(file, len, selection),
        Format::Npz => npy::read_npz(file, selection),
        Format::Table => table::read_table(file, selection),
    }
}

impl Labels {
    /// The labels of `rows` rows in the file at `path`: an array of one value each, or a table of one column, with or without a name.
    ///
    /// # Errors
    /// When it cannot be read, or has not one label for each row.
    pub fn open(path: &Path, rows: usize) -> Result<Self> {
        let read = || {
            // Labels one a line may lie in a file of any name.
            let format = Format::of(path).unwrap_or(Format::Table);
            let (file, len) = open(path, format)?;
            match format {
                Format::Npy => npy::read_npy_labels(file, len, rows),
                Format::Npz => npy::read_npz_labels(file, rows),
                Format::Table => read_lines(file, rows),
            }
        };
        read().map_err(|error| error.within(path.display()))
    }
}

/// The array `x` of an `.npz`, or its only one: its shape, and its values, the last index fastest.
///
/// # Errors
/// When it cannot be read, is damaged or too large, has several arrays of which none is called so, or holds no real numbers.
pub fn open_array(path: &Path) -> Result<(Vec<usize>, Vec<f64>)> {
    let read = || npy::read_numbers(open(path, Format::Npz)?.0, "x");
    read().map_err(|error| error.within(path.display()))
}

/// One label a line, below a name where there is one line more.
fn read_lines(file: BufReader<File>, rows: usize) -> Result<Labels> {
    let mut records = Records::new(file)?;
    let mut lines = Vec::new();
    while let Some((line, cells)) = records.next()? {
        let label = match &cells[..] {
            _ if records.notation.separator == b' ' => cells.join(" "),
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
    Ok(words.labels(|word| records.notation.number(word)))
}

#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
