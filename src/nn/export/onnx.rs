//! The network as an ONNX file.

use std::ops::RangeInclusive;

use prost::Message as _;
use toml::{Table, Value as Setting};

use super::exported::Exported;
use super::ranks::{Rank, Ranks, ranks};
use super::tensors::shapes;
use crate::error::{Error, Result};
use crate::nn::onnx::proto::{
    Attribute, Dimension, Graph, KeyValue, ModelFile, Node, OperatorSet, TensorData, TensorShape, TensorType,
    ValueInfo, ValueType,
};
use crate::nn::{NetworkLayer, Shape};

/// Versions of the operators that are written.
pub const OPSETS: RangeInclusive<u32> = 18..=20;
/// The first version with an operator for gelu.
const HAS_GELU: u32 = 20;
/// Largest file, which is the format's own limit, in bytes.
const MAX_BYTES: usize = i32::MAX as usize;
/// Types of numbers in a file.
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A setting of a node.
enum Set<'a> {
    Float(f32),
    Int(usize),
    Ints(&'a [usize]),
    Word(&'static str),
}

fn attribute(name: &str, set: &Set<'_>) -> Attribute {
    let base = Attribute { name: name.to_owned(), ..Default::default() };
    match set {
        Set::Float(f) => Attribute { f: *f, r#type: 1, ..base },
        Set::Int(i) => Attribute { i: *i as i64, r#type: 2, ..base },
        Set::Word(word) => Attribute { s: word.as_bytes().to_vec(), r#type: 3, ..base },
        Set::Ints(ints) => Attribute { ints: ints.iter().map(|i| *i as i64).collect(), r#type: 7, ..base },
    }
}

/// Nodes and constants so far.
struct Writer<'a> {
    layer: &'a NetworkLayer,
    opset: u32,
    graph: Graph,
}

impl Writer<'_> {
    /// Adds a node that makes `output`.
    fn node(&mut self, op_type: &str, input: &[&str], output: &str, sets: &[(&str, Set<'_>)]) {
        self.graph.node.push(Node {
            op_type: op_type.to_owned(),
            name: output.to_owned(),
            input: input.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: sets.iter().map(|(name, set)| attribute(name, set)).collect(),
            ..Default::default()
        });
    }

    fn floats(&mut self, name: String, dims: &[usize], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, FLOAT, raw_data)
    }

    fn ints(&mut self, name: String, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, &[values.len()], INT64, raw_data)
    }

    fn constant(&mut self, name: String, dims: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        let dims = dims.iter().map(|size| *size as i64).collect();
        let tensor = TensorData { dims, data_type, name: name.clone(), raw_data, ..Default::default() };
        self.graph.initializer.push(tensor);
        name
    }

    /// A number of a layer.
    fn number(&mut self, part: &str, value: f32) -> String {
        let name = self.part(part);
        self.floats(name, &[], &[value])
    }

    /// Name of a value within a layer.
    fn part(&self, part: &str) -> String {
        format!("{}/{part}", self.layer.name)
    }

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
        let mut taken: Vec<String> = inputs.iter().map(|name| (*name).to_owned()).collect();
        for ((tensor, shape), values) in shapes(self.layer).into_iter().zip(weights) {
            taken.push(self.floats(format!("{output}.{tensor}"), &shape, values));
        }
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        match kind {
            "conv2d" => self.convolution(&taken, &output, &settings),
            "avg_pool2d" | "max_pool2d" => self.pool(kind, &taken, &output, &settings),
            "gelu" if self.opset < HAS_GELU => self.gelu(inputs[0], &output),
            "local_response_norm" => self.local_response_norm(inputs[0], &output, &settings),
            "maxout" => self.maxout(inputs[0], &output, size(&settings, "group"), ranks.input),
            "upsample" => self.upsample(inputs[0], &output, size(&settings, "factor")),
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

    fn convolution(&mut self, taken: &[&str], output: &str, settings: &Table) {
        let square = |name| [size(settings, name); 2];
        let (kernel, strides, dilations) = (square("kernel"), square("stride"), square("dilation"));
        let sets = [
            ("kernel_shape", Set::Ints(&kernel)),
            ("strides", Set::Ints(&strides)),
            ("pads", Set::Ints(&[size(settings, "padding"); 4])),
            ("dilations", Set::Ints(&dilations)),
            ("group", Set::Int(size(settings, "groups"))),
        ];
        self.node("Conv", taken, output, &sets);
    }

    /// By nearest neighbors.
    fn upsample(&mut self, input: &str, output: &str, factor: usize) {
        let scales = self.part("scales");
        let scales = self.floats(scales, &[4], &[1.0, 1.0, factor as f32, factor as f32]);
        let sets = [
            ("mode", Set::Word("nearest")),
            ("coordinate_transformation_mode", Set::Word("asymmetric")),
            ("nearest_mode", Set::Word("floor")),
        ];
        self.node("Resize", &[input, "", &scales], output, &sets);
    }

    fn pool(&mut self, kind: &str, taken: &[&str], output: &str, settings: &Table) {
        let (kernel, strides) = ([size(settings, "size"); 2], [size(settings, "stride"); 2]);
        let pads = [size(settings, "padding"); 4];
        let mut sets = vec![
            ("kernel_shape", Set::Ints(&kernel)),
            ("strides", Set::Ints(&strides)),
            ("pads", Set::Ints(&pads)),
        ];
        if kind == "avg_pool2d" {
            let counts = settings.get("count_padding").and_then(Setting::as_bool).unwrap_or(true);
            sets.push(("count_include_pad", Set::Int(usize::from(counts))));
        }
        let op = if kind == "avg_pool2d" { "AveragePool" } else { "MaxPool" };
        self.node(op, taken, output, &sets);
    }

    /// `x/2 · (1 + erf(x/√2))`.
    fn gelu(&mut self, input: &str, output: &str) {
        let root = self.number("root", std::f32::consts::SQRT_2);
        let (one, half) = (self.number("one", 1.0), self.number("half", 0.5));
        let [divided, erf, sum, product] = ["divided", "erf", "sum", "product"].map(|part| self.part(part));
        self.node("Div", &[input, &root], &divided, &[]);
        self.node("Erf", &[&divided], &erf, &[]);
        self.node("Add", &[&erf, &one], &sum, &[]);
        self.node("Mul", &[input, &sum], &product, &[]);
        self.node("Mul", &[&product, &half], output, &[]);
    }

    /// `LRN`; of an even size, which that has otherwise, `x · (k + alpha · mean of squares)^−beta`.
    fn local_response_norm(&mut self, input: &str, output: &str, settings: &Table) {
        let of = |name: &str| number(settings, name);
        let (reach, alpha, beta, k) = (size(settings, "size"), of("alpha"), of("beta"), of("k"));
        if reach % 2 == 1 {
            let sets = [
                ("size", Set::Int(reach)),
                ("alpha", Set::Float(alpha)),
                ("beta", Set::Float(beta)),
                ("bias", Set::Float(k)),
            ];
            self.node("LRN", &[input], output, &sets);
            return;
        }
        let Shape { channels, height, width } = self.layer.output;
        let rows = self.part("rows");
        let rows = self.ints(rows, &[0, 1, channels as i64, (height * width) as i64]);
        let shape = self.part("shape");
        let shape = self.ints(shape, &[0, channels as i64, height as i64, width as i64]);
        let (alpha, k, beta) = (self.number("alpha", alpha), self.number("k", k), self.number("beta", beta));
        let parts = ["squares", "columns", "means", "maps", "scaled", "sums", "powers"];
        let [squares, columns, means, maps, scaled, sums, powers] = parts.map(|part| self.part(part));
        self.node("Mul", &[input, input], &squares, &[]);
        self.node("Reshape", &[&squares, &rows], &columns, &[]);
        let sets = [
            ("kernel_shape", Set::Ints(&[reach, 1])),
            ("strides", Set::Ints(&[1, 1])),
            ("pads", Set::Ints(&[reach / 2, 0, (reach - 1) / 2, 0])),
            ("count_include_pad", Set::Int(1)),
        ];
        self.node("AveragePool", &[&columns], &means, &sets);
        self.node("Reshape", &[&means, &shape], &maps, &[]);
        self.node("Mul", &[&maps, &alpha], &scaled, &[]);
        self.node("Add", &[&scaled, &k], &sums, &[]);
        self.node("Pow", &[&sums, &beta], &powers, &[]);
        self.node("Div", &[input, &powers], output, &[]);
    }

    /// The largest of each group of neighboring channels.
    fn maxout(&mut self, input: &str, output: &str, group: usize, rank: Rank) {
        let Shape { channels, height, width } = self.layer.output;
        let sizes = [0, channels as i64, group as i64, height as i64, width as i64];
        let sizes = if rank == Rank::Map { &sizes[..] } else { &sizes[..3] };
        let to = self.part("groups");
        let to = self.ints(to, sizes);
        let axes = self.part("axes");
        let axes = self.ints(axes, &[2]);
        let grouped = self.part("grouped");
        self.node("Reshape", &[input, &to], &grouped, &[]);
        self.node("ReduceMax", &[&grouped, &axes], output, &[("keepdims", Set::Int(0))]);
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
        "concat" => ("Concat", vec![("axis", Set::Int(1))]),
        "relu" => ("Relu", Vec::new()),
        "sigmoid" => ("Sigmoid", Vec::new()),
        "tanh" => ("Tanh", Vec::new()),
        "gelu" => ("Gelu", Vec::new()),
        "leaky_relu" => ("LeakyRelu", vec![("alpha", float("slope"))]),
        "elu" => ("Elu", vec![("alpha", float("alpha"))]),
        "global_avg_pool2d" => ("GlobalAveragePool", Vec::new()),
        "flatten" => ("Flatten", vec![("axis", Set::Int(1))]),
        "dropout" => ("Identity", Vec::new()),
        _ => return None,
    })
}

/// A whole number of a layer's settings.
fn size(settings: &Table, name: &str) -> usize {
    settings.get(name).and_then(Setting::as_integer).map_or(1, |size| size as usize)
}

/// A number of a layer's settings.
fn number(settings: &Table, name: &str) -> f32 {
    settings.get(name).and_then(Setting::as_float).unwrap_or(0.0) as f32
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
