//! Rows and labels in the arrays of an `.npy` or `.npz`.

use std::fs::File;
use std::io::{BufReader, Read};

use super::columns::{Selection, find_all, find_label, label_arrays};
use super::labels::{Labels, Words};
use super::rows::{LabeledRows, Matrix, Numbers};
use crate::data::arrays::{Archive, Array, Values, product};
use crate::error::{Error, Result};

/// Arrays of an `.npz` that hold its rows where there are several, the likeliest first.
const ROWS: [&str; 5] = ["X", "data", "x", "positions", "embeddings"];

impl Array {
    /// The array as rows.
    fn into_matrix(self) -> Result<Matrix> {
        let Self { shape, values } = self;
        let [rows, rest @ ..] = &shape[..] else {
            return Err(Error::new("it is a single number", "give it rows of numbers: an array of two axes"));
        };
        let columns = product(rest).filter(|columns| *columns > 0 && *rows > 0 && !rest.is_empty());
        let Some(columns) = columns else {
            let what = format!("its shape is {shape:?}, where rows of numbers belong");
            return Err(Error::new(what, "give it an array of two axes, neither of them empty"));
        };
        Ok(Matrix { rows: *rows as usize, columns: columns as usize, numbers: numbers(values)? })
    }

    /// The array as labels, where it has one value for each of `rows` rows.
    fn labels(self, rows: usize) -> Option<Labels> {
        let one_each =
            product(&self.shape) == Some(rows as u64) && self.shape.first() == Some(&(rows as u64));
        one_each.then(|| match self.values {
            Values::Words(words) => {
                let mut distinct = Words::default();
                words.iter().for_each(|word| distinct.add(word));
                distinct.labels(|_| None)
            }
            values => Labels::of_numbers(&values.numbers().unwrap_or_default()),
        })
    }
}

/// The numbers of an array, as precise as they are.
fn numbers(values: Values) -> Result<Numbers> {
    match values {
        Values::Bytes(values) => Ok(Numbers::Single(values.into_iter().map(f32::from).collect())),
        Values::Signed(values) => Ok(Numbers::Single(values.into_iter().map(f32::from).collect())),
        Values::Floats(values) => Ok(Numbers::Single(values)),
        other => other.numbers().map(Numbers::Double),
    }
}

/// Rows of an `.npy` of at most `bytes` bytes, and one of its columns as labels where the user says so.
pub(super) fn read_npy(reader: impl Read, bytes: u64, selection: &Selection<'_>) -> Result<LabeledRows> {
    select(Array::read(reader, bytes)?.into_matrix()?, selection)
}

/// The labels of `rows` rows in an `.npy`.
pub(super) fn read_npy_labels(reader: impl Read, bytes: u64, rows: usize) -> Result<Labels> {
    let array = Array::read(reader, bytes)?;
    let shape = array.shape.clone();
    array.labels(rows).ok_or_else(|| wrong_shape("it", &shape, rows))
}

fn wrong_shape(name: &str, shape: &[u64], rows: usize) -> Error {
    let what = format!("{name} has the shape {shape:?}, where one label for each of {rows} rows belongs");
    Error::new(what, format!("give it an array of [{rows}]"))
}

/// The columns that the user takes, and the one that holds the labels.
fn select(matrix: Matrix, selection: &Selection<'_>) -> Result<LabeledRows> {
    let count = matrix.columns;
    let label = selection.labels.map(|wanted| find_label(wanted, &[], count)).transpose()?.flatten();
    let taken = match selection.columns {
        [] => (0..count).filter(|column| Some(*column) != label).collect(),
        wanted => find_all(wanted, &[], count)?,
    };
    if taken.is_empty() {
        return Err(Error::usage("the only column is that of the labels", "give it more columns"));
    }
    let column = |column: usize| (0..matrix.rows).map(move |row| row * count + column);
    let labels = label.map(|label| Labels::of_numbers(&matrix.numbers.at(column(label)).to_doubles()));
    if taken.len() == count && taken.is_sorted() {
        return Ok(LabeledRows { matrix, labels });
    }
    let chosen = (0..matrix.rows).flat_map(|row| taken.iter().map(move |column| row * count + column));
    let numbers = matrix.numbers.at(chosen);
    Ok(LabeledRows { matrix: Matrix { rows: matrix.rows, columns: taken.len(), numbers }, labels })
}

