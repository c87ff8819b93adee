//! Weights that a run begins with in place of random ones, by the names of their tensors.

use std::collections::BTreeMap;

use super::Parameters;
use crate::error::{Error, Result};
use crate::gpu::Gpu;

/// Shapes and values of all parameter tensors of a network, by their names; as PyTorch has them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StartWeights(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl StartWeights {
    /// Adds the tensor called `name`, such as `conv1.weight`.
    pub fn insert(&mut self, name: String, shape: Vec<usize>, values: Vec<f32>) {
        self.0.insert(name, (shape, values));
    }

    /// Names, shapes and values.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], &[f32])> {
        self.0.iter().map(|(name, (shape, values))| (name.as_str(), &shape[..], &values[..]))
    }

    /// The weights in the order of the parameters of a network.
    ///
    /// # Errors
    /// When a tensor is not there, or of another shape.
    pub(super) fn flat(&self, parameters: &Parameters) -> Result<Vec<f32>> {
        let mut flat = vec![0.0; parameters.values.len()];
        for tensor in &parameters.tensors {
            let found = self
                .0
                .get(&tensor.name)
                .filter(|(shape, values)| *shape == tensor.spec.file_shape() && values.len() == tensor.len);
            let Some((_, values)) = found else {
                let what = format!(
                    "the weights at the beginning have no {} of {:?}",
                    tensor.name,
                    tensor.spec.file_shape()
                );
                return Err(Error::new(what, "keep the files of one run together in one folder"));
            };
            let place = &mut flat[tensor.offset..tensor.offset + tensor.len];
            place.copy_from_slice(&tensor.spec.from_file(values));
        }
        Ok(flat)
    }

    /// Writes the weights and their averages into the parameters of a network.
    ///
    /// # Errors
    /// When a tensor is not there, or of another shape; then nothing changes.
    pub(super) fn write(&self, gpu: &Gpu, parameters: &Parameters) -> Result<()> {
        let flat = self.flat(parameters)?;
        parameters.values.write(gpu, 0, &flat);
        parameters.averages.write(gpu, 0, &flat);
        Ok(())
    }
}
