//! Networks out of ONNX files (operator sets 7 to 24): constants are folded, operators become our layers, the rest is refused by name.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | weights in `NAME.onnx.data` beside the file, and an empty one where all are inside | PyTorch 2.11, default exporter | read, if it lies in the model's folder |
//! | `Reshape` to the example's batch in place of `Flatten`, `allowzero=1` | the same | becomes `flatten` |
//! | `AdaptiveAvgPool2d(1)` as `ReduceMean`, axes as an input | the same | becomes `global_avg_pool2d` |
//! | `Dropout` nodes of a model in training | the same | left out |
//! | batch norm folded into the convolution before it, under the old name | both exporters | taken as it is |
//! | `padding='same'` with an even kernel: other pads on each side, or `auto_pad` | both exporters | a layer `pad` before it; a kernel that is not square gets taps of 0 |
//! | weights of `ConvTranspose` are `[in, out, ky, kx]`; other pads at the end | both exporters, tf2onnx | turned; `output_padding`, which may be negative |
//! | `LayerNormalization` and products of the last axis between two `Transpose` | both exporters, of ConvNeXt | `layer_norm`, and `conv2d` of single pixels |
//! | `GroupNorm` as `Reshape`, `InstanceNormalization`, `Reshape`, `Mul`, `Add` | both exporters | becomes `group_norm` |
//! | `SiLU` as `Sigmoid` and `Mul` | both exporters | becomes `silu` |
//! | a last window of `ceil_mode` that would begin in the padding is none, whatever inferred shapes say | PyTorch 2.11 | as PyTorch has it |
//! | `AveragePool` with `ceil_mode` and `count_include_pad` | PyTorch 2.11 | divided by what lies in map and padding; onnxruntime before 1.29 divides by the whole window at opset 18 |
//! | the input stays `[n, h, w, c]` and a `Transpose` follows, of one channel a `Reshape`; weights after `Flatten` count h, w, c | tf2onnx 1.17, Keras 3.15 | images have their channels first, weights are turned |
//! | the gate of a squeeze-and-excitation block as `Sigmoid` or `HardSigmoid`, then `Mul` of a map by one of a pixel | both exporters | `sigmoid` or `hard_sigmoid`, and `mul` |
//! | a mean that is turned later, as a `Reshape` to `[-1]` and a `Gather` of all its values | PyTorch 2.15, default exporter | the map as it was |
//! | products with and sums of a number | both exporters | `scale` |
//! | batch norm as `Mul` and `Add`, hard swish as `Add`, `Clip`, `Mul`, `Mul` | the same | folded into the layer before, becomes `hard_swish` |
//! | a last `Softmax` or `LogSoftmax` | both exporters | left out: the loss has its own; others are layers |

mod activations;
mod arithmetic;
mod attributes;
mod builder;
mod constant;
mod fold;
mod hard_swish;
mod layout;
mod norms;
mod operators;
mod order;
mod pads;
pub(super) mod proto;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use prost::Message as _;

use self::builder::{Builder, Map, Value};
use self::constant::Constant;
use self::proto::{Graph, ModelFile, ValueInfo};
use super::imported::IMAGE;
use super::{Model, Shape};
use crate::error::{Error, Result};

/// Versions of the operators that are known.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=24;

impl Model {
    /// Reads the bytes of an ONNX file in `folder`.
    ///
    /// # Errors
    /// When it is damaged, or has a node for which there is no layer; the node is named.
    pub fn read(bytes: &[u8], folder: &Path, name: &str) -> Result<Self> {
        let model = ModelFile::decode(bytes).map_err(|error| {
            let what = format!("it is no ONNX file, or cut short: {error}");
            Error::new(what, "export it again, as by torch.onnx.export")
        })?;
        let own = |set: &&proto::OperatorSet| matches!(set.domain.as_str(), "" | "ai.onnx");
        let opset = model.opset_import.iter().find(own).map_or(0, |set| set.version);
        let Some(graph) = model.graph.filter(|graph| !graph.node.is_empty()) else {
            return Err(Error::new(
                "it holds no network",
                "name an ONNX file, as torch.onnx.export writes it",
            ));
        };
        if !OPSETS.contains(&opset) {
            let what = format!("its operators are of version {opset}");
            return Err(Error::new(what, "export it with an opset_version of 7 to 24"));
        }
        build(&graph, folder, opset, (name, bytes.len()))
    }
}

