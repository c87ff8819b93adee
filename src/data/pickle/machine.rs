//! The stack machine of pickles, without functions: it puts objects together.

use std::collections::HashMap;

use super::value::{Blob, Id, Name, Value, integers};
use crate::error::{Error, Result};

/// Objects at most.
const MAX_VALUES: usize = 1 << 20;
/// Steps at most, which bounds the stack, all lists together and the memo.
const MAX_STEPS: usize = 1 << 22;
/// Letters of a name in a message at most.
const MAX_SHOWN: usize = 60;

/// The machine while it reads a file.
pub(super) struct Machine<'a> {
    file: &'a [u8],
    at: usize,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    pub values: Vec<Value>,
    /// Texts that were brought to Latin-1, one after the other.
    pub encoded: Vec<u8>,
}

pub(super) fn refused(what: impl Into<String>) -> Error {
    let help = "it is not read: a pickle may hold any program. Save the set as an .npz: numpy.savez(path, x_train=..., y_train=...)";
    Error::new(what, help)
}

fn broken(what: &str) -> Error {
    Error::new(
        format!("it is no whole pickle: {what}"),
        "the file is damaged, or its download was cut short; fetch it again",
    )
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(MAX_SHOWN)]).into_owned()
}

impl<'a> Machine<'a> {
    /// A machine at the beginning of a file.
    pub(super) fn new(file: &'a [u8]) -> Self {
        let (stack, marks, memo) = (Vec::new(), Vec::new(), HashMap::new());
        Self { file, at: 0, stack, marks, memo, values: Vec::new(), encoded: Vec::new() }
    }

