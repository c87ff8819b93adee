//! The weights as tensors by name, as PyTorch's state dicts have them.

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::exported::Exported;
use super::names::python_names;
use crate::error::{Error, Result};
use crate::nn::{BATCHES_TRACKED, NetworkLayer, ParameterSpec};

/// Name and shape of each tensor of a layer; weights of a dense layer are a matrix.
pub(super) fn shapes(layer: &NetworkLayer) -> Vec<(&'static str, Vec<usize>)> {
    let is_dense = layer.layer.kind() == "dense";
    let shape = |spec: ParameterSpec| match &spec.shape[..] {
        [units, inputs @ ..] if is_dense && !inputs.is_empty() => vec![*units, inputs.iter().product()],
        _ => spec.shape,
    };
    layer.parameters().into_iter().map(|spec| (spec.name, shape(spec))).collect()
}

impl Exported {
    /// Name, shape and values of each tensor; the layers by their own names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, &[f32])> {
        self.tensors_of(&self.layer_names())
    }

    fn layer_names(&self) -> Vec<String> {
        self.model.network.layers.iter().map(|layer| layer.name.clone()).collect()
    }

    fn tensors_of(&self, names: &[String]) -> Vec<(String, Vec<usize>, &[f32])> {
        let mut tensors = Vec::new();
        for ((layer, name), weights) in self.model.network.layers.iter().zip(names).zip(&self.model.weights) {
            for ((tensor, shape), values) in shapes(layer).into_iter().zip(weights) {
                tensors.push((format!("{name}.{tensor}"), shape, &values[..]));
            }
        }
        tensors
    }

    /// A safetensors file of the weights, by the layers' own names.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn safetensors(&self) -> Result<Vec<u8>> {
        self.safetensors_of(&self.layer_names())
    }

    /// A safetensors file for the source of [`Exported::pytorch`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn pytorch_weights(&self) -> Result<Vec<u8>> {
        self.safetensors_of(&python_names(&self.model.network))
    }

    fn safetensors_of(&self, names: &[String]) -> Result<Vec<u8>> {
        let zero = 0_i64.to_le_bytes();
        let view =
            |dtype, shape, bytes| TensorView::new(dtype, shape, bytes).expect("lengths follow from shapes");
        let mut views: Vec<(String, TensorView<'_>)> = Vec::new();
        for (name, shape, values) in self.tensors_of(names) {
            views.push((name, view(Dtype::F32, shape, bytemuck::cast_slice(values))));
        }
        for (layer, name) in self.model.network.layers.iter().zip(names) {
            if layer.layer.kind() == "batch_norm" {
                views.push((format!("{name}.{BATCHES_TRACKED}"), view(Dtype::I64, Vec::new(), &zero)));
            }
        }
        safetensors::serialize(
            views,
            Some(self.facts().into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        )
        .map_err(|e| Error::new(format!("the weights cannot be packed: {e}"), "export an .npz instead"))
    }
}
