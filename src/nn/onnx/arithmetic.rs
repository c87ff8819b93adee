//! Sums and products of an ONNX graph: maps joined, scales and shifts of channels that stand apart, gelu, silu and hard swish in parts.

use toml::Table;

use super::builder::{Builder, Erf, Map, Scaled, Value};
use super::constant::Constant;
use super::fold;
use super::hard_swish::part_of_hard_swish;
use super::proto::Node;
use crate::error::{Error, Result};

/// Help for a constant that is added to a map.
const NO_BIAS: &str = "only a number, or a bias for each channel right after a product, convolution or normalization, has a layer";

impl Builder<'_> {
    /// Maps added, or one after the other.
    pub(super) fn join(&mut self, node: &Node) -> Result<Map> {
        let maps: Vec<Map> = (0..node.input.len()).map(|at| self.map(node, at)).collect::<Result<_>>()?;
        let inputs: Vec<&Map> = maps.iter().collect();
        let kind = if node.op_type == "Concat" { "concat" } else { "add" };
        if maps.iter().any(|map| (map.channels_last, map.turned) != (maps[0].channels_last, maps[0].turned)) {
            return Err(
                node.refuse("its inputs have their channels at different places", "turn them before it")
            );
        }
        let axis = inputs[0].channel_axis();
        if kind == "concat"
            && (fold::from_end(node.int("axis", 1), inputs[0].rank)? != axis || maps[0].turned.is_some())
        {
            return Err(node.refuse("it does not join channels", "only channels can be joined: axis 1"));
        }
        self.push(node, (kind, Table::new()), &inputs, Vec::new())
    }

    /// Sums and products: of maps an `add`, with constants a bias, a `scale`, or part of a gelu. What only looked like a part of something
    /// becomes a layer.
    pub(super) fn arithmetic(&mut self, node: &Node) -> Result<Value> {
        match self.in_parts(node) {
            Err(error) => {
                if self.settle(node)? {
                    self.in_parts(node)
                } else {
                    Err(error)
                }
            }
            made => made,
        }
    }

    fn in_parts(&mut self, node: &Node) -> Result<Value> {
        let pair = [0, 1].map(|at| self.find(node, at).cloned());
        let op = node.op_type.as_str();
        if let ("Erf", [Some(Value::Scaled(inner)), _]) = (op, &pair)
            && (inner.factor - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6
            && inner.is_product()
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
        if let Some(map) = self.fold_affine(node, &first, &second)? {
            return Ok(Value::Map(map));
        }
        if let Some(part) = part_of_hard_swish(op, &first, &second) {
            return Ok(part);
        }
        if let Some((of, factor, offset)) = with_number(op, &first, &second) {
            return self.scaled(node, &of, factor, offset).map(Value::Map);
        }
        match (op, first, second) {
            ("Add", Value::Map(_), Value::Map(_)) => self.join(node).map(Value::Map),
            ("Add", Value::Map(_), Value::Constant(_)) | ("Add", Value::Constant(_), Value::Map(_)) => {
                Err(node.refuse("it adds a constant to a map", NO_BIAS))
            }
            ("Mul", Value::Map(map), Value::Gate(gate)) | ("Mul", Value::Gate(gate), Value::Map(map))
                if gate.of.layer == map.layer =>
            {
                self.push(node, (gate.kind, Table::new()), &[&map], Vec::new()).map(Value::Map)
            }
            // The factor of another map: a gate.
            ("Mul", Value::Map(map), Value::Gate(gate)) | ("Mul", Value::Gate(gate), Value::Map(map)) => {
                let factor = self.push(node, (gate.factor(), Table::new()), &[&gate.of], Vec::new())?;
                self.multiplied(node, [map, factor]).map(Value::Map)
            }
            ("Mul", Value::Map(first), Value::Map(second)) => {
                self.multiplied(node, [first, second]).map(Value::Map)
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

    /// The product of two maps of one shape, or of a map and a factor for each channel.
    fn multiplied(&mut self, node: &Node, [first, second]: [Map; 2]) -> Result<Map> {
        let place = |map: &Map| (map.channels_last, map.turned, map.rank);
        if place(&first) != place(&second) {
            return Err(
                node.refuse("its inputs have their channels at different places", "turn them before it")
            );
        }
        let is_factor = first.shape.pixels() < second.shape.pixels();
        let inputs = if is_factor { [&second, &first] } else { [&first, &second] };
        self.push(node, ("mul", Table::new()), &inputs, Vec::new())
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

    /// The map with a scale or shift of its channels taken in by the weights of the layer that makes it, if that is what the node asks, and
    /// nothing else takes the layer's output.
    fn fold_affine(&mut self, node: &Node, first: &Value, second: &Value) -> Result<Option<Map>> {
        let (map, by, is_first) = match (first, second) {
            (Value::Map(map), Value::Constant(by)) => (map, by, true),
            (Value::Constant(by), Value::Map(map)) => (map, by, false),
            _ => return Ok(None),
        };
        let name = node.input.get(usize::from(!is_first)).map_or("", String::as_str);
        let Some(&index) = self.affine.get(&map.layer).filter(|_| self.uses.get(name) == Some(&1)) else {
            return Ok(None);
        };
        let channels = map.shape.channels;
        if by.len() != 1 && !map.meets_channels(&by.dims) {
            return Ok(None);
        }
        let values = spread(node, by, channels)?;
        let (scales, shifts): (Vec<f32>, Vec<f32>) = match (node.op_type.as_str(), is_first) {
            ("Add", _) => (vec![1.0; channels], values),
            ("Sub", true) => (vec![1.0; channels], values.iter().map(|value| -value).collect()),
            ("Sub", false) => (vec![-1.0; channels], values),
            ("Mul", _) => (values, vec![0.0; channels]),
            ("Div", true) => (values.iter().map(|value| 1.0 / value).collect(), vec![0.0; channels]),
            _ => return Ok(None),
        };
        if let [weights, biases, ..] = &mut self.assembly.weights[index][..] {
            let row = (weights.len() / channels).max(1);
            for (row, scale) in weights.chunks_mut(row).zip(&scales) {
                row.iter_mut().for_each(|weight| *weight *= scale);
            }
            for ((bias, scale), shift) in biases.iter_mut().zip(&scales).zip(&shifts) {
                *bias = *bias * scale + shift;
            }
        }
        Ok(Some(map.clone()))
    }
}

/// Map, factor and offset of a sum or difference with a number; none for others.
fn with_number(op: &str, first: &Value, second: &Value) -> Option<(Map, f32, f32)> {
    let (of, by, is_first) = match (first, second) {
        (Value::Constant(by), of) => (of, by.scalar()?, true),
        (of, Value::Constant(by)) => (of, by.scalar()?, false),
        _ => return None,
    };
    let (map, factor) = match of {
        Value::Map(map) => (map, 1.0),
        Value::Scaled(of) if of.is_product() => (&of.of, of.factor),
        _ => return None,
    };
    match (op, is_first) {
        ("Add", _) => Some((map.clone(), factor, by)),
        ("Sub", false) => Some((map.clone(), factor, -by)),
        ("Sub", true) => Some((map.clone(), -factor, by)),
        _ => None,
    }
}

/// An error for sums and products that have no layer.
fn no_arithmetic(node: &Node) -> Error {
    node.refuse(
        "there is no layer for this sum or product",
        "add, mul and concat of maps, a bias after a product, gelu, silu, hard swish and a number for all have layers; in place of a scale of channels take batch_norm",
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
