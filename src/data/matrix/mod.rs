//! Rows of numbers from a file: `.npy`, `.npz` or CSV.
//!
//! A row is a point, a column one of its values. Numbers of any real type become `f64`, which keeps the digits of values far from 0; non-finite ones are kept (an
//! embedding leaves such rows out, and says so). An array of more than two axes has one row for each index of its first axis.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use npyz::{DType, NpyFile, Order, TypeChar};

mod table;

use super::bounded::{self, damaged};
use crate::error::{Error, Result};
use table::{Table, read_table};

/// Largest file in bytes: 16 GiB, four million rows of 1024 values.
const MAX_BYTES: u64 = 1 << 34;

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

impl Matrix {
    /// True for the name of a matrix file, by its extension.
    pub fn is_named(path: &Path) -> bool {
        ending(path).is_some()
    }

    /// Reads the file at `path`, whose extension says its format; of an `.npz` the only array, or the one called `X` or `data`.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is damaged or larger than 16 GiB, has no rows, numbers that are not real, or lines
    /// that differ in length.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, len) = bounded::open(path, MAX_BYTES)?;
        let read = match ending(path) {
            Some("npy") => read_npy(BufReader::new(file), len),
            Some("npz") => read_npz(file),
            Some(ending @ ("csv" | "tsv" | "txt")) => read_table(file, ending == "tsv")
                .map(|Table { rows, columns, values }| Self { rows, columns, values }),
            _ => {
                Err(Error::new("it is no matrix", "name a file that ends in .npy, .npz, .csv, .tsv or .txt"))
            }
        };
        read.map_err(|error| error.within(path.display()))
    }

    /// Row `index`.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..][..self.columns]
    }
}

fn ending(path: &Path) -> Option<&str> {
    let ending = path.extension()?.to_str()?;
    ["npy", "npz", "csv", "tsv", "txt"].into_iter().find(|known| ending.eq_ignore_ascii_case(known))
}

/// Reads an array of at most `bytes` bytes, header included.
fn read_npy(reader: impl Read, bytes: u64) -> Result<Matrix> {
    let file = NpyFile::new(reader).map_err(damaged)?;
    let help = "save it as numbers: numpy.save(path, x.astype('float32'))";
    let dtype = file.dtype();
    let DType::Plain(plain) = &dtype else {
        return Err(Error::new("its rows are records of several types", help));
    };
    let Some(size) = plain.num_bytes().filter(|size| *size > 0) else {
        return Err(Error::new(format!("its values are {}, not numbers", dtype.descr()), help));
    };
    let shape = file.shape().to_vec();
    let too_large = || {
        Error::new(format!("its shape is {shape:?}, which is more than it has bytes for"), "write it again")
    };
    let product = |sizes: &[u64]| sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    let count = product(&shape).ok_or_else(too_large)?;
    if count.checked_mul(size as u64).is_none_or(|needed| needed > bytes) {
        return Err(too_large());
    }
    let [rows, rest @ ..] = &shape[..] else {
        return Err(Error::new("it is a single number", "give it rows of numbers: an array of two axes"));
    };
    let columns = product(rest).ok_or_else(too_large)?;
    if rest.is_empty() || count == 0 {
        let what = format!("its shape is {shape:?}, where rows of numbers belong");
        return Err(Error::new(what, "give it an array of two axes, neither of them empty"));
    }
    let fortran = file.order() == Order::Fortran;
    let (kind, descr) = (plain.type_char(), dtype.descr());
    let values = match (kind, size) {
        (TypeChar::Float, 2) => numbers::<half::f16, _>(file, f64::from)?,
        (TypeChar::Float, 4) => numbers::<f32, _>(file, f64::from)?,
        (TypeChar::Float, 8) => numbers::<f64, _>(file, |v| v)?,
        (TypeChar::Bool, 1) => numbers::<bool, _>(file, |v| f64::from(u8::from(v)))?,
        (TypeChar::Uint, 1) => numbers::<u8, _>(file, f64::from)?,
        (TypeChar::Uint, 2) => numbers::<u16, _>(file, f64::from)?,
        (TypeChar::Uint, 4) => numbers::<u32, _>(file, f64::from)?,
        (TypeChar::Uint, 8) => numbers::<u64, _>(file, |v| v as f64)?,
        (TypeChar::Int, 1) => numbers::<i8, _>(file, f64::from)?,
        (TypeChar::Int, 2) => numbers::<i16, _>(file, f64::from)?,
        (TypeChar::Int, 4) => numbers::<i32, _>(file, f64::from)?,
        (TypeChar::Int, 8) => numbers::<i64, _>(file, |v| v as f64)?,
        _ => {
            return Err(Error::new(
                format!("its values are {descr}, not real numbers of 8 to 64 bits"),
                help,
            ));
        }
    };
    let values = if fortran { rows_first(&values, &shape) } else { values };
    Ok(Matrix { rows: *rows as usize, columns: columns as usize, values })
}

fn numbers<T: npyz::Deserialize, R: Read>(file: NpyFile<R>, narrow: impl Fn(T) -> f64) -> Result<Vec<f64>> {
    let reader = file.data::<T>().map_err(damaged)?;
    reader.map(|value| value.map(&narrow)).collect::<std::io::Result<_>>().map_err(damaged)
}

/// Values in Fortran order, reordered so that rows are contiguous.
fn rows_first(values: &[f64], shape: &[u64]) -> Vec<f64> {
    let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
    let mut index = vec![0; sizes.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at = index.iter().zip(&sizes).rev().fold(0, |at, (i, size)| at * size + i);
        ordered.push(values[at]);
        for (i, size) in index.iter_mut().zip(&sizes).rev() {
            *i += 1;
            if *i < *size {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

fn read_npz(file: File) -> Result<Matrix> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let named = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
        Some(name.ok()?.strip_suffix(".npy")?.to_owned())
    };
    let arrays: Vec<String> = archive.file_names().filter_map(named).collect();
    let wanted = match &arrays[..] {
        [] => return Err(Error::new("it holds no array", "save one: numpy.savez(path, X=x)")),
        [only] => only,
        several => several.iter().find(|name| ["X", "data"].contains(&name.as_str())).ok_or_else(|| {
            let what = format!("it holds several arrays: {}", several.join(", "));
            Error::new(what, "call the one with the rows X, or save it alone")
        })?,
    };
    let mut entry = archive.by_name(&format!("{wanted}.npy")).map_err(damaged)?;
    if entry.size() > MAX_BYTES {
        let what = format!("array {wanted} has {} bytes; the most is {MAX_BYTES}", entry.size());
        return Err(Error::new(what, "take fewer rows"));
    }
    // The size in its header is not trusted: memory grows with the bytes read.
    let mut bytes = Vec::new();
    entry.by_ref().take(MAX_BYTES).read_to_end(&mut bytes).map_err(damaged)?;
    let len = bytes.len() as u64;
    read_npy(Cursor::new(bytes), len).map_err(|error| error.within(format!("array {wanted}")))
}

#[cfg(test)]
mod tests;
