//! Parquet's mixture of runs and packed bits, in which levels and numbers of a dictionary are written.
//!
//! A run is a count and a value; a pack is eight times a count of values, the lowest bit first
//! (parquet-format 2.11, Encodings.md, RLE).

use super::thrift::Compact;
use crate::data::bounded::damaged;
use crate::error::Result;

/// Bits of a value at most.
const MAX_WIDTH: u32 = 32;

/// A part of a page that is read value by value.
#[derive(Debug, Clone)]
pub(super) struct Hybrid {
    /// Bits of a value.
    width: u32,
    /// Place in the page, and the end of the part.
    at: usize,
    end: usize,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    /// The same value, as often as is left.
    Same { value: u32, left: u64 },
    /// Values in bits: the place of the next one, counted from `at`, and the number of those that are left.
    Packed { bit: u64, left: u64 },
}

impl Hybrid {
    /// The values of `width` bits from `at` to `end` in a page.
    ///
    /// # Errors
    /// When they are too wide, or the part is not in the page.
    pub(super) fn new(page: &[u8], width: u32, at: usize, end: usize) -> Result<Self> {
        if width > MAX_WIDTH || at > end || end > page.len() {
            return Err(damaged("a page ends within its levels, or they are too wide"));
        }
        Ok(Self { width, at, end, run: Run::Same { value: 0, left: 0 } })
    }

    /// The next value, of the page that it was made for.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<u32> {
        loop {
            match &mut self.run {
                Run::Same { value, left: left @ 1.. } => {
                    *left -= 1;
                    return Ok(*value);
                }
                Run::Packed { bit, left: left @ 1.. } => {
                    let (from, width) = (*bit, self.width);
                    (*bit, *left) = (from + u64::from(width), *left - 1);
                    return self.packed(page, from);
                }
                Run::Same { .. } => {}
                Run::Packed { bit, .. } => {
                    let bytes = bit.div_ceil(8);
                    self.at = (self.at as u64 + bytes).min(self.end as u64) as usize;
                }
            }
            self.begin_run(page)?;
        }
    }

    fn begin_run(&mut self, page: &[u8]) -> Result<()> {
        let part = page.get(self.at..self.end).unwrap_or_default();
        let mut reader = Compact { rest: part };
        let head = reader.varint()?;
        if head & 1 == 1 {
            // No count that overflows: each value of some bits takes them.
            let left = (head >> 1).min(part.len() as u64 * 8 + 8) * 8;
            self.run = Run::Packed { bit: 0, left };
        } else {
            let bytes = self.width.div_ceil(8) as usize;
            let Some((value, rest)) = reader.rest.split_at_checked(bytes) else {
                return Err(damaged("a page ends within a run"));
            };
            let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            reader.rest = rest;
            self.run = Run::Same { value, left: head >> 1 };
        }
        self.at = self.end - reader.rest.len();
        Ok(())
    }

    /// The value at a bit of the pack.
    fn packed(&self, page: &[u8], from: u64) -> Result<u32> {
        let bytes = page.get(self.at..self.end).unwrap_or_default();
        let (byte, shift) = ((from / 8) as usize, from % 8);
        if (from + u64::from(self.width)).div_ceil(8) > bytes.len() as u64 {
            return Err(damaged("a page ends within packed numbers"));
        }
        let near =
            bytes.iter().skip(byte).take(5).rev().fold(0_u64, |near, byte| near << 8 | u64::from(*byte));
        let mask = (1_u64 << self.width) - 1;
        Ok((near >> shift & mask) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>> {
        let mut hybrid = Hybrid::new(bytes, width, 0, bytes.len())?;
        (0..count).map(|_| hybrid.next(bytes)).collect()
    }

    #[test]
    fn runs_and_packs_are_those_of_the_specification() {
        // Encodings.md: 0 to 7 in three bits each are 10001000 11000110 11111010.
        let pack = [0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(values(&pack, 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        let both = [&[0x06, 5][..], &pack, &[0x04, 2]].concat();
        assert_eq!(values(&both, 3, 13).unwrap(), [5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7, 2, 2]);
        assert_eq!(values(&[0x02, 0x34, 0x12], 16, 1).unwrap(), [0x1234]);
        assert_eq!(values(&[0x03, 0, 0, 0, 0x80, 1, 0, 0, 0], 32, 2).unwrap(), [0x8000_0000, 1]);
        assert_eq!(values(&[0x08], 0, 4).unwrap(), [0; 4]);
    }

    #[test]
    fn a_part_that_ends_too_early_is_an_error() {
        for (bytes, width, count) in [
            (&[0x03, 0b1000_1000][..], 3, 8),
            (&[0x06], 3, 1),
            (&[], 1, 1),
            (&[0x00, 1, 0x00, 1], 1, 1),
            (&[0xff; 12], 8, 1),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f, 1], 8, 2),
        ] {
            assert!(values(bytes, width, count).is_err(), "{bytes:?}");
        }
        assert!(Hybrid::new(&[], 33, 0, 0).is_err() && Hybrid::new(&[], 1, 0, 1).is_err());
    }
}
