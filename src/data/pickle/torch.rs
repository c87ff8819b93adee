//! Tensors of PyTorch in a pickle: each names a storage beside it, and its place, sizes and steps there.

use super::Pickle;
use super::machine::{Machine, refused};
use super::value::{Id, Name, StoredTensor, Value};
use crate::error::{Error, Result};

/// Keys under which checkpoints of training scripts keep a state dict.
const NESTED: [&[u8]; 7] =
    [b"state_dict", b"model_state_dict", b"model_state", b"model", b"network", b"net", b"weights"];

impl Machine<'_> {
    /// The storage that a persistent id names: `('storage', type, key, device, length)`.
    ///
    /// # Errors
    /// When it names something else.
    pub(super) fn storage(&self, id: Id) -> Result<Value> {
        if let [word, kind, key, ..] = self.tuple(id).unwrap_or(&[])
            && let (Value::Name(Name::Storage(kind)), Value::Bytes(key)) =
                (&self.values[*kind as usize], &self.values[*key as usize])
            && self.bytes(*word)? == b"storage"
        {
            return Ok(Value::Storage { kind: *kind, key: *key });
        }
        Err(refused("it is a pickle that names something outside of itself"))
    }

    /// The tensor of `_rebuild_tensor_v2(storage, offset, sizes, steps, …)`.
    ///
    /// # Errors
    /// When these are other objects.
    pub(super) fn tensor(&self, arguments: &[Id]) -> Result<Value> {
        if let [storage, offset, shape, steps, ..] = arguments
            && let (Value::Storage { .. }, Value::Int(offset)) =
                (&self.values[*storage as usize], &self.values[*offset as usize])
            && let Ok(offset) = u64::try_from(*offset)
        {
            let (shape, steps) = (self.shape(*shape)?, self.shape(*steps)?);
            if shape.len() == steps.len() {
                return Ok(Value::Tensor { storage: *storage, offset, shape, steps });
            }
        }
        Err(refused("it is a pickle with a tensor of other parts than PyTorch writes"))
    }

    /// The tensor of `_rebuild_parameter(tensor, …)`.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn parameter(&self, tensor: Id) -> Result<Value> {
        let Value::Tensor { storage, offset, shape, steps } = &self.values[tensor as usize] else {
            return Err(refused("it is a pickle with a parameter that is no tensor"));
        };
        Ok(Value::Tensor { storage: *storage, offset: *offset, shape: shape.clone(), steps: steps.clone() })
    }
}

impl Pickle {
    /// The tensors of a state dict, or of the one that a checkpoint holds beside other things, in their order.
    ///
    /// # Errors
    /// When there are none.
    pub(in crate::data) fn tensors(&self) -> Result<Vec<StoredTensor>> {
        let is_nested = |(key, _): &&(Id, Id)| self.blob(*key).is_some_and(|key| NESTED.contains(&key));
        let nested = self.entries.iter().filter(is_nested).filter_map(|(_, value)| {
            match &self.values[*value as usize] {
                Value::Dict(entries) => Some(entries),
                _ => None,
            }
        });
        for entries in std::iter::once(&self.entries).chain(nested) {
            let tensors: Vec<StoredTensor> = entries.iter().filter_map(|entry| self.stored(*entry)).collect();
            if !tensors.is_empty() {
                return Ok(tensors);
            }
        }
        let name = |(key, _): &(Id, Id)| Some(String::from_utf8_lossy(self.blob(*key)?).into_owned());
        let names: Vec<String> = self.entries.iter().take(16).filter_map(name).collect();
        let what = format!("it holds no tensors, but {}", names.join(", "));
        Err(Error::new(what, "save the weights alone: torch.save(model.state_dict(), path)"))
    }

    fn stored(&self, (key, value): (Id, Id)) -> Option<StoredTensor> {
        let Value::Tensor { storage, offset, shape, steps } = &self.values[value as usize] else {
            return None;
        };
        let Value::Storage { kind, key: stored } = self.values[*storage as usize] else { return None };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let key_of = stored.of(&self.file, &self.encoded);
        Some(StoredTensor {
            name: text(self.blob(key)?),
            kind,
            key: text(key_of),
            offset: *offset,
            shape: shape.clone(),
            steps: steps.clone(),
        })
    }
}
