//! Layers models of TensorFlow.js: `model.json` with the configuration and a list of the weights, and files with their numbers beside it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use half::f16;
use serde::Deserialize;
use serde_json::Value;

use super::config::{DAMAGED, Layer, MAX_CONFIG};
use super::graph::Graph;
use super::names::Names;
use super::reader::{self, Dialect};
use super::variables::{Variable, Weights};
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::nn::imported::beside;

/// Most bytes of weights.
const MAX_BYTES: usize = 1 << 31;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModelFile {
    #[serde(default)]
    format: String,
    model_topology: Value,
    #[serde(default)]
    weights_manifest: Vec<Group>,
}

/// Tensors one after the other in files that are joined.
#[derive(Deserialize)]
struct Group {
    paths: Vec<String>,
    weights: Vec<Stored>,
}

#[derive(Deserialize)]
struct Stored {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

/// Whole numbers `q` for the values `q · scale + min`, or halves.
#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    scale: Option<f64>,
    min: Option<f64>,
}

/// Numbers of a tensor by their type in the file.
#[derive(Clone, Copy)]
enum Numbers {
    F32,
    F16,
    U8 {
        scale: f64,
        min: f64,
    },
    U16 {
        scale: f64,
        min: f64,
    },
    /// Of a type that no layer here has.
    Other,
}

/// A tensor in the bytes of its group.
struct Tensor {
    group: usize,
    from: usize,
    to: usize,
    shape: Vec<usize>,
    numbers: Numbers,
}

/// All tensors of a model.
struct Shards {
    groups: Vec<Vec<u8>>,
    tensors: Vec<Tensor>,
    names: Names,
}

/// Reads the text of a `model.json` in `folder`.
///
/// # Errors
/// When it is damaged, its weights are not there, or a layer has none of ours; that is named.
pub(super) fn read(text: &str, folder: &Path, name: &str) -> Result<Model> {
    if text.len() > MAX_CONFIG {
        return Err(Error::new(format!("it has more than {MAX_CONFIG} bytes"), DAMAGED));
    }
    let file: ModelFile = serde_json::from_str(text).map_err(|error| {
        Error::new(format!("it is no model of TensorFlow.js, or damaged: {error}"), DAMAGED)
    })?;
    if file.format == "graph-model" {
        let help = "take a layers model: tensorflowjs_converter --input_format=keras, or model.save in TensorFlow.js";
        return Err(Error::new("it is a graph model of TensorFlow.js, whose layers are operators", help));
    }
    let topology = &file.model_topology;
    let model = if topology["model_config"].is_object() { &topology["model_config"] } else { topology };
    let graph = Graph::read(model)?;
    let mut shards = Shards::read(file.weights_manifest, folder)?;
    reader::read(&graph, &mut shards, Dialect::TensorFlowJs, name)
}

impl Shards {
    fn read(manifest: Vec<Group>, folder: &Path) -> Result<Self> {
        let mut shards = Self { groups: Vec::new(), tensors: Vec::new(), names: Names::default() };
        let (mut read, mut all) = (HashSet::new(), 0_usize);
        for group in manifest {
            let mut needed = 0_usize;
            for stored in group.weights {
                let within = |error: Error| error.within(format!("tensor {:?}", stored.name));
                let (numbers, size) = stored.numbers().map_err(within)?;
                let len = stored.shape.iter().try_fold(size, |len, side| len.checked_mul(*side));
                let to = len.and_then(|len| needed.checked_add(len)).filter(|to| all + *to <= MAX_BYTES);
                let Some(to) = to else {
                    let what = format!("its shape {:?} is too large", stored.shape);
                    return Err(within(Error::new(what, DAMAGED)));
                };
                let Stored { name, shape, .. } = stored;
                let group = shards.groups.len();
                shards.names.add(name);
                shards.tensors.push(Tensor { group, from: needed, to, shape, numbers });
                needed = to;
            }
            all += needed;
            let mut bytes = Vec::new();
            for path in group.paths {
                // By whatever name: a small list must not have a file read again and again.
                let real = beside(folder, &path)?;
                if !read.insert(real.clone()) {
                    return Err(Error::new(format!("it names the file {path:?} twice"), DAMAGED));
                }
                let rest = needed.saturating_sub(bytes.len());
                shard(&real, rest, &mut bytes)?;
            }
            if bytes.len() < needed {
                let what = format!("its weights need {needed} bytes, and their files have {}", bytes.len());
                return Err(Error::new(
                    what,
                    "bring the whole files back that were written beside the model",
                ));
            }
            shards.groups.push(bytes);
        }
        Ok(shards)
    }
}

/// Adds the bytes of a file, `most` at most.
fn shard(path: &Path, most: usize, bytes: &mut Vec<u8>) -> Result<()> {
    let io = |error| Error::io("read", path, &error);
    if !path.metadata().map_err(io)?.is_file() {
        return Err(Error::new(format!("{} is no file", path.display()), DAMAGED));
    }
    let file = File::open(path).map_err(io)?;
    file.take(most as u64).read_to_end(bytes).map_err(io)?;
    Ok(())
}

impl Stored {
    /// Type of the numbers, and bytes of each.
    fn numbers(&self) -> Result<(Numbers, usize)> {
        let unknown = |name: &str| Error::new(format!("its numbers are of the type {name:?}"), DAMAGED);
        if let Some(by) = &self.quantization {
            let scaled =
                || by.scale.zip(by.min).ok_or_else(|| Error::new("it has no scale and min", DAMAGED));
            return Ok(match by.dtype.as_str() {
                "float16" => (Numbers::F16, 2),
                "uint8" => scaled().map(|(scale, min)| (Numbers::U8 { scale, min }, 1))?,
                "uint16" => scaled().map(|(scale, min)| (Numbers::U16 { scale, min }, 2))?,
                other => return Err(unknown(other)),
            });
        }
        Ok(match self.dtype.as_str() {
            "float32" => (Numbers::F32, 4),
            "float16" => (Numbers::F16, 2),
            "int32" => (Numbers::Other, 4),
            "bool" | "uint8" => (Numbers::Other, 1),
            "complex64" => (Numbers::Other, 8),
            other => return Err(unknown(other)),
        })
    }
}

impl Weights for Shards {
    fn variable(&mut self, layer: &Layer<'_>, _: &str, _: usize, names: &[&str]) -> Result<Variable> {
        let tensor = &self.tensors[self.names.take(layer, names)?];
        let values = tensor.values(&self.groups[tensor.group]);
        let fault = || Error::new(format!("its {} is of a type that is not trained", names[0]), DAMAGED);
        Ok(Variable { shape: tensor.shape.clone(), values: values.ok_or_else(fault)? })
    }
}

impl Tensor {
    /// The values, out of the bytes of its group.
    fn values(&self, group: &[u8]) -> Option<Vec<f32>> {
        let bytes = &group[self.from..self.to];
        let words = || bytes.as_chunks().0.iter().map(|word| u16::from_le_bytes(*word));
        let real = |q: f64, scale: f64, min: f64| (q * scale + min) as f32;
        Some(match self.numbers {
            Numbers::F32 => bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect(),
            Numbers::F16 => words().map(|bits| f16::from_bits(bits).to_f32()).collect(),
            Numbers::U8 { scale, min } => bytes.iter().map(|q| real((*q).into(), scale, min)).collect(),
            Numbers::U16 { scale, min } => words().map(|q| real(q.into(), scale, min)).collect(),
            Numbers::Other => return None,
        })
    }
}
