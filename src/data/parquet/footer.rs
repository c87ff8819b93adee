//! The footer of a Parquet file: its columns, where their pages lie, and the names of the classes.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};

use serde_json::Value;

use super::thrift::{Compact, Kind};
use crate::data::bounded::damaged;
use crate::error::{Error, Result};

/// First and last bytes of a file, and those of one whose footer is encrypted.
pub(super) const MAGIC: [u8; 4] = *b"PAR1";
const ENCRYPTED: [u8; 4] = *b"PARE";
/// Bytes of a footer at most.
const MAX_FOOTER: u64 = 16 << 20;
/// Columns and groups of columns at most.
const MAX_COLUMNS: usize = 10_000;

/// Type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    /// Whole numbers of 32 bits.
    Int32,
    /// Whole numbers of 64 bits.
    Int64,
    /// Bytes or texts.
    Bytes,
    /// Any other.
    Other,
}

/// A column of values: a path of one name, or of a group and its member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Number among the columns of a row group.
    pub index: usize,
    pub root: String,
    pub member: Option<String>,
    pub kind: Physical,
    /// Levels of what may be missing: a value is there where its level is this one.
    pub levels: u8,
    /// A row has any number of values.
    pub is_list: bool,
}

/// The pages of a column in a row group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Code of the packing.
    pub codec: i64,
    /// Place of the first page in the file, and bytes of all.
    pub start: u64,
    pub len: u64,
}

/// Rows that lie together, column by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowGroup {
    pub rows: u64,
    /// One for each column that was asked for.
    pub chunks: Vec<Chunk>,
}

/// All of a footer but the row groups.
#[derive(Debug, Default)]
pub(super) struct Footer {
    bytes: Vec<u8>,
    pub columns: Vec<Leaf>,
    pub rows: u64,
    /// Description of the columns by the library of Hugging Face: name to an object.
    features: Value,
}

