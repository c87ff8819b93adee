//! The tensors of one module as the parameters of one layer.

use super::modules::Module;
use crate::data::NamedTensor;
use crate::error::{Error, Result};
use crate::nn::{Init, NetworkLayer, ParameterSpec};

/// Help for weights of another network.
pub(super) const OTHER_NETWORK: &str = "name the network that the weights belong to";
/// Advice where batch norms are left: `torch.onnx.export` folds them into the convolutions before them unless it is told otherwise, by
/// default whether the model is in training or not (PyTorch 2.11 to 2.15).
pub(super) const FOLDED_NORM: &str = "name the network that the weights belong to: batch norms may have been folded into its convolutions, \
    which torch.onnx.export leaves alone with optimize=False, or with dynamo=False and training=torch.onnx.TrainingMode.PRESERVE";

/// The values of a layer's parameters in a module.
pub(super) fn of_layer(layer: &NetworkLayer, module: &Module<'_>) -> Result<Vec<Vec<f32>>> {
    let specs = layer.parameters();
    let is_wanted = |last: &str| specs.iter().any(|spec| spec.name == last);
    if let Some((_, tensor)) = module.tensors.iter().find(|(last, _)| !is_wanted(last)) {
        let kind = layer.layer.kind();
        let what = format!(
            "tensor {} of shape {:?} has no place in layer {}, a {kind}",
            tensor.name, tensor.shape, layer.name
        );
        return Err(Error::new(what, OTHER_NETWORK));
    }
    let of_spec = |spec: &ParameterSpec| match module.tensors.iter().find(|(last, _)| *last == spec.name) {
        Some((_, tensor)) => fitted(layer, spec, tensor),
        // Of a layer without a bias, and of a normalization without scale and shift.
        None if spec.init == Init::Zero && spec.name == "bias" => Ok(vec![0.0; spec.len()]),
        None if spec.init == Init::One && spec.name == "weight" => Ok(vec![1.0; spec.len()]),
        None => {
            let what = format!(
                "layer {} wants a tensor {} of shape {:?}, and {} has none",
                layer.name, spec.name, spec.shape, module.name
            );
            Err(Error::new(what, OTHER_NETWORK))
        }
    };
    specs.iter().map(of_spec).collect()
}

/// The values of a tensor for a parameter.
pub(super) fn fitted(layer: &NetworkLayer, spec: &ParameterSpec, tensor: &NamedTensor) -> Result<Vec<f32>> {
    let matrix = [spec.shape[0], spec.len() / spec.shape[0].max(1)];
    let is_matrix = layer.layer.kind() == "dense" && tensor.shape == matrix;
    if tensor.shape == spec.file_shape() || (is_matrix && spec.shape.len() > 1) {
        return Ok(spec.from_file(&tensor.values).into_owned());
    }
    if layer.layer.kind() == "prelu" && tensor.shape == [1] {
        return Ok(vec![tensor.values[0]; spec.len()]);
    }
    let is_matrix = layer.layer.kind() == "dense" && spec.shape.len() > 1;
    let wanted = if is_matrix { matrix.to_vec() } else { spec.file_shape() };
    let what = format!(
        "tensor {} has the shape {:?}, and layer {} wants {wanted:?}",
        tensor.name, tensor.shape, layer.name
    );
    Err(Error::new(
        what,
        "name the network that the weights belong to, and a data set of its images and classes",
    ))
}