fn build(graph: &Graph, folder: &Path, opset: i64, (name, bytes): (&str, usize)) -> Result<Model> {
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs: Vec<&ValueInfo> =
        graph.input.iter().filter(|input| !constants.contains(input.name.as_str())).collect();
    let ([input], [output]) = (&inputs[..], &graph.output[..]) else {
        let what = format!("it has {} inputs and {} outputs", inputs.len(), graph.output.len());
        return Err(Error::new(what, "export a network from one image to one row of logits"));
    };
    let (batch, given) = image_of(input)?;
    let channels_last = layout::has_channels_last(graph, input, folder);
    let shape = if channels_last { Shape::new(given.width, given.channels, given.height) } else { given };
    let mut builder = Builder::new(graph, folder, opset, bytes);
    builder.batch = batch;
    let known: HashSet<&str> = constants.iter().copied().chain([input.name.as_str()]).collect();
    let order = order::order(graph, &known, &output.name)?;
    let image = Map { layer: IMAGE.to_owned(), shape, rank: 4, channels_last, turned: None };
    builder.values.insert(&input.name, Value::Map(image));
    let needed: HashSet<&str> =
        order.iter().flat_map(|index| &graph.node[*index].input).map(String::as_str).collect();
    for tensor in graph.initializer.iter().filter(|tensor| needed.contains(tensor.name.as_str())) {
        let constant = Constant::read(tensor, folder)?;
        builder.grant(constant.len());
        builder.values.insert(&tensor.name, Value::Constant(Rc::new(constant)));
    }
    for index in order {
        builder.read(&graph.node[index])?;
    }
    let end = proto::Node { op_type: "the output".to_owned(), ..Default::default() };
    builder.settle_value(&end, &output.name)?;
    let Some(Value::Map(mut last)) = builder.values.get(output.name.as_str()).cloned() else {
        let what = format!("its output {:?} is not computed by a layer", output.name);
        return Err(Error::new(what, "export a network from one image to one row of logits"));
    };
    if last.turned.is_some() {
        let what = format!("its output {:?} is a flattened map with the channels last", output.name);
        return Err(Error::new(what, "end the network with a dense layer"));
    }
    if last.shape.pixels() > 1 {
        let note = format!("its output is a map of {}: every value of it is an output", last.shape);
        builder.assembly.notes.push(note);
        let node = proto::Node { op_type: "Flatten".to_owned(), ..Default::default() };
        last = builder.push(&node, ("flatten", toml::Table::new()), &[&last], Vec::new())?;
    }
    builder.assembly.finish(name, shape, &last.stage())
}

/// Images of a batch, 1 where that is open, and the shape of one.
fn image_of(input: &ValueInfo) -> Result<(usize, Shape)> {
    let tensor = input.r#type.as_ref().and_then(|of| of.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let size = |dim: &proto::Dimension| {
        let size = dim.dim_value.and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=1 << 16).contains(size))
    };
    let [batch, channels, height, width] = dims else {
        let what = format!(
            "its input {:?} has {} sizes, not images × channels × rows × columns",
            input.name,
            dims.len()
        );
        return Err(Error::new(what, "export it with an image as input"));
    };
    let (Some(channels), Some(height), Some(width)) = (size(channels), size(height), size(width)) else {
        let open = dims[1..].iter().filter_map(|dim| dim.dim_param.clone()).collect::<Vec<_>>().join(", ");
        let what = format!(
            "its input {:?} leaves the image's sizes open ({open}), or they are too large",
            input.name
        );
        return Err(Error::new(
            what,
            "export it with fixed channels, rows and columns; only the batch may be open",
        ));
    };
    Ok((size(batch).unwrap_or(1), Shape::new(channels, height, width)))
}
