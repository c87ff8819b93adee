//! Settings of layers as tables of a network file, and samples for the tests.

use serde::de::DeserializeOwned;
use toml::Table;

use crate::error::{Error, Result};
use crate::nn::layer::Layer;
use crate::nn::shape::Shape;

/// A layer and the input shapes on which the tests try it.
pub type LayerSample = (Box<dyn Layer>, Vec<Shape>);

/// Largest number of inputs of a layer.
pub const MAX_INPUTS: usize = 6;

/// A sample of a layer with one input.
pub(super) fn sample(layer: impl Layer + 'static, input: Shape) -> LayerSample {
    (Box::new(layer), vec![input])
}

/// Reads settings into `T`; an unknown key or a wrong type is an error.
pub(super) fn settings<T: DeserializeOwned>(table: Table) -> Result<T> {
    table.try_into().map_err(|e: toml::de::Error| {
        Error::new(e.message().to_owned(), "use the settings that this kind of layer has")
    })
}

/// An error unless `value` is at least 1.
pub(super) fn at_least_one(name: &str, value: usize) -> Result<()> {
    if value == 0 || value > 1 << 16 {
        return Err(Error::new(format!("{name} is {value}"), format!("give {name} a value from 1 to 65536")));
    }
    Ok(())
}

/// Settings as a table.
pub(super) fn to_table<T: serde::Serialize>(settings: &T) -> Table {
    Table::try_from(settings).expect("layer settings are plain numbers")
}
