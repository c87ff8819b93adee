//! Arrays as NumPy writes them: one in an `.npy`, several by name in an `.npz`.

use std::fs::File;
use std::io::{BufReader, Read};

use npyz::{DType, NpyFile, Order, TypeChar};

use super::bounded::{damaged, most_unpacked};
use crate::error::{Error, Result};

/// Bytes of an array, or of a file of rows, at most: 16 GiB.
pub(super) const MAX_BYTES: u64 = 1 << 34;
/// Values that are read at once.
const BLOCK: usize = 1 << 16;
/// Rows that are transposed at once.
const TRANSPOSED: usize = 16;
/// Help for an array that holds no numbers.
pub(super) const AS_NUMBERS: &str = "save it as numbers: numpy.save(path, x.astype('float32'))";

/// Values of an array.
pub(super) enum Values {
    Bytes(Vec<u8>),
    Signed(Vec<i8>),
    /// Other numbers of up to 16 bits, and floats of 32.
    Floats(Vec<f32>),
    Numbers(Vec<f64>),
    Words(Vec<String>),
}

/// An array as it is stored.
pub(super) struct Array {
    pub shape: Vec<u64>,
    /// The last index fastest.
    pub values: Values,
}

impl Array {
    /// Reads an array of at most `bytes` bytes, header included.
    pub(super) fn read(reader: impl Read, bytes: u64) -> Result<Self> {
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
            kind => numbers(file, kind, size, &dtype.descr())?.in_order(&shape, fortran),
        };
        Ok(Self { shape, values })
    }
}

/// Product of sizes; none where it overflows.
pub(super) fn product(sizes: &[u64]) -> Option<u64> {
    sizes.iter().try_fold(1_u64, |product, size| product.checked_mul(*size))
}

