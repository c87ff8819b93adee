//! Activation functions of an ONNX graph that are more than an operator: bounds, slopes, and products of a map with a function of it.

use toml::Table;

use super::arithmetic::spread;
use super::builder::{Builder, Gate, Map, Shifted, Value};
use super::proto::Node;
use crate::error::Result;
use crate::nn::tables::number;

impl Builder<'_> {
    /// A node that is but a part of a layer; none for other nodes.
    pub(super) fn part(&mut self, node: &Node) -> Result<Option<Value>> {
        if let Some(gate) = self.gate(node) {
            return Ok(Some(Value::Gate(gate)));
        }
        self.part_of_group_norm(node)
    }

    /// The factor of silu or hard swish, where the only use of the node is the product with what it takes.
    fn gate(&self, node: &Node) -> Option<Gate> {
        let kind = match node.op_type.as_str() {
            "Sigmoid" => "silu",
            "HardSigmoid" if is_hard_sigmoid(node) => "hard_swish",
            _ => return None,
        };
        let (input, output) = (node.input.first()?, node.output.first()?);
        let is_product = |other: &Node| {
            other.op_type == "Mul" && other.input.contains(output) && other.input.contains(input)
        };
        let is_only_use = self.uses.get(output.as_str()) == Some(&1) && input != output;
        let Some(Value::Map(of)) = self.find(node, 0).filter(|_| is_only_use) else { return None };
        self.graph.node.iter().any(is_product).then(|| Gate { of: of.clone(), kind })
    }

    /// `Clip`: a relu, a hardtanh, or part of a hard swish.
    pub(super) fn clip(&mut self, node: &Node) -> Result<Value> {
        let bound = |name: &str, at: usize, open: f32| -> Result<f32> {
            match self.optional(node, at)? {
                Some(bound) => Ok(bound.scalar().unwrap_or(f32::NAN)),
                None => Ok(node.float(name, open)),
            }
        };
        let (min, max) = (bound("min", 1, f32::MIN)?, bound("max", 2, f32::MAX)?);
        if let (Some(Value::Shifted(shifted)), 0.0, 6.0) = (self.find(node, 0), min, max) {
            return Ok(Value::Shifted(Shifted { is_cut: true, ..shifted.clone() }));
        }
        self.settle(node)?;
        let input = self.map(node, 0)?;
        // Of an open side the bound is the largest number.
        let (least, most) = (min.max(f32::MIN), max.min(f32::MAX));
        let (kind, settings) = match (least, most) {
            (f32::MIN, f32::MAX) => return Ok(Value::Map(input)),
            (0.0, f32::MAX) => ("relu", Table::new()),
            _ if least < most => {
                let mut settings = number("min", least);
                settings.extend(number("max", most));
                ("hardtanh", settings)
            }
            _ => {
                let what = format!("it cuts at {min} and {max}");
                return Err(node.refuse(what, "take bounds of which the larger is last: hardtanh, or relu"));
            }
        };
        self.push(node, (kind, settings), &[&input], Vec::new()).map(Value::Map)
    }

    /// `HardSigmoid` as PyTorch and Keras 3 have it; that of other lines is a `scale` and a `hardtanh`.
    pub(super) fn hard_sigmoid(&mut self, node: &Node) -> Result<Map> {
        let input = self.map(node, 0)?;
        if !is_hard_sigmoid(node) {
            let line = self.scaled(node, &input, node.float("alpha", 0.2), node.float("beta", 0.5))?;
            let mut bounds = number("min", 0.0);
            bounds.extend(number("max", 1.0));
            return self.push(node, ("hardtanh", bounds), &[&line], Vec::new());
        }
        self.push(node, ("hard_sigmoid", Table::new()), &[&input], Vec::new())
    }

    /// `PRelu` with a slope for each channel, or one for all.
    pub(super) fn prelu(&mut self, node: &Node) -> Result<Map> {
        let (input, slopes) = (self.map(node, 0)?, self.constant(node, 1)?);
        let channels = input.shape.channels;
        if slopes.len() != 1 && (input.turned.is_some() || !input.meets_channels(&slopes.dims)) {
            let what = format!("its slopes have the sizes {:?}, for {channels} channels", slopes.dims);
            return Err(node.refuse(what, "take one slope, or one for each channel"));
        }
        let slopes = spread(node, &slopes, channels)?;
        self.push(node, ("prelu", Table::new()), &[&input], vec![slopes])
    }
}

/// True of `min(max(x + 3, 0), 6) / 6`.
fn is_hard_sigmoid(node: &Node) -> bool {
    let is_near = |name: &str, default: f32, value: f32| (node.float(name, default) - value).abs() < 1e-6;
    is_near("alpha", 0.2, 1.0 / 6.0) && is_near("beta", 0.5, 0.5)
}
