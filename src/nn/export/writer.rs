//! An ONNX graph while it is written: nodes and constants, with names of their own in a layer.

use toml::{Table, Value as Setting};

use crate::nn::NetworkLayer;
use crate::nn::onnx::proto::{Attribute, Graph, Node, TensorData};

/// Types of numbers in a file.
pub(super) const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A setting of a node.
pub(super) enum Set<'a> {
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
pub(super) struct Writer<'a> {
    pub layer: &'a NetworkLayer,
    pub opset: u32,
    pub graph: Graph,
}

impl Writer<'_> {
    /// Adds a node that makes `output`.
    pub(super) fn node(&mut self, op_type: &str, input: &[&str], output: &str, sets: &[(&str, Set<'_>)]) {
        self.graph.node.push(Node {
            op_type: op_type.to_owned(),
            name: output.to_owned(),
            input: input.iter().map(|name| (*name).to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: sets.iter().map(|(name, set)| attribute(name, set)).collect(),
            ..Default::default()
        });
    }

    /// Adds numbers under a name, which it returns.
    pub(super) fn floats(&mut self, name: String, dims: &[usize], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, FLOAT, raw_data)
    }

    /// Adds a row of whole numbers under a name, which it returns.
    pub(super) fn ints(&mut self, name: String, values: &[i64]) -> String {
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
    pub(super) fn number(&mut self, part: &str, value: f32) -> String {
        let name = self.part(part);
        self.floats(name, &[], &[value])
    }

    /// Name of a value within a layer.
    pub(super) fn part(&self, part: &str) -> String {
        format!("{}/{part}", self.layer.name)
    }
}

/// A whole number of a layer's settings.
pub(super) fn size(settings: &Table, name: &str) -> usize {
    settings.get(name).and_then(Setting::as_integer).map_or(1, |size| size as usize)
}

/// Whole numbers of a layer's settings for rows and columns.
pub(super) fn sides(settings: &Table, name: &str) -> [usize; 2] {
    match settings.get(name) {
        Some(Setting::Array(sides)) => {
            [0, 1].map(|axis| sides.get(axis).and_then(Setting::as_integer).map_or(1, |side| side as usize))
        }
        _ => [size(settings, name); 2],
    }
}

/// A number of a layer's settings.
pub(super) fn number(settings: &Table, name: &str) -> f32 {
    settings.get(name).and_then(Setting::as_float).unwrap_or(0.0) as f32
}
