//! One IDX file, raw or gzipped: an array of any type and of one to four axes.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::ops::RangeInclusive;
use std::path::Path;

use crate::data::arrays::{Array, Values, product};
use crate::data::bounded;
use crate::data::gzip::{GzipReader, is_gzip};
use crate::error::{Error, Result};

/// Largest size of an axis but the first.
const MAX_SIDE: u64 = 4096;
/// Values that are read at once.
const BLOCK: usize = 1 << 16;
/// Help for a file that is not whole.
const FETCH_AGAIN: &str = "the file is damaged, or its download was cut short; fetch it again";

/// Type of the values by its number, and bytes of each.
const TYPES: [(u8, usize); 6] = [(0x08, 1), (0x09, 1), (0x0b, 2), (0x0c, 4), (0x0d, 4), (0x0e, 8)];

/// The array in the file at `path`, which has one of these numbers of axes.
///
/// # Errors
/// When it cannot be read, is no such file, or is shorter or longer than its header says.
pub(super) fn read(path: &Path, ranks: RangeInclusive<usize>) -> Result<Array> {
    let (file, len) = bounded::open(path, bounded::MAX_BYTES)?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| Error::io("read", path, &error))?;
    // By content, not by name: browsers and archivers unpack files and leave the name as it was.
    if is_gzip(start) {
        parse(
            &mut GzipReader::new(file, bounded::most_unpacked(len).min(bounded::MAX_BYTES + 4096)),
            ranks,
            None,
        )
    } else {
        parse(&mut file, ranks, Some(len))
    }
    .map_err(|error| error.within(path.display()))
}

/// Reads header and values; `len` is the length of the whole in bytes where it is known beforehand.
fn parse(source: &mut dyn Read, ranks: RangeInclusive<usize>, len: Option<u64>) -> Result<Array> {
    let mut magic = [0; 4];
    source.read_exact(&mut magic).map_err(|error| unreadable(&error, "header"))?;
    let [zero, zero_too, kind, rank] = magic;
    let known = TYPES.iter().find(|(number, _)| *number == kind && zero == 0 && zero_too == 0);
    let Some((_, size)) = known.filter(|_| ranks.contains(&usize::from(rank))) else {
        let what = format!("starts with {magic:02x?}, not with {:02x?}", [0, 0, 8, *ranks.start()]);
        return Err(Error::new(what, "this is not the IDX file it is named after; fetch it again"));
    };
    let mut header = vec![0; 4 * usize::from(rank)];
    source.read_exact(&mut header).map_err(|error| unreadable(&error, "header"))?;
    let sizes = header.as_chunks::<4>().0.iter().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
    let shape: Vec<u64> = sizes.collect();
    let bytes = product(&shape).and_then(|count| count.checked_mul(*size as u64));
    let possible = |bytes: &u64| (1..=bounded::MAX_BYTES).contains(bytes);
    let Some(bytes) = bytes.filter(possible).filter(|_| shape[1..].iter().all(|side| *side <= MAX_SIDE))
    else {
        let what = format!("the header claims the sizes {shape:?}");
        return Err(Error::new(what, "the file is damaged; fetch it again"));
    };
    let head = (magic.len() + header.len()) as u64;
    if let Some(len) = len.filter(|len| *len != head + bytes) {
        return Err(wrong_length(&shape, len, head + bytes));
    }
    let mut reader = ValueReader { source, left: bytes as usize, known: len.is_some() };
    let values = match kind {
        0x08 => reader.read(u8::from_be_bytes).map(Values::Bytes),
        0x09 => reader.read(i8::from_be_bytes).map(Values::Signed),
        0x0b => reader.read(|bytes| f32::from(i16::from_be_bytes(bytes))).map(Values::Floats),
        0x0c => reader.read(|bytes| f64::from(i32::from_be_bytes(bytes))).map(Values::Numbers),
        0x0d => reader.read(f32::from_be_bytes).map(Values::Floats),
        _ => reader.read(f64::from_be_bytes).map(Values::Numbers),
    }
    .map_err(|error| unreadable(&error, "values"))?;
    // One byte more than belongs there: it shows that there is more, and otherwise makes gzip check its sum.
    let more = reader.has_more().map_err(|error| unreadable(&error, "values"))?;
    match head + bytes - reader.left as u64 + u64::from(more) {
        read if read == head + bytes => Ok(Array { shape, values }),
        read => Err(wrong_length(&shape, read, head + bytes)),
    }
}

/// Reader of the values of a file, a block at a time: what the header says is not trusted.
struct ValueReader<'a> {
    source: &'a mut dyn Read,
    /// Bytes that the header promises, and that are not read yet.
    left: usize,
    /// True where the length of the file agrees with the header.
    known: bool,
}

impl ValueReader<'_> {
    /// The values, of `N` bytes each; fewer where the file ends.
    fn read<const N: usize, T>(&mut self, to: impl Fn([u8; N]) -> T) -> std::io::Result<Vec<T>> {
        let mut values = Vec::with_capacity(if self.known { self.left / N } else { 0 });
        let mut block = Vec::new();
        while self.left > 0 {
            block.clear();
            let wanted = self.left.min(BLOCK * N);
            let read = (&mut *self.source).take(wanted as u64).read_to_end(&mut block)?;
            values.extend(block.as_chunks::<N>().0.iter().map(|bytes| to(*bytes)));
            self.left -= read;
            if read < wanted {
                break;
            }
        }
        Ok(values)
    }

    fn has_more(&mut self) -> std::io::Result<bool> {
        let mut more = Vec::new();
        (&mut *self.source).take(1).read_to_end(&mut more).map(|read| read > 0)
    }
}

fn wrong_length(shape: &[u64], len: u64, expected: u64) -> Error {
    let amount = if len < expected { format!("has only {len}") } else { format!("has {len} or more") };
    Error::new(format!("sizes {shape:?} take {expected} bytes, but the file {amount}"), FETCH_AGAIN)
}

fn unreadable(error: &std::io::Error, part: &str) -> Error {
    let help = if error.kind() == ErrorKind::FileTooLarge { "unpack it first: gunzip" } else { FETCH_AGAIN };
    let what = match error.kind() {
        ErrorKind::UnexpectedEof => format!("the file ends within its {part}"),
        _ => format!("cannot read its {part}: {error}"),
    };
    Error::new(what, help)
}
