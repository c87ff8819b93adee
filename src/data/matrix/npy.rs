//! Arrays as NumPy writes them: one in an `.npy`, several by name in an `.npz`.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};

use npyz::{DType, NpyFile, Order, TypeChar};

use super::columns::{Selection, find_all, find_label, label_arrays};
use super::format::MAX_BYTES;
use super::labels::{Labels, Words};
use super::rows::{LabeledRows, Matrix};
use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// Arrays of an `.npz` that hold its rows where there are several, the likeliest first.
const ROWS: [&str; 5] = ["X", "data", "x", "positions", "embeddings"];
/// Help for an array that holds no numbers.
const AS_NUMBERS: &str = "save it as numbers: numpy.save(path, x.astype('float32'))";

/// Values of an array.
enum Values {
    Numbers(Vec<f64>),
    Words(Vec<String>),
}

/// An array as it is stored.
struct Array {
    shape: Vec<u64>,
    values: Values,
}

impl Array {
    /// Reads an array of at most `bytes` bytes, header included.
    fn read(reader: impl Read, bytes: u64) -> Result<Self> {
        let file = NpyFile::new(reader).map_err(damaged)?;
        let dtype = file.dtype();
        let DType::Plain(plain) = &dtype else {
            return Err(Error::new("its rows are records of several types", AS_NUMBERS));
        };
        let Some(size) = plain.num_bytes().filter(|size| *size > 0) else {
            let what = format!("its values are {}, neither numbers nor words", dtype.descr());
            return Err(Error::new(
                what,
                "save it as either: x.astype('float32'), or words by x.astype(str)",
            ));
        };
        let shape = file.shape().to_vec();
        let count =
            product(&shape).filter(|count| count.checked_mul(size as u64).is_some_and(|n| n <= bytes));
        if count.is_none() {
            let what = format!("its shape is {shape:?}, which is more than it has bytes for");
            return Err(Error::new(what, "write it again"));
        }
        let fortran = file.order() == Order::Fortran;
        let values = match plain.type_char() {
            TypeChar::UnicodeStr => Values::Words(in_order(
                read_all::<Vec<u32>, _, _>(file, |word| {
                    word.into_iter().filter_map(char::from_u32).collect()
                })?,
                &shape,
                fortran,
            )),
            TypeChar::ByteStr => Values::Words(in_order(
                read_all::<Vec<u8>, _, _>(file, |word| String::from_utf8_lossy(&word).into_owned())?,
                &shape,
                fortran,
            )),
            kind => Values::Numbers(in_order(numbers(file, kind, size, &dtype.descr())?, &shape, fortran)),
        };
        Ok(Self { shape, values })
    }

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
        match values {
            Values::Numbers(values) => Ok(Matrix { rows: *rows as usize, columns: columns as usize, values }),
            Values::Words(_) => Err(Error::new("its values are words, not real numbers", AS_NUMBERS)),
        }
    }

    /// The array as labels, where it has one value for each of `rows` rows.
    fn labels(&self, rows: usize) -> Option<Labels> {
        let one_each =
            product(&self.shape) == Some(rows as u64) && self.shape.first() == Some(&(rows as u64));
        one_each.then(|| match &self.values {
            Values::Numbers(values) => Labels::of_numbers(values),
            Values::Words(words) => {
                let mut distinct = Words::default();
                words.iter().for_each(|word| distinct.add(word));
                distinct.labels(|_| None)
            }
        })
    }
}

fn product(sizes: &[u64]) -> Option<u64> {
    sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size))
}

fn numbers<R: Read>(file: NpyFile<R>, kind: TypeChar, size: usize, descr: &str) -> Result<Vec<f64>> {
    match (kind, size) {
        (TypeChar::Float, 2) => read_all::<half::f16, _, _>(file, f64::from),
        (TypeChar::Float, 4) => read_all::<f32, _, _>(file, f64::from),
        (TypeChar::Float, 8) => read_all::<f64, _, _>(file, |v| v),
        (TypeChar::Bool, 1) => read_all::<bool, _, _>(file, |v| f64::from(u8::from(v))),
        (TypeChar::Uint, 1) => read_all::<u8, _, _>(file, f64::from),
        (TypeChar::Uint, 2) => read_all::<u16, _, _>(file, f64::from),
        (TypeChar::Uint, 4) => read_all::<u32, _, _>(file, f64::from),
        (TypeChar::Uint, 8) => read_all::<u64, _, _>(file, |v| v as f64),
        (TypeChar::Int, 1) => read_all::<i8, _, _>(file, f64::from),
        (TypeChar::Int, 2) => read_all::<i16, _, _>(file, f64::from),
        (TypeChar::Int, 4) => read_all::<i32, _, _>(file, f64::from),
        (TypeChar::Int, 8) => read_all::<i64, _, _>(file, |v| v as f64),
        _ => {
            let name = match (kind, size) {
                (TypeChar::Float, _) => " (long double)",
                (TypeChar::RawData, 2) => " (perhaps bfloat16)",
                (TypeChar::Complex, _) => " (complex)",
                (TypeChar::DateTime | TypeChar::TimeDelta, _) => " (times)",
                _ => "",
            };
            let what = format!("its values are {descr}{name}, not real numbers of 8 to 64 bits");
            Err(Error::new(what, AS_NUMBERS))
        }
    }
}

