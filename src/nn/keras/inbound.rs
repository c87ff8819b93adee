//! Inputs of the layers of a Functional model, as Keras 2 and Keras 3 write them.
//!
//! Each call of a layer has an entry: in Keras 2 a list of `[layer, call, output, {}]`, in Keras 3 the arguments of the call, among them
//! tensors with such a list as their `keras_history`.

use serde_json::Value;

use super::config::{DAMAGED, Layer};
use crate::error::{Error, Result};

/// An output of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reference<'a> {
    pub layer: &'a str,
    /// Number of the call.
    pub call: usize,
}

impl<'a> Reference<'a> {
    /// The output that `[layer, call, output, ...]` names; none if it is no such list.
    fn of(value: &'a Value) -> Option<Self> {
        Self::of_list(value.as_array()?)
    }

    fn of_list(list: &'a [Value]) -> Option<Self> {
        let call = usize::try_from(list.get(1)?.as_u64()?).ok()?;
        // Layers with several outputs have no layer here.
        (list.get(2)?.as_u64()? == 0).then_some(())?;
        Some(Self { layer: list.first()?.as_str()?, call })
    }
}

/// The outputs in `input_layers` or `output_layers`: one, or a list of several.
///
/// # Errors
/// When it is neither.
pub(super) fn ends(value: &Value) -> Result<Vec<Reference<'_>>> {
    if let Some(one) = Reference::of(value) {
        return Ok(vec![one]);
    }
    let listed = value.as_array().map(|list| list.iter().map(Reference::of).collect::<Option<Vec<_>>>());
    let fault = || Error::new("its inputs and outputs are no lists of layers", DAMAGED);
    listed.flatten().ok_or_else(fault)
}

/// The inputs of each call of a layer.
///
/// # Errors
/// When it takes something else than outputs of layers; the layer is named.
pub(super) fn inputs_of<'a>(layer: &Layer<'a>) -> Result<Vec<Vec<Reference<'a>>>> {
    let fault = || layer.refuse("its inbound_nodes cannot be read", DAMAGED);
    match &layer.value["inbound_nodes"] {
        Value::Null => Ok(Vec::new()),
        Value::Array(calls) => calls
            .iter()
            .map(|call| match call {
                Value::Array(list) => of_lists(list).ok_or_else(fault),
                Value::Object(of) => {
                    let mut found = Vec::new();
                    for part in ["args", "kwargs"] {
                        let tensors = of.get(part).map_or(Some(()), |value| tensors(value, &mut found));
                        tensors.ok_or_else(fault)?;
                    }
                    if layer.is_operator
                        && of.get("args").is_some_and(has_constant)
                        && operand(layer).is_none()
                    {
                        let help = "take +, −, × or ÷ with one number, or fold it into the weights of a layer: only outputs of layers can be joined";
                        return Err(layer.refuse("it takes a constant", help));
                    }
                    Ok(found)
                }
                _ => Err(fault()),
            })
            .collect(),
        _ => Err(fault()),
    }
}

/// The outputs of a call of Keras 2, or the one.
fn of_lists(list: &[Value]) -> Option<Vec<Reference<'_>>> {
    match list.first() {
        Some(Value::String(_)) => Some(vec![Reference::of_list(list)?]),
        _ => list.iter().map(Reference::of).collect(),
    }
}

/// Adds the tensors among the arguments of a call of Keras 3; none where one cannot be read.
fn tensors<'a>(value: &'a Value, found: &mut Vec<Reference<'a>>) -> Option<()> {
    match value {
        Value::Array(list) => list.iter().try_for_each(|value| tensors(value, found)),
        Value::Object(of) if of.get("class_name").and_then(Value::as_str) == Some("__keras_tensor__") => {
            found.push(Reference::of(&value["config"]["keras_history"])?);
            Some(())
        }
        Value::Object(of) => of.values().try_for_each(|value| tensors(value, found)),
        _ => Some(()),
    }
}

/// The number that the only call of an operator takes beside a tensor, and true where it comes first.
pub(super) fn operand(layer: &Layer<'_>) -> Option<(f64, bool)> {
    let [call] = &layer.value["inbound_nodes"].as_array()?[..] else { return None };
    match &call["args"].as_array()?[..] {
        [Value::Number(number), Value::Object(_)] => Some((number.as_f64()?, true)),
        [Value::Object(_), Value::Number(number)] => Some((number.as_f64()?, false)),
        _ => None,
    }
}

/// True if one of the arguments is a number, or an array of them.
fn has_constant(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_constant),
        Value::Object(of) => of.get("class_name").and_then(Value::as_str) != Some("__keras_tensor__"),
        Value::Number(_) => true,
        _ => false,
    }
}