fn numbers<R: Read>(file: NpyFile<R>, kind: TypeChar, size: usize, descr: &str) -> Result<Values> {
    use Values::{Bytes, Floats, Numbers, Signed};
    let big = descr.contains('>');
    match (kind, size) {
        (TypeChar::Bool, 1) => read_all::<bool, _, _>(file, u8::from).map(Bytes),
        (TypeChar::Uint, 1) => read_numbers(file, false, |[v]: [u8; 1]| v).map(Bytes),
        (TypeChar::Int, 1) => read_numbers(file, false, i8::from_ne_bytes).map(Signed),
        (TypeChar::Uint, 2) => read_numbers(file, big, |b| f32::from(u16::from_le_bytes(b))).map(Floats),
        (TypeChar::Int, 2) => read_numbers(file, big, |b| f32::from(i16::from_le_bytes(b))).map(Floats),
        (TypeChar::Float, 2) => read_numbers(file, big, |b| half::f16::from_le_bytes(b).to_f32()).map(Floats),
        (TypeChar::Float, 4) => read_numbers(file, big, f32::from_le_bytes).map(Floats),
        (TypeChar::Float, 8) => read_numbers(file, big, f64::from_le_bytes).map(Numbers),
        (TypeChar::Uint, 4) => read_numbers(file, big, |b| f64::from(u32::from_le_bytes(b))).map(Numbers),
        (TypeChar::Int, 4) => read_numbers(file, big, |b| f64::from(i32::from_le_bytes(b))).map(Numbers),
        (TypeChar::Uint, 8) => read_numbers(file, big, |b| u64::from_le_bytes(b) as f64).map(Numbers),
        (TypeChar::Int, 8) => read_numbers(file, big, |b| i64::from_le_bytes(b) as f64).map(Numbers),
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

/// Numbers of `N` bytes each, as `to` has them from the bytes of the smaller digits first; they lie the other way where they are `big`.
fn read_numbers<const N: usize, T, R: Read>(
    file: NpyFile<R>,
    big: bool,
    to: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    if !big {
        return read_blocks(file, to);
    }
    read_blocks(file, |mut bytes| {
        bytes.reverse();
        to(bytes)
    })
}

/// Values of `N` bytes each, a block at a time. The size in the header is not trusted: memory grows with the bytes read.
fn read_blocks<const N: usize, T, R: Read>(file: NpyFile<R>, to: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let mut left = file.len() as usize;
    let mut reader = file.into_inner();
    let mut block = vec![0; BLOCK * N];
    let mut values = Vec::new();
    while left > 0 {
        let some = left.min(BLOCK);
        reader.read_exact(&mut block[..some * N]).map_err(damaged)?;
        values.extend(block[..some * N].as_chunks::<N>().0.iter().map(|bytes| to(*bytes)));
        left -= some;
    }
    Ok(values)
}

impl Values {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Signed(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Numbers(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// The values so that the last index runs fastest; `fortran` where the first one does.
    pub(super) fn in_order(self, shape: &[u64], fortran: bool) -> Self {
        match self {
            Self::Bytes(values) => Self::Bytes(in_order(values, shape, fortran)),
            Self::Signed(values) => Self::Signed(in_order(values, shape, fortran)),
            Self::Floats(values) => Self::Floats(in_order(values, shape, fortran)),
            Self::Numbers(values) => Self::Numbers(in_order(values, shape, fortran)),
            Self::Words(values) => Self::Words(in_order(values, shape, fortran)),
        }
    }

    /// The numbers.
    ///
    /// # Errors
    /// When they are words.
    pub(super) fn numbers(self) -> Result<Vec<f64>> {
        match self {
            Self::Bytes(values) => Ok(values.into_iter().map(f64::from).collect()),
            Self::Signed(values) => Ok(values.into_iter().map(f64::from).collect()),
            Self::Floats(values) => Ok(values.into_iter().map(f64::from).collect()),
            Self::Numbers(values) => Ok(values),
            Self::Words(_) => Err(Error::new("its values are words, not real numbers", AS_NUMBERS)),
        }
    }
}

/// Values reordered so that the last index runs fastest, where the first one does.
fn in_order<T: Clone>(values: Vec<T>, shape: &[u64], fortran: bool) -> Vec<T> {
    if !fortran {
        return values;
    }
    let sizes: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
    if let [rows, columns] = sizes[..] {
        return transposed(&values, rows, columns);
    }
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

/// Values `[columns, rows]` as `[rows, columns]`, some rows at a time, so that the cache holds the values beside those that are taken.
fn transposed<T: Clone>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let mut ordered = Vec::with_capacity(values.len());
    let mut block = Vec::with_capacity(TRANSPOSED * columns);
    for first in (0..rows).step_by(TRANSPOSED) {
        let some = TRANSPOSED.min(rows - first);
        block.clear();
        values.chunks(rows).for_each(|column| block.extend_from_slice(&column[first..first + some]));
        let row = |row: usize| block.iter().skip(row).step_by(some);
        ordered.extend((0..some).flat_map(row).cloned());
    }
    debug_assert_eq!(ordered.len(), rows * columns);
    ordered
}

/// An `.npz` and the names of its arrays.
pub(super) struct Archive {
    zip: zip::ZipArchive<BufReader<File>>,
    pub arrays: Vec<String>,
    /// Bytes that may still be unpacked.
    room: u64,
}

impl Archive {
    pub(super) fn open(file: BufReader<File>) -> Result<Self> {
        let len = file.get_ref().metadata().map_err(damaged)?.len();
        let zip = zip::ZipArchive::new(file).map_err(damaged)?;
        let named = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
            Some(name.ok()?.strip_suffix(".npy")?.to_owned())
        };
        let arrays: Vec<String> = zip.file_names().filter_map(named).collect();
        if arrays.is_empty() {
            return Err(Error::new("it holds no array", "save one: numpy.savez(path, X=x)"));
        }
        Ok(Self { zip, arrays, room: most_unpacked(len) })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.arrays.iter().any(|array| array == name)
    }

    pub(super) fn read(&mut self, name: &str) -> Result<Array> {
        let within = |error: Error| error.within(format!("array {name}"));
        let entry = self.zip.by_name(&format!("{name}.npy")).map_err(damaged).map_err(within)?;
        let bytes = entry.size();
        if bytes > self.room.min(MAX_BYTES) {
            let what = format!("array {name} unpacks to {bytes} bytes, more than such a file may");
            return Err(Error::new(what, "save it without compression: numpy.savez(path, X=x)"));
        }
        self.room -= bytes;
        // The size in its header is not trusted: memory grows with the bytes read, and no more are read than that.
        let mut entry = BufReader::new(entry.take(bytes + 1));
        let array = Array::read(&mut entry, bytes).map_err(within)?;
        // Only at its end the checksum of an entry is compared.
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(damaged).map_err(within)?;
        if entry.get_ref().limit() == 0 {
            return Err(within(damaged(format!("it unpacks to more than its {bytes} bytes"))));
        }
        Ok(array)
    }
}
