//! A network while it is made from a graph: its layers as tables of a network file, with the values of their parameters.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use toml::Table;

use super::constant::Constant;
use super::proto::{Graph, Node};
use crate::error::{Error, Result};
use crate::nn::Shape;
use crate::nn::imported::{Added, Assembly, Origin, Stage};

/// Kinds whose first two tensors are weights and a bias for each channel of the output.
const AFFINE: [&str; 7] =
    ["batch_norm", "conv2d", "conv_transpose2d", "dense", "group_norm", "instance_norm", "layer_norm"];
/// Most numbers that folded constants may have, beside as many as the file has bytes.
const MAX_FOLDED: usize = 1 << 22;

/// The output of a layer, or the image.
#[derive(Debug, Clone)]
pub(super) struct Map {
    /// Name of the layer.
    pub layer: String,
    pub shape: Shape,
    /// Sizes that the file's tensor has: 4, or 2 where it is flat.
    pub rank: usize,
    /// True if the file's tensor is `[n, h, w, c]`, as other tools than PyTorch have it.
    pub channels_last: bool,
    /// Shape of the map that it was flattened from in the order `[h, w, c]`, if that is another than ours.
    pub turned: Option<Shape>,
}

impl Map {
    /// Its layer and shape.
    pub(super) fn stage(&self) -> Stage {
        Stage { layer: self.layer.clone(), shape: self.shape }
    }

    /// Axis of the channels.
    pub(super) fn channel_axis(&self) -> usize {
        if self.channels_last { 3 } else { 1 }
    }

    /// True if a constant of these sizes has one value for each channel.
    pub(super) fn meets_channels(&self, dims: &[usize]) -> bool {
        let channels = self.shape.channels;
        let from_last = self.rank - 1 - self.channel_axis();
        dims.iter().product::<usize>() == channels && dims.iter().rev().nth(from_last) == Some(&channels)
    }
}

/// A gelu of a map in the making: `factor · x^power · (1 + erf(x / √2))`, without the last factor at first.
#[derive(Debug, Clone)]
pub(super) struct Scaled {
    pub of: Map,
    pub factor: f32,
    pub has_map: bool,
    pub erf: Erf,
}

impl Scaled {
    /// True of a map times a number.
    pub(super) fn is_product(&self) -> bool {
        self.has_map && self.erf == Erf::None
    }
}

/// The error function in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Erf {
    None,
    Plain,
    PlusOne,
}

/// A factor of a map in the making: their product is a layer of this kind.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub of: Map,
    pub kind: &'static str,
}

impl Gate {
    /// The layer that makes the factor alone.
    pub(super) fn factor(&self) -> &'static str {
        if self.kind == "silu" { "sigmoid" } else { "hard_sigmoid" }
    }
}

/// A map whose groups of channels lie in one row each: `[images, groups, values]`.
#[derive(Debug, Clone)]
pub(super) struct Grouped {
    pub of: Map,
    pub groups: usize,
    /// Its normalization, once that was met.
    pub norm: Option<GroupScales>,
}

/// Scale and shift of each group after its normalization.
#[derive(Debug, Clone)]
pub(super) struct GroupScales {
    pub scales: Vec<f32>,
    pub shifts: Vec<f32>,
    pub epsilon: f32,
}

/// A map with zeros around it, which the convolution that takes it has as its own padding.
#[derive(Debug, Clone)]
pub(super) struct Padded {
    pub of: Map,
    /// Rows before and after, and columns.
    pub pads: [[usize; 2]; 2],
}

/// `x + 3`, of which `min(max(·, 0), 6) / 6` is the factor of a hard swish.
#[derive(Debug, Clone)]
pub(super) struct Shifted {
    pub of: Map,
    pub is_cut: bool,
}

/// Meaning of a name in the graph.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Constant(Rc<Constant>),
    Map(Map),
    Scaled(Scaled),
    Gate(Gate),
    Grouped(Grouped),
    Padded(Padded),
    Shifted(Shifted),
    /// The values of the maps of a batch, one after the other.
    Line(Map),
}

