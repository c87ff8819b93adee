//! Operators of ONNX as our layers: each node becomes a layer, joins one that is there, or is refused with what would do.

use std::rc::Rc;

use toml::Table;

use super::arithmetic::spread;
use super::builder::{Builder, Map, Value};
use super::constant::Constant;
use super::fold;
use super::proto::Node;
use super::windows::{convolution, pool, transposed};
use crate::error::{Error, Result};
use crate::nn::Shape;
use crate::nn::imported::in_our_order;
use crate::nn::tables::{number, sizes};

/// Operators that have no layer, and the nearest that has one.
const NEAREST: &[(&str, &str)] = &[
    ("GlobalMaxPool", "a max_pool2d over the whole map, or global_avg_pool2d"),
    ("Mish", "silu"),
    ("Selu", "elu"),
    ("Celu", "elu"),
    ("Softplus", "relu"),
];

impl<'a> Builder<'a> {
    /// Takes in one node, whose inputs are there.
    ///
    /// # Errors
    /// When it has no layer, or is not as its operator asks; the node is named.
    pub(super) fn read(&mut self, node: &'a Node) -> Result<()> {
        let value = self.value_of(node)?;
        // Under another name it may have consumers of its own.
        if let (Value::Map(map), Some(Value::Map(input))) = (&value, self.find(node, 0))
            && map.layer == input.layer
            && node.input.first().and_then(|name| self.uses.get(name.as_str())) != Some(&1)
        {
            self.affine.remove(&map.layer);
        }
        if let Some(name) = node.output.first() {
            self.values.insert(name, value);
        }
        Ok(())
    }

