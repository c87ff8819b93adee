//! Sums and products of an ONNX graph: maps joined, biases that stand apart, and gelu in parts.

use toml::Table;

use super::builder::{Builder, Erf, Map, Scaled, Value};
use super::constant::Constant;
use super::fold;
use super::proto::Node;
use crate::error::{Error, Result};

impl Builder<'_> {
    /// Maps added, or one after the other.
    pub(super) fn join(&mut self, node: &Node) -> Result<Map> {
        let maps: Vec<Map> = (0..node.input.len()).map(|at| self.map(node, at)).collect::<Result<_>>()?;
        let inputs: Vec<&Map> = maps.iter().collect();
        let kind = if node.op_type == "Concat" { "concat" } else { "add" };
        if kind == "concat" && fold::from_end(node.int("axis", 1), inputs[0].rank)? != 1 {
            return Err(node.refuse("it does not join channels", "only channels can be joined: axis 1"));
        }
        self.push(node, (kind, Table::new()), &inputs, Vec::new())
    }

    /// Sums and products: of maps an `add`, with constants a bias, or part of a gelu.
    pub(super) fn arithmetic(&mut self, node: &Node) -> Result<Value> {
        let pair = [0, 1].map(|at| self.find(node, at).cloned());
        let op = node.op_type.as_str();
        if let ("Erf", [Some(Value::Scaled(inner)), _]) = (op, &pair)
            && (inner.factor - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6
            && inner.has_map
            && inner.erf == Erf::None
        {
            return Ok(Value::Scaled(Scaled {
                factor: 1.0,
                has_map: false,
                erf: Erf::Plain,
                ..inner.clone()
            }));
        }
        let [Some(first), Some(second)] = pair else {
            return Err(
                node.refuse("there is no layer for this operator", "gelu is there: x/2 · (1 + erf(x/√2))")
            );
        };
        match (op, first, second) {
            ("Add", Value::Map(_), Value::Map(_)) => self.join(node).map(Value::Map),
            ("Add", Value::Map(map), Value::Constant(by)) | ("Add", Value::Constant(by), Value::Map(map)) => {
                self.add_bias(node, map, &by).map(Value::Map)
            }
            ("Add", Value::Scaled(inner), Value::Constant(by))
            | ("Add", Value::Constant(by), Value::Scaled(inner))
                if inner.erf == Erf::Plain
                    && inner.factor == 1.0
                    && !inner.has_map
                    && by.scalar() == Some(1.0) =>
            {
                Ok(Value::Scaled(Scaled { erf: Erf::PlusOne, ..inner }))
            }
            ("Mul", a, b) => self.product(node, a, b, false),
            ("Div", a, b @ Value::Constant(_)) => self.product(node, a, b, true),
            _ => Err(no_arithmetic(node)),
        }
    }

    /// A factor of a gelu; once all are there, the layer.
    fn product(&mut self, node: &Node, a: Value, b: Value, divides: bool) -> Result<Value> {
        let scaled = |of| Scaled { of, factor: 1.0, has_map: true, erf: Erf::None };
        let inner = match (a, b) {
            (Value::Map(map), Value::Constant(by)) | (Value::Constant(by), Value::Map(map)) => {
                times(node, scaled(map), &by, divides)?
            }
            (Value::Scaled(inner), Value::Constant(by)) | (Value::Constant(by), Value::Scaled(inner)) => {
                times(node, inner, &by, divides)?
            }
            (Value::Map(map), Value::Scaled(inner)) | (Value::Scaled(inner), Value::Map(map))
                if !inner.has_map && inner.of.layer == map.layer =>
            {
                Scaled { has_map: true, ..inner }
            }
            (Value::Scaled(one), Value::Scaled(other))
                if one.has_map != other.has_map && one.of.layer == other.of.layer =>
            {
                let erf = if one.has_map { other.erf } else { one.erf };
                Scaled { factor: one.factor * other.factor, has_map: true, erf, ..one }
            }
            _ => return Err(no_arithmetic(node)),
        };
        if inner.erf == Erf::PlusOne && inner.has_map && (inner.factor - 0.5).abs() < 1e-6 {
            return self.push(node, ("gelu", Table::new()), &[&inner.of], Vec::new()).map(Value::Map);
        }
        Ok(Value::Scaled(inner))
    }

    /// Adds to the biases of the layer that makes `map`, if it has none of its own and nothing else takes its output.
    fn add_bias(&mut self, node: &Node, map: Map, by: &Constant) -> Result<Map> {
        let fault =
            |what: &str| node.refuse(what, "only the bias right after a product or convolution has a layer");
        let alone = node.input.iter().any(|name| {
            matches!(self.values.get(name.as_str()), Some(Value::Map(of)) if of.layer == map.layer)
                && self.uses.get(name.as_str()) == Some(&1)
        });
        let Some(index) = self.without_bias.remove(&map.layer).filter(|_| alone) else {
            return Err(fault("it adds a constant to a map"));
        };
        let at_channels =
            by.len() == 1 || by.dims.iter().rev().nth(map.rank - 2) == Some(&map.shape.channels);
        if !at_channels {
            return Err(fault("its constant has not one value for each channel"));
        }
        self.weights[index][1] = spread(node, by, map.shape.channels)?;
        Ok(map)
    }
}

/// An error for sums and products that have no layer.
fn no_arithmetic(node: &Node) -> Error {
    node.refuse(
        "there is no layer for this sum or product",
        "add and concat of maps, a bias after a product, and gelu have layers; in place of silu take gelu, of a scale batch_norm",
    )
}

fn times(node: &Node, inner: Scaled, by: &Constant, divides: bool) -> Result<Scaled> {
    let factor = by.scalar().ok_or_else(|| no_arithmetic(node))?;
    let factor = if divides { 1.0 / factor } else { factor };
    Ok(Scaled { factor: inner.factor * factor, ..inner })
}

/// One value for each of `count` channels, of a constant with as many or with one.
pub(super) fn spread(node: &Node, constant: &Constant, count: usize) -> Result<Vec<f32>> {
    let values = constant.floats();
    match values.len() {
        len if len == count => Ok(values),
        1 => Ok(vec![values[0]; count]),
        len => {
            Err(node
                .refuse(format!("its bias has {len} values for {count} channels"), "export the model again"))
        }
    }
}
