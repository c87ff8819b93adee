//! Layouts of an ONNX graph: images with the channels last, and what turns them.

use std::path::Path;

use super::builder::{Builder, Map, Value};
use super::constant::Constant;
use super::fold;
use super::proto::{Graph, Node, ValueInfo};
use crate::error::Result;
use crate::nn::Shape;

/// Orders of the axes that bring the channels to the front, and to the end.
const TO_FIRST: [i64; 4] = [0, 3, 1, 2];
const TO_LAST: [i64; 4] = [0, 2, 3, 1];

/// True if the image is `[n, h, w, c]`: the first node that takes it, apart from scales and shifts, brings its channels to the front.
pub(super) fn has_channels_last(graph: &Graph, input: &ValueInfo, folder: &Path) -> bool {
    let mut name = &input.name;
    for _ in 0..4 {
        let Some(node) = graph.node.iter().find(|node| node.input.contains(name)) else { return false };
        match node.op_type.as_str() {
            "Transpose" => return node.ints("perm") == Some(&TO_FIRST[..]),
            "Reshape" => return brings_one_channel_first(graph, input, node, folder),
            "Mul" | "Add" | "Sub" | "Div" | "Cast" | "Identity" => {}
            _ => return false,
        }
        let Some(output) = node.output.first() else { return false };
        name = output;
    }
    false
}

/// True if a `Reshape` makes `[n, 1, h, w]` of `[n, h, w, 1]`.
fn brings_one_channel_first(graph: &Graph, input: &ValueInfo, node: &Node, folder: &Path) -> bool {
    let shape = input.r#type.as_ref().and_then(|of| of.tensor_type.as_ref()?.shape.as_ref());
    let dims: Vec<i64> =
        shape.map_or(Vec::new(), |shape| shape.dim.iter().map(|dim| dim.dim_value.unwrap_or(-1)).collect());
    let target = node.input.get(1).and_then(|name| graph.initializer.iter().find(|t| t.name == *name));
    let target = target.and_then(|tensor| Constant::read(tensor, folder).ok());
    match (&dims[..], target.as_ref().and_then(|target| target.ints().ok())) {
        ([_, rows, columns, 1], Some([_, 1, to_rows, to_columns])) => {
            *rows > 1 && (rows, columns) == (to_rows, to_columns)
        }
        _ => false,
    }
}

impl Builder<'_> {
    /// `Transpose`: the same map, with its channels first or last.
    pub(super) fn transpose(&self, node: &Node) -> Result<Map> {
        let input = self.map(node, 0)?;
        let order = node.ints("perm").unwrap_or(&[]);
        if order.iter().copied().eq(0..input.rank as i64) {
            return Ok(input);
        }
        match (input.rank, input.channels_last) {
            (4, false) if order == TO_LAST => Ok(Map { channels_last: true, ..input }),
            (4, true) if order == TO_FIRST => Ok(Map { channels_last: false, ..input }),
            _ => {
                let help = "a map may only be turned to have its channels first or last";
                Err(node.refuse(format!("it puts the axes in the order {order:?}"), help))
            }
        }
    }

    /// A `Reshape` to four sizes that leaves the values in their order: of maps of one channel or one pixel; none for others.
    pub(super) fn reshaped_image(&self, map: &Map, to: &[usize]) -> Option<Map> {
        let Shape { channels, height, width } = map.shape;
        if map.turned.is_some() || (channels > 1 && map.shape.pixels() > 1) {
            return None;
        }
        let is = |sizes: [usize; 3]| to.len() == 4 && to[0] == self.batch && to[1..] == sizes;
        let turned = |channels_last| Some(Map { rank: 4, channels_last, ..map.clone() });
        if is([channels, height, width]) {
            return turned(false);
        }
        if is([height, width, channels]) { turned(true) } else { None }
    }

    /// The values of the maps of all images in a line, and the maps again by their numbers, as PyTorch's exporter writes `as_strided`; none
    /// for other nodes.
    pub(super) fn line(&mut self, node: &Node) -> Result<Option<Value>> {
        match (node.op_type.as_str(), self.find(node, 0).cloned()) {
            ("Reshape", Some(Value::Map(of))) if !of.channels_last && of.turned.is_none() => {
                let to = self.target(node, &self.dims(&of))?;
                Ok((to.len() == 1).then_some(Value::Line(of)))
            }
            ("Gather", Some(Value::Line(of))) => {
                let numbers = self.constant(node, 1)?;
                let is_counted = (0..).zip(numbers.ints()?).all(|(at, number)| at == *number);
                if numbers.dims != self.dims(&of) || !is_counted || node.int("axis", 0) != 0 {
                    let help = "a map in a line may only be put together again as it was";
                    return Err(node.refuse("it takes others of the values of a map", help));
                }
                Ok(Some(Value::Map(of)))
            }
            _ => Ok(None),
        }
    }

    /// A map in one row for each image.
    pub(super) fn flattened(&mut self, node: &Node, map: &Map) -> Result<Map> {
        let shape = map.shape;
        let turned = (map.channels_last && shape.channels > 1 && shape.pixels() > 1).then_some(shape);
        let first = Map { channels_last: false, ..map.clone() };
        let flat = if shape.pixels() == 1 {
            first
        } else {
            self.push(node, ("flatten", toml::Table::new()), &[&first], Vec::new())?
        };
        Ok(Map { rank: 2, turned: map.turned.or(turned), ..flat })
    }

    /// Places of the axes of a mean or sum, in order.
    pub(super) fn axes(&self, node: &Node, rank: usize) -> Result<Vec<usize>> {
        let listed = self.listed(node, "axes", 1)?;
        let mut axes: Vec<usize> =
            listed.iter().map(|axis| fold::from_end(*axis, rank)).collect::<Result<_>>()?;
        axes.sort_unstable();
        Ok(axes)
    }
}