    fn value_of(&mut self, node: &Node) -> Result<Value> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            let what = format!("its operator is of the domain {:?}", node.domain);
            return Err(node.refuse(what, "export the model with ONNX's own operators"));
        }
        if node.op_type == "Shape" {
            return self.shape(node);
        }
        let inputs: Vec<Option<&Value>> = (0..node.input.len()).map(|at| self.find(node, at)).collect();
        if inputs.iter().flatten().all(|value| matches!(value, Value::Constant(_))) {
            let constant = |value: &Value| match value {
                Value::Constant(constant) => Some(Rc::clone(constant)),
                _ => None,
            };
            let constants: Vec<Option<Rc<Constant>>> =
                inputs.iter().map(|value| value.and_then(constant)).collect();
            let longest = constants.iter().flatten().map(|constant| constant.len()).sum();
            self.reserve(longest)?;
            let constants: Vec<Option<&Constant>> = constants.iter().map(Option::as_deref).collect();
            let folded = fold::fold(node, &constants, self.folder)?;
            // Filled and expanded tensors are longer than what they are made of.
            self.reserve(folded.len().saturating_sub(longest))?;
            return Ok(Value::Constant(Rc::new(folded)));
        }
        if let ("CastLike", Some(Value::Constant(constant))) = (node.op_type.as_str(), self.find(node, 0)) {
            // Maps are floats.
            return fold::cast(constant, 1).map(|floats| Value::Constant(Rc::new(floats)));
        }
        if matches!(node.op_type.as_str(), "Mul" | "Div" | "Add" | "Sub" | "Erf") {
            return self.arithmetic(node);
        }
        match node.op_type.as_str() {
            "Pad" => {
                self.settle(node)?;
                return self.pad(node);
            }
            "Clip" => return self.clip(node),
            _ => {}
        }
        if let Some(value) = self.part(node)? {
            return Ok(value);
        }
        if let Some(value) = self.line(node)? {
            return Ok(value);
        }
        self.settle(node)?;
        self.layer(node).map(Value::Map)
    }

    /// An operator of maps that makes a map.
    fn layer(&mut self, node: &Node) -> Result<Map> {
        let plain = |kind: &'static str| (kind, Table::new());
        let (kind, settings) = match node.op_type.as_str() {
            "Identity" | "Dropout" | "Cast" | "CastLike" => return self.map(node, 0),
            "Softmax" | "LogSoftmax" => return self.softmax(node),
            "Conv" => return convolution(self, node),
            "ConvTranspose" => return transposed(self, node),
            "Gemm" | "MatMul" => return self.dense(node),
            "BatchNormalization" | "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" => {
                return self.norm(node);
            }
            "PRelu" => return self.prelu(node),
            "HardSigmoid" => return self.hard_sigmoid(node),
            "HardSwish" => plain("hard_swish"),
            "Swish" if node.float("alpha", 1.0) == 1.0 => plain("silu"),
            "MaxPool" => return pool(self, node, "max_pool2d"),
            "AveragePool" => return pool(self, node, "avg_pool2d"),
            "Transpose" => return self.transpose(node),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => return self.reshape(node),
            "ReduceMean" => return self.mean(node),
            "Resize" | "Upsample" => return self.resize(node),
            "Concat" | "Sum" => return self.join(node),
            "GlobalAveragePool" => plain("global_avg_pool2d"),
            "Relu" => plain("relu"),
            "Sigmoid" => plain("sigmoid"),
            "Tanh" => plain("tanh"),
            "LeakyRelu" => ("leaky_relu", number("slope", node.float("alpha", 0.01))),
            "Elu" => ("elu", number("alpha", node.float("alpha", 1.0))),
            "Gelu" if node.word("approximate", "none") == "none" => plain("gelu"),
            "Gelu" => {
                let what = format!("it is approximated by {}", node.word("approximate", "none"));
                return Err(
                    node.refuse(what, "gelu is there without approximation: export the model with that")
                );
            }
            "LRN" if node.int("size", 0) % 2 == 1 => {
                let mut settings = sizes(&[("size", node.int("size", 1).clamp(0, 1 << 20) as usize)]);
                settings.extend(number("alpha", node.float("alpha", 1e-4)));
                settings.extend(number("beta", node.float("beta", 0.75)));
                settings.extend(number("k", node.float("bias", 1.0)));
                ("local_response_norm", settings)
            }
            "LRN" => {
                return Err(node.refuse("its size is not odd", "take local_response_norm with an odd size"));
            }
            other => {
                let nearest = NEAREST.iter().find(|(name, _)| *name == other);
                let help = nearest.map_or_else(
                    || "see `kind` in examples/networks and the README for the layers that there are".to_owned(),
                    |(_, layer)| format!("the nearest that has one is {layer}: change the model, train it so, and export it again"),
                );
                return Err(node.refuse("there is no layer for this operator", &help));
            }
        };
        let is_layout_free = !["global_avg_pool2d", "local_response_norm"].contains(&kind);
        let input = if is_layout_free { self.map(node, 0)? } else { self.image(node, 0)? };
        self.push(node, (kind, settings), &[&input], Vec::new())
    }

    /// The sizes of a value, as a constant.
    fn shape(&mut self, node: &Node) -> Result<Value> {
        let dims = match self.find(node, 0) {
            Some(Value::Constant(constant)) => constant.dims.clone(),
            _ => self.dims(&self.map(node, 0)?),
        };
        let bound = |at: i64| {
            let at = if at < 0 { at.saturating_add(dims.len() as i64) } else { at };
            at.clamp(0, dims.len() as i64) as usize
        };
        let (start, end) = (bound(node.int("start", 0)), bound(node.int("end", i64::MAX)));
        let row = dims[start..end.max(start)].iter().map(|size| *size as i64).collect();
        Ok(Value::Constant(Rc::new(Constant::row(row))))
    }

    /// Sizes of a map's tensor in the file.
    pub(super) fn dims(&self, map: &Map) -> Vec<usize> {
        let Shape { channels, height, width } = map.shape;
        if map.channels_last {
            return vec![self.batch, height, width, channels];
        }
        [self.batch, channels, height, width][..map.rank].to_vec()
    }

    /// A softmax of channels; a last one is left out, because the loss has its own.
    fn softmax(&mut self, node: &Node) -> Result<Map> {
        let output = self.graph.output.first().map(|output| output.name.as_str());
        if node.output.first().map(String::as_str) != output {
            let input = self.map(node, 0)?;
            // Before version 13 of the operators it was of all axes from this one on.
            let default = if self.opset < 13 { 1 } else { -1 };
            let axis = fold::from_end(node.int("axis", default), input.rank)
                .map_err(|error| error.within(node.label()))?;
            let is_whole = self.opset >= 13 || input.shape.pixels() == 1;
            if node.op_type != "Softmax" || axis != input.channel_axis() || !is_whole {
                let help = "inside a network only the softmax of the channels of each pixel has a layer";
                return Err(node.refuse("it is not the last node, or of another axis", help));
            }
            return self.push(node, ("softmax", Table::new()), &[&input], Vec::new());
        }
        let note = format!("{}: left out, because the loss computes it from the logits", node.label());
        self.assembly.notes.push(note);
        self.map(node, 0)
    }

    /// `Gemm`, and `MatMul` by constant weights.
    fn dense(&mut self, node: &Node) -> Result<Map> {
        let (input, weight) = (self.map(node, 0)?, self.constant(node, 1)?);
        let is_gemm = node.op_type == "Gemm";
        let [rows, columns] = weight.dims[..] else {
            return Err(node.refuse(
                format!("its weights have the sizes {:?}", weight.dims),
                "only products with one matrix of weights have a layer, dense",
            ));
        };
        let (turned, factor) =
            if is_gemm { (node.int("transB", 0) == 1, node.float("alpha", 1.0)) } else { (false, 1.0) };
        // Of a map with the channels last, it is a convolution of single pixels.
        let is_pixelwise = !is_gemm && input.rank == 4 && input.channels_last;
        if !(input.rank == 2 || is_pixelwise) || (is_gemm && node.int("transA", 0) != 0) {
            return Err(node.refuse("its input is not flat", "put a Flatten before it"));
        }
        let (units, kept) = if turned {
            (rows, Rc::clone(&weight))
        } else {
            (columns, Rc::new(fold::transposed(&weight, None)?))
        };
        self.reserve(weight.len())?;
        let weights = kept.floats().into_iter().map(|value| value * factor).collect::<Vec<_>>();
        let inputs = if is_pixelwise { input.shape.channels } else { input.shape.len() };
        if weights.len() != units * inputs {
            let what = format!("its weights are {:?}, and its input has {inputs} values", weight.dims);
            return Err(node.refuse(what, "the file is damaged: export it again"));
        }
        let weights = in_our_order(weights, input.turned.as_slice());
        let bias = if is_gemm { self.optional(node, 2)? } else { None };
        let biases = match &bias {
            Some(bias) => {
                spread(node, bias, units)?.into_iter().map(|v| v * node.float("beta", 1.0)).collect()
            }
            None => vec![0.0; units],
        };
        let kind = if is_pixelwise {
            ("conv2d", sizes(&[("filters", units), ("kernel", 1)]))
        } else {
            ("dense", sizes(&[("units", units)]))
        };
        self.push(node, kind, &[&input], vec![weights, biases])
    }

    /// Whole numbers of an attribute, or of an input of later operator sets.
    pub(super) fn listed(&self, node: &Node, name: &str, at: usize) -> Result<Vec<i64>> {
        match node.ints(name) {
            Some(ints) => Ok(ints.to_vec()),
            None => self.optional(node, at)?.map_or(Ok(Vec::new()), |ints| Ok(ints.ints()?.to_vec())),
        }
    }

    /// A map in one row, or the same one with sizes of 1 put in or taken out.
    fn reshape(&mut self, node: &Node) -> Result<Map> {
        let input = self.map(node, 0)?;
        let dims = self.dims(&input);
        let within = |error: Error| error.within(node.label());
        let to = match node.op_type.as_str() {
            "Flatten" if fold::from_end(node.int("axis", 1), dims.len()).map_err(within)? == 1 => {
                vec![self.batch, input.shape.len()]
            }
            "Reshape" => {
                let asked = self.listed(node, "shape", 1)?;
                fold::target(&dims, &asked, node.int("allowzero", 0) == 1).map_err(within)?
            }
            "Squeeze" => fold::squeezed(&dims, &self.listed(node, "axes", 1)?).map_err(within)?,
            "Unsqueeze" => fold::unsqueezed(&dims, &self.listed(node, "axes", 1)?).map_err(within)?,
            _ => Vec::new(),
        };
        if to == dims {
            return Ok(input);
        }
        let row = [self.batch, input.shape.len()];
        if to == row {
            return self.flattened(node, &input);
        }
        if let Some(map) = self.reshaped_image(&input, &to) {
            return Ok(map);
        }
        let what = format!("it makes {to:?} out of {dims:?}");
        Err(node.refuse(what, "a map may only be flattened to one row for each image, its channels first"))
    }

    fn mean(&mut self, node: &Node) -> Result<Map> {
        let input = self.map(node, 0)?;
        let axes = self.axes(node, input.rank)?;
        if input.rank != 4 || axes != if input.channels_last { [1, 2] } else { [2, 3] } {
            let what = format!("it is a mean over the axes {axes:?}");
            return Err(
                node.refuse(what, "only the mean over rows and columns has a layer, global_avg_pool2d")
            );
        }
        let map = self.push(node, ("global_avg_pool2d", Table::new()), &[&input], Vec::new())?;
        if node.int("keepdims", 1) == 0 {
            return Ok(Map { rank: 2, channels_last: false, ..map });
        }
        Ok(Map { rank: 4, ..map })
    }

    fn resize(&mut self, node: &Node) -> Result<Map> {
        let input = self.image(node, 0)?;
        let nearest = "only enlarging by a whole number, the same for rows and columns, by nearest neighbors or bilinear with half pixels, has a layer, upsample";
        let old = node.op_type == "Upsample" || self.opset < 11;
        let modes = [
            ("asymmetric", "floor"),
            ("half_pixel", "round_prefer_floor"),
            ("half_pixel", "round_prefer_ceil"),
            ("pytorch_half_pixel", "round_prefer_floor"),
            ("tf_half_pixel_for_nn", "floor"),
        ];
        let by = (
            node.word("coordinate_transformation_mode", "half_pixel"),
            node.word("nearest_mode", "round_prefer_floor"),
        );
        // `pytorch_half_pixel` differs where the result has one row or column alone, which enlarging never makes of several.
        let halves = !old && ["half_pixel", "pytorch_half_pixel"].contains(&by.0);
        let blends = node.word("mode", "nearest") == "linear" && halves;
        if !blends && (node.word("mode", "nearest") != "nearest" || !(old || modes.contains(&by))) {
            let what = format!("its mode is {}, {}, {}", node.word("mode", "nearest"), by.0, by.1);
            return Err(node.refuse(what, nearest));
        }
        let scales = match node.floats("scales") {
            Some(scales) => scales.to_vec(),
            None => {
                self.optional(node, if old { 1 } else { 2 })?.map_or(Vec::new(), |scales| scales.floats())
            }
        };
        let dims = self.dims(&input);
        let scales = match (&scales[..], self.optional(node, 3)?) {
            ([], Some(sizes)) if sizes.len() == dims.len() => {
                sizes.floats().iter().zip(&dims).map(|(to, from)| to / *from as f32).collect()
            }
            _ => scales,
        };
        match scales[..] {
            [1.0, 1.0, rows, columns]
                if rows == columns && rows.fract() == 0.0 && (1.0..=64.0).contains(&rows) =>
            {
                let mut settings = sizes(&[("factor", rows as usize)]);
                if blends {
                    settings.insert("mode".to_owned(), "bilinear".into());
                }
                self.push(node, ("upsample", settings), &[&input], Vec::new())
            }
            _ => Err(node.refuse(format!("its scales are {scales:?}"), nearest)),
        }
    }
}
