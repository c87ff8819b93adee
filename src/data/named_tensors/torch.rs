//! Files of `torch.save`: a zip of a pickle and of the storages that it names.

use std::collections::HashMap;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use super::tensor::{NamedTensor, named};
use crate::data::arrays::{Array, product};
use crate::data::bounded::{self, damaged};
use crate::data::pickle::{Pickle, StoredTensor};
use crate::data::tensors::values;
use crate::error::{Error, Result};

/// Largest pickle in bytes: it names tensors, which lie beside it.
const MAX_PICKLE: u64 = 64 << 20;
/// Help for what holds more than weights.
const WEIGHTS_ALONE: &str = "save the weights alone: torch.save(model.state_dict(), path)";

/// The tensors in the file at `path`.
///
/// # Errors
/// When it is damaged, holds more than tensors, or a tensor lies outside of its storage; it is named.
pub(super) fn read(path: &Path) -> Result<Vec<NamedTensor>> {
    let (file, len) = bounded::open(path, bounded::MAX_BYTES)?;
    read_zip(BufReader::new(file), len)
}

/// The tensors in a zip of `len` bytes.
fn read_zip<R: Read + Seek>(file: R, len: u64) -> Result<Vec<NamedTensor>> {
    let mut zip = ZipArchive::new(file).map_err(damaged)?;
    let names: Vec<String> = zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let folder = names.iter().find_map(|name| name.strip_suffix("data.pkl")).unwrap_or_default().to_owned();
    if names.contains(&format!("{folder}constants.pkl")) {
        return Err(Error::new("it is a program of TorchScript", WEIGHTS_ALONE));
    }
    if names.contains(&format!("{folder}byteorder"))
        && entry(&mut zip, &format!("{folder}byteorder"), 16)? != b"little"
    {
        return Err(Error::new("its numbers begin with their highest byte", "save it on a usual machine"));
    }
    let pickle = entry(&mut zip, &format!("{folder}data.pkl"), MAX_PICKLE)?;
    let stored = Pickle::read(pickle).map_err(|error| Error::new(error.what(), WEIGHTS_ALONE))?.tensors()?;
    let mut storages: HashMap<String, Vec<u8>> = HashMap::new();
    // No more numbers than the file has bytes: a tensor may repeat its storage. Nor more bytes in all: entries may lie on each other.
    let (mut room, mut stored_room) = (len, len);
    let mut tensors = Vec::new();
    for tensor in stored {
        let within = |error: Error| error.within(format!("tensor {}", tensor.name));
        let count = product(&tensor.shape).filter(|count| *count <= room).ok_or_else(|| {
            within(damaged(format!("its shape is {:?}, more than the file holds", tensor.shape)))
        })?;
        room -= count;
        if !storages.contains_key(&tensor.key) {
            let name = format!("{folder}data/{}", tensor.key);
            let storage = entry(&mut zip, &name, stored_room).map_err(within)?;
            stored_room -= storage.len() as u64;
            storages.insert(tensor.key.clone(), storage);
        }
        let bytes = gathered(&tensor, &storages[&tensor.key]).map_err(within)?;
        let array =
            Array { values: values(tensor.kind, &bytes).map_err(within)?, shape: tensor.shape.to_vec() };
        tensors.push(named(tensor.name, array)?);
    }
    Ok(tensors)
}

/// The bytes of an entry that is not compressed, at most `limit`.
fn entry<R: Read + Seek>(zip: &mut ZipArchive<R>, name: &str, limit: u64) -> Result<Vec<u8>> {
    let entry = zip.by_name(name).map_err(|error| damaged(format!("{name}: {error}")))?;
    if entry.compression() != CompressionMethod::Stored || entry.size() > limit {
        let what = format!("{name} is compressed, or has more than {limit} bytes");
        return Err(Error::new(what, "save it again by torch.save, which compresses nothing"));
    }
    let mut bytes = Vec::new();
    entry.take(limit).read_to_end(&mut bytes).map_err(|error| damaged(format!("{name}: {error}")))?;
    Ok(bytes)
}

