//! The values of a column in a row group, one for each row.

use std::fs::File;
use std::ops::Range;

use super::footer::{Chunk, Leaf, Physical};
use super::hybrid::Hybrid;
use super::pages::{Page, PageKind, Pages, WRITE_AGAIN};
use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// The value of a column in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// No value.
    Missing,
    Bytes(Vec<u8>),
    Int(i64),
}

/// Values of a page, or of the dictionary, that are written one after the other.
struct Plain {
    bytes: Vec<u8>,
    at: usize,
}

impl Plain {
    /// The place of the next value in the page.
    fn next(&mut self, kind: Physical) -> Result<Range<usize>> {
        let cut = || damaged("a page ends within a value");
        let len = match kind {
            Physical::Int32 => 4,
            Physical::Int64 => 8,
            _ => {
                let len = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>());
                self.at += 4;
                u32::from_le_bytes(*len.ok_or_else(cut)?) as usize
            }
        };
        let range = self.at..self.at + len;
        if range.end > self.bytes.len() {
            return Err(cut());
        }
        self.at = range.end;
        Ok(range)
    }

    fn cell(&self, range: Range<usize>, kind: Physical) -> Cell {
        let bytes = &self.bytes[range];
        match (kind, bytes.first_chunk::<4>(), bytes.first_chunk::<8>()) {
            (Physical::Int32, Some(bytes), _) => Cell::Int(i32::from_le_bytes(*bytes).into()),
            (Physical::Int64, _, Some(bytes)) => Cell::Int(i64::from_le_bytes(*bytes)),
            _ => Cell::Bytes(bytes.to_vec()),
        }
    }
}

/// The dictionary of a column: its page, and the places of the values in it.
struct Dictionary {
    plain: Plain,
    places: Vec<Range<usize>>,
}

/// The page that is being read.
struct Current {
    plain: Plain,
    /// Values that are left, with those that are missing.
    left: u64,
    levels: Option<Hybrid>,
    /// Numbers of the dictionary.
    numbers: Option<Hybrid>,
}

/// Reader of the values.
pub(super) struct Cells {
    pages: Pages,
    kind: Physical,
    levels: u8,
    dictionary: Option<Dictionary>,
    current: Option<Current>,
}

impl Cells {
    /// The values of `column`, whose pages lie in `chunk` of a file of `len` bytes.
    ///
    /// # Errors
    /// When they do not.
    pub(super) fn new(file: File, len: u64, column: &Leaf, chunk: Chunk) -> Result<Self> {
        let pages = Pages::new(file, len, chunk)?;
        Ok(Self { pages, kind: column.kind, levels: column.levels, dictionary: None, current: None })
    }

    /// The next value.
    ///
    /// # Errors
    /// When there is none any more, or it is damaged or written in a way that is not read.
    pub(super) fn next(&mut self) -> Result<Cell> {
        while self.current.as_ref().is_none_or(|current| current.left == 0) {
            let page = self.pages.next()?.ok_or_else(|| damaged("a column has fewer values than rows"))?;
            match page.kind {
                PageKind::Dictionary => self.dictionary = Some(self.read_dictionary(page)?),
                PageKind::Data { levels } => self.current = Some(self.begin(page, levels)?),
            }
        }
        let Some(current) = &mut self.current else { return Ok(Cell::Missing) };
        current.left -= 1;
        let page = &current.plain.bytes;
        if let Some(levels) = &mut current.levels
            && levels.next(page)? != u32::from(self.levels)
        {
            return Ok(Cell::Missing);
        }
        let Some(numbers) = &mut current.numbers else {
            let place = current.plain.next(self.kind)?;
            return Ok(current.plain.cell(place, self.kind));
        };
        let number = numbers.next(page)? as usize;
        let dictionary = self.dictionary.as_ref().ok_or_else(|| damaged("a dictionary is missing"))?;
        let place = dictionary.places.get(number);
        let place = place.ok_or_else(|| damaged(format!("number {number} is not in the dictionary")))?;
        Ok(dictionary.plain.cell(place.clone(), self.kind))
    }

    fn read_dictionary(&self, page: Page) -> Result<Dictionary> {
        if page.values > page.bytes.len() as u64 {
            return Err(damaged("a dictionary has more values than bytes"));
        }
        let mut plain = Plain { bytes: page.bytes, at: 0 };
        let places = (0..page.values).map(|_| plain.next(self.kind)).collect::<Result<_>>()?;
        Ok(Dictionary { plain, places })
    }

    fn begin(&self, page: Page, levels: Option<[u64; 2]>) -> Result<Current> {
        let Page { values, encoding, bytes, .. } = page;
        let width = u8::BITS - self.levels.leading_zeros();
        let (levels, at) = match levels {
            // Lists are not read.
            Some([lists, missing]) => {
                let (from, to) = (lists as usize, (lists + missing) as usize);
                (Some(Hybrid::new(&bytes, width, from, to)?), to)
            }
            None if self.levels == 0 => (None, 0),
            None => {
                let len = bytes.first_chunk::<4>().map(|len| u32::from_le_bytes(*len));
                let end = len.ok_or_else(|| damaged("a page has no levels"))? as usize + 4;
                (Some(Hybrid::new(&bytes, width, 4, end)?), end)
            }
        };
        let levels = levels.filter(|_| self.levels > 0);
        let (numbers, at) = match encoding {
            0 => (None, at),
            2 | 8 => match bytes.get(at) {
                Some(width) => (Some(Hybrid::new(&bytes, u32::from(*width), at + 1, bytes.len())?), at),
                // Every value of the page is missing.
                None => (Some(Hybrid::new(&bytes, 0, at, at)?), at),
            },
            other => {
                let names = [
                    "RLE",
                    "BIT_PACKED",
                    "DELTA_BINARY_PACKED",
                    "DELTA_LENGTH_BYTE_ARRAY",
                    "DELTA_BYTE_ARRAY",
                ];
                let name = usize::try_from(other - 3).ok().and_then(|code| names.get(code)).copied();
                let name = name.map_or(format!("method {other}"), String::from);
                let what = format!("its values are encoded by {name}; PLAIN and dictionaries are read");
                return Err(Error::new(what, WRITE_AGAIN));
            }
        };
        Ok(Current { plain: Plain { bytes, at }, left: values, levels, numbers })
    }
}
