//! One tensor of a file, its values brought to 32 bits.

use crate::data::arrays::{Array, Values};
use crate::error::Result;

/// A tensor by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Name, such as `features.0.weight`.
    pub name: String,
    /// Sizes.
    pub shape: Vec<usize>,
    /// Values, the last index fastest.
    pub values: Vec<f32>,
}

/// The array as a tensor of this name.
///
/// # Errors
/// When it holds words.
pub(super) fn named(name: String, Array { shape, values }: Array) -> Result<NamedTensor> {
    let values = match values {
        Values::Floats(values) => values,
        other => {
            let numbers = other.numbers().map_err(|error| error.within(format!("tensor {name}")))?;
            numbers.into_iter().map(|value| value as f32).collect()
        }
    };
    Ok(NamedTensor { name, shape: shape.into_iter().map(|size| size as usize).collect(), values })
}
