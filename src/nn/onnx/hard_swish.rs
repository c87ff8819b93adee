//! A hard swish in parts, `x · min(max(x + 3, 0), 6) / 6`, as tf2onnx writes it; and layers for what was taken for a part of something, and is
//! none.

use toml::Table;

use super::builder::{Builder, Gate, Map, Shifted, Value};
use super::proto::Node;
use crate::error::Result;
use crate::nn::tables::{number, scale};

/// `x + 3`, or a sixth of it once it was cut to 0 to 6: the parts of a hard swish.
pub(super) fn part_of_hard_swish(op: &str, first: &Value, second: &Value) -> Option<Value> {
    let (of, by) = match (op, first, second) {
        (_, of, Value::Constant(by)) | ("Add" | "Mul", Value::Constant(by), of) => (of, by.scalar()?),
        _ => return None,
    };
    match (op, of) {
        ("Add", Value::Map(of)) if by == 3.0 => {
            Some(Value::Shifted(Shifted { of: of.clone(), is_cut: false }))
        }
        ("Mul", Value::Shifted(cut)) if cut.is_cut && (by - 1.0 / 6.0).abs() < 1e-6 => Some(gate_of(cut)),
        ("Div", Value::Shifted(cut)) if cut.is_cut && by == 6.0 => Some(gate_of(cut)),
        _ => None,
    }
}

fn gate_of(cut: &Shifted) -> Value {
    Value::Gate(Gate { of: cut.of.clone(), kind: "hard_swish" })
}

impl Builder<'_> {
    /// Appends `scale`.
    pub(super) fn scaled(&mut self, node: &Node, input: &Map, factor: f32, offset: f32) -> Result<Map> {
        self.push(node, ("scale", scale(factor, offset)), &[input], Vec::new())
    }

    /// Makes layers of the inputs of a node that are maps times a number, or parts of a hard swish; true where there were some.
    pub(super) fn settle(&mut self, node: &Node) -> Result<bool> {
        let mut settled = false;
        for name in &node.input {
            settled |= self.settle_value(node, name)?;
        }
        Ok(settled)
    }

    /// The same for one value.
    pub(super) fn settle_value(&mut self, node: &Node, name: &str) -> Result<bool> {
        let map = match self.values.get(name) {
            Some(Value::Scaled(of)) if of.is_product() => {
                let (input, factor) = (of.of.clone(), of.factor);
                self.scaled(node, &input, factor, 0.0)?
            }
            Some(Value::Shifted(of)) => {
                let Shifted { of, is_cut } = of.clone();
                let shifted = self.scaled(node, &of, 1.0, 3.0)?;
                let mut bounds = number("min", 0.0);
                bounds.extend(number("max", 6.0));
                if is_cut { self.push(node, ("hardtanh", bounds), &[&shifted], Vec::new())? } else { shifted }
            }
            Some(Value::Gate(gate)) => {
                let (of, kind) = (gate.of.clone(), gate.factor());
                self.push(node, (kind, Table::new()), &[&of], Vec::new())?
            }
            _ => return Ok(false),
        };
        if let Some(value) = self.values.get_mut(name) {
            *value = Value::Map(map);
        }
        Ok(true)
    }
}
