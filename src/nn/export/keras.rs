//! The network as a Python module of Keras 3, with the channels last.
//!
//! | behavior of Keras | source | what is done |
//! | --- | --- | --- |
//! | `padding` is `valid` or `same`, which pads more at the end | `Conv2D`, `MaxPooling2D` | a layer that pads before it |
//! | a transposed convolution makes a stride for each pixel at least | `Conv2DTranspose` | a layer after it cuts off what is too much |
//! | a map is flattened as row, column, channel | `Flatten` | its axes are permuted before, so that weights keep their order |
//! | `momentum` of a batch norm is the share that stays | `BatchNormalization` | 1 − ours |
//! | kernels are `[y, x, in, out]`, of a depthwise convolution `[y, x, in, multiplier]`, of a transposed one `[y, x, out, in]`, of a dense layer `[in, out]` | `get_weights` | weights are turned |

use std::fmt::Write as _;

use toml::{Table, Value as Setting};

use super::exported::Exported;
use super::names::python_names;
use super::python::Written;
use super::ranks::{Rank, Ranks, ranks};
use super::writer::{number, sides, size};
use crate::error::{Error, Result};
use crate::nn::{NetworkLayer, Shape};

/// Name, shape and values of an array.
pub type NamedArray = (String, Vec<usize>, Vec<f32>);

impl Exported {
    /// Source of a Python module that builds the network, and loads the arrays of [`Exported::keras_weights`] from the file beside it that is
    /// called as itself, with `.npz`.
    ///
    /// # Errors
    /// When a layer has no counterpart there.
    pub fn keras(&self) -> Result<String> {
        let (lines, output) = self.python_lines("    ", adapted, expression)?;
        Ok(self.keras_source(&lines, &output))
    }

    /// The weights by `NAME.0`, `NAME.1`, ... in the order and the shapes of each layer's `set_weights`.
    pub fn keras_weights(&self) -> Vec<NamedArray> {
        let network = &self.model.network;
        let mut arrays = Vec::new();
        let named = network.layers.iter().zip(python_names(network));
        for (((layer, name), Ranks { input: rank, .. }), weights) in
            named.zip(ranks(network)).zip(&self.model.weights)
        {
            for (at, values) in weights.iter().enumerate() {
                let (shape, values) = turned(layer, at, values, rank);
                arrays.push((format!("{name}.{at}"), shape, values));
            }
        }
        arrays
    }

    fn keras_source(&self, lines: &str, output: &str) -> String {
        let (facts, name, about) = (self.python_facts(), self.python_title(), self.about());
        let Shape { channels: c, height: h, width: w } = self.model.network.input;
        format!(
            r#""""The network {name}.

{about} The channels come last: [n, {h}, {w}, {c}].
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

{facts}

def build():
    """The network with fresh weights."""
    image = keras.Input(({h}, {w}, {c}))
{lines}    return keras.Model(image, {output})


def load(weights=Path(__file__).with_suffix(".npz")):
    """The network with its weights."""
    network = build()
    with np.load(weights) as arrays:
        for layer in network.layers:
            if f"{{layer.name}}.0" in arrays:
                layer.set_weights([arrays[f"{{layer.name}}.{{at}}"] for at in range(len(layer.weights))])
    return network


if __name__ == "__main__":
    network = load()
    network.summary()
    print("of a blank image:", network.predict(np.zeros((1, {h}, {w}, {c})), verbose=0))
"#
        )
    }
}

/// A value as an input of this rank; the order of a map that is flattened is channel, row, column, as ours.
fn adapted((name, from): &(String, Rank), to: Rank, shape: Shape) -> String {
    match (from, to) {
        (Rank::Map, Rank::Row) => flat(name),
        (Rank::Row, Rank::Map) => format!("layers.Reshape((1, 1, {}))({name})", shape.channels),
        _ => name.clone(),
    }
}

fn flat(name: &str) -> String {
    format!("layers.Flatten()(layers.Permute((3, 1, 2))({name}))")
}

