//! Activation functions of Keras: by name, within other layers, or as layers.

use serde_json::Value;
use toml::Table;

use super::config::Layer;
use super::graph::Call;
use super::map::{Form, Map};
use super::reader::{Dialect, Reader};
use crate::error::Result;
use crate::nn::imported::in_our_order;
use crate::nn::tables::{number, scale};

/// Help for functions that have no layer.
const NEAREST: &str =
    "relu, leaky_relu, elu, gelu, silu, hard_silu, relu6, sigmoid, hard_sigmoid, tanh and softmax have one";
/// Slope of `leaky_relu` by name, and of the layer.
const SLOPE_BY_NAME: f32 = 0.2;
const SLOPE_OF_LAYER: f32 = 0.3;

fn bounds(min: f32, max: f32) -> Table {
    let mut settings = number("min", min);
    settings.extend(number("max", max));
    settings
}

impl Reader<'_> {
    /// The map after the activation function that a layer has within.
    pub(super) fn activated(&mut self, layer: &Layer<'_>, map: Map, is_last: bool) -> Result<Map> {
        match layer.setting("activation") {
            None => Ok(map),
            Some(Value::String(name)) => self.function(layer, name, &map, is_last),
            Some(object) => match (&object["class_name"], &object["config"]) {
                (Value::String(_), Value::String(name)) => self.function(layer, name, &map, is_last),
                (Value::String(_), Value::Object(_)) => {
                    let of = Layer::of(object).map_err(|error| error.within(layer.label()))?;
                    self.activation_layer(&of, &map, is_last).map_err(|error| error.within(layer.label()))
                }
                _ => Err(layer.refuse("its activation cannot be read", NEAREST)),
            },
        }
    }

    /// A layer that is an activation function without weights.
    pub(super) fn activation_layer(&mut self, layer: &Layer<'_>, input: &Map, is_last: bool) -> Result<Map> {
        match layer.class {
            "Activation" => self.activated(layer, input.clone(), is_last),
            "ReLU" => self.relu(layer, input),
            "LeakyReLU" => {
                let key = if layer.setting("negative_slope").is_some() { "negative_slope" } else { "alpha" };
                let slope = number("slope", layer.number(key, SLOPE_OF_LAYER)?);
                self.apply(layer, ("leaky_relu", slope), input)
            }
            "ELU" => {
                let alpha = number("alpha", layer.number("alpha", 1.0)?);
                self.apply(layer, ("elu", alpha), input)
            }
            "Softmax" => {
                self.check_last_axis(layer, input)?;
                self.function(layer, "softmax", input, is_last)
            }
            _ => Err(layer.refuse("there is no layer for this activation", NEAREST)),
        }
    }

    /// A function by its name.
    fn function(&mut self, layer: &Layer<'_>, name: &str, input: &Map, is_last: bool) -> Result<Map> {
        let plain = |kind: &'static str| (kind, Table::new());
        let layer_of_ours = match name {
            "linear" => return Ok(input.clone()),
            "softmax" | "log_softmax" if is_last && input.parts().is_some() => {
                self.note(layer, "its softmax is left out, because the loss computes it from the logits");
                return Ok(input.clone());
            }
            "softmax" if input.form != Form::Plane => plain("softmax"),
            "softmax" | "log_softmax" => {
                let what = format!("it has a {name} that is not the last of the model");
                return Err(layer.refuse(what, "inside a network only a softmax of channels has a layer"));
            }
            "relu" | "sigmoid" | "tanh" | "elu" | "gelu" => (name, Table::new()),
            "silu" | "swish" => plain("silu"),
            "hard_silu" | "hard_swish" => plain("hard_swish"),
            "hard_tanh" => ("hardtanh", bounds(-1.0, 1.0)),
            "relu6" => ("hardtanh", bounds(0.0, 6.0)),
            "leaky_relu" => ("leaky_relu", number("slope", SLOPE_BY_NAME)),
            "hard_sigmoid" if self.dialect == Dialect::Keras3 => plain("hard_sigmoid"),
            // That of Keras 2 is x / 5 + 1/2, cut alike.
            "hard_sigmoid" => {
                let line = self.apply(layer, ("scale", scale(0.2, 0.5)), input)?;
                return self.apply(layer, ("hardtanh", bounds(0.0, 1.0)), &line);
            }
            other => {
                let what = format!("there is no layer for its activation {other:?}");
                return Err(layer.refuse(what, NEAREST));
            }
        };
        self.apply(layer, layer_of_ours, input)
    }

    /// Appends an activation function; it has the layer's name only where it is the layer.
    fn apply(&mut self, layer: &Layer<'_>, (kind, settings): (&str, Table), input: &Map) -> Result<Map> {
        self.push(layer, (kind, settings), input, Vec::new())
    }

    /// `ReLU` with its bound and slope.
    fn relu(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let (slope, threshold) = (layer.number("negative_slope", 0.0)?, layer.number("threshold", 0.0)?);
        let most = layer.setting("max_value").map(|_| layer.number("max_value", 0.0)).transpose()?;
        let layer_of_ours = match (most, slope, threshold) {
            (None, 0.0, 0.0) => ("relu", Table::new()),
            (None, slope, 0.0) => ("leaky_relu", number("slope", slope)),
            (Some(most), 0.0, 0.0) if most > 0.0 => ("hardtanh", bounds(0.0, most)),
            _ => {
                let what = format!(
                    "its max_value, negative_slope and threshold are {most:?}, {slope} and {threshold}"
                );
                return Err(layer.refuse(what, "take one of max_value and negative_slope, and no threshold"));
            }
        };
        self.apply(layer, layer_of_ours, input)
    }

    /// `PReLU` with a slope for each channel, shared by all pixels.
    pub(super) fn prelu(&mut self, call: &Call<'_>, input: &Map) -> Result<Map> {
        let layer = &call.layer;
        let shared = layer.integers("shared_axes")?.unwrap_or_default();
        let mut shape = input.sizes();
        for axis in &shared {
            let at = usize::try_from(*axis)
                .ok()
                .and_then(|axis| axis.checked_sub(1))
                .filter(|at| *at < shape.len());
            let at = at.ok_or_else(|| {
                layer.refuse(format!("its shared_axes are {shared:?}"), "give axes from 1 on")
            })?;
            shape[at] = 1;
        }
        let given = self.variable(call, 0, &["alpha"], &shape)?;
        let channels = input.shape().channels;
        let slopes = match &input.form {
            _ if given.len() == 1 => self.filled(layer, given[0], channels)?,
            Form::Flat(parts) => in_our_order(given, parts),
            _ => {
                let last = if input.form == Form::Image { channels } else { 1 };
                let first = &given[..last.min(given.len())];
                // Slopes that channels share are not those of one channel after the other.
                let by_channel = input.form != Form::Image || shape.last() == Some(&channels);
                if !by_channel || given.len() % last != 0 || given.chunks(last).any(|pixel| pixel != first) {
                    let help = "share them by PReLU(shared_axes=[1, 2])";
                    return Err(layer.refuse("its slopes are not the same for all pixels", help));
                }
                first.to_vec()
            }
        };
        self.push(layer, ("prelu", Table::new()), input, vec![slopes])
    }
}
