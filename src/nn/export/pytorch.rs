//! The network as a Python module of PyTorch.

use std::fmt::Write as _;

use toml::{Table, Value as Setting};

use super::exported::Exported;
use super::python::Written;
use super::ranks::Rank;
use super::writer::{number, sides, size};
use crate::error::{Error, Result};
use crate::nn::Shape;

/// A layer in the class: its module, if it has one, and the expression of its output.
struct Line {
    module: Option<String>,
    output: String,
}

impl Exported {
    /// Source of a Python module with the network as a class, which loads the weights of [`Exported::pytorch_weights`] from the file beside
    /// it that is called as itself, with `.safetensors`.
    ///
    /// # Errors
    /// When a layer has no counterpart there.
    pub fn pytorch(&self) -> Result<String> {
        let mut modules = String::new();
        let (lines, output) = self.python_lines("        ", adapted, |written| {
            let Line { module, output } = line(written)?;
            if let Some(module) = module {
                let _ = writeln!(modules, "        self.{} = nn.{module}", written.name);
            }
            Ok(output)
        })?;
        Ok(self.source(&modules, &lines, &output))
    }

    fn source(&self, modules: &str, lines: &str, output: &str) -> String {
        let (facts, name, about) = (self.python_facts(), self.python_title(), self.about());
        let Shape { channels: c, height: h, width: w } = self.model.network.input;
        format!(
            r#""""The network {name}.

{about}
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

{facts}

class Network(nn.Module):
    def __init__(self):
        super().__init__()
{modules}
    def forward(self, image):
{lines}        return {output}


def load(weights=Path(__file__).with_suffix(".safetensors")):
    """The network with its weights, for predictions."""
    network = Network()
    network.load_state_dict(load_file(weights))
    return network.eval()


if __name__ == "__main__":
    network = load()
    print(network)
    with torch.no_grad():
        print("of a blank image:", network(torch.zeros(1, {c}, {h}, {w})))
"#
        )
    }
}

/// A value as an input of this rank.
fn adapted((name, from): &(String, Rank), to: Rank, _: Shape) -> String {
    match (from, to) {
        (Rank::Map, Rank::Row) => format!("{name}.flatten(1)"),
        (Rank::Row, Rank::Map) => format!("{name}[:, :, None, None]"),
        _ => name.clone(),
    }
}

fn line(written: &Written<'_>) -> Result<Line> {
    let Written { layer, name, inputs, rank } = written;
    let settings = layer.layer.settings();
    let int = |name: &str| size(&settings, name);
    let float = |name: &str| number(&settings, name);
    let [from, to] = [layer.input_shapes[0].channels, layer.output.channels];
    let kind = layer.layer.kind();
    let plain = |output: String| Ok(Line { module: None, output });
    let module = match kind {
        "add" => return plain(inputs.join(" + ")),
        "mul" => return plain(inputs.join(" * ")),
        "concat" => return plain(format!("torch.cat([{}], 1)", inputs.join(", "))),
        "flatten" => return plain(format!("{}.flatten(1)", inputs[0])),
        "maxout" => return plain(format!("{}.unflatten(1, ({to}, {})).amax(2)", inputs[0], int("group"))),
        "scale" => return plain(format!("{} * {} + {}", inputs[0], float("factor"), float("offset"))),
        "conv2d" => format!("Conv2d({from}, {to}, {}{})", int("kernel"), given(&settings, CONVOLUTION)),
        "conv_transpose2d" => return Ok(transposed(written, &settings)),
        "dense" => format!("Linear({}, {to})", layer.input_shapes[0].len()),
        "max_pool2d" => format!("MaxPool2d({})", windows(&settings)),
        "avg_pool2d" => {
            let counts = settings.get("count_padding").and_then(Setting::as_bool).unwrap_or(true);
            let counts = if counts { "" } else { ", count_include_pad=False" };
            format!("AvgPool2d({}{counts})", windows(&settings))
        }
        "pad" => pad(&settings),
        "global_avg_pool2d" => "AdaptiveAvgPool2d(1)".to_owned(),
        "batch_norm" => {
            let sides = if *rank == Rank::Map { 2 } else { 1 };
            format!("BatchNorm{sides}d({to}, eps={}, momentum={})", float("epsilon"), float("momentum"))
        }
        "local_response_norm" => format!(
            "LocalResponseNorm({}, alpha={}, beta={}, k={})",
            int("size"),
            float("alpha"),
            float("beta"),
            float("k")
        ),
        "dropout" => format!("Dropout({})", float("rate")),
        "upsample" => {
            let mode = if settings.contains_key("mode") { ", mode=\"bilinear\"" } else { "" };
            format!("Upsample(scale_factor={}{mode})", int("factor"))
        }
        "hardtanh" => format!("Hardtanh({}, {})", float("min"), float("max")),
        "prelu" => format!("PReLU({to})"),
        "group_norm" => format!("GroupNorm({}, {to}, eps={})", int("groups"), float("epsilon")),
        "layer_norm" => return Ok(layer_norm(written, float("epsilon"))),
        "instance_norm" => format!("InstanceNorm2d({to}, eps={}, affine=True)", float("epsilon")),
        "leaky_relu" => format!("LeakyReLU({})", float("slope")),
        "elu" => format!("ELU({})", float("alpha")),
        other => {
            let found = FUNCTIONS.iter().find(|(kind, _)| *kind == other);
            let missing = || {
                let what = format!("layer {:?}: {other} has no counterpart in PyTorch yet", layer.name);
                Error::new(what, "export an .npz or .safetensors of the weights")
            };
            found.ok_or_else(missing)?.1.to_owned()
        }
    };
    Ok(Line { module: Some(module), output: format!("self.{name}({})", inputs[0]) })
}

