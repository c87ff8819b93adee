//! Files of named tensors, as weights of networks are kept: safetensors, state dicts of PyTorch, and `.npz`.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | a zip, not compressed, of `NAME/data.pkl` and `NAME/data/KEY` | `torch.save` since 1.6 | the pickle is read without its functions, numbers from the storages |
//! | several tensors in one storage, transposed ones, steps of 0 | PyTorch 2.11 | read by their places and steps |
//! | `_metadata` as a state of the `OrderedDict` | `Module.state_dict` | passed over |
//! | a dict with `state_dict` or `model_state_dict` beside epoch and optimizer | training scripts | its tensors |
//! | a whole module, which names its class | `torch.save(model)` | refused: the class is named |
//! | pickles one after the other, without a zip | `torch.save` before 1.6 | refused |
//! | TorchScript | `torch.jit.save` | refused |
//! | order of the tensors: as the modules were made | state dicts and `.npz` of them | kept |
//! | order of the tensors: by type, then name | safetensors 0.8 | taken in the order of their names, numbers counted |

mod tensor;
mod torch;

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use super::array_set::NamedArrays as _;
use super::arrays::Archive;
use super::bounded;
use super::tensors::Tensors;
use crate::error::{Error, Result};
pub use tensor::NamedTensor;
use tensor::named;

/// First bytes of a zip.
const ZIP: &[u8] = b"PK\x03\x04";
/// First bytes of a file of PyTorch before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c.
const OLD_TORCH: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46";
/// Largest header of a safetensors file in bytes.
const MAX_HEADER: u64 = 4 << 20;

/// The tensors of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensors {
    /// The tensors, in the file's order or by their names.
    pub tensors: Vec<NamedTensor>,
    /// True if the order is that in which a program put them there.
    pub is_ordered: bool,
}

/// Formats of such files.
enum Format {
    Safetensors,
    Torch,
    Npz,
    OldTorch,
}

impl Format {
    /// The format of the file at `path`; none where it is another one.
    fn of(path: &Path) -> Result<Option<Self>> {
        let io = |error| Error::io("read", path, &error);
        if !path.is_file() {
            return Ok(None);
        }
        let mut first = Vec::new();
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        file.take(16).read_to_end(&mut first).map_err(io)?;
        let header = first.first_chunk::<8>().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
        if header <= MAX_HEADER && header + 8 <= len && first.get(8) == Some(&b'{') {
            return Ok(Some(Self::Safetensors));
        }
        if first.starts_with(OLD_TORCH) {
            return Ok(Some(Self::OldTorch));
        }
        if !first.starts_with(ZIP) {
            return Ok(None);
        }
        let file = BufReader::new(File::open(path).map_err(io)?);
        let Ok(zip) = zip::ZipArchive::new(file) else { return Ok(None) };
        let has = |end: &str| zip.file_names().any(|name| name.is_ok_and(|name| name.ends_with(end)));
        Ok(if has("data.pkl") {
            Some(Self::Torch)
        } else if has(".npy") {
            Some(Self::Npz)
        } else {
            None
        })
    }
}

impl NamedTensors {
    /// True for a file of tensors by its content.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_in(path: &Path) -> Result<bool> {
        Format::of(path).map(|format| format.is_some())
    }

    /// Reads a file of tensors; none where it is no such file.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or holds something else than numbers.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        let Some(format) = Format::of(path)? else { return Ok(None) };
        let read = || match format {
            Format::Safetensors => safetensors(path),
            Format::Torch => torch::read(path).map(|tensors| Self { tensors, is_ordered: true }),
            Format::Npz => npz(path),
            Format::OldTorch => Err(Error::new(
                "it was saved by PyTorch before 1.6, or in its old format",
                "load it in PyTorch and save it again: torch.save(model.state_dict(), path)",
            )),
        };
        read().map(Some).map_err(|error| error.within(path.display()))
    }
}

fn safetensors(path: &Path) -> Result<NamedTensors> {
    let mut file = Tensors::new(bounded::read(path, bounded::MAX_BYTES)?)?;
    let mut names = file.names().to_vec();
    names.sort_by_cached_key(|name| natural(name));
    let tensors = names.into_iter().map(|name| file.read(&name).and_then(|array| named(name, array)));
    Ok(NamedTensors { tensors: tensors.collect::<Result<_>>()?, is_ordered: false })
}

fn npz(path: &Path) -> Result<NamedTensors> {
    let (file, _) = bounded::open(path, bounded::MAX_BYTES)?;
    let mut archive = Archive::open(BufReader::new(file))?;
    let names = archive.arrays.clone();
    let tensors = names.into_iter().map(|name| archive.read(&name).and_then(|array| named(name, array)));
    Ok(NamedTensors { tensors: tensors.collect::<Result<_>>()?, is_ordered: true })
}

/// Order of names in which numbers are counted: `layer.2` before `layer.10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut in_number = false;
    for c in name.chars() {
        if in_number && !c.is_ascii_digit() {
            parts.push((String::new(), 0));
        }
        in_number = c.is_ascii_digit();
        let (text, number) = parts.last_mut().expect("there is one");
        match c.to_digit(10) {
            Some(digit) => *number = number.saturating_mul(10).saturating_add(digit.into()),
            None => text.push(c),
        }
    }
    parts
}

#[cfg(test)]
mod tests;
