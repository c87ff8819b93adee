//! The network as an ONNX file.

use std::ops::RangeInclusive;

use prost::Message as _;
use toml::{Table, Value as Setting};

use super::exported::Exported;
use super::ranks::{Rank, Ranks, ranks};
use super::tensors::tensors;
use super::writer::{FLOAT, Set, Writer, number, sides, size};
use crate::error::{Error, Result};
use crate::nn::Shape;
use crate::nn::onnx::proto::{
    Dimension, Graph, KeyValue, ModelFile, Node, OperatorSet, TensorShape, TensorType, ValueInfo, ValueType,
};

/// Versions of the operators that are written.
pub const OPSETS: RangeInclusive<u32> = 18..=20;
/// The first version with an operator for gelu.
const HAS_GELU: u32 = 20;
/// Largest file, which is the format's own limit, in bytes.
const MAX_BYTES: usize = i32::MAX as usize;

impl Writer<'_> {
    /// The input `name` as the layer takes it.
    fn adapted(&mut self, name: &str, at: usize, from: Rank, to: Rank) -> String {
        let output = self.part(&format!("input{at}"));
        match (from, to) {
            (Rank::Map, Rank::Row) => self.node("Flatten", &[name], &output, &[("axis", Set::Int(1))]),
            (Rank::Row, Rank::Map) => {
                let axes = self.ints(format!("{output}/axes"), &[2, 3]);
                self.node("Unsqueeze", &[name, &axes], &output, &[]);
            }
            _ => return name.to_owned(),
        }
        output
    }

    /// Adds the layer.
    fn layer(&mut self, inputs: &[&str], weights: &[Vec<f32>], ranks: &Ranks) -> Result<()> {
        let settings = self.layer.layer.settings();
        let (kind, output) = (self.layer.layer.kind(), self.layer.name.clone());
        // Of several nodes, or with weights in another shape.
        if matches!(kind, "prelu" | "group_norm" | "layer_norm") {
            let made = match kind {
                "prelu" => Self::prelu,
                "layer_norm" => Self::layer_norm,
                _ => Self::group_norm,
            };
            made(self, inputs[0], &output, weights, ranks.input);
            return Ok(());
        }
        let mut taken: Vec<String> = inputs.iter().map(|name| (*name).to_owned()).collect();
        for tensor in tensors(self.layer, weights) {
            taken.push(self.floats(format!("{output}.{}", tensor.name), &tensor.shape, &tensor.values));
        }
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        match kind {
            "conv2d" | "conv_transpose2d" => self.convolution(kind, &taken, &output, &settings),
            "avg_pool2d" | "max_pool2d" => self.pool(kind, &taken, &output, &settings),
            "gelu" if self.opset < HAS_GELU => self.gelu(inputs[0], &output),
            "scale" => self.scale(inputs[0], &output, &settings),
            "hardtanh" => self.hardtanh(inputs[0], &output, &settings),
            "local_response_norm" => self.local_response_norm(inputs[0], &output, &settings),
            "pad" => self.pad(inputs[0], &output, &settings),
            "silu" => self.silu(inputs[0], &output),
            "maxout" => self.maxout(inputs[0], &output, size(&settings, "group"), ranks.input),
            "upsample" => self.upsample(inputs[0], &output, &settings),
            _ => {
                let (op, sets) = operator(kind, &settings).ok_or_else(|| {
                    let what = format!("layer {output:?}: {kind} has no operator of ONNX yet");
                    Error::new(what, "export an .npz or .safetensors of the weights")
                })?;
                self.node(op, &taken, &output, &sets);
            }
        }
        Ok(())
    }

    fn convolution(&mut self, kind: &str, taken: &[&str], output: &str, settings: &Table) {
        let square = |name| [size(settings, name); 2];
        let (kernel, strides, dilations) = (square("kernel"), square("stride"), square("dilation"));
        // Of a transposed convolution: what is put to the end, or cut off there.
        let added = settings.get("output_padding").and_then(Setting::as_integer).unwrap_or(0);
        let (padding, cut) = (size(settings, "padding"), (-added).max(0) as usize);
        let output_padding = [added.max(0) as usize; 2];
        let mut sets = vec![
            ("kernel_shape", Set::Ints(&kernel)),
            ("strides", Set::Ints(&strides)),
            ("dilations", Set::Ints(&dilations)),
            ("group", Set::Int(size(settings, "groups"))),
        ];
        let pads = [padding, padding, padding + cut, padding + cut];
        sets.push(("pads", Set::Ints(&pads)));
        if output_padding != [0; 2] {
            sets.push(("output_padding", Set::Ints(&output_padding)));
        }
        self.node(if kind == "conv2d" { "Conv" } else { "ConvTranspose" }, taken, output, &sets);
    }

    fn pool(&mut self, kind: &str, taken: &[&str], output: &str, settings: &Table) {
        let [kernel, strides, [rows, columns]] =
            ["size", "stride", "padding"].map(|name| sides(settings, name));
        let pads = [rows, columns, rows, columns];
        let mut sets = vec![
            ("kernel_shape", Set::Ints(&kernel)),
            ("strides", Set::Ints(&strides)),
            ("pads", Set::Ints(&pads)),
        ];
        if settings.contains_key("ceil") {
            sets.push(("ceil_mode", Set::Int(1)));
        }
        if kind == "avg_pool2d" {
            let counts = settings.get("count_padding").and_then(Setting::as_bool).unwrap_or(true);
            sets.push(("count_include_pad", Set::Int(usize::from(counts))));
        }
        let op = if kind == "avg_pool2d" { "AveragePool" } else { "MaxPool" };
        self.node(op, taken, output, &sets);
    }
}

