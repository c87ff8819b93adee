//! The layers, one file each: settings, shapes, dispatches, plain-loop twin and odd-sized samples together.

mod conv2d;
mod dense;
mod max_pool2d;
mod relu;

use serde::de::DeserializeOwned;
use toml::Table;

pub use conv2d::Conv2d;
pub use dense::Dense;
pub use max_pool2d::MaxPool2d;
pub use relu::Relu;

use super::{Layer, Shape};
use crate::error::{Error, Result};

/// A layer and an input shape on which the tests try it.
pub type Sample = (Box<dyn Layer>, Shape);

/// A kind of layer: its name in network files, its reader, and its odd-sized samples for the tests.
pub struct LayerKind {
    /// The name in network files.
    pub kind: &'static str,
    /// Reads its settings; the number of classes stands in where a last layer leaves its size out.
    pub parse: fn(Table, usize) -> Result<Box<dyn Layer>>,
    /// Odd and unequal sizes for the tests.
    pub samples: fn() -> Vec<Sample>,
}

/// Every kind of layer. A new one is its WGSL, its Rust file and its line here.
pub const KINDS: &[LayerKind] = &[
    LayerKind { kind: "conv2d", parse: conv2d::parse, samples: conv2d::samples },
    LayerKind { kind: "dense", parse: dense::parse, samples: dense::samples },
    LayerKind { kind: "max_pool2d", parse: max_pool2d::parse, samples: max_pool2d::samples },
    LayerKind { kind: "relu", parse: relu::parse, samples: relu::samples },
];

/// Reads settings into `T`; an unknown key or a wrong type is an error that says which are known.
fn settings<T: DeserializeOwned>(table: Table) -> Result<T> {
    table.try_into().map_err(|e: toml::de::Error| {
        Error::new(e.message().to_owned(), "use the settings that this kind of layer has")
    })
}

/// An error unless `value` is at least 1.
fn at_least_one(name: &str, value: usize) -> Result<()> {
    if value == 0 || value > 1 << 16 {
        return Err(Error::new(format!("{name} is {value}"), format!("give {name} a value from 1 to 65536")));
    }
    Ok(())
}

fn to_table<T: serde::Serialize>(settings: &T) -> Table {
    Table::try_from(settings).expect("layer settings are plain numbers")
}
