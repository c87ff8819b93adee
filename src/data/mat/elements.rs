//! The arrays of a MAT file of level 5, by their names.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::ZlibDecoder;
use humansize::{BINARY, format_size};

use crate::data::arrays::{Array, Values, product};
use crate::data::bounded::{self, damaged, most_unpacked};
use crate::error::{Error, Result};

/// Values that are read at once.
const BLOCK: usize = 1 << 16;
/// Bytes of dimensions or of a name at most.
const MAX_PART: usize = 256;
/// Types of elements: an array, and one packed by zlib.
const MATRIX: u32 = 14;
const PACKED: u32 = 15;
/// Classes of arrays that hold numbers: double, single, and whole numbers of 8 to 64 bits.
const NUMBERS: std::ops::RangeInclusive<u32> = 6..=15;
const AS_NUMBERS: &str = "save it by MATLAB's save(path, 'X', 'y', '-v7'), as arrays of real numbers";

/// The arrays of these names in the file at `path`, their indices turned around: the last one runs fastest.
///
/// # Errors
/// When it cannot be read, is of another version, is damaged, or lacks one of them.
pub(super) fn read<const N: usize>(path: &Path, names: [&str; N]) -> Result<[Array; N]> {
    let (file, file_len) = bounded::open(path, bounded::MAX_BYTES)?;
    let mut source = BufReader::new(file);
    let is_big = is_big(&mut source)?;
    let mut found = names.map(|_| None);
    while !source.fill_buf().map_err(damaged)?.is_empty() && found.iter().any(Option::is_none) {
        let mut reader = Elements { source: &mut source, is_big };
        let Tag { kind, len, .. } = reader.tag()?;
        let mut content = reader.source.take(len);
        let array = match kind {
            MATRIX => Elements { source: &mut content, is_big }.array(len, &names)?,
            PACKED => {
                let mut unpacked = ZlibDecoder::new(&mut content).take(most_unpacked(file_len));
                let mut reader = Elements { source: &mut unpacked, is_big };
                match reader.tag()? {
                    Tag { kind: MATRIX, len, .. } => {
                        let array = match reader.array(len, &names) {
                            Err(_) if unpacked.limit() == 0 => return Err(too_much(most_unpacked(file_len))),
                            array => array?,
                        };
                        // Only at its end the sum of an element is compared.
                        let rest =
                            array.is_some().then(|| std::io::copy(&mut unpacked, &mut std::io::sink()));
                        rest.transpose().map_err(damaged)?;
                        array
                    }
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some((place, array)) = array {
            found[place] = Some(array);
        }
        std::io::copy(&mut content, &mut std::io::sink()).map_err(damaged)?;
        if content.limit() > 0 {
            return Err(damaged("it ends within an array"));
        }
    }
    if let Some(missing) = found.iter().position(Option::is_none) {
        let what = format!("it has no array {}", names[missing]);
        return Err(Error::new(what, "fetch the data set again, or name its arrays X and y"));
    }
    Ok(found.map(|array| array.expect("none is missing")))
}

/// Reads the header; true where the highest byte of a number comes first.
fn is_big(source: &mut impl Read) -> Result<bool> {
    let mut header = [0; 128];
    source.read_exact(&mut header).map_err(damaged)?;
    if header.starts_with(b"MATLAB 7.3") {
        return Err(Error::new("it is a file of MATLAB 7.3 (HDF5), which is not read", AS_NUMBERS));
    }
    match header[124..] {
        [0, 1, b'I', b'M'] => Ok(false),
        [1, 0, b'M', b'I'] => Ok(true),
        _ => Err(Error::new("it is no MAT file of level 5", "fetch it again")),
    }
}

/// Head of an element.
struct Tag {
    kind: u32,
    len: u64,
    /// The content, where it lies in the tag.
    small: Option<[u8; 4]>,
}

/// Reader of elements.
struct Elements<'a, R> {
    source: &'a mut R,
    is_big: bool,
}

impl<R: Read> Elements<'_, R> {
    fn word(&mut self) -> Result<[u8; 4]> {
        let mut bytes = [0; 4];
        self.source.read_exact(&mut bytes).map_err(damaged)?;
        Ok(bytes)
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.is_big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn tag(&mut self) -> Result<Tag> {
        let (first, second) = (self.word()?, self.word()?);
        let kind = self.number(first);
        Ok(match kind >> 16 {
            0 => Tag { kind, len: u64::from(self.number(second)), small: None },
            len => Tag { kind: kind & 0xffff, len: u64::from(len.min(4)), small: Some(second) },
        })
    }

    /// The bytes of a short element.
    fn part(&mut self) -> Result<Vec<u8>> {
        let Tag { len, small, .. } = self.tag()?;
        let len = len as usize;
        if let Some(bytes) = small {
            return Ok(bytes[..len].to_vec());
        }
        if len > MAX_PART {
            return Err(damaged(format!("the head of an array has {len} bytes")));
        }
        let mut bytes = vec![0; len.next_multiple_of(8)];
        self.source.read_exact(&mut bytes).map_err(damaged)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    /// The array in an element of `len` bytes, and the place of its name, where it is one of these.
    fn array(&mut self, len: u64, names: &[&str]) -> Result<Option<(usize, Array)>> {
        let (flags, sizes, name) = (self.part()?, self.part()?, self.part()?);
        let Some(place) = names.iter().position(|known| known.as_bytes() == name) else { return Ok(None) };
        let within = |error: Error| error.within(format!("array {}", names[place]));
        let flags = flags.first_chunk::<4>().map_or(0, |bytes| self.number(*bytes));
        let is_complex = flags & 0x800 != 0;
        if !NUMBERS.contains(&(flags & 0xff)) || is_complex {
            let what = "it is a struct, a cell, a text, or of complex or sparse numbers";
            return Err(within(Error::new(what, AS_NUMBERS)));
        }
        let sizes = sizes.as_chunks::<4>().0.iter().rev().map(|bytes| u64::from(self.number(*bytes)));
        let shape: Vec<u64> = sizes.collect();
        let values = self.values(len).map_err(within)?;
        if product(&shape) != Some(values.len() as u64) {
            let what = format!("its shape is {shape:?}, but it has {} values", values.len());
            return Err(within(Error::new(what, "the file is damaged; fetch it again")));
        }
        Ok(Some((place, Array { shape, values })))
    }

    /// The values of an element within one of `most` bytes, whatever their type.
    fn values(&mut self, most: u64) -> Result<Values> {
        let Tag { kind, len, small } = self.tag()?;
        if len > most {
            return Err(damaged(format!("its values are said to take {len} of {most} bytes")));
        }
        let mut within: &[u8] = small.as_ref().map_or(&[], |bytes| &bytes[..]);
        let source: &mut dyn Read = if small.is_some() { &mut within } else { &mut *self.source };
        let source = &mut source.take(len);
        macro_rules! numbers {
            ($kind:ty, $values:path, $to:expr) => {{
                let number = if self.is_big { <$kind>::from_be_bytes } else { <$kind>::from_le_bytes };
                $values(blocks(source, |bytes| $to(number(bytes)))?)
            }};
        }
        let values = match kind {
            1 => numbers!(i8, Values::Signed, |v| v),
            2 => numbers!(u8, Values::Bytes, |v| v),
            3 => numbers!(i16, Values::Floats, f32::from),
            4 => numbers!(u16, Values::Floats, f32::from),
            5 => numbers!(i32, Values::Numbers, f64::from),
            6 => numbers!(u32, Values::Numbers, f64::from),
            7 => numbers!(f32, Values::Floats, |v| v),
            9 => numbers!(f64, Values::Numbers, |v| v),
            12 => numbers!(i64, Values::Numbers, |v| v as f64),
            13 => numbers!(u64, Values::Numbers, |v| v as f64),
            other => return Err(damaged(format!("its values are of the type {other}"))),
        };
        if source.limit() > 0 {
            return Err(damaged("it ends within its values"));
        }
        Ok(values)
    }
}

/// Error for an array that is not unpacked further than `most` bytes.
fn too_much(most: u64) -> Error {
    let most = format_size(most, BINARY);
    let what = format!("an array of it unpacks to more than {most}, four times the file and 64 MiB");
    Error::new(what, "save it again without packing (-v6), or as .npz")
}

/// Values of `N` bytes each, a block at a time. The length in the tag is not trusted: memory grows with the bytes read.
fn blocks<const N: usize, T>(source: &mut impl Read, to: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
    let (mut values, mut block) = (Vec::new(), Vec::new());
    loop {
        block.clear();
        source.take((BLOCK * N) as u64).read_to_end(&mut block).map_err(damaged)?;
        values.extend(block.as_chunks::<N>().0.iter().map(|bytes| to(*bytes)));
        if block.len() < BLOCK * N {
            return Ok(values);
        }
    }
}
