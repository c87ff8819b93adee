//! Variables of layers, and their values in our order.

use super::config::{DAMAGED, Layer};
use crate::error::Result;

/// The values of a variable, the last index fastest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A place with the variables of a model.
pub(super) trait Weights {
    /// Variable `index` of a layer whose group is `group`, or the one that has one of these names.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    fn variable(&mut self, layer: &Layer<'_>, group: &str, index: usize, names: &[&str]) -> Result<Variable>;
}

impl Variable {
    /// The values, if these are the sizes.
    ///
    /// # Errors
    /// When they are others; the layer is named.
    pub(super) fn of_shape(self, layer: &Layer<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        if self.shape != shape {
            let what = format!("its {name} has the shape {:?}, and {shape:?} belongs there", self.shape);
            return Err(layer.refuse(what, DAMAGED));
        }
        Ok(self.values)
    }
}

/// Kernels `[rows, columns, inputs, filters]` as `[filters, inputs, rows, columns]`.
pub(super) fn filters_first(values: &[f32], [rows, columns, inputs, filters]: [usize; 4]) -> Vec<f32> {
    let mut turned = Vec::with_capacity(values.len());
    for filter in 0..filters {
        for input in 0..inputs {
            turned.extend((0..rows * columns).map(|tap| values[(tap * inputs + input) * filters + filter]));
        }
    }
    turned
}