    /// Reads to the end; the outermost object.
    ///
    /// # Errors
    /// When the file is no pickle, is cut short, or holds something that is refused.
    pub(super) fn run(&mut self) -> Result<Id> {
        match self.take(2) {
            Ok([0x80, 2..=5]) => {}
            Ok([0x80, version]) => return Err(refused(format!("it is a pickle of protocol {version}"))),
            _ => return Err(broken("it begins otherwise than protocols 2 to 5")),
        }
        for _ in 0..MAX_STEPS {
            let opcode = self.take(1)?[0];
            if opcode == b'.' {
                return self.pop();
            }
            if let Some(value) = self.literal(opcode)? {
                self.push(value)?;
            } else if !(self.collect(opcode)? || self.remember(opcode)? || self.make(opcode)?) {
                let name = char::from(opcode).escape_default();
                return Err(refused(format!("it holds the opcode {opcode:#04x} ('{name}') of pickles")));
            }
        }
        Err(refused(format!("it is a pickle of more than {MAX_STEPS} steps")))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.file.len());
        let end = end.ok_or_else(|| broken("it ends in the middle"))?;
        let bytes = &self.file[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    /// A number of `len` bytes, the lowest first.
    fn number(&mut self, len: usize) -> Result<u64> {
        Ok(self.take(len)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Bytes that follow their length, a number of `len` bytes.
    fn blob(&mut self, len: usize) -> Result<Value> {
        let len = self.number(len)?;
        let (start, short) = (self.at, || broken("it ends in the middle"));
        let len = u32::try_from(len).map_err(|_| short())?;
        self.take(len as usize)?;
        Ok(Value::Bytes(Blob { is_encoded: false, start, len }))
    }

    fn push(&mut self, value: Value) -> Result<()> {
        if self.values.len() >= MAX_VALUES {
            return Err(refused(format!("it is a pickle of more than {MAX_VALUES} objects")));
        }
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = (self.stack.len() > floor).then(|| self.stack.pop()).flatten();
        top.ok_or_else(|| broken("an object is missing"))
    }

    fn top(&mut self) -> Result<&mut Value> {
        let top = self.stack.last().ok_or_else(|| broken("an object is missing"))?;
        Ok(&mut self.values[*top as usize])
    }

    /// The objects since the last mark.
    fn marked(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| broken("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    /// The object that this opcode writes; none where it is another opcode.
    fn literal(&mut self, opcode: u8) -> Result<Option<Value>> {
        Ok(Some(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i64::from(self.number(4)? as u32 as i32)),
            b'K' => Value::Int(self.number(1)? as i64),
            b'M' => Value::Int(self.number(2)? as i64),
            0x8a => {
                let len = self.number(1)? as usize;
                let bytes = self.take(len)?;
                if len > 8 {
                    return Err(refused(format!("it holds a whole number of {len} bytes")));
                }
                let unused = 64 - 8 * len.max(1) as u32;
                let bits = bytes.iter().rev().fold(0, |bits, byte| bits << 8 | i64::from(*byte));
                Value::Int(bits << unused >> unused)
            }
            b'G' => self.take(8).map(|_| Value::Float)?,
            b'U' | b'C' | 0x8c => self.blob(1)?,
            b'T' | b'X' | b'B' => self.blob(4)?,
            0x8d | 0x8e | 0x96 => self.blob(8)?,
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            _ => return Ok(None),
        }))
    }

    /// Carries out an opcode that puts objects into others; false where it is another one.
    fn collect(&mut self, opcode: u8) -> Result<bool> {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&items)?;
            }
            b't' => {
                let items = self.marked()?;
                self.push(Value::Tuple(items))?;
            }
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<Id>>>()?;
                items.reverse();
                self.push(Value::Tuple(items))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn append(&mut self, items: &[Id]) -> Result<()> {
        match self.top()? {
            Value::List(list) => list.extend(items),
            other => return Err(refused(format!("it is a pickle that adds to {}", other.kind()))),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<()> {
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top()? {
            Value::Dict(entries) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            other => return Err(refused(format!("it is a pickle that sets keys of {}", other.kind()))),
        }
        Ok(())
    }

    /// Carries out an opcode of the memo or of framing; false where it is another one.
    fn remember(&mut self, opcode: u8) -> Result<bool> {
        let key = match opcode {
            b'q' | b'h' => self.number(1)?,
            b'r' | b'j' => self.number(4)?,
            0x94 => self.memo.len() as u64,
            0x95 => {
                self.take(8)?;
                return Ok(true);
            }
            _ => return Ok(false),
        } as u32;
        if matches!(opcode, b'h' | b'j') {
            let known = self.memo.get(&key).ok_or_else(|| broken("it names an object that is not there"))?;
            self.stack.push(*known);
        } else {
            let top = *self.stack.last().ok_or_else(|| broken("an object is missing"))?;
            self.memo.insert(key, top);
        }
        Ok(true)
    }

    /// Carries out an opcode of a name, or one that would call it; false where it is another one.
    fn make(&mut self, opcode: u8) -> Result<bool> {
        match opcode {
            b'c' => {
                let (module, word) = (self.line()?, self.line()?);
                self.name(module, word)?;
            }
            0x93 => {
                let (word, module) = (self.pop()?, self.pop()?);
                let (module, word) = (self.bytes(module)?.to_vec(), self.bytes(word)?.to_vec());
                self.name(&module, &word)?;
            }
            b'R' => {
                let (arguments, name) = (self.pop()?, self.pop()?);
                let value = self.call(name, arguments)?;
                self.push(value)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(storage)?;
            }
            b'b' => {
                let state = self.pop()?;
                self.build(state)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.file[self.at..];
        let end = rest.iter().take(1000).position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| broken("a name has no end"))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn name(&mut self, module: &[u8], word: &[u8]) -> Result<()> {
        let Some(name) = Name::find(module, word) else {
            return Err(refused(format!("it asks for {}.{}", shown(module), shown(word))));
        };
        self.push(Value::Name(name))
    }

    pub(super) fn bytes(&self, id: Id) -> Result<&[u8]> {
        match &self.values[id as usize] {
            Value::Bytes(blob) => Ok(blob.of(self.file, &self.encoded)),
            other => Err(refused(format!("it is a pickle with {} for a text", other.kind()))),
        }
    }

    pub(super) fn tuple(&self, id: Id) -> Result<&[Id]> {
        match &self.values[id as usize] {
            Value::Tuple(items) => Ok(items),
            other => Err(refused(format!("it is a pickle with {} for a tuple", other.kind()))),
        }
    }

    /// The object that a name with these arguments stands for.
    fn call(&mut self, name: Id, arguments: Id) -> Result<Value> {
        let arguments = self.tuple(arguments)?;
        match (&self.values[name as usize], arguments) {
            (Value::Name(Name::Reconstruct), _) => Ok(Value::Unfinished),
            (Value::Name(Name::Dtype), [name, ..]) => match self.values[*name as usize] {
                Value::Bytes(name) => Ok(Value::Dtype { name, big: false }),
                _ => Err(refused("it is a pickle of records of several types")),
            },
            (Value::Name(Name::Encode), [text, ..]) => {
                let text = *text;
                self.encode(text)
            }
            (Value::Name(Name::Scalar), [dtype, data]) => match &self.values[*dtype as usize] {
                Value::Dtype { name, big } => {
                    let name = name.of(self.file, &self.encoded);
                    let numbers = integers(name, *big, self.bytes(*data)?).filter(|n| n.len() == 1);
                    let numbers =
                        numbers.ok_or_else(|| refused(format!("it holds {} as a number", shown(name))))?;
                    Ok(Value::Int(numbers[0]))
                }
                other => Err(refused(format!("it is a pickle with {} for a type", other.kind()))),
            },
            (Value::Name(Name::FromBuffer), [data, dtype, shape, order]) => {
                let (data, dtype, fortran) = (*data, *dtype, self.bytes(*order)? == b"F");
                Ok(Value::Array { shape: self.shape(*shape)?, dtype, fortran, data })
            }
            (Value::Name(Name::OrderedDict), []) => Ok(Value::Dict(Vec::new())),
            (Value::Name(Name::RebuildTensor), arguments) => self.tensor(arguments),
            (Value::Name(Name::RebuildParameter), [tensor, ..]) => self.parameter(*tensor),
            (other, _) => Err(refused(format!("it is a pickle that calls {}", other.kind()))),
        }
    }

    /// A text as bytes of Latin-1. No more of them than the file has are made: a text may be named many times.
    fn encode(&mut self, text: Id) -> Result<Value> {
        let room = self.file.len() - self.encoded.len();
        let text = std::str::from_utf8(self.bytes(text)?).map_err(|_| broken("a text is not UTF-8"))?;
        let latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let latin = latin.ok_or_else(|| broken("a text that stands for bytes has others"))?;
        if latin.len() > room {
            return Err(refused("it is a pickle that unpacks to more than itself"));
        }
        let (start, len) = (self.encoded.len(), latin.len() as u32);
        self.encoded.extend(latin);
        Ok(Value::Bytes(Blob { is_encoded: true, start, len }))
    }

    pub(super) fn shape(&self, id: Id) -> Result<Box<[u64]>> {
        let size = |id: &Id| match self.values[*id as usize] {
            Value::Int(size) => u64::try_from(size).ok(),
            _ => None,
        };
        let sizes = self.tuple(id)?;
        let shape: Option<Box<[u64]>> = sizes.iter().take(9).map(size).collect();
        shape.ok_or_else(|| broken("the shape of an array is not of sizes"))
    }

    /// Gives the object on top the state that makes it whole.
    fn build(&mut self, state: Id) -> Result<()> {
        let is_dict = matches!(self.values[state as usize], Value::Dict(_));
        if is_dict && matches!(self.top()?, Value::Dict(_)) {
            // Attributes of an `OrderedDict`, beside its entries.
            return Ok(());
        }
        let state: Vec<Id> = self.tuple(state)?.iter().take(9).copied().collect();
        let top = *self.stack.last().ok_or_else(|| broken("an object is missing"))? as usize;
        let value = match (&self.values[top], &state[..]) {
            (Value::Dtype { name, .. }, [_, order, ..]) => {
                Value::Dtype { name: *name, big: self.bytes(*order)? == b">" }
            }
            (Value::Unfinished, [_, shape, dtype, fortran, data]) => {
                let fortran = matches!(self.values[*fortran as usize], Value::Bool(true));
                Value::Array { shape: self.shape(*shape)?, dtype: *dtype, fortran, data: *data }
            }
            (other, _) => return Err(refused(format!("it is a pickle that gives {} a state", other.kind()))),
        };
        self.values[top] = value;
        Ok(())
    }
}
