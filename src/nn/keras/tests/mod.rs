//! Models that Keras and TensorFlow.js wrote, with their outputs; models that the tests write themselves, and damaged ones.

mod archive;
mod graphs;
mod outputs;
mod refused;
mod tfjs;

use std::path::Path;

use serde_json::{Value, json};

use super::config::Layer;
use super::graph::Graph;
use super::reader::{self, Dialect};
use super::variables::{Variable, Weights};
use crate::error::Result;
use crate::nn::Model;

/// A change of a file.
type Change = Box<dyn Fn(&mut Value)>;

/// Weights of any layer: the number of the variable, everywhere.
struct Counted;

impl Weights for Counted {
    fn variable(
        &mut self,
        layer: &Layer<'_>,
        _group: &str,
        index: usize,
        names: &[&str],
    ) -> Result<Variable> {
        let size = |key: &str| layer.size(key, 1).unwrap();
        let shape = match (layer.class, names[0]) {
            ("Conv2D", "kernel") => vec![1, 1, 2 / size("groups"), size("filters")],
            ("DepthwiseConv2D", _) if index == 0 => vec![1, 1, 2, size("depth_multiplier")],
            ("Dense", "kernel") => vec![2, size("units")],
            ("PReLU", _) => vec![1, 1, 2],
            (_, "bias") => vec![size("filters") * size("units")],
            _ => vec![2],
        };
        let len = shape.iter().product();
        Ok(Variable { shape, values: vec![index as f32; len] })
    }
}

/// A layer as Keras 2 writes it in a list.
fn layer(class: &str, name: &str, settings: &Value) -> Value {
    let mut config = settings.clone();
    config["name"] = json!(name);
    json!({ "class_name": class, "name": name, "config": config })
}

/// The input of an image of 2 channels.
fn input(name: &str) -> Value {
    layer("InputLayer", name, &json!({ "batch_input_shape": [null, 4, 4, 2] }))
}

fn sequential(layers: &[Value]) -> Value {
    let layers = [&[input("image")], layers].concat();
    json!({ "class_name": "Sequential", "config": { "name": "net", "layers": layers } })
}

/// A model of layers with the inputs of their only calls, of which `output` is the last.
fn functional(layers: &[(Value, &[&str])], output: &str) -> Value {
    let of = |name: &str| json!([name, 0, 0, {}]);
    let called = |(layer, inputs): &(Value, &[&str])| {
        let mut layer = layer.clone();
        layer["inbound_nodes"] = json!([inputs.iter().map(|name| of(name)).collect::<Vec<_>>()]);
        layer
    };
    let mut first = input("image");
    first["inbound_nodes"] = json!([]);
    let layers: Vec<Value> = std::iter::once(first).chain(layers.iter().map(called)).collect();
    let ends = |name: &str| json!([[name, 0, 0]]);
    json!({ "class_name": "Functional", "config": {
        "name": "net", "layers": layers, "input_layers": ends("image"), "output_layers": ends(output) } })
}

/// The model of a configuration with counted weights.
fn read(model: &Value) -> Result<Model> {
    read_as(model, Dialect::TensorFlowJs)
}

/// The same for another program.
fn read_as(model: &Value, dialect: Dialect) -> Result<Model> {
    reader::read(&Graph::read(model)?, &mut Counted, dialect, "net")
}

/// Kinds of the layers of a model.
fn kinds(model: &Model) -> Vec<&'static str> {
    model.network.layers.iter().map(|layer| layer.layer.kind()).collect()
}

/// Writes a model of TensorFlow.js with these weights in one file.
fn write_tfjs(folder: &Path, topology: &Value, weights: &[(&str, &[usize], &[f32])]) -> Value {
    let bytes: Vec<u8> =
        weights.iter().flat_map(|(_, _, values)| *values).flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.join("weights.bin"), bytes).unwrap();
    let stored = |(name, shape, _): &(&str, &[usize], &[f32])| json!({ "name": name, "shape": shape, "dtype": "float32" });
    let weights: Vec<Value> = weights.iter().map(stored).collect();
    json!({ "format": "layers-model", "modelTopology": topology,
        "weightsManifest": [{ "paths": ["weights.bin"], "weights": weights }] })
}
