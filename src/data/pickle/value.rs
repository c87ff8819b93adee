//! The objects of a pickle.

use safetensors::Dtype;

/// Number of an object.
pub(super) type Id = u32;

/// Bytes or a text: a part of the file, or of what was brought to Latin-1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blob {
    pub is_encoded: bool,
    pub start: usize,
    pub len: u32,
}

impl Blob {
    /// The bytes.
    pub(super) fn of<'a>(&self, file: &'a [u8], encoded: &'a [u8]) -> &'a [u8] {
        let whole = if self.is_encoded { encoded } else { file };
        &whole[self.start..][..self.len as usize]
    }
}

/// The names of Python that are known. They are never called: each stands for the object that it would make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Reconstruct,
    FromBuffer,
    Scalar,
    NdArray,
    Dtype,
    Encode,
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// A storage of numbers of this type.
    Storage(Dtype),
}

impl Name {
    /// The name that a module and a word in it mean; none where it is not known.
    pub(super) fn find(module: &[u8], word: &[u8]) -> Option<Self> {
        match (module, word) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => {
                Some(Self::Reconstruct)
            }
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"scalar") => Some(Self::Scalar),
            (b"numpy.core.numeric" | b"numpy._core.numeric", b"_frombuffer") => Some(Self::FromBuffer),
            (b"numpy", b"ndarray") => Some(Self::NdArray),
            (b"numpy", b"dtype") => Some(Self::Dtype),
            (b"_codecs", b"encode") => Some(Self::Encode),
            (b"collections", b"OrderedDict") => Some(Self::OrderedDict),
            (b"torch._utils", b"_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            (b"torch._utils", b"_rebuild_parameter") => Some(Self::RebuildParameter),
            (b"torch", word) => Self::storage(word),
            _ => None,
        }
    }

    fn storage(word: &[u8]) -> Option<Self> {
        let kind = match word {
            b"FloatStorage" => Dtype::F32,
            b"DoubleStorage" => Dtype::F64,
            b"HalfStorage" => Dtype::F16,
            b"BFloat16Storage" => Dtype::BF16,
            b"LongStorage" => Dtype::I64,
            b"IntStorage" => Dtype::I32,
            b"ShortStorage" => Dtype::I16,
            b"CharStorage" => Dtype::I8,
            b"ByteStorage" => Dtype::U8,
            b"BoolStorage" => Dtype::BOOL,
            _ => return None,
        };
        Some(Self::Storage(kind))
    }
}

/// An object.
#[derive(Debug)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Bytes(Blob),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Name(Name),
    Dtype {
        name: Blob,
        big: bool,
    },
    /// An array before its state is known.
    Unfinished,
    Array {
        shape: Box<[u64]>,
        dtype: Id,
        fortran: bool,
        data: Id,
    },
    /// Numbers of PyTorch beside the pickle, under this key.
    Storage {
        kind: Dtype,
        key: Blob,
    },
    /// A tensor of PyTorch: its storage, the first number there, sizes, and steps from one index to the next.
    Tensor {
        storage: Id,
        offset: u64,
        shape: Box<[u64]>,
        steps: Box<[u64]>,
    },
}

impl Value {
    /// Words for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a truth value",
            Self::Int(_) | Self::Float => "a number",
            Self::Bytes(_) => "a text",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Name(_) => "a function",
            Self::Dtype { .. } => "a type",
            Self::Unfinished | Self::Array { .. } => "an array",
            Self::Storage { .. } | Self::Tensor { .. } => "a tensor",
        }
    }
}

/// A tensor by its name, and its place in a storage.
pub(in crate::data) struct StoredTensor {
    pub name: String,
    /// Type of the numbers.
    pub kind: Dtype,
    /// Key of the storage.
    pub key: String,
    /// First number.
    pub offset: u64,
    pub shape: Box<[u64]>,
    /// Numbers from one index to the next of each axis.
    pub steps: Box<[u64]>,
}

/// The whole numbers of an array of the type `name`, such as `i8` for 8 bytes each; none where it is of another type.
pub(super) fn integers(name: &[u8], big: bool, bytes: &[u8]) -> Option<Vec<i64>> {
    let (signed, size) = match name {
        [b'i', size] => (true, *size),
        [b'u' | b'b', size] => (false, *size),
        _ => return None,
    };
    let size = usize::from(size.checked_sub(b'0').filter(|size| [1, 2, 4, 8].contains(size))?);
    let number = |chunk: &[u8]| {
        let bits = |bits: i64, byte: &u8| bits << 8 | i64::from(*byte);
        let whole = if big { chunk.iter().fold(0, bits) } else { chunk.iter().rev().fold(0, bits) };
        let unused = 64 - 8 * size as u32;
        if signed { whole << unused >> unused } else { whole }
    };
    bytes.len().is_multiple_of(size).then(|| bytes.chunks_exact(size).map(number).collect())
}
