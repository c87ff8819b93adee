//! Pickles of Python as data sets hold them: dicts, lists, numbers, texts and NumPy arrays. Nothing in them is ever run.
//!
//! A pickle is a program for a stack machine that may call any function of Python. This one has no functions: the few names that NumPy
//! writes stand for arrays and types of numbers, and every other name or opcode is refused by name.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | texts as bytes (`SHORT_BINSTRING`), arrays by `numpy.core.multiarray._reconstruct` and a state | CIFAR-10 and CIFAR-100, Python 2, protocol 2 | read |
//! | bytes as a text that `_codecs.encode` brings to Latin-1 | Python 3, protocol 2 | read |
//! | `numpy._core` in place of `numpy.core` | NumPy 2 | read |
//! | frames, `MEMOIZE`, `STACK_GLOBAL` | Python 3, protocols 4 and 5 | read |
//! | arrays by `numpy._core.numeric._frombuffer`, bytes as `BYTEARRAY8` | NumPy, protocol 5 | read |
//! | whole numbers as `numpy._core.multiarray.scalar` | lists of NumPy's numbers | read |
//! | tensors by `torch._utils._rebuild_tensor_v2`, their storages by persistent ids | `torch.save` of a state dict | read as places in storages |
//! | protocols 0 and 1, buffers beside the file, other persistent ids, classes, functions | | refused |
//!
//! Source: the opcodes in Python's `pickletools`.

mod machine;
#[cfg(test)]
mod tests;
mod torch;
mod value;

use super::arrays::{Array, Values};
use crate::error::{Error, Result};
use machine::Machine;
pub(super) use value::StoredTensor;
use value::{Id, Value};

/// A pickle whose outermost object is a dict.
pub(super) struct Pickle {
    file: Vec<u8>,
    /// Texts that were brought to Latin-1, one after the other.
    encoded: Vec<u8>,
    values: Vec<Value>,
    entries: Vec<(Id, Id)>,
}

fn not_as_expected(what: impl Into<String>) -> Error {
    Error::new(
        what,
        "fetch the data set again, or save it as an .npz: numpy.savez(path, x_train=..., y_train=...)",
    )
}

impl Pickle {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// When they are no pickle, are cut short, hold something that is refused, or no dict.
    pub(super) fn read(file: Vec<u8>) -> Result<Self> {
        let mut machine = Machine::new(&file);
        let root = machine.run()?;
        let Machine { mut values, encoded, .. } = machine;
        match std::mem::replace(&mut values[root as usize], Value::None) {
            Value::Dict(entries) => Ok(Self { file, encoded, values, entries }),
            other => Err(not_as_expected(format!("it holds {}, not a dict", other.kind()))),
        }
    }

    fn blob(&self, id: Id) -> Option<&[u8]> {
        match self.values[id as usize] {
            Value::Bytes(blob) => Some(blob.of(&self.file, &self.encoded)),
            _ => None,
        }
    }

    /// The entry of this name.
    fn find(&self, key: &str) -> Option<Id> {
        let is_called = |(name, _): &&(Id, Id)| self.blob(*name) == Some(key.as_bytes());
        self.entries.iter().rev().find(is_called).map(|(_, value)| *value)
    }

    /// True where there is an entry of this name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn entry(&self, key: &str) -> Result<(Id, &Value)> {
        let name = |(name, _): &(Id, Id)| Some(String::from_utf8_lossy(self.blob(*name)?).into_owned());
        let id = self.find(key).ok_or_else(|| {
            let names: Vec<String> = self.entries.iter().take(16).filter_map(name).collect();
            not_as_expected(format!("it has no {key}, but {}", names.join(", ")))
        })?;
        Ok((id, &self.values[id as usize]))
    }

    /// The texts of a list.
    ///
    /// # Errors
    /// When there is no such entry, or it is no list of texts.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>> {
        let (_, value) = self.entry(key)?;
        let Value::List(items) = value else {
            return Err(not_as_expected(format!("its {key} are {}, not a list", value.kind())));
        };
        let text = |id: &Id| self.blob(*id).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let texts: Option<Vec<String>> = items.iter().map(text).collect();
        texts.ok_or_else(|| not_as_expected(format!("its {key} are not all texts")))
    }

    /// The whole numbers of a list or of an array.
    ///
    /// # Errors
    /// When there is no such entry, or it is neither.
    pub(super) fn integers(&self, key: &str) -> Result<Vec<i64>> {
        let (id, value) = self.entry(key)?;
        let numbers: Option<Vec<i64>> = match value {
            Value::List(items) => {
                let number = |id: &Id| match self.values[*id as usize] {
                    Value::Int(number) => Some(number),
                    _ => None,
                };
                items.iter().map(number).collect()
            }
            Value::Array { dtype, data, .. } => match (&self.values[*dtype as usize], self.blob(*data)) {
                (Value::Dtype { name, big }, Some(bytes)) => {
                    let name = name.of(&self.file, &self.encoded);
                    value::integers(name, *big, bytes)
                }
                _ => None,
            },
            _ => None,
        };
        let kind = self.values[id as usize].kind();
        numbers.ok_or_else(|| not_as_expected(format!("its {key} are {kind}, not whole numbers")))
    }

    /// An array of bytes.
    ///
    /// # Errors
    /// When there is no such entry, or it is none.
    pub(super) fn byte_array(&self, key: &str) -> Result<Array> {
        let (_, value) = self.entry(key)?;
        let Value::Array { shape, dtype, fortran, data } = value else {
            return Err(not_as_expected(format!("its {key} are {}, not an array", value.kind())));
        };
        let name = match &self.values[*dtype as usize] {
            Value::Dtype { name, .. } => name.of(&self.file, &self.encoded),
            _ => b"no numbers",
        };
        if !matches!(name, b"u1" | b"|u1") {
            let name = String::from_utf8_lossy(name);
            return Err(not_as_expected(format!("its {key} are an array of {name}, not of bytes")));
        }
        let bytes = self.blob(*data).unwrap_or_default();
        if super::arrays::product(shape) != Some(bytes.len() as u64) {
            let what = format!("its {key} have the shape {shape:?}, but {} bytes", bytes.len());
            return Err(not_as_expected(what));
        }
        let values = Values::Bytes(bytes.to_vec()).in_order(shape, *fortran);
        Ok(Array { shape: shape.to_vec(), values })
    }
}
