//! The weights as tensors by name, as PyTorch's state dicts have them.

use std::borrow::Cow;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::exported::Exported;
use super::names::python_names;
use crate::error::{Error, Result};
use crate::nn::{BATCHES_TRACKED, NetworkLayer, ParameterSpec};

/// A tensor of a layer.
pub(super) struct LayerTensor<'v> {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub values: Cow<'v, [f32]>,
}

/// The tensors of a layer as PyTorch and ONNX have them; weights of a dense layer are a matrix.
pub(super) fn tensors<'v>(layer: &NetworkLayer, weights: &'v [Vec<f32>]) -> Vec<LayerTensor<'v>> {
    let is_dense = layer.layer.kind() == "dense";
    let tensor = |(spec, values): (ParameterSpec, &'v Vec<f32>)| {
        let shape = match &spec.shape[..] {
            [units, inputs @ ..] if is_dense && !inputs.is_empty() => vec![*units, inputs.iter().product()],
            _ => spec.file_shape(),
        };
        LayerTensor { name: spec.name, shape, values: spec.to_file(values) }
    };
    layer.parameters().into_iter().zip(weights).map(tensor).collect()
}

impl Exported {
    /// Name, shape and values of each tensor; the layers by their own names.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>, Cow<'_, [f32]>)> {
        self.tensors_of(&self.layer_names())
    }

    fn layer_names(&self) -> Vec<String> {
        self.model.network.layers.iter().map(|layer| layer.name.clone()).collect()
    }

    fn tensors_of(&self, names: &[String]) -> Vec<(String, Vec<usize>, Cow<'_, [f32]>)> {
        let mut all = Vec::new();
        for ((layer, name), weights) in self.model.network.layers.iter().zip(names).zip(&self.model.weights) {
            for of in tensors(layer, weights) {
                all.push((format!("{name}.{}", of.name), of.shape, of.values));
            }
        }
        all
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
        let tensors = self.tensors_of(names);
        for (name, shape, values) in &tensors {
            views.push((name.clone(), view(Dtype::F32, shape.clone(), bytemuck::cast_slice(values))));
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
