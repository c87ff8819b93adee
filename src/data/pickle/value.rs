//! The objects of a pickle.

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
            _ => None,
        }
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
        }
    }
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
