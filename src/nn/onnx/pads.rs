//! `Pad` of an ONNX graph: part of the convolution after it, or a layer.

use toml::Value as Setting;

use super::builder::{Builder, Map, Padded, Value};
use super::fold;
use super::proto::Node;
use crate::error::{Error, Result};
use crate::nn::tables::sizes;

/// Most rows or columns at a side.
const MAX_SIDE: i64 = 1 << 12;

impl Builder<'_> {
    /// `Pad` by zeros, or mirrored, of rows and columns.
    pub(super) fn pad(&mut self, node: &Node) -> Result<Value> {
        let input = self.image(node, 0)?;
        let nearest = "only rows and columns of zeros, or mirrored ones, have a layer, pad";
        let [[top, bottom], [left, right]] = self.pads_of(node, &input, nearest)?;
        if [top, bottom, left, right] == [0; 4] {
            return Ok(Value::Map(input));
        }
        let mode = match node.word("mode", "constant") {
            "reflect" => "reflect",
            "constant" => {
                let fill = match self.optional(node, 2)? {
                    Some(value) => value.scalar().unwrap_or(f32::NAN),
                    None => node.float("value", 0.0),
                };
                if fill != 0.0 {
                    return Err(node.refuse(format!("it pads with {fill}"), nearest));
                }
                "zeros"
            }
            other => return Err(node.refuse(format!("its mode is {other}"), nearest)),
        };
        let padded = Padded { of: input.clone(), pads: [[top, bottom], [left, right]] };
        if mode == "zeros" && self.joins_convolution(node, &padded) {
            return Ok(Value::Padded(padded));
        }
        let mut settings = sizes(&[("top", top), ("bottom", bottom), ("left", left), ("right", right)]);
        settings.insert("mode".to_owned(), Setting::String(mode.to_owned()));
        self.push(node, ("pad", settings), &[&input], Vec::new()).map(Value::Map)
    }

    /// Rows before and after, and columns.
    fn pads_of(&self, node: &Node, input: &Map, nearest: &str) -> Result<[[usize; 2]; 2]> {
        let listed = self.listed(node, "pads", 1)?;
        let axes: Vec<usize> = match self.optional(node, 3)? {
            Some(axes) => {
                let within = |error: Error| error.within(node.label());
                let found = axes.ints().map_err(within)?.iter().map(|axis| fold::from_end(*axis, input.rank));
                found.collect::<Result<_>>().map_err(within)?
            }
            None => (0..input.rank).collect(),
        };
        let fault = || node.refuse(format!("its pads are {listed:?}"), nearest);
        if listed.len() != 2 * axes.len() || listed.iter().any(|pad| !(0..=MAX_SIDE).contains(pad)) {
            return Err(fault());
        }
        let mut pads = [[0; 2]; 4];
        for (at, axis) in axes.iter().enumerate() {
            pads[*axis] = [listed[at] as usize, listed[axes.len() + at] as usize];
        }
        if input.rank != 4 || pads[..2] != [[0; 2]; 2] {
            return Err(fault());
        }
        Ok([pads[2], pads[3]])
    }

    /// True if the one consumer is a convolution that can have this padding as its own.
    fn joins_convolution(&self, node: &Node, padded: &Padded) -> bool {
        let Some(output) = node.output.first() else { return false };
        let takes = |other: &&Node| other.op_type == "Conv" && other.input.first() == Some(output);
        let Some(consumer) = self.graph.node.iter().find(takes) else { return false };
        let own = match (consumer.word("auto_pad", "NOTSET"), consumer.ints("pads")) {
            ("VALID", _) | ("NOTSET", None | Some([])) => [0; 4],
            ("NOTSET", Some(&[top, left, bottom, right])) => [top, left, bottom, right],
            _ => return false,
        };
        let [[top, bottom], [left, right]] = padded.pads.map(|side| side.map(|pad| pad as i64));
        let all = [top + own[0], left + own[1], bottom + own[2], right + own[3]];
        let kernel = consumer.ints("kernel_shape").and_then(|sides| sides.iter().min()).copied().unwrap_or(0);
        self.uses.get(output.as_str()) == Some(&1) && all.iter().all(|side| *side == all[0] && *side < kernel)
    }
}