/// The output of a layer.
fn expression(written: &Written<'_>) -> Result<String> {
    let Written { layer, name, inputs, rank } = written;
    let settings = layer.layer.settings();
    let int = |name: &str| size(&settings, name);
    let float = |name: &str| number(&settings, name);
    let input = &inputs[0];
    let of =
        |class: &str, arguments: String| format!("layers.{class}({arguments}, name=\"{name}\")({input})");
    let Shape { height, width, channels } = layer.output;
    Ok(match layer.layer.kind() {
        "add" => inputs.join(" + "),
        "mul" => inputs.join(" * "),
        "concat" => format!("ops.concatenate([{}], -1)", inputs.join(", ")),
        "flatten" if *rank == Rank::Map => flat(input),
        "flatten" => input.clone(),
        "conv2d" => convolution(layer, name, &settings, input)?,
        "conv_transpose2d" => transposed(layer, name, &settings, input)?,
        "dense" => of("Dense", int_text(channels)),
        "max_pool2d" | "avg_pool2d" => pool(layer, &settings, input)?,
        "pad" => pad(&settings, input),
        "global_avg_pool2d" => format!("layers.GlobalAveragePooling2D(keepdims=True)({input})"),
        "batch_norm" => {
            let stays = 1.0 - float("momentum");
            of("BatchNormalization", format!("epsilon={}, momentum={stays}", float("epsilon")))
        }
        "group_norm" => of("GroupNormalization", format!("{}, epsilon={}", int("groups"), float("epsilon"))),
        "layer_norm" => of("LayerNormalization", format!("epsilon={}", float("epsilon"))),
        "instance_norm" => of("GroupNormalization", format!("-1, epsilon={}", float("epsilon"))),
        "maxout" if *rank == Rank::Map => {
            format!("ops.max(layers.Reshape(({height}, {width}, {channels}, {}))({input}), -1)", int("group"))
        }
        "maxout" => format!("ops.max(layers.Reshape(({channels}, {}))({input}), -1)", int("group")),
        "dropout" => format!("layers.Dropout({})({input})", float("rate")),
        "upsample" => {
            let mode = if settings.contains_key("mode") { ", interpolation=\"bilinear\"" } else { "" };
            format!("layers.UpSampling2D({}{mode})({input})", int("factor"))
        }
        "scale" => format!("{input} * {} + {}", float("factor"), float("offset")),
        "hardtanh" => format!("ops.clip({input}, {}, {})", float("min"), float("max")),
        "prelu" if *rank == Rank::Map => of("PReLU", "shared_axes=[1, 2]".to_owned()),
        "prelu" => format!("layers.PReLU(name=\"{name}\")({input})"),
        "leaky_relu" => format!("layers.LeakyReLU({})({input})", float("slope")),
        "elu" => format!("layers.ELU({})({input})", float("alpha")),
        "gelu" => format!("keras.activations.gelu({input}, approximate=False)"),
        kind @ ("relu" | "sigmoid" | "tanh" | "silu" | "hard_sigmoid" | "softmax") => {
            format!("keras.activations.{kind}({input})")
        }
        "hard_swish" => format!("keras.activations.hard_silu({input})"),
        other => {
            let what = format!("layer {:?}: {other} has no counterpart in Keras", layer.name);
            return Err(Error::new(what, "export ONNX or PyTorch source"));
        }
    })
}

fn int_text(value: usize) -> String {
    value.to_string()
}

/// True for a convolution with a group for each channel, which Keras has as another layer.
fn is_depthwise(layer: &NetworkLayer, settings: &Table) -> bool {
    let groups = size(settings, "groups");
    groups > 1 && groups == layer.input_shapes[0].channels
}

fn convolution(layer: &NetworkLayer, name: &str, settings: &Table, input: &str) -> Result<String> {
    let int = |name: &str| size(settings, name);
    if int("stride") > 1 && int("dilation") > 1 {
        let what = format!("layer {:?}: Keras has no stride above 1 with a dilation above 1", layer.name);
        return Err(Error::new(what, "export ONNX or PyTorch source"));
    }
    let padding = size(settings, "padding");
    let input = if padding > 0 && settings.contains_key("padding") {
        format!("layers.ZeroPadding2D({padding})({input})")
    } else {
        input.to_owned()
    };
    let mut more = String::new();
    for (setting, argument) in [("stride", "strides"), ("dilation", "dilation_rate")] {
        if int(setting) != 1 {
            let _ = write!(more, ", {argument}={}", int(setting));
        }
    }
    let filters = layer.output.channels;
    if is_depthwise(layer, settings) {
        let multiplier = filters / layer.input_shapes[0].channels;
        return Ok(format!(
            "layers.DepthwiseConv2D({}, depth_multiplier={multiplier}{more}, name=\"{name}\")({input})",
            int("kernel")
        ));
    }
    if int("groups") != 1 {
        let _ = write!(more, ", groups={}", int("groups"));
    }
    Ok(format!("layers.Conv2D({filters}, {}{more}, name=\"{name}\")({input})", int("kernel")))
}

/// A transposed convolution: all that it makes, of which rows and columns are cut off.
fn transposed(layer: &NetworkLayer, name: &str, settings: &Table, input: &str) -> Result<String> {
    let [kernel, stride, dilation] = ["kernel", "stride", "dilation"].map(|name| size(settings, name));
    let added = settings.get("output_padding").and_then(Setting::as_integer).unwrap_or(0).max(0) as usize;
    let fault = match (size(settings, "groups"), stride, dilation) {
        (1, 1, _) | (1, _, 1) if added < stride => None,
        (1, 1, _) | (1, _, 1) => Some("no output_padding as large as its stride"),
        (1, ..) => Some("no stride above 1 with a dilation above 1"),
        _ => Some("no groups of a transposed convolution"),
    };
    if let Some(fault) = fault {
        let what = format!("layer {:?}: Keras has {fault}", layer.name);
        return Err(Error::new(what, "export ONNX or PyTorch source"));
    }
    let mut more = String::new();
    for (value, usual, argument) in
        [(stride, 1, "strides"), (dilation, 1, "dilation_rate"), (added, 0, "output_padding")]
    {
        if value != usual {
            let _ = write!(more, ", {argument}={value}");
        }
    }
    let filters = layer.output.channels;
    let whole = format!("layers.Conv2DTranspose({filters}, {kernel}{more}, name=\"{name}\")({input})");
    let padding = size(settings, "padding");
    // Without output_padding Keras makes a stride for each pixel at least.
    let reach = (kernel - 1) * dilation + 1;
    let side =
        |length: usize| (length - 1) * stride + if added > 0 { reach + added } else { reach.max(stride) };
    let [from, to] = [layer.input_shapes[0], layer.output];
    let cuts = [(from.height, to.height), (from.width, to.width)].map(|(from, to)| side(from) - padding - to);
    if padding == 0 && cuts == [0; 2] {
        return Ok(whole);
    }
    let [rows, columns] = cuts.map(|after| format!("({padding}, {after})"));
    Ok(format!("layers.Cropping2D(({rows}, {columns}))({whole})"))
}