fn read_all<S: npyz::Deserialize, T, R: Read>(file: NpyFile<R>, to: impl Fn(S) -> T) -> Result<Vec<T>> {
    let reader = file.data::<S>().map_err(damaged)?;
    reader.map(|value| value.map(&to)).collect::<std::io::Result<_>>().map_err(damaged)
}

/// Values reordered so that the last index runs fastest, where the first one does.
fn in_order<T: Clone>(values: Vec<T>, shape: &[u64], fortran: bool) -> Vec<T> {
    if !fortran {
        return values;
    }
    let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
    let mut index = vec![0; sizes.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at = index.iter().zip(&sizes).rev().fold(0, |at, (i, size)| at * size + i);
        ordered.push(values[at].clone());
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

/// Rows of an `.npy` of at most `bytes` bytes, and one of its columns as labels where the user says so.
pub(super) fn read_npy(reader: impl Read, bytes: u64, selection: &Selection<'_>) -> Result<LabeledRows> {
    select(Array::read(reader, bytes)?.into_matrix()?, selection)
}

/// The labels of `rows` rows in an `.npy`.
pub(super) fn read_npy_labels(reader: impl Read, bytes: u64, rows: usize) -> Result<Labels> {
    let array = Array::read(reader, bytes)?;
    array.labels(rows).ok_or_else(|| wrong_shape("it", &array.shape, rows))
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
    let labels =
        label.map(|label| Labels::of_numbers(&column(label).map(|at| matrix.values[at]).collect::<Vec<_>>()));
    if taken.len() == count && taken.is_sorted() {
        return Ok(LabeledRows { matrix, labels });
    }
    let values = (0..matrix.rows).flat_map(|row| taken.iter().map(move |c| (row, c)));
    let values = values.map(|(row, column)| matrix.values[row * count + column]).collect();
    Ok(LabeledRows { matrix: Matrix { rows: matrix.rows, columns: taken.len(), values }, labels })
}

/// An `.npz` and the names of its arrays.
struct Archive {
    zip: zip::ZipArchive<BufReader<File>>,
    arrays: Vec<String>,
}

impl Archive {
    fn open(file: BufReader<File>) -> Result<Self> {
        let zip = zip::ZipArchive::new(file).map_err(damaged)?;
        let named = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
            Some(name.ok()?.strip_suffix(".npy")?.to_owned())
        };
        let arrays: Vec<String> = zip.file_names().filter_map(named).collect();
        if arrays.is_empty() {
            return Err(Error::new("it holds no array", "save one: numpy.savez(path, X=x)"));
        }
        Ok(Self { zip, arrays })
    }

    fn has(&self, name: &str) -> bool {
        self.arrays.iter().any(|array| array == name)
    }

    fn read(&mut self, name: &str) -> Result<Array> {
        let mut entry = self.zip.by_name(&format!("{name}.npy")).map_err(damaged)?;
        if entry.size() > MAX_BYTES {
            let what = format!("array {name} has {} bytes; the most is {MAX_BYTES}", entry.size());
            return Err(Error::new(what, "take fewer rows"));
        }
        // The size in its header is not trusted: memory grows with the bytes read.
        let mut bytes = Vec::new();
        entry.by_ref().take(MAX_BYTES).read_to_end(&mut bytes).map_err(damaged)?;
        let len = bytes.len() as u64;
        Array::read(Cursor::new(bytes), len).map_err(|error| error.within(format!("array {name}")))
    }

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
        let labels = array
            .labels(count)
            .ok_or_else(|| wrong_shape(&format!("array {wanted}"), &array.shape, count))?;
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
    match values {
        Values::Numbers(values) => Ok((shape.iter().map(|size| *size as usize).collect(), values)),
        Values::Words(_) => Err(Error::new(format!("array {name}: its values are words"), AS_NUMBERS)),
    }
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
    array.labels(rows).ok_or_else(|| wrong_shape(&format!("array {name}"), &array.shape, rows))
}
