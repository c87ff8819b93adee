//! The pages of a column in a row group: their heads, and their bytes unpacked.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use flate2::Crc;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::FrameDecoder;

use super::footer::Chunk;
use super::thrift::{Compact, Kind};
use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// Bytes that are read to find the head of a page, first and at most: statistics in it may be long.
const HEAD: usize = 1 << 12;
const MAX_HEAD: usize = 1 << 22;
/// Help for a file that is packed or encoded in another way.
pub(super) const WRITE_AGAIN: &str =
    "write it again: pyarrow.parquet.write_table(pyarrow.parquet.read_table(path), new_path)";

/// Contents of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    /// Values, which may be numbers of the dictionary. Version 2 gives the bytes of its two kinds of levels, which lie unpacked before
    /// the values.
    Data { levels: Option<[u64; 2]> },
    /// The values that numbers stand for.
    Dictionary,
}

/// A page, unpacked.
pub(super) struct Page {
    pub kind: PageKind,
    /// Number of its values, with those that are missing.
    pub values: u64,
    /// Code of the encoding.
    pub encoding: i64,
    pub bytes: Vec<u8>,
}

/// The head of a page.
#[derive(Debug, Default)]
struct Head {
    kind: i64,
    /// Bytes unpacked, and in the file.
    unpacked: u64,
    packed: u64,
    crc: Option<u32>,
    values: u64,
    encoding: i64,
    /// Bytes of the levels of version 2: of lists, and of what may be missing.
    levels: [u64; 2],
    is_plain: bool,
}