/// The network so far.
pub(super) struct Builder<'a> {
    pub graph: &'a Graph,
    pub folder: &'a Path,
    pub opset: i64,
    /// Images of a batch in the file.
    pub batch: usize,
    pub values: HashMap<&'a str, Value>,
    /// Number of nodes that take a value, and the output.
    pub uses: HashMap<&'a str, usize>,
    pub assembly: Assembly,
    /// Index of each layer that ends with a bias for each channel, by its name: its weights take in scales and shifts after it.
    pub affine: HashMap<String, usize>,
    /// Numbers that folding may still make.
    room: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(graph: &'a Graph, folder: &'a Path, opset: i64, bytes: usize) -> Self {
        let mut uses: HashMap<&str, usize> = HashMap::new();
        let taken = graph.node.iter().flat_map(|node| &node.input);
        let given = graph.output.iter().map(|output| &output.name);
        taken.chain(given).for_each(|name| *uses.entry(name.as_str()).or_default() += 1);
        Self {
            graph,
            folder,
            opset,
            batch: 1,
            values: HashMap::new(),
            uses,
            assembly: Assembly::new(),
            affine: HashMap::new(),
            room: MAX_FOLDED.saturating_add(bytes),
        }
    }

    /// Input `at` of a node, if it has one.
    pub(super) fn find(&self, node: &Node, at: usize) -> Option<&Value> {
        self.values.get(node.input.get(at)?.as_str())
    }

    /// Input `at` of a node, which is an activation.
    pub(super) fn map(&self, node: &Node, at: usize) -> Result<Map> {
        match self.find(node, at) {
            Some(Value::Map(map)) => Ok(map.clone()),
            Some(Value::Scaled(_)) => Err(node.refuse(
                "its input is a map times a number, for which there is no layer",
                "fold the factor into the weights of the layer before it",
            )),
            Some(Value::Line(_)) => Err(node.refuse(
                "its input is a map in one line, images and all, for which there is no layer",
                "a map may only be put in a line to take each of its values from there",
            )),
            Some(Value::Gate(_) | Value::Grouped(_) | Value::Padded(_) | Value::Shifted(_)) => Err(node
                .refuse(
                    "its input is a map in rows, or part of an activation, for which there is no layer",
                    "a map may only be put in rows around the normalization of its groups",
                )),
            Some(Value::Constant(_)) => {
                Err(node.refuse("its input is a constant", "run the model through onnxsim"))
            }
            None => Err(node.refuse(format!("it lacks input {at}"), "export the model again")),
        }
    }

    /// Input `at` of a node, which is an activation with its channels first.
    pub(super) fn image(&self, node: &Node, at: usize) -> Result<Map> {
        let map = self.map(node, at)?;
        if map.channels_last || map.turned.is_some() {
            let help = "only activation functions, sums, means and dense layers take them so: put a Transpose before it";
            return Err(node.refuse("its input has the channels last", help));
        }
        Ok(map)
    }

    /// Input `at` of a node, which is a constant if it is there.
    pub(super) fn optional(&self, node: &Node, at: usize) -> Result<Option<Rc<Constant>>> {
        match self.find(node, at) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(Rc::clone(constant))),
            Some(_) => Err(node.refuse(
                format!("its input {at} is computed from the image"),
                "only weights that are constants of the file can be imported",
            )),
        }
    }

    /// Input `at` of a node, which is a constant.
    pub(super) fn constant(&self, node: &Node, at: usize) -> Result<Rc<Constant>> {
        self.optional(node, at)?
            .ok_or_else(|| node.refuse(format!("it lacks input {at}"), "export the model again"))
    }

    /// Counts the numbers of a constant of the file, which may lie beside it.
    pub(super) fn grant(&mut self, len: usize) {
        self.room = self.room.saturating_add(len);
    }

    /// Counts the numbers of a folded constant.
    pub(super) fn reserve(&mut self, len: usize) -> Result<()> {
        self.room = self.room.checked_sub(len).ok_or_else(|| {
            Error::new("its constants grow beyond the file's size", "run the model through onnxsim")
        })?;
        Ok(())
    }

    /// Appends a layer of a kind with its settings and parameters.
    ///
    /// # Errors
    /// When the settings, inputs or parameters do not fit; the node is named.
    pub(super) fn push(
        &mut self,
        node: &Node,
        (kind, settings): (&str, Table),
        inputs: &[&Map],
        weights: Vec<Vec<f32>>,
    ) -> Result<Map> {
        let label = node.label();
        let name = weight_stem(node).filter(|_| !weights.is_empty());
        let stages: Vec<Stage> = inputs.iter().map(|map| map.stage()).collect();
        let stages: Vec<&Stage> = stages.iter().collect();
        let added = self.assembly.push(Origin { label: &label, name }, (kind, settings), &stages, weights)?;
        Ok(self.placed(kind, inputs[0], added))
    }

    /// The map of the last layer, of this kind, whose first input is `first`.
    pub(super) fn placed(&mut self, kind: &str, first: &Map, added: Added) -> Map {
        let Stage { layer, shape } = added.output;
        if AFFINE.contains(&kind) {
            self.affine.insert(layer.clone(), self.assembly.len() - 1);
        }
        Map {
            layer,
            shape,
            rank: if shape.pixels() == 1 { first.rank } else { 4 },
            channels_last: first.channels_last,
            turned: first.turned.filter(|_| added.keeps_order),
        }
    }
}

/// Name of the weights of a node in the file, without `.weight`.
pub(super) fn weight_stem(node: &Node) -> Option<&str> {
    node.input.get(1)?.strip_suffix(".weight")
}
