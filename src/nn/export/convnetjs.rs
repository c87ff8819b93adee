//! The network as the JSON that ConvNetJS 0.3 reads (`net.fromJSON`): see [`crate::nn::convnetjs`] for what that holds.
//!
//! | behavior of the reader | source | what is done |
//! | --- | --- | --- |
//! | a prediction multiplies by `drop_prob` behind a dropout | `DropoutLayer` | predictions are kept: the next weights are divided by it |
//! | `fc` takes a map without flattening, and counts y, x, depth | `FullyConnLayer` | no layer for `flatten`, weights turned |
//! | layers are a chain that ends with a loss | `Net` | others are refused |

use serde_json::{Map, Value, json};
use toml::{Table, Value as Setting};

use super::exported::Exported;
use super::writer::sides;
use crate::error::{Error, Result};
use crate::nn::{Loss, NetworkLayer, Shape};

/// A layer's JSON, and the factor of the values behind it, where that is not 1.
struct Written {
    fields: Map<String, Value>,
    dropped: Option<f32>,
}

impl Exported {
    /// JSON for `net.fromJSON`, with the facts for the user beside the layers.
    ///
    /// # Errors
    /// When the network is no chain of layers that ConvNetJS has.
    pub fn convnetjs(&self) -> Result<String> {
        let network = &self.model.network;
        let mut layers = vec![volume_of("input", network.input)];
        let (mut factor, mut flattened) = (1.0, None);
        for (index, (layer, weights)) in network.layers.iter().zip(&self.model.weights).enumerate() {
            let missing = |error: Error| error.within(format!("layer {:?}", layer.name));
            if layer.inputs != [index] {
                return Err(missing(no_such("it does not follow the layer before it alone")));
            }
            if layer.layer.kind() == "flatten" {
                self.check_flattened(index).map_err(missing)?;
                flattened = flattened.or(Some(layer.input_shapes[0]));
                continue;
            }
            let input = flattened.unwrap_or(layer.input_shapes[0]);
            let written = write((layer, input), weights, factor).map_err(missing)?;
            factor = match written.dropped {
                Some(rate) => factor * rate,
                None if takes_weights(layer) => 1.0,
                None => factor,
            };
            flattened = flattened.filter(|_| !takes_weights(layer));
            layers.push(Value::Object(written.fields));
        }
        if factor != 1.0 {
            return Err(no_such("no layer with weights follows the last dropout"));
        }
        layers.push(self.loss());
        let mut file = Map::from_iter([("layers".to_owned(), Value::Array(layers))]);
        for (key, value) in self.facts() {
            file.insert(key.to_owned(), serde_json::from_str(&value).expect("facts are JSON"));
        }
        Ok(Value::Object(file).to_string())
    }

    /// A map that is flattened stays one there: only a dense layer and what acts on each value may follow.
    fn check_flattened(&self, index: usize) -> Result<()> {
        let mut after = self.model.network.layers[index + 1..].iter().map(|layer| layer.layer.kind());
        match after.find(|kind| !is_elementwise(kind)) {
            Some("dense" | "flatten") => Ok(()),
            _ => Err(no_such("a dense layer has to follow it")),
        }
    }

    fn loss(&self) -> Value {
        let network = &self.model.network;
        let kind = match network.loss {
            Loss::SoftmaxCrossEntropy { .. } => "softmax",
            Loss::SvmHinge { .. } => "svm",
            Loss::L2Regression { .. } => "regression",
        };
        let outputs = network.shape_of(network.layers.len());
        let mut loss = volume_of(kind, Shape::new(outputs.len(), 1, 1));
        loss["num_inputs"] = json!(outputs.len());
        loss
    }
}

fn no_such(what: &str) -> Error {
    Error::new(format!("ConvNetJS has no such layer: {what}"), "export ONNX, which has all of them")
}

fn takes_weights(layer: &NetworkLayer) -> bool {
    matches!(layer.layer.kind(), "conv2d" | "dense")
}

/// True for layers that act on each value.
fn is_elementwise(kind: &str) -> bool {
    ["relu", "sigmoid", "tanh", "dropout"].contains(&kind)
}

/// The fields that every layer has.
fn volume_of(kind: &str, output: Shape) -> Value {
    json!({"layer_type": kind, "out_depth": output.channels, "out_sx": output.width, "out_sy": output.height})
}

