//! Data sets in a `.safetensors`, by the names of its tensors, which are those of an `.npz`.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | a header of any length, padded with spaces; tensors sorted by type, then name | safetensors 0.8 | read by the crate |
//! | images uint8 or float32, `[n, y, x]`, `[n, y, x, c]` or `[n, c, y, x]` | PyTorch, NumPy, JAX | as those of an `.npz` |
//! | bfloat16, which NumPy lacks | PyTorch | read |
//! | float8 and smaller, complex numbers | safetensors 0.8 | refused |
//! | a transposed array of NumPy is written in the order of its memory, under the shape of the transposed | safetensors 0.8.0 for NumPy, its issue 825; not 0.7 | cannot be seen in the file: `numpy.ascontiguousarray` before it is saved |

use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::array_set::{self, NamedArrays};
use super::arrays::{Array, Values};
use super::bounded::{self, damaged};
use super::dataset::Dataset;
use crate::error::{Error, Result};

/// Files of a set in this format, for messages.
pub(super) const LOOKS_FOR: &str = "a .safetensors with tensors called as the arrays of such an .npz";
/// Bytes of a header at most: it takes some times that in memory.
const MAX_HEADER: u64 = 4 << 20;
/// Files of a run in this format, which are no data sets.
const OF_RUNS: [&str; 3] = ["model.safetensors", "probes.safetensors", "start.safetensors"];

/// True for the name of such a file.
pub(super) fn claims(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".safetensors") && !OF_RUNS.contains(&name.as_str())
}

/// The bytes of a file and the names of its tensors.
pub(super) struct Tensors {
    bytes: Vec<u8>,
    names: Vec<String>,
}

impl Tensors {
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self> {
        let header = bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        if header.is_none_or(|header| header > MAX_HEADER) {
            return Err(damaged(format!("its header has no or more than {MAX_HEADER} bytes")));
        }
        let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let mut names: Vec<String> = tensors.names().into_iter().map(String::from).collect();
        names.sort();
        Ok(Self { bytes, names })
    }
}

impl NamedArrays for Tensors {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&mut self, name: &str) -> Result<Array> {
        let tensors = SafeTensors::deserialize(&self.bytes).map_err(damaged)?;
        let tensor = tensors.tensor(name).map_err(damaged)?;
        let shape = tensor.shape().iter().map(|size| *size as u64).collect();
        let values = values(tensor.dtype(), tensor.data());
        values.map(|values| Array { shape, values }).map_err(|error| error.within(format!("array {name}")))
    }
}

/// The numbers of some bytes, the lowest byte first.
///
/// # Errors
/// When they are of a type of fewer than 8 bits, or complex.
pub(super) fn values(kind: Dtype, bytes: &[u8]) -> Result<Values> {
    Ok(match kind {
        Dtype::U8 | Dtype::BOOL => Values::Bytes(bytes.to_vec()),
        Dtype::I8 => Values::Signed(each(bytes, i8::from_le_bytes)),
        Dtype::I16 => Values::Floats(each(bytes, |b| f32::from(i16::from_le_bytes(b)))),
        Dtype::U16 => Values::Floats(each(bytes, |b| f32::from(u16::from_le_bytes(b)))),
        Dtype::F16 => Values::Floats(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Values::Floats(each(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::F32 => Values::Floats(each(bytes, f32::from_le_bytes)),
        Dtype::I32 => Values::Numbers(each(bytes, |b| f64::from(i32::from_le_bytes(b)))),
        Dtype::U32 => Values::Numbers(each(bytes, |b| f64::from(u32::from_le_bytes(b)))),
        Dtype::I64 => Values::Numbers(each(bytes, |b| i64::from_le_bytes(b) as f64)),
        Dtype::U64 => Values::Numbers(each(bytes, |b| u64::from_le_bytes(b) as f64)),
        Dtype::F64 => Values::Numbers(each(bytes, f64::from_le_bytes)),
        other => {
            let what = format!("its values are {other:?}, not real numbers of 8 to 64 bits");
            return Err(Error::new(what, "save it as uint8 or float32"));
        }
    })
}

fn each<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)).collect()
}

/// Reads the set in the file at `path`.
///
/// # Errors
/// When it is damaged, has no tensors of a known name, or they do not go together.
pub(super) fn open(path: &Path) -> Result<Dataset> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = bounded::read(path, bounded::MAX_BYTES)?;
    let read = || array_set::read(&mut Tensors::new(bytes)?, name);
    read().map_err(|error| error.within(path.display()))
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn open_tensors(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Result<Dataset> {
        let view = |(name, kind, shape, bytes)| {
            (name, TensorView::new(kind, <[usize]>::to_vec(shape), bytes).unwrap())
        };
        let views = tensors.iter().copied().map(view);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("set.safetensors"), safetensors::serialize(views, None).unwrap())
            .unwrap();
        Dataset::open(dir.path().to_str().unwrap())
    }

    #[test]
    fn a_file_that_python_wrote_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/arrays/set.safetensors");
        let data = Dataset::open(path.to_str().unwrap()).unwrap();
        // x[i, y, x, c] = (i + 10 y + 20 x + 100 c) / 255, two by three pixels; labels i % 3.
        assert_eq!(
            data.train.image(1),
            [1, 21, 41, 11, 31, 51, 101, 121, 141, 111, 131, 151, 201, 221, 241, 211, 231, 251]
        );
        assert_eq!((&data.train.labels[..], &data.test.labels[..]), (&[0, 1, 2, 0][..], &[0, 1][..]));
        assert_eq!((data.name.as_str(), data.shape.to_string().as_str()), ("set", "3×2×3"));
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        let label = ("y_train", Dtype::I64, &[1][..], &[4, 0, 0, 0, 0, 0, 0, 0][..]);
        let tests = [("x_test", Dtype::U8, &[1, 1, 2][..], &[5, 6][..]), ("y_test", Dtype::U8, &[1], &[0])];
        for (kind, bytes) in [
            (Dtype::BF16, &[0x80, 0x3f, 0x00, 0x3f][..]),
            (Dtype::F16, &[0x00, 0x3c, 0x00, 0x38]),
            (Dtype::U8, &[255, 128]),
            (Dtype::U32, &[255, 0, 0, 0, 128, 0, 0, 0]),
        ] {
            let data =
                open_tensors(&[("x_train", kind, &[1, 1, 2], bytes), label, tests[0], tests[1]]).unwrap();
            assert_eq!((data.train.image(0), data.train.labels[0]), (&[255, 128][..], 4), "{kind:?}");
        }
        let error = open_tensors(&[("x_train", Dtype::F8_E4M3, &[1, 1, 2], &[1, 2]), label]).unwrap_err();
        assert!(error.what().contains("set.safetensors: array x_train: its values are F8_E4M3"), "{error}");
    }

    #[test]
    fn what_is_no_data_set_says_so() {
        let error = open_tensors(&[("conv1.weight", Dtype::U8, &[1], &[1])]).unwrap_err();
        assert!(error.what().contains("images with labels: conv1.weight"), "{error}");
        assert!(claims("Set.safetensors") && !claims("model.safetensors"));
    }
}