/// The operator of a kind of layer that is one as it stands, with its settings.
fn operator(kind: &str, settings: &Table) -> Option<(&'static str, Vec<(&'static str, Set<'static>)>)> {
    let float = |name: &str| Set::Float(number(settings, name));
    Some(match kind {
        "dense" => ("Gemm", vec![("transB", Set::Int(1))]),
        "batch_norm" => {
            let momentum = Set::Float(1.0 - number(settings, "momentum"));
            ("BatchNormalization", vec![("epsilon", float("epsilon")), ("momentum", momentum)])
        }
        "add" => ("Sum", Vec::new()),
        "mul" => ("Mul", Vec::new()),
        "concat" => ("Concat", vec![("axis", Set::Int(1))]),
        "relu" => ("Relu", Vec::new()),
        "sigmoid" => ("Sigmoid", Vec::new()),
        "tanh" => ("Tanh", Vec::new()),
        "softmax" => ("Softmax", vec![("axis", Set::Int(1))]),
        "gelu" => ("Gelu", Vec::new()),
        "hard_sigmoid" => ("HardSigmoid", vec![("alpha", Set::Float(1.0 / 6.0)), ("beta", Set::Float(0.5))]),
        "hard_swish" => ("HardSwish", Vec::new()),
        "instance_norm" => ("InstanceNormalization", vec![("epsilon", float("epsilon"))]),
        "leaky_relu" => ("LeakyRelu", vec![("alpha", float("slope"))]),
        "elu" => ("Elu", vec![("alpha", float("alpha"))]),
        "global_avg_pool2d" => ("GlobalAveragePool", Vec::new()),
        "flatten" => ("Flatten", vec![("axis", Set::Int(1))]),
        "dropout" => ("Identity", Vec::new()),
        _ => return None,
    })
}

/// A value that the graph takes or makes; the number of images is open.
fn value(name: &str, sizes: &[usize]) -> ValueInfo {
    let images = Dimension { dim_param: Some("n".to_owned()), ..Default::default() };
    let fixed = sizes.iter().map(|size| Dimension { dim_value: Some(*size as i64), ..Default::default() });
    let shape = Some(TensorShape { dim: std::iter::once(images).chain(fixed).collect() });
    let tensor_type = Some(TensorType { elem_type: FLOAT, shape });
    ValueInfo { name: name.to_owned(), r#type: Some(ValueType { tensor_type }) }
}

impl Exported {
    /// An ONNX file from the value `image` to `logits` (or `output`, where there are no classes), in operators of version `opset`, one of
    /// [`OPSETS`].
    ///
    /// # Errors
    /// When a layer has no operator there, or the file would be larger than 2 GiB.
    pub fn onnx(&self, opset: u32) -> Result<Vec<u8>> {
        let network = &self.model.network;
        let ranks = ranks(network);
        let has_classes = !self.classes.is_empty();
        let input = network.free_name("image");
        let output = network.free_name(if has_classes { "logits" } else { "output" });
        let mut values = vec![(input.clone(), Rank::Map)];
        let mut graph = Graph { name: network.name.clone(), ..Default::default() };
        for ((layer, ranks), weights) in network.layers.iter().zip(&ranks).zip(&self.model.weights) {
            let mut writer = Writer { layer, opset, graph };
            let inputs: Vec<String> = layer
                .inputs
                .iter()
                .enumerate()
                .map(|(at, node)| {
                    let (name, rank) = &values[*node];
                    writer.adapted(name, at, *rank, ranks.input)
                })
                .collect();
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            writer.layer(&inputs, weights, ranks)?;
            values.push((layer.name.clone(), ranks.output));
            graph = writer.graph;
        }
        let (last, rank) = values.last().expect("a network has layers");
        let op_type = if has_classes && *rank == Rank::Map { "Flatten" } else { "Identity" };
        graph.node.push(Node {
            op_type: op_type.to_owned(),
            name: output.clone(),
            input: vec![last.clone()],
            output: vec![output.clone()],
            ..Default::default()
        });
        let [image, made] = [network.input, network.shape_of(network.layers.len())];
        let sizes = |shape: Shape| vec![shape.channels, shape.height, shape.width];
        graph.input = vec![value(&input, &sizes(image))];
        graph.output = vec![value(&output, &if has_classes { vec![made.channels] } else { sizes(made) })];
        let file = ModelFile {
            ir_version: if opset == 18 { 8 } else { 9 },
            producer_name: env!("CARGO_PKG_NAME").to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: self.about(),
            graph: Some(graph),
            opset_import: vec![OperatorSet { version: opset.into(), ..Default::default() }],
            metadata_props: self
                .facts()
                .into_iter()
                .map(|(key, value)| KeyValue { key: key.to_owned(), value })
                .collect(),
        };
        if file.encoded_len() > MAX_BYTES {
            let what = format!("the file would have {} bytes; the most is {MAX_BYTES}", file.encoded_len());
            return Err(Error::new(what, "export an .npz or .safetensors of the weights"));
        }
        Ok(file.encode_to_vec())
    }
}
