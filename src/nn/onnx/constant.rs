//! Constant tensors of an ONNX file: their numbers out of the file, or out of another one in the same folder.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::proto::TensorData;
use crate::error::{Error, Result};
use crate::nn::imported::beside;

/// A constant, the last index fastest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub dims: Vec<usize>,
    pub numbers: Numbers,
}

/// Numbers of a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

/// Help for a file whose parts do not agree.
const DAMAGED: &str = "the file is damaged: export it again";

impl Constant {
    /// Whole numbers in a row.
    pub(super) fn row(ints: Vec<i64>) -> Self {
        Self { dims: vec![ints.len()], numbers: Numbers::Ints(ints) }
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Floats(floats) => floats.len(),
            Numbers::Ints(ints) => ints.len(),
        }
    }

    /// The values as they are trained.
    pub(super) fn floats(&self) -> Vec<f32> {
        match &self.numbers {
            Numbers::Floats(floats) => floats.clone(),
            Numbers::Ints(ints) => ints.iter().map(|value| *value as f32).collect(),
        }
    }

    /// The values, if they are whole numbers.
    pub(super) fn ints(&self) -> Result<&[i64]> {
        match &self.numbers {
            Numbers::Ints(ints) => Ok(ints),
            Numbers::Floats(_) => Err(Error::new("whole numbers were expected where it has others", DAMAGED)),
        }
    }

    /// The only value, if it is one and not a list.
    pub(super) fn scalar(&self) -> Option<f32> {
        if self.len() == 1 { self.floats().first().copied() } else { None }
    }

    /// The elements whose indices are given, with these sizes.
    pub(super) fn picked(&self, dims: Vec<usize>, indices: impl Iterator<Item = usize>) -> Self {
        let numbers = match &self.numbers {
            Numbers::Floats(floats) => Numbers::Floats(indices.map(|at| floats[at]).collect()),
            Numbers::Ints(ints) => Numbers::Ints(indices.map(|at| ints[at]).collect()),
        };
        Self { dims, numbers }
    }

    /// Reads a tensor of a file in `folder`.
    ///
    /// # Errors
    /// When its type is no number, its sizes and its data disagree, or its data cannot be read.
    pub(super) fn read(tensor: &TensorData, folder: &Path) -> Result<Self> {
        let read = || {
            let (dims, len) = sizes(&tensor.dims)?;
            let numbers = read_numbers(tensor, len, folder)?;
            Ok(Self { dims, numbers })
        };
        read().map_err(|error: Error| error.within(format!("tensor {:?}", tensor.name)))
    }
}

/// Sizes and their product.
fn sizes(dims: &[i64]) -> Result<(Vec<usize>, usize)> {
    let fault = || Error::new(format!("its sizes are {dims:?}"), DAMAGED);
    let dims: Vec<usize> =
        dims.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<_>>().ok_or_else(fault)?;
    let len = dims.iter().try_fold(1_usize, |product, size| product.checked_mul(*size)).ok_or_else(fault)?;
    Ok((dims, len))
}

fn read_numbers(tensor: &TensorData, len: usize, folder: &Path) -> Result<Numbers> {
    let size = match tensor.data_type {
        2 | 3 | 9 => 1,
        10 | 16 => 2,
        1 | 6 => 4,
        7 | 11 => 8,
        other => {
            let what = format!("its numbers are of type {other}");
            return Err(Error::new(what, "export the model with 32-bit floating-point weights"));
        }
    };
    let external = tensor.data_location == 1;
    if !external && tensor.raw_data.is_empty() {
        return typed(tensor, len);
    }
    let read;
    let bytes = if external {
        read = external_bytes(tensor, len.checked_mul(size), folder)?;
        &read
    } else {
        &tensor.raw_data
    };
    if len.checked_mul(size) != Some(bytes.len()) {
        let what = format!(
            "its sizes {:?} are those of {len} numbers, and it has {} bytes",
            tensor.dims,
            bytes.len()
        );
        return Err(Error::new(what, DAMAGED));
    }
    Ok(decode(tensor.data_type, bytes))
}

/// Numbers from little-endian bytes, a whole number of them.
fn decode(data_type: i32, bytes: &[u8]) -> Numbers {
    fn all<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks().0.iter().map(|chunk| of(*chunk)).collect()
    }
    match data_type {
        1 => Numbers::Floats(all(bytes, f32::from_le_bytes)),
        10 => Numbers::Floats(all(bytes, |b| half::f16::from_le_bytes(b).to_f32())),
        16 => Numbers::Floats(all(bytes, |b| half::bf16::from_le_bytes(b).to_f32())),
        11 => Numbers::Floats(all(bytes, |b| f64::from_le_bytes(b) as f32)),
        6 => Numbers::Ints(all(bytes, |b| i32::from_le_bytes(b).into())),
        7 => Numbers::Ints(all(bytes, i64::from_le_bytes)),
        3 => Numbers::Ints(all(bytes, |[b]| i64::from(b as i8))),
        _ => Numbers::Ints(all(bytes, |[b]| b.into())),
    }
}

/// Numbers from the list of the tensor's type.
fn typed(tensor: &TensorData, len: usize) -> Result<Numbers> {
    let halves = |to: fn(u16) -> f32| tensor.int32_data.iter().map(|bits| to(*bits as u16)).collect();
    let numbers = match tensor.data_type {
        1 => Numbers::Floats(tensor.float_data.clone()),
        10 => Numbers::Floats(halves(|bits| half::f16::from_bits(bits).to_f32())),
        16 => Numbers::Floats(halves(|bits| half::bf16::from_bits(bits).to_f32())),
        11 => Numbers::Floats(tensor.double_data.iter().map(|value| *value as f32).collect()),
        7 => Numbers::Ints(tensor.int64_data.clone()),
        _ => Numbers::Ints(tensor.int32_data.iter().map(|value| i64::from(*value)).collect()),
    };
    let found = Constant { dims: Vec::new(), numbers };
    if found.len() != len {
        let what =
            format!("its sizes {:?} are those of {len} numbers, and it has {}", tensor.dims, found.len());
        return Err(Error::new(what, DAMAGED));
    }
    Ok(found.numbers)
}

/// The bytes of a tensor in another file, which lies in the model's folder.
fn external_bytes(tensor: &TensorData, wanted: Option<usize>, folder: &Path) -> Result<Vec<u8>> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|e| e.value.as_str());
    let location = entry("location").unwrap_or_default();
    let real = beside(folder, location)?;
    let io = |error| Error::io("read", &real, &error);
    let number = |key: &str, default: u64| match entry(key) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Error::new(format!("its {key} is {text:?}"), DAMAGED)),
    };
    let metadata = std::fs::metadata(&real).map_err(io)?;
    let offset = number("offset", 0)?;
    let rest = metadata.len().saturating_sub(offset);
    let length = number("length", rest)?;
    if !metadata.is_file() || length > rest || wanted.map(|bytes| bytes as u64) != Some(length) {
        let what = format!(
            "its sizes {:?} need {} bytes; {location} has {rest} from {offset} on, of which it names {length}",
            tensor.dims,
            wanted.map_or("too many".to_owned(), |bytes| bytes.to_string())
        );
        return Err(Error::new(what, "bring the whole file back that was written beside the model"));
    }
    let mut file = File::open(&real).map_err(io)?;
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).map_err(io)?;
    Ok(bytes)
}