impl Head {
    fn read(reader: &mut Compact<'_>) -> Result<Self> {
        let mut head = Self::default();
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Int) => head.kind = reader.int()?,
                (2, Kind::Int) => head.unpacked = reader.count()?,
                (3, Kind::Int) => head.packed = reader.count()?,
                (4, Kind::Int) => head.crc = Some(reader.int()? as u32),
                (5 | 7, Kind::Struct) => head.values([1, 2], reader)?,
                (8, Kind::Struct) => head.values([1, 4], reader)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(head)
    }

    /// The part of the head that each kind of page has, by the numbers of its fields for the count of values and their encoding.
    fn values(&mut self, [values, encoding]: [i64; 2], reader: &mut Compact<'_>) -> Result<()> {
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (id, Kind::Int) if id == values => self.values = reader.count()?,
                (id, Kind::Int) if id == encoding => self.encoding = reader.int()?,
                (5, Kind::Int) if encoding == 4 => self.levels[1] = reader.count()?,
                (6, Kind::Int) if encoding == 4 => self.levels[0] = reader.count()?,
                (7, Kind::Bool(is_packed)) if encoding == 4 => self.is_plain = !is_packed,
                _ => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// Reader of the pages of a chunk.
pub(super) struct Pages {
    file: File,
    at: u64,
    end: u64,
    codec: i64,
    /// Bytes of a page at most.
    most: u64,
}

impl Pages {
    /// The pages of `chunk` in a file of `len` bytes.
    ///
    /// # Errors
    /// When they do not lie in it.
    pub(super) fn new(file: File, len: u64, chunk: Chunk) -> Result<Self> {
        let end = chunk.start.checked_add(chunk.len).filter(|end| *end <= len);
        let end = end.ok_or_else(|| damaged("a column does not lie in it"))?;
        Ok(Self { file, at: chunk.start, end, codec: chunk.codec, most: (32 << 20) + 2 * len })
    }

    /// The next page; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Page>> {
        while self.at < self.end {
            let head = self.head()?;
            if head.packed > self.end - self.at {
                return Err(damaged("a page is longer than its column"));
            }
            if head.unpacked > self.most {
                let what =
                    format!("a page is said to have {} bytes, more than the file can hold", head.unpacked);
                return Err(damaged(what));
            }
            let packed = self.read(head.packed as usize)?;
            self.at += head.packed;
            let kind = match head.kind {
                0 => PageKind::Data { levels: None },
                2 => PageKind::Dictionary,
                3 => PageKind::Data { levels: Some(head.levels) },
                // An index, which no writer in use makes.
                _ => continue,
            };
            if head.crc.is_some_and(|crc| crc != sum(&packed)) {
                return Err(damaged("a page has another check sum than its head says"));
            }
            let bytes = self.unpacked(&head, packed, kind)?;
            return Ok(Some(Page { kind, values: head.values, encoding: head.encoding, bytes }));
        }
        Ok(None)
    }

    /// The head of the page at `at`, which comes to lie behind it.
    fn head(&mut self) -> Result<Head> {
        let mut room = HEAD;
        loop {
            let most = (self.end - self.at).min(room as u64) as usize;
            let bytes = self.read(most)?;
            let mut reader = Compact { rest: &bytes };
            match Head::read(&mut reader) {
                Ok(head) => {
                    self.at += (most - reader.rest.len()) as u64;
                    return Ok(head);
                }
                Err(error) if most < room || room >= MAX_HEAD => return Err(error),
                Err(_) => room *= 4,
            }
        }
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let place = SeekFrom::Start(self.at);
        self.file.seek(place).and_then(|_| self.file.read_exact(&mut bytes)).map_err(damaged)?;
        Ok(bytes)
    }

    fn unpacked(&self, head: &Head, mut packed: Vec<u8>, kind: PageKind) -> Result<Vec<u8>> {
        let levels = match kind {
            PageKind::Data { levels: Some([lists, missing]) } => lists.checked_add(missing),
            _ => Some(0),
        };
        let levels = levels.filter(|levels| *levels <= head.packed.min(head.unpacked));
        let levels = levels.ok_or_else(|| damaged("the levels of a page are longer than it"))? as usize;
        if self.codec == 0 || head.is_plain {
            return if head.packed == head.unpacked {
                Ok(packed)
            } else {
                Err(damaged("a page that is not packed has another length than its head says"))
            };
        }
        let mut values = vec![0; head.unpacked as usize - levels];
        if !values.is_empty() {
            unpack(self.codec, &packed[levels..], &mut values)?;
        }
        if levels == 0 {
            return Ok(values);
        }
        packed.truncate(levels);
        packed.append(&mut values);
        Ok(packed)
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Unpacks bytes that fill `out`.
fn unpack(codec: i64, packed: &[u8], out: &mut [u8]) -> Result<()> {
    let other = || damaged("a page unpacks to another length than its head says");
    let len = match codec {
        1 => {
            let len = snap::raw::decompress_len(packed).map_err(damaged)?;
            if len != out.len() {
                return Err(other());
            }
            snap::raw::Decoder::new().decompress(packed, out).map_err(damaged)?
        }
        2 => {
            let mut reader = MultiGzDecoder::new(packed);
            reader.read_exact(out).map_err(damaged)?;
            out.len() + reader.read(&mut [0]).map_err(damaged)?
        }
        6 => {
            let mut decoder = FrameDecoder::new();
            decoder.set_max_window_size(out.len().max(8 << 20) as u64);
            decoder.decode_all(packed, out).map_err(damaged)?
        }
        other => {
            let names = ["", "", "", "LZO", "Brotli", "LZ4", "", "LZ4"];
            let name = usize::try_from(other).ok().and_then(|code| names.get(code)).copied();
            let name = name.map_or(format!("method {other}"), String::from);
            let what = format!("it is packed by {name}; Snappy, gzip and Zstandard are read");
            return Err(Error::new(what, WRITE_AGAIN));
        }
    };
    if len == out.len() { Ok(()) } else { Err(other()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn no_more_is_unpacked_than_a_head_says() {
        let zeros = vec![0; 1 << 20];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&zeros).unwrap();
        let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        for (codec, packed) in [(1, snappy), (2, gzip.finish().unwrap())] {
            let mut out = vec![1; 1 << 20];
            unpack(codec, &packed, &mut out).unwrap();
            assert_eq!(out, zeros);
            for len in [(1 << 20) - 1, (1 << 20) + 1, 10] {
                let error = unpack(codec, &packed, &mut vec![0; len]).unwrap_err();
                assert!(error.what().contains("damaged"), "{error}");
            }
        }
        // By zstd 1.5.7: 1000 zeros.
        let zstd =
            [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xe8, 0x02, 0x4d, 0, 0, 0x10, 0, 0, 1, 0, 0xe3, 0x2b, 0x80, 0x05];
        unpack(6, &zstd, &mut [0; 1000]).unwrap();
        assert!(unpack(6, &zstd, &mut [0; 999]).is_err() && unpack(6, &zstd, &mut [0; 1001]).is_err());
        let error = unpack(4, &[], &mut [0; 4]).unwrap_err();
        assert!(error.what().contains("packed by Brotli") && error.help().contains("write_table"));
    }
}
