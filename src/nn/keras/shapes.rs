//! Maps of Keras in one row, in another shape, and joined.

use toml::Table;

use super::config::Layer;
use super::map::{Form, Map};
use super::reader::Reader;
use crate::error::Result;
use crate::nn::Shape;
use crate::nn::imported::{Origin, Stage};

/// Most flattened maps that a row is made of.
const MAX_PARTS: usize = 1 << 12;

impl Reader<'_> {
    /// `Flatten`.
    pub(super) fn flatten(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        if input.parts().is_some() {
            return Ok(input.clone());
        }
        let form = Form::Flat(vec![input.shape()]);
        if input.shape().pixels() == 1 {
            return Ok(Map { stage: input.stage.clone(), form });
        }
        let flat = self.push(layer, ("flatten", Table::new()), input, Vec::new())?;
        Ok(Map { form, ..flat })
    }

    /// `Reshape` to a row, or to an image of the same values in the same places.
    pub(super) fn reshape(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let asked = layer.integers("target_shape")?.unwrap_or_default();
        let sizes = input.sizes();
        let len: usize = input.shape().len();
        let known: usize =
            asked.iter().filter_map(|size| usize::try_from(*size).ok()).fold(1, usize::saturating_mul);
        let open = asked.iter().filter(|size| **size == -1).count();
        let fill = if open == 1 && known > 0 { len / known } else { 0 };
        let to: Vec<usize> = asked.iter().map(|size| usize::try_from(*size).unwrap_or(fill)).collect();
        let fits = open <= 1 && to.iter().copied().fold(1, usize::saturating_mul) == len;
        if fits && to == sizes {
            return Ok(input.clone());
        }
        let Shape { channels, height, width } = input.shape();
        let form = match to[..] {
            [_] if fits => return self.flatten(layer, input),
            [rows, columns, 1] if input.form == Form::Plane && [rows, columns] == [height, width] => {
                Form::Image
            }
            [rows, columns]
                if channels == 1 && input.form == Form::Image && [rows, columns] == [height, width] =>
            {
                Form::Plane
            }
            // A row whose values are channels of one pixel.
            [1, 1, values] if input.parts().is_some() && input.is_in_order() && values == channels => {
                Form::Image
            }
            _ => {
                let what = format!("it makes {to:?} out of {sizes:?}");
                return Err(layer.refuse(
                    what,
                    "a map may only be put in one row, and a row in the channels of one pixel",
                ));
            }
        };
        Ok(Map { stage: input.stage.clone(), form })
    }

    /// `Add`, `Multiply` and `Concatenate`.
    pub(super) fn join(&mut self, layer: &Layer<'_>, inputs: &[Map]) -> Result<Map> {
        let [first, _, ..] = inputs else {
            return Err(layer.refuse(
                "it does not join outputs of layers alone",
                "give it two or more of them, and no constants",
            ));
        };
        let stages: Vec<&Stage> = inputs.iter().map(|map| &map.stage).collect();
        let origin = Origin { label: &layer.label(), name: Some(layer.name) };
        if layer.class == "Concatenate" {
            let axes = layer.integers("axis")?.unwrap_or(vec![-1]);
            let rank = first.sizes().len();
            let same = inputs.iter().all(|map| map.sizes().len() == rank && map.form != Form::Plane);
            if !same || (axes != [-1] && axes != [rank as i64]) {
                let what = format!(
                    "it joins the axis {axes:?} of maps of {:?}",
                    inputs.iter().map(Map::sizes).collect::<Vec<_>>()
                );
                return Err(layer.refuse(what, "only the last axis, that of the channels, can be joined"));
            }
            let added = self.assembly.push(origin, ("concat", Table::new()), &stages, Vec::new())?;
            let form = if first.form == Form::Image { Form::Image } else { Form::Flat(joined(inputs)) };
            if matches!(&form, Form::Flat(parts) if parts.len() > MAX_PARTS) {
                return Err(layer.refuse("it joins too many flattened maps", "take fewer branches"));
            }
            return Ok(Map { stage: added.output, form });
        }
        let is_alike = |map: &Map| {
            let both_rows = map.parts().is_some() && first.parts().is_some();
            map.form == first.form || (both_rows && map.is_in_order() && first.is_in_order())
        };
        if !inputs.iter().all(is_alike) {
            let sizes: Vec<_> = inputs.iter().map(Map::sizes).collect();
            let what = format!("its inputs of {sizes:?} have their values at different places");
            return Err(layer.refuse(what, "flatten none of them, or join them before"));
        }
        let kind = if layer.class == "Add" { "add" } else { "mul" };
        let (mut stages, mut form) = (stages, first.form.clone());
        if kind == "mul" && stages.len() == 2 && stages[0].shape.pixels() < stages[1].shape.pixels() {
            stages.reverse();
            form = inputs[1].form.clone();
        }
        let added = self.assembly.push(origin, (kind, Table::new()), &stages, Vec::new())?;
        Ok(Map { stage: added.output, form })
    }
}

/// Maps that were flattened to make several rows; one for all of them that stand in order.
fn joined(inputs: &[Map]) -> Vec<Shape> {
    if inputs.iter().all(Map::is_in_order) {
        return vec![Shape::new(inputs.iter().map(|map| map.shape().len()).sum(), 1, 1)];
    }
    inputs.iter().filter_map(Map::parts).flatten().copied().collect()
}