/// A pool; what lies outside the map never is the largest, and counts as 0 in a mean.
fn pool(layer: &NetworkLayer, settings: &Table, input: &str) -> Result<String> {
    let [size, stride, padding] = ["size", "stride", "padding"].map(|name| sides(settings, name));
    let from = [layer.input_shapes[0].height, layer.input_shapes[0].width];
    let to = [layer.output.height, layer.output.width];
    // Rows and columns behind the map that the last windows reach; fewer than none where they leave some out.
    let behind = [0, 1].map(|axis| {
        let reached = ((to[axis] - 1) * stride[axis] + size[axis]) as isize;
        (reached - (from[axis] + padding[axis]) as isize).max(0)
    });
    let pads = padding != [0, 0] || behind != [0, 0];
    let tuple = |[rows, columns]: [usize; 2]| format!("({rows}, {columns})");
    let is_max = layer.layer.kind() == "max_pool2d";
    let counts = settings.get("count_padding").and_then(Setting::as_bool).unwrap_or(true);
    if pads && !is_max && (!counts || settings.contains_key("ceil")) {
        let what = format!("layer {:?}: a mean that counts other than Keras's at the edges", layer.name);
        return Err(Error::new(what, "export ONNX or PyTorch source"));
    }
    let input = if pads {
        let [rows, columns] = [0, 1].map(|axis| format!("({}, {})", padding[axis], behind[axis]));
        let value = if is_max { ", constant_values=-float(\"inf\")" } else { "" };
        format!("ops.pad({input}, ((0, 0), {rows}, {columns}, (0, 0)){value})")
    } else {
        input.to_owned()
    };
    let class = if is_max { "MaxPooling2D" } else { "AveragePooling2D" };
    Ok(format!("layers.{class}({}, {})({input})", tuple(size), tuple(stride)))
}

fn pad(settings: &Table, input: &str) -> String {
    let [left, right, top, bottom] = ["left", "right", "top", "bottom"].map(|side| size(settings, side));
    let reflects = settings.get("mode").and_then(Setting::as_str) == Some("reflect");
    let mode = if reflects { ", mode=\"reflect\"" } else { "" };
    format!("ops.pad({input}, ((0, 0), ({top}, {bottom}), ({left}, {right}), (0, 0)){mode})")
}

/// Shape and values of a layer's tensor as `set_weights` takes it.
fn turned(layer: &NetworkLayer, at: usize, values: &[f32], rank: Rank) -> (Vec<usize>, Vec<f32>) {
    let spec = &layer.parameters()[at];
    let settings = layer.layer.settings();
    match (layer.layer.kind(), &spec.shape[..]) {
        ("conv2d", &[out, each, height, width]) => {
            let channels = layer.input_shapes[0].channels;
            // A depthwise convolution has a filter for each channel and place among its channel's filters, in that order, as ours.
            let shape = match is_depthwise(layer, &settings) {
                true => vec![height, width, channels, out / channels],
                false => vec![height, width, each, out],
            };
            let mut turned = Vec::with_capacity(values.len());
            for pixel in 0..height * width {
                for c in 0..each {
                    turned.extend((0..out).map(|o| values[(o * each + c) * height * width + pixel]));
                }
            }
            (shape, turned)
        }
        ("conv_transpose2d", &[out, each, height, width]) => {
            let of = |pixel: usize, o: usize, c: usize| values[(o * each + c) * height * width + pixel];
            let places = (0..height * width).flat_map(|pixel| (0..out).map(move |o| (pixel, o)));
            let turned = places.flat_map(|(pixel, o)| (0..each).map(move |c| of(pixel, o, c)));
            (vec![height, width, out, each], turned.collect())
        }
        ("dense", &[units, ..]) if at == 0 => {
            let inputs = values.len() / units;
            let places = (0..inputs).flat_map(|input| (0..units).map(move |unit| unit * inputs + input));
            (vec![inputs, units], places.map(|place| values[place]).collect())
        }
        ("prelu", _) if rank == Rank::Map => (vec![1, 1, values.len()], values.to_vec()),
        _ => (vec![values.len()], values.to_vec()),
    }
}