/// A layer of ours as one of ConvNetJS, where its input has this shape; its weights are divided by `factor`.
fn write((layer, input): (&NetworkLayer, Shape), weights: &[Vec<f32>], factor: f32) -> Result<Written> {
    let settings = layer.layer.settings();
    let int = |name: &str, usual: i64| settings.get(name).and_then(Setting::as_integer).unwrap_or(usual);
    let float = |name: &str| settings.get(name).and_then(Setting::as_float).unwrap_or(0.0);
    if weights.iter().flatten().any(|value| !value.is_finite()) {
        return Err(Error::new("its weights are not finite, which JSON cannot say", "export .safetensors"));
    }
    let mut dropped = None;
    let (kind, more) = match layer.layer.kind() {
        "conv2d" => {
            if int("dilation", 1) != 1 || int("groups", 1) != 1 {
                return Err(no_such("its dilation and its number of groups have to be 1"));
            }
            let side = int("kernel", 1);
            let filters = filters(&weights[0], [input.channels, side as usize, side as usize], factor);
            let more = json!({
                "sx": side, "sy": side, "stride": int("stride", 1), "pad": int("padding", 0),
                "in_depth": input.channels, "filters": filters, "biases": biases(&weights[1]),
                "l1_decay_mul": 0.0, "l2_decay_mul": 1.0,
            });
            ("conv", more)
        }
        "dense" => {
            let filters = filters(&weights[0], [input.channels, input.height, input.width], factor);
            let flat = |mut filter: Value| {
                (filter["sx"], filter["sy"], filter["depth"]) = (json!(1), json!(1), json!(input.len()));
                filter
            };
            let filters: Vec<Value> = filters.into_iter().map(flat).collect();
            let more = json!({
                "num_inputs": input.len(), "filters": filters, "biases": biases(&weights[1]),
                "l1_decay_mul": 0.0, "l2_decay_mul": 1.0,
            });
            ("fc", more)
        }
        "max_pool2d" => ("pool", pool(&settings, input)?),
        kind @ ("relu" | "sigmoid" | "tanh") => (kind, json!({})),
        "maxout" => ("maxout", json!({"group_size": int("group", 2)})),
        "local_response_norm" => ("lrn", response_norm(&settings)?),
        "dropout" => {
            dropped = Some(float("rate") as f32).filter(|rate| *rate > 0.0);
            if dropped.is_none() {
                return Err(no_such("its rate has to be above 0"));
            }
            ("dropout", json!({"drop_prob": float("rate")}))
        }
        other => return Err(no_such(other)),
    };
    if factor != 1.0 && !["conv", "fc", "pool", "relu", "maxout", "dropout"].contains(&kind) {
        return Err(no_such(
            "it lies between a dropout, behind which values are scaled, and the next weights",
        ));
    }
    // Behind a flattening that it does not need, a map stays one.
    let output = if is_elementwise(kind) { input } else { layer.output };
    let mut fields = volume_of(kind, output);
    let fields = fields.as_object_mut().expect("it is an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    Ok(Written { fields: std::mem::take(fields), dropped })
}

/// Filters `[filter, channel, y, x]` as volumes, whose value (x, y, channel) lies at `(width·y + x)·channels + channel`.
fn filters(values: &[f32], [channels, height, width]: [usize; 3], factor: f32) -> Vec<Value> {
    let filter = |of: &[f32]| {
        let places = (0..height * width).flat_map(|pixel| (0..channels).map(move |c| (c, pixel)));
        let values = places.map(|(c, pixel)| f64::from(of[c * height * width + pixel] / factor));
        json!({"sx": width, "sy": height, "depth": channels, "w": values.collect::<Vec<f64>>()})
    };
    values.chunks(channels * height * width).map(filter).collect()
}

fn biases(values: &[f32]) -> Value {
    let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
    json!({"sx": 1, "sy": 1, "depth": values.len(), "w": values})
}

/// A pool: strides and paddings are alike for rows and columns there.
fn pool(settings: &Table, input: Shape) -> Result<Value> {
    let [size, stride, padding] = ["size", "stride", "padding"].map(|name| sides(settings, name));
    if stride[0] != stride[1] || padding[0] != padding[1] {
        return Err(no_such("its stride and its padding have to be alike for rows and columns"));
    }
    let mut reaches = [input.height, input.width].into_iter().zip(size).zip(stride).zip(padding);
    let is_whole = |(((input, size), stride), padding): (((usize, usize), usize), usize)| {
        (input + 2 * padding).checked_sub(size).is_some_and(|rest| rest % stride == 0)
    };
    if settings.contains_key("ceil") && !reaches.all(is_whole) {
        return Err(no_such("its last windows reach beyond the map (ceil)"));
    }
    Ok(
        json!({"sx": size[1], "sy": size[0], "stride": stride[0], "pad": padding[0], "in_depth": input.channels}),
    )
}

fn response_norm(settings: &Table) -> Result<Value> {
    let float = |name: &str| settings.get(name).and_then(Setting::as_float).unwrap_or(0.0);
    let size = settings.get("size").and_then(Setting::as_integer).unwrap_or(1);
    if size % 2 == 0 {
        return Err(no_such("of an even size"));
    }
    Ok(json!({"n": size, "alpha": float("alpha"), "beta": float("beta"), "k": float("k")}))
}