/// The bytes of a tensor's numbers, the last index fastest.
fn gathered(tensor: &StoredTensor, storage: &[u8]) -> Result<Vec<u8>> {
    let size = tensor.kind.bitsize() / 8;
    let count = product(&tensor.shape).unwrap_or(0) as usize;
    if count == 0 {
        return Ok(Vec::new());
    }
    let sides = || tensor.shape.iter().zip(&tensor.steps);
    let last =
        sides().try_fold(tensor.offset, |last, (len, step)| last.checked_add((len - 1).checked_mul(*step)?));
    let inside = last.and_then(|last| last.checked_add(1)?.checked_mul(size as u64));
    if inside.is_none_or(|end| end > storage.len() as u64) {
        let what = format!("it lies outside of its storage {}, of {} bytes", tensor.key, storage.len());
        return Err(damaged(what));
    }
    let mut next = 1;
    let is_dense = sides().rev().all(|(len, step)| {
        let fits = *len == 1 || *step == next;
        next *= len;
        fits
    });
    let first = tensor.offset as usize * size;
    if is_dense {
        return Ok(storage[first..first + count * size].to_vec());
    }
    let mut bytes = Vec::with_capacity(count * size);
    for at in 0..count {
        let mut rest = at as u64;
        let mut place = tensor.offset;
        for (len, step) in sides().rev() {
            place += rest % len * step;
            rest /= len;
        }
        let first = place as usize * size;
        bytes.extend_from_slice(&storage[first..first + size]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use rand::{RngExt as _, SeedableRng as _};
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Damaged pickles.
    const MUTATED: usize = 10_000;

    fn zipped(pickle: &[u8], method: CompressionMethod) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        let storages = [216, 12, 12, 12, 12, 8, 96, 8].map(|len| vec![1_u8; len]);
        let names = (0..8).map(|key| format!("plain/data/{key}"));
        zip.start_file("plain/data.pkl", options).unwrap();
        zip.write_all(pickle).unwrap();
        for (name, storage) in names.zip(storages) {
            zip.start_file(name, options).unwrap();
            zip.write_all(&storage).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Vec<NamedTensor>> {
        read_zip(Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn damaged_pickles_are_errors_or_tensors() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/weights/plain.pt");
        let mut zip = ZipArchive::new(Cursor::new(std::fs::read(path).unwrap())).unwrap();
        let pickle = entry(&mut zip, "plain/data.pkl", MAX_PICKLE).unwrap();
        let whole = read_bytes(&zipped(&pickle, CompressionMethod::Stored)).unwrap();
        assert_eq!((whole.len(), whole[0].values.len()), (8, 54));
        let error = read_bytes(&zipped(&pickle, CompressionMethod::Deflated)).unwrap_err();
        assert!(error.what().contains("is compressed"), "{error}");
        // Its storages have 376 bytes together, the largest 216: in a shorter file they would lie on each other.
        let all = zipped(&pickle, CompressionMethod::Stored);
        for (len, is_read) in [(376, true), (375, false), (300, false)] {
            let tensors = read_zip(Cursor::new(&all[..]), len);
            assert_eq!(tensors.is_ok(), is_read, "{len}");
        }
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        let mut read = 0;
        for _ in 0..MUTATED {
            let mut damaged = pickle.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..damaged.len());
                match rng.random_range(0..3) {
                    0 => damaged[at] = rng.random(),
                    1 => drop(damaged.drain(at..(at + rng.random_range(1..9)).min(damaged.len()))),
                    _ => damaged.insert(at, rng.random()),
                }
            }
            let tensors = read_bytes(&zipped(&damaged, CompressionMethod::Stored));
            let counts = |tensor: &NamedTensor| tensor.shape.iter().product::<usize>() == tensor.values.len();
            read += usize::from(tensors.is_ok_and(|tensors| tensors.iter().all(counts)));
        }
        assert!((1..MUTATED / 2).contains(&read), "{read} of {MUTATED}");
    }
}