impl Footer {
    /// Reads the footer of a file of `len` bytes.
    ///
    /// # Errors
    /// When it is none, is damaged, encrypted or too long.
    pub(super) fn read(file: &mut File, len: u64) -> Result<Self> {
        let cut = || damaged("it is no Parquet file, or its download was cut short");
        let mut end = [0; 8];
        let start = len.checked_sub(8).ok_or_else(cut)?;
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut end)).map_err(damaged)?;
        let footer = u64::from(u32::from_le_bytes([end[0], end[1], end[2], end[3]]));
        if end[4..] == ENCRYPTED {
            return Err(Error::new("it is encrypted", "write it without encryption"));
        }
        if end[4..] != MAGIC || footer > start {
            return Err(cut());
        }
        if footer > MAX_FOOTER {
            let what = format!("its footer has {footer} bytes; the most is {MAX_FOOTER}");
            return Err(Error::new(what, "write it with larger row groups"));
        }
        let mut bytes = vec![0; footer as usize];
        let place = SeekFrom::Start(start - footer);
        file.seek(place).and_then(|_| file.read_exact(&mut bytes)).map_err(damaged)?;
        let mut read = Self::default();
        let mut schema = Vec::new();
        Compact { rest: &bytes }.fields(|reader, id, kind| {
            match (id, kind) {
                (2, Kind::List) => reader.structs(|reader| {
                    schema.push(Element::read(reader)?);
                    if schema.len() > MAX_COLUMNS { Err(damaged("it has too many columns")) } else { Ok(()) }
                })?,
                (3, Kind::Int) => read.rows = reader.count()?,
                (5, Kind::List) => {
                    reader.structs(|reader| features(reader, &mut read.features))?;
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        read.columns = columns(&schema)?;
        read.bytes = bytes;
        Ok(read)
    }

    /// The row groups, with the pages of these columns.
    ///
    /// # Errors
    /// When they are damaged, or their rows are not as many as the file says.
    pub(super) fn row_groups(&self, columns: &[&Leaf]) -> Result<Vec<RowGroup>> {
        let mut groups = Vec::new();
        Compact { rest: &self.bytes }.fields(|reader, id, kind| {
            let is_groups = (id, kind) == (4, Kind::List);
            if is_groups {
                reader.structs(|reader| {
                    groups.push(row_group(reader, columns)?);
                    Ok(())
                })?;
            }
            Ok(is_groups)
        })?;
        let rows = groups.iter().try_fold(0, |sum: u64, group: &RowGroup| sum.checked_add(group.rows));
        if rows != Some(self.rows) {
            return Err(damaged(format!("its {} groups have not its {} rows", groups.len(), self.rows)));
        }
        Ok(groups)
    }

    /// The columns that are described as being of this type: "Image", "ClassLabel".
    pub(super) fn described_as(&self, kind: &str) -> impl Iterator<Item = &str> {
        let features = self.features.as_object().into_iter().flatten();
        features.filter(move |(_, feature)| feature["_type"] == kind).map(|(name, _)| name.as_str())
    }

    /// The names of the classes of a column; none where they are not described.
    pub(super) fn classes(&self, column: &str) -> Option<Vec<String>> {
        let names = self.features[column]["names"].as_array()?;
        names.iter().map(|name| name.as_str().map(String::from)).collect()
    }

    /// The names of all columns and members, for messages.
    pub(super) fn listed(&self) -> String {
        let name = |column: &Leaf| match &column.member {
            Some(member) => format!("{}.{member}", column.root),
            None => column.root.clone(),
        };
        self.columns.iter().take(20).map(name).collect::<Vec<_>>().join(", ")
    }
}

/// An element of the schema: a column, or a group of those that follow.
#[derive(Debug, Default)]
struct Element {
    name: String,
    kind: Option<i64>,
    repetition: i64,
    children: u64,
}

impl Element {
    fn read(reader: &mut Compact<'_>) -> Result<Self> {
        let mut element = Self::default();
        reader.fields(|reader, id, kind| {
            match (id, kind) {
                (1, Kind::Int) => element.kind = Some(reader.int()?),
                (3, Kind::Int) => element.repetition = reader.int()?,
                (4, Kind::Binary) => element.name = reader.text()?,
                (5, Kind::Int) => element.children = reader.count()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(element)
    }
}

/// The columns of a schema, which is a tree with its root first, each group before its members.
fn columns(schema: &[Element]) -> Result<Vec<Leaf>> {
    let wrong = || damaged("its columns are no tree");
    let (root, rest) = schema.split_first().ok_or_else(wrong)?;
    let mut columns = Vec::new();
    // Groups that are open: name, members that are still to come, levels, and whether it is a list.
    let mut open = vec![(root.name.as_str(), root.children, 0_u8, false)];
    let mut index = 0;
    for element in rest {
        while open.last().is_some_and(|(_, left, ..)| *left == 0) {
            open.pop();
        }
        let depth = open.len();
        let (_, left, levels, is_list) = open.last_mut().ok_or_else(wrong)?;
        *left -= 1;
        let levels = levels.saturating_add(u8::from(element.repetition != 0));
        let is_list = *is_list || element.repetition == 2;
        let Some(kind) = element.kind else {
            open.push((&element.name, element.children, levels, is_list));
            continue;
        };
        let kind = match kind {
            1 => Physical::Int32,
            2 => Physical::Int64,
            6 => Physical::Bytes,
            _ => Physical::Other,
        };
        let names = match depth {
            1 => Some((element.name.clone(), None)),
            2 => Some((open[1].0.to_owned(), Some(element.name.clone()))),
            _ => None,
        };
        columns.extend(names.map(|(root, member)| Leaf { index, root, member, kind, levels, is_list }));
        index += 1;
    }
    if columns.is_empty() { Err(damaged("it has no columns")) } else { Ok(columns) }
}

/// The description of the columns in a pair of a key and a text, if it is that.
fn features(reader: &mut Compact<'_>, features: &mut Value) -> Result<()> {
    let (mut key, mut text) = (&[][..], &[][..]);
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => key = reader.bytes()?,
            (2, Kind::Binary) => text = reader.bytes()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if key == b"huggingface" {
        let described: Option<Value> = serde_json::from_slice(text).ok();
        *features = described.map_or(Value::Null, |mut described| described["info"]["features"].take());
    }
    Ok(())
}

fn row_group(reader: &mut Compact<'_>, columns: &[&Leaf]) -> Result<RowGroup> {
    let mut group = RowGroup { rows: 0, chunks: Vec::with_capacity(columns.len()) };
    let mut chunks = vec![None; columns.len()];
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::List) => {
                let mut index = 0;
                reader.structs(|reader| {
                    let chunk = column_chunk(reader)?;
                    let place = columns.iter().position(|column| column.index == index);
                    place.into_iter().for_each(|place| chunks[place] = Some(chunk));
                    index += 1;
                    Ok(())
                })?;
            }
            (3, Kind::Int) => group.rows = reader.count()?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    group.chunks.extend(chunks.into_iter().flatten());
    if group.chunks.len() == columns.len() {
        Ok(group)
    } else {
        Err(damaged("a group of rows lacks a column"))
    }
}

fn column_chunk(reader: &mut Compact<'_>) -> Result<Chunk> {
    let (mut chunk, mut data, mut dictionary) = (Chunk::default(), 0, None);
    reader.fields(|reader, id, kind| {
        match (id, kind) {
            (1, Kind::Binary) => {
                let what = format!("a column lies in another file, {}", reader.text()?);
                return Err(Error::new(what, "write it as one file"));
            }
            (3, Kind::Struct) => reader.fields(|reader, id, kind| {
                match (id, kind) {
                    (4, Kind::Int) => chunk.codec = reader.int()?,
                    (7, Kind::Int) => chunk.len = reader.count()?,
                    (9, Kind::Int) => data = reader.count()?,
                    (11, Kind::Int) => dictionary = Some(reader.count()?),
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // Some writers give 0 for a dictionary that is not there.
    chunk.start = dictionary.filter(|place| (1..data).contains(place)).unwrap_or(data);
    Ok(chunk)
}
