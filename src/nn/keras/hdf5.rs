//! Weights in HDF5: of Keras 3 by their layers' groups, of whole models in `.h5` files by their names.

use hdf5_pure::{AttrValue, DType, File, Group};
use serde_json::Value;

use super::config::{DAMAGED, Layer, MAX_CONFIG};
use super::graph::Graph;
use super::names::Names;
use super::reader::{self, Dialect};
use super::variables::{Variable, Weights};
use crate::error::{Error, Result};
use crate::nn::Model;

/// First bytes of a file.
pub(super) const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Group of the weights of a whole model.
const WEIGHTS: &str = "model_weights";
/// Groups one in the other, and groups and tensors in all: more than any model has.
const MAX_DEPTH: usize = 32;
const MAX_MEMBERS: usize = 1 << 16;

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::new(format!("its weights are damaged: {error}"), DAMAGED)
}

/// Tensors of a file, each of which is read once.
pub(super) struct Hdf5 {
    file: File,
    /// Bytes that may still be read: all of the file.
    room: usize,
}

impl Hdf5 {
    /// Opens the content of a file.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self> {
        let room = bytes.len();
        Ok(Self { file: File::from_bytes(bytes).map_err(damaged)?, room })
    }

    /// The tensor at a path.
    fn read(&mut self, path: &str) -> Result<Variable> {
        let dataset = self.file.dataset(path).map_err(damaged)?;
        match dataset.dtype().map_err(damaged)? {
            DType::F32 | DType::F64 | DType::Other(_) => {}
            other => return Err(damaged(format!("{path} has numbers of the type {other}"))),
        }
        let shape = dataset.shape().map_err(damaged)?;
        let size = dataset.element_size().map_err(damaged)?;
        let bytes = shape.iter().try_fold(size, |bytes, side| bytes.checked_mul(*side));
        // A file may promise more than it has, or have the same tensor under several names.
        let rest = bytes.and_then(|bytes| self.room.checked_sub(usize::try_from(bytes).ok()?));
        self.room =
            rest.ok_or_else(|| damaged(format!("{path} of {shape:?} has more values than the file")))?;
        let values = dataset.read_f32().map_err(damaged)?;
        let shape: Vec<usize> = shape.iter().map(|side| *side as usize).collect();
        if values.len() != shape.iter().product::<usize>() {
            return Err(damaged(format!("{path} of {shape:?} has {} values", values.len())));
        }
        Ok(Variable { shape, values })
    }
}

impl Weights for Hdf5 {
    fn variable(&mut self, _: &Layer<'_>, group: &str, index: usize, names: &[&str]) -> Result<Variable> {
        let path = format!("{group}/vars/{index}");
        self.read(&path).map_err(|error| error.within(format!("its {} at {path}", names[0])))
    }
}

/// Weights of a whole model, by their names.
struct Named {
    file: Hdf5,
    paths: Vec<String>,
    names: Names,
}

impl Weights for Named {
    fn variable(&mut self, layer: &Layer<'_>, _: &str, _: usize, names: &[&str]) -> Result<Variable> {
        let at = self.names.take(layer, names)?;
        self.file.read(&self.paths[at])
    }
}

/// Reads a whole model, an `.h5` file of Keras.
///
/// # Errors
/// When it is damaged, or a layer has none of ours; that is named.
pub(super) fn read_model(bytes: Vec<u8>, name: &str) -> Result<Model> {
    let file = Hdf5::open(bytes)?;
    let root = file.file.root();
    let attributes = root.attrs().map_err(damaged)?;
    let text = |key: &str| attributes.get(key).and_then(AttrValue::as_str);
    let Some(config) = text("model_config") else {
        let help = "save the model with its layers: model.save(\"model.keras\"); if the file was cut short, bring the whole one back";
        return Err(Error::new("it is an HDF5 file in which no model of Keras is found", help));
    };
    if config.len() > MAX_CONFIG {
        return Err(Error::new(format!("its configuration has more than {MAX_CONFIG} bytes"), DAMAGED));
    }
    let config: Value = serde_json::from_str(config).map_err(damaged)?;
    let dialect = match text("keras_version") {
        Some(version) if version.starts_with("3.") => Dialect::Keras3,
        Some(version) if ["2.0", "2.1", "2.2"].iter().any(|old| version.starts_with(old)) => {
            Dialect::OldKeras2
        }
        _ => Dialect::Keras2,
    };
    let mut found = Found::default();
    found.collect(&root.group(WEIGHTS).map_err(damaged)?, WEIGHTS, MAX_DEPTH)?;
    let paths = found.paths;
    let mut names = Names::default();
    for path in &paths {
        names.add(path[WEIGHTS.len() + 1..].to_owned());
    }
    let graph = Graph::read(&config)?;
    reader::read(&graph, &mut Named { file, paths, names }, dialect, name)
}

/// Tensors of a file.
#[derive(Default)]
struct Found {
    paths: Vec<String>,
    /// Groups and tensors so far, again where one has several names.
    seen: usize,
}

impl Found {
    /// Adds the paths of all tensors in a group and below.
    fn collect(&mut self, group: &Group, path: &str, depth: usize) -> Result<()> {
        let below = |name: &String| format!("{path}/{name}");
        let (tensors, groups) = (group.datasets().map_err(damaged)?, group.groups().map_err(damaged)?);
        self.seen += tensors.len() + groups.len();
        if depth == 0 || self.seen > MAX_MEMBERS {
            return Err(damaged("its groups never end"));
        }
        self.paths.extend(tensors.iter().map(below));
        groups
            .iter()
            .try_for_each(|name| self.collect(&group.group(name).map_err(damaged)?, &below(name), depth - 1))
    }
}
