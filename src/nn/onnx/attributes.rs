//! Attributes of an ONNX node, and errors that name it.

use std::fmt;

use super::proto::{Attribute, Node};
use crate::error::{Error, Result};

impl Node {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// A whole number.
    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A number.
    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    /// Whole numbers.
    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| &attribute.ints[..])
    }

    /// Numbers.
    pub(super) fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| &attribute.floats[..])
    }

    /// A word.
    pub(super) fn word<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.attribute(name).map_or(default, |a| std::str::from_utf8(&a.s).unwrap_or("?"))
    }

    /// A constant.
    pub(super) fn tensor(&self, name: &str) -> Option<&super::proto::TensorData> {
        self.attribute(name)?.t.as_ref()
    }

    /// An error about this node.
    pub(super) fn refuse(&self, what: impl fmt::Display, help: &str) -> Error {
        Error::new(format!("{}: {what}", self.label()), help)
    }

    /// The node for people.
    pub(super) fn label(&self) -> String {
        let name = if self.name.is_empty() { self.output.first() } else { Some(&self.name) };
        format!("node {:?} ({})", name.map_or("", String::as_str), self.op_type)
    }

    /// Sizes of 1 or more for rows and columns, of an attribute or by default.
    pub(super) fn pair(&self, name: &str, default: usize, nearest: &str) -> Result<[usize; 2]> {
        match self.ints(name) {
            None | Some([]) => Ok([default; 2]),
            Some([rows, columns]) if [rows, columns].iter().all(|side| (1..=1 << 16).contains(*side)) => {
                Ok([*rows as usize, *columns as usize])
            }
            Some(other) => {
                Err(self.refuse(format!("its {name} are {other:?}; they must be two sizes"), nearest))
            }
        }
    }

    /// Two equal sizes of 1 or more for rows and columns, of an attribute or by default.
    pub(super) fn square(&self, name: &str, default: usize, nearest: &str) -> Result<usize> {
        match self.ints(name) {
            None | Some([]) => Ok(default),
            Some([rows, columns]) if rows == columns && (1..=1 << 16).contains(rows) => Ok(*rows as usize),
            Some(other) => {
                Err(self.refuse(format!("its {name} are {other:?}; they must be two equal sizes"), nearest))
            }
        }
    }
}