impl Archive {
    /// Name of the array of the rows.
    fn rows(&self, wanted: Option<&str>) -> Result<String> {
        let list = || self.arrays.join(", ");
        if let Some(wanted) = wanted {
            let found = self.has(wanted).then(|| wanted.to_owned());
            let missing =
                || Error::usage(format!("it holds no array {wanted}"), format!("there are {}", list()));
            return found.ok_or_else(missing);
        }
        if let [only] = &self.arrays[..] {
            return Ok(only.clone());
        }
        let usual = ROWS.iter().find(|name| self.has(name)).map(|name| (*name).to_owned());
        let usual = usual.inspect(|name| log::info!("array {name} holds the rows (others: --array)"));
        usual.ok_or_else(|| {
            let what = format!("it holds several arrays: {}", list());
            Error::new(what, "name the one with the rows: --array; or call it X")
        })
    }
}

/// Rows and labels of an `.npz`. Which of several arrays are taken is said in the log.
pub(super) fn read_npz(file: BufReader<File>, selection: &Selection<'_>) -> Result<LabeledRows> {
    let mut archive = Archive::open(file)?;
    let name = archive.rows(selection.array)?;
    let within = |error: Error| error.within(format!("array {name}"));
    let matrix = archive.read(&name)?.into_matrix().map_err(within)?;
    let count = matrix.rows;
    if let Some(wanted) = selection.labels.filter(|wanted| archive.has(wanted)) {
        let array = archive.read(wanted)?;
        let shape = array.shape.clone();
        let labels =
            array.labels(count).ok_or_else(|| wrong_shape(&format!("array {wanted}"), &shape, count))?;
        let rows = select(matrix, &Selection { labels: None, ..*selection })?;
        return Ok(LabeledRows { labels: Some(labels), ..rows });
    }
    let mut rows = select(matrix, selection).map_err(within)?;
    if selection.labels.is_none() {
        for candidate in label_arrays(&name).filter(|candidate| *candidate != name) {
            let array = archive.has(&candidate).then(|| archive.read(&candidate));
            let array =
                array.and_then(|read| read.inspect_err(|e| log::warn!("no labels: {e}; {}", e.help())).ok());
            if let Some(labels) = array.and_then(|array| array.labels(count)) {
                log::info!("array {candidate} holds the labels (others: --labels)");
                rows.labels = Some(labels);
                break;
            }
        }
    }
    Ok(rows)
}

/// Numbers of the array `name` of an `.npz`, or of its only one: its shape, and the values, the last index fastest.
pub(super) fn read_numbers(file: BufReader<File>, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
    let mut archive = Archive::open(file)?;
    let only = archive.arrays.first().filter(|_| archive.arrays.len() == 1).cloned();
    let name = if archive.has(name) { Some(name.to_owned()) } else { only };
    let Some(name) = name else {
        let what = format!("it holds the arrays {}", archive.arrays.join(", "));
        return Err(Error::new(what, "call the one to take x"));
    };
    let Array { shape, values } = archive.read(&name)?;
    let values = values.numbers().map_err(|error| error.within(format!("array {name}")))?;
    Ok((shape.iter().map(|size| *size as usize).collect(), values))
}

/// The labels of `rows` rows in an `.npz`: in its only array, or one that is called so.
pub(super) fn read_npz_labels(file: BufReader<File>, rows: usize) -> Result<Labels> {
    let mut archive = Archive::open(file)?;
    let usual = label_arrays("").find(|name| archive.has(name));
    let name = usual.or_else(|| archive.arrays.first().filter(|_| archive.arrays.len() == 1).cloned());
    let Some(name) = name else {
        let what = format!("it holds several arrays: {}", archive.arrays.join(", "));
        return Err(Error::new(what, "call the one with the labels `labels`, or save it alone"));
    };
    let array = archive.read(&name)?;
    let shape = array.shape.clone();
    array.labels(rows).ok_or_else(|| wrong_shape(&format!("array {name}"), &shape, rows))
}