/// A transposed convolution; rows and columns that it cuts off at the end are left out of its output.
fn transposed(Written { layer, name, inputs, .. }: &Written<'_>, settings: &Table) -> Line {
    let [from, to] = [layer.input_shapes[0].channels, layer.output.channels];
    let added = settings.get("output_padding").and_then(Setting::as_integer).unwrap_or(0);
    let mut more = given(settings, CONVOLUTION);
    if added > 0 {
        let _ = write!(more, ", output_padding={added}");
    }
    let cut = if added < 0 { format!("[:, :, :{added}, :{added}]") } else { String::new() };
    Line {
        module: Some(format!("ConvTranspose2d({from}, {to}, {}{more})", size(settings, "kernel"))),
        output: format!("self.{name}({}){cut}", inputs[0]),
    }
}

/// A normalization of a row, or of a map while its channels are last.
fn layer_norm(Written { layer, name, inputs, rank }: &Written<'_>, epsilon: f32) -> Line {
    let (channels, input) = (layer.output.channels, &inputs[0]);
    let output = match rank {
        Rank::Row => format!("self.{name}({input})"),
        Rank::Map => format!("self.{name}({input}.movedim(1, -1)).movedim(-1, 1)"),
    };
    Line { module: Some(format!("LayerNorm({channels}, eps={epsilon})")), output }
}

fn pad(settings: &Table) -> String {
    let [left, right, top, bottom] = ["left", "right", "top", "bottom"].map(|side| size(settings, side));
    let reflects = settings.get("mode").and_then(Setting::as_str) == Some("reflect");
    let module = if reflects { "ReflectionPad2d" } else { "ZeroPad2d" };
    format!("{module}(({left}, {right}, {top}, {bottom}))")
}

/// Modules of the functions that have no settings.
const FUNCTIONS: &[(&str, &str)] = &[
    ("relu", "ReLU()"),
    ("sigmoid", "Sigmoid()"),
    ("tanh", "Tanh()"),
    ("softmax", "Softmax(1)"),
    ("gelu", "GELU()"),
    ("silu", "SiLU()"),
    ("hard_swish", "Hardswish()"),
    ("hard_sigmoid", "Hardsigmoid()"),
];

/// Settings of a convolution by name, with PyTorch's defaults.
const CONVOLUTION: &[(&str, i64)] = &[("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)];

/// Arguments of a pool: a number where rows and columns are alike.
fn windows(settings: &Table) -> String {
    let [size, stride, padding] = ["size", "stride", "padding"].map(|name| match sides(settings, name) {
        [rows, columns] if rows == columns => rows.to_string(),
        [rows, columns] => format!("({rows}, {columns})"),
    });
    let padding = if padding == "0" { String::new() } else { format!(", padding={padding}") };
    let ceil = if settings.contains_key("ceil") { ", ceil_mode=True" } else { "" };
    format!("{size}, {stride}{padding}{ceil}")
}

/// The settings that are not PyTorch's defaults, as arguments.
fn given(settings: &Table, names: &[(&str, i64)]) -> String {
    let mut text = String::new();
    for (name, default) in names {
        if let Some(value) =
            settings.get(*name).and_then(Setting::as_integer).filter(|value| value != default)
        {
            let _ = write!(text, ", {name}={value}");
        }
    }
    text
}
