//! Reader of Thrift's compact protocol, in which Parquet writes its footer and the heads of its pages.
//!
//! Fields come one after the other, and those that nobody asks for are passed over: memory is taken only for what is kept.

use crate::data::bounded::damaged;
use crate::error::Result;

/// Structs, lists and maps one in the other that are passed over at most.
const MAX_DEPTH: usize = 32;

/// Type of a field or an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A truth value: a field's type holds it, an element takes a byte.
    Bool(bool),
    /// A whole number of 8 bits.
    Byte,
    /// A whole number of 16 to 64 bits.
    Int,
    /// A float of 64 bits.
    Double,
    /// Bytes or a text.
    Binary,
    /// A list or a set.
    List,
    /// Pairs of keys and values.
    Map,
    /// A struct.
    Struct,
}

impl Kind {
    fn of(code: u8) -> Result<Self> {
        Ok(match code {
            1 => Self::Bool(true),
            2 => Self::Bool(false),
            3 => Self::Byte,
            4..=6 => Self::Int,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err(damaged(format!("a field is of the type {code}"))),
        })
    }
}

/// The bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compact<'a> {
    pub rest: &'a [u8],
}

impl<'a> Compact<'a> {
    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(|| damaged("it ends within a head"))?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).ok().filter(|len| *len <= self.rest.len());
        let (taken, rest) = self.rest.split_at(len.ok_or_else(|| damaged("it ends within a head"))?);
        self.rest = rest;
        Ok(taken)
    }

    /// A number of 7 bits a byte, the lowest first.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(damaged("a number has more than 64 bits"))
    }

    /// A whole number with its sign.
    pub(super) fn int(&mut self) -> Result<i64> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A number that is a count, a length or a place.
    pub(super) fn count(&mut self) -> Result<u64> {
        let number = self.int()?;
        u64::try_from(number).map_err(|_| damaged(format!("a count is {number}")))
    }

    /// Bytes or a text.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.varint()?;
        self.take(len)
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// The fields of a struct, by number and type. `field` tells whether it has read the value, which is passed over if not.
    pub(super) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, i64, Kind) -> Result<bool>,
    ) -> Result<()> {
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.int()?,
                more => i64::saturating_add(id, i64::from(more)),
            };
            let kind = Kind::of(head & 15)?;
            if !field(self, id, kind)? && !matches!(kind, Kind::Bool(_)) {
                self.skip(kind, 0)?;
            }
        }
    }

    /// The elements of a list of structs.
    pub(super) fn structs(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        match self.list()? {
            (Kind::Struct, len) => (0..len).try_for_each(|_| element(self)),
            (kind, _) => Err(damaged(format!("a list of structs has elements of the type {kind:?}"))),
        }
    }

    /// The head of a list: the type of its elements and their number.
    fn list(&mut self) -> Result<(Kind, u64)> {
        let head = self.byte()?;
        let len = match head >> 4 {
            15 => self.varint()?,
            len => u64::from(len),
        };
        // An empty list may have elements of no type.
        Ok((if len == 0 { Kind::Struct } else { Kind::of(head & 15)? }, len))
    }

    /// Passes over a value.
    fn skip(&mut self, kind: Kind, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(damaged("its head has too many lists one in the other"));
        }
        match kind {
            Kind::Bool(_) | Kind::Byte => self.byte().map(drop),
            Kind::Int => self.varint().map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Binary => self.bytes().map(drop),
            Kind::List => {
                let (kind, len) = self.list()?;
                (0..len).try_for_each(|_| self.skip(kind, depth + 1))
            }
            Kind::Map => {
                let len = self.varint()?;
                if len == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 15)?);
                (0..len)
                    .try_for_each(|_| self.skip(key, depth + 1).and_then(|()| self.skip(value, depth + 1)))
            }
            Kind::Struct => loop {
                let head = self.byte()?;
                if head == 0 {
                    return Ok(());
                }
                if head >> 4 == 0 {
                    self.varint()?;
                }
                let kind = Kind::of(head & 15)?;
                if !matches!(kind, Kind::Bool(_)) {
                    self.skip(kind, depth + 1)?;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_others_are_passed_over() {
        // Field 1: -3; field 2: true; field 3: a list of two texts; field 20 (by its number): a struct with a double; field 21: 300.
        let mut bytes = vec![0x15, 0x05, 0x11, 0x19, 0x28, 1, b'a', 2, b'b', b'c', 0x0c, 40, 0x17];
        bytes.extend(1.5_f64.to_le_bytes());
        bytes.extend([0, 0x16, 0xd8, 0x04, 0]);
        let mut seen = Vec::new();
        let mut reader = Compact { rest: &bytes };
        let read = reader.fields(|reader, id, kind| {
            seen.push((id, kind, if kind == Kind::Int { reader.int()? } else { 0 }));
            Ok(kind == Kind::Int)
        });
        assert!(read.is_ok() && reader.rest.is_empty());
        let expected = [
            (1, Kind::Int, -3),
            (2, Kind::Bool(true), 0),
            (3, Kind::List, 0),
            (20, Kind::Struct, 0),
            (21, Kind::Int, 300),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn endless_numbers_and_depths_are_errors() {
        assert!(Compact { rest: &[0xff; 11] }.varint().is_err());
        // Lists of one list each, and one of very many elements.
        assert!(Compact { rest: &[0x19; 1000] }.skip(Kind::List, 0).is_err());
        assert!(Compact { rest: &[0xf1, 0xff, 0xff, 0xff, 0xff, 0x0f] }.skip(Kind::List, 0).is_err());
        assert!(Compact { rest: &[4, 1, 2] }.bytes().is_err());
    }
}
