//! Networks out of the JSON that ConvNetJS 0.3 writes (`net.toJSON()`), so of ReVACNN's own kind.
//!
//! | behavior of the files | source | what is done |
//! | --- | --- | --- |
//! | a volume's `w` is an object with the keys "0", "1", ..., or a list where a browser lacks typed arrays | `Vol.toJSON` | both are read |
//! | value `(x, y, depth)` lies at `(sx·y + x)·depths + depth` | `Vol` | kernels are turned to `[filter, channel, y, x]` |
//! | `fc` counts its inputs y, x, depth | `FullyConnLayer` | its weights are turned to our order, channel, y, x |
//! | a pool leaves out what lies outside the map, and has `⌊(in + 2·pad − size) / stride⌋ + 1` outputs | `PoolLayer` | as `max_pool2d` |
//! | `lrn` of an even `n` sums over n + 1 channels, and divides by n all the same | `LocalResponseNormalizationLayer` | a `size` of n + 1, `alpha` to match |
//! | a trained dropout does not scale, a prediction multiplies by `drop_prob`, which is right at 0.5 alone | `DropoutLayer` | predictions are kept: the factor goes into the next weights, and a note says so |
//! | the loss of `regression` is 2·d² beside a gradient of d | `RegressionLayer` | `l2_regression`, and a note says so |

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use toml::{Table, Value as Setting};

use super::network::NetworkLayer;
use super::tables::sizes;
use super::{Model, Network, Shape};
use crate::error::{Error, Result};

/// Largest side or depth of an image or volume.
const MAX_SIDE: usize = 1 << 16;

#[derive(Deserialize)]
struct NetFile {
    layers: Vec<LayerFile>,
}

/// A layer of any kind, with those of its fields that are needed.
#[derive(Deserialize)]
struct LayerFile {
    layer_type: String,
    out_sx: Option<usize>,
    out_sy: Option<usize>,
    out_depth: Option<usize>,
    sx: Option<usize>,
    sy: Option<usize>,
    stride: Option<usize>,
    #[serde(default)]
    pad: usize,
    #[serde(default)]
    filters: Vec<Volume>,
    biases: Option<Volume>,
    group_size: Option<usize>,
    drop_prob: Option<f64>,
    k: Option<f64>,
    n: Option<usize>,
    alpha: Option<f64>,
    beta: Option<f64>,
}

#[derive(Deserialize)]
struct Volume {
    sx: usize,
    sy: usize,
    depth: usize,
    w: Weights,
}

/// Numbers by their places.
struct Weights(Vec<f32>);

impl<'de> Deserialize<'de> for Weights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Places;
        impl<'de> Visitor<'de> for Places {
            type Value = Weights;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("numbers, as a list or by their places")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Weights, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element::<f64>()? {
                    values.push(value as f32);
                }
                Ok(Weights(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Weights, A::Error> {
                let mut entries = Vec::new();
                while let Some((place, value)) = map.next_entry::<usize, f64>()? {
                    entries.push((place, value as f32));
                }
                entries.sort_by_key(|(place, _)| *place);
                let is_whole = entries.iter().enumerate().all(|(at, (place, _))| at == *place);
                let values = entries.into_iter().map(|(_, value)| value).collect();
                if is_whole {
                    Ok(Weights(values))
                } else {
                    Err(A::Error::custom("a number of `w` is missing"))
                }
            }
        }
        deserializer.deserialize_any(Places)
    }
}

/// The network so far.
#[derive(Default)]
struct Reader {
    layers: Vec<Table>,
    /// Filters and biases of each layer, and the factor of the filters.
    volumes: Vec<(Vec<Volume>, Vec<f32>, f32)>,
    loss: Option<&'static str>,
    notes: Vec<String>,
    /// Factor of the values that the next layer with weights has to take upon itself.
    factor: f32,
}

fn damaged(what: impl Into<String>) -> Error {
    Error::new(what, "save it again by JSON.stringify(net.toJSON())")
}

/// A field that the layer must have.
fn need<T: Copy>(field: Option<T>, name: &str) -> Result<T> {
    field.ok_or_else(|| damaged(format!("it has no {name}")))
}

/// Reads the JSON of a network.
///
/// # Errors
/// When it is no such JSON, or has a layer for which there is none here; the layer is named.
pub(in crate::nn) fn read(text: &str, name: &str) -> Result<Model> {
    let file: NetFile = serde_json::from_str(text)
        .map_err(|error| damaged(format!("it is no network of ConvNetJS, or damaged: {error}")))?;
    let [input, rest @ ..] = &mut file.layers.into_iter().collect::<Vec<_>>()[..] else {
        return Err(damaged("it has no layers"));
    };
    let within = |at: usize, layer: &str| format!("layer {at} ({layer})");
    let image = image_of(input).map_err(|error| error.within(within(0, &input.layer_type)))?;
    let mut reader = Reader { factor: 1.0, ..Reader::default() };
    let mut outputs = 0;
    for (at, layer) in rest.iter_mut().enumerate() {
        outputs = layer.out_depth.unwrap_or(0);
        reader.push(layer).map_err(|error| error.within(within(at + 1, &layer.layer_type)))?;
    }
    if reader.factor != 1.0 {
        return Err(damaged("no layer with weights follows its last dropout"));
    }
    reader.finish(name, image, outputs)
}

fn image_of(input: &LayerFile) -> Result<Shape> {
    if input.layer_type != "input" {
        return Err(damaged("a network begins with an input layer"));
    }
    let [channels, height, width] =
        [need(input.out_depth, "out_depth")?, need(input.out_sy, "out_sy")?, need(input.out_sx, "out_sx")?];
    if [channels, height, width].iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
        return Err(damaged(format!("its images are {width}×{height}×{channels}")));
    }
    Ok(Shape::new(channels, height, width))
}

impl Reader {
    fn push(&mut self, layer: &mut LayerFile) -> Result<()> {
        if self.loss.is_some() {
            return Err(damaged("it stands behind the loss"));
        }
        let homogeneous = ["conv", "fc", "pool", "relu", "maxout", "dropout"];
        if self.factor != 1.0 && !homogeneous.contains(&layer.layer_type.as_str()) {
            let help = "put the dropout right before a conv or fc layer";
            return Err(Error::new("a dropout before it scales what it takes", help));
        }
        let (kind, settings) = match layer.layer_type.as_str() {
            "conv" => ("conv2d", convolution(layer)?),
            "fc" => ("dense", sizes(&[("units", layer.filters.len())])),
            "pool" => ("max_pool2d", pool(layer)?),
            kind @ ("relu" | "sigmoid" | "tanh") => (kind, Table::new()),
            "maxout" => ("maxout", sizes(&[("group", need(layer.group_size, "group_size")?)])),
            "lrn" => ("local_response_norm", response_norm(layer)?),
            "dropout" => ("dropout", self.dropout(need(layer.drop_prob, "drop_prob")?)?),
            kind @ ("softmax" | "svm" | "regression") => {
                self.loss = Some(match kind {
                    "softmax" => "softmax_cross_entropy",
                    "svm" => "svm_hinge",
                    _ => "l2_regression",
                });
                if kind == "regression" {
                    self.notes.push(
                        "its loss was half a sum of squares by its gradient; here it is the mean of squares"
                            .to_owned(),
                    );
                }
                return Ok(());
            }
            _ => {
                let help = "layers that can be read: conv, fc, pool, relu, sigmoid, tanh, maxout, lrn, dropout, softmax, svm, regression";
                return Err(Error::new("there is no such layer here", help));
            }
        };
        let has_weights = matches!(kind, "conv2d" | "dense");
        let filters = std::mem::take(&mut layer.filters);
        let factor = if has_weights { std::mem::replace(&mut self.factor, 1.0) } else { 1.0 };
        let biases = match layer.biases.take() {
            Some(Volume { w: Weights(biases), .. }) if has_weights => biases,
            None if has_weights => return Err(damaged("it has no biases")),
            _ => Vec::new(),
        };
        let mut table = Table::from_iter([("kind".to_owned(), Setting::String(kind.to_owned()))]);
        table.extend(settings);
        self.layers.push(table);
        self.volumes.push((filters, biases, factor));
        Ok(())
    }

    fn dropout(&mut self, rate: f64) -> Result<Table> {
        if !(rate > 0.0 && rate < 1.0) {
            let help = "ConvNetJS multiplies its predictions by it: take one above 0 and below 1, or leave the layer out";
            return Err(Error::new(format!("its drop_prob is {rate}"), help));
        }
        self.factor *= rate as f32;
        if rate != 0.5 {
            self.notes.push(format!(
                "ConvNetJS multiplies by its drop_prob of {rate} where it predicts: predictions are kept, but it trained with values {:.2} times as large as those here",
                (1.0 - rate) / rate
            ));
        }
        Ok(Table::from_iter([("rate".to_owned(), Setting::Float(rate))]))
    }

    fn finish(mut self, name: &str, image: Shape, outputs: usize) -> Result<Model> {
        let Some(loss) = self.loss else {
            return Err(damaged("it has no loss: its last layer is no softmax, svm or regression"));
        };
        let layers = self.layers.drain(..).map(Setting::Table).collect();
        let loss = Table::from_iter([("kind".to_owned(), Setting::String(loss.to_owned()))]);
        let table = Table::from_iter([
            ("name".to_owned(), Setting::String(name.to_owned())),
            ("loss".to_owned(), Setting::Table(loss)),
            ("layer".to_owned(), Setting::Array(layers)),
        ]);
        let text = toml::to_string(&table).expect("a network is plain tables");
        let network = Network::parse(&text, image, outputs)?;
        let mut weights = Vec::new();
        for (layer, (filters, biases, factor)) in network.layers.iter().zip(self.volumes) {
            weights.push(weights_of(layer, &filters, biases, factor).map_err(|e| e.within(&layer.name))?);
        }
        Ok(Model { network, weights, notes: self.notes })
    }
}

fn convolution(layer: &LayerFile) -> Result<Table> {
    let (width, height) = (need(layer.sx, "sx")?, need(layer.sy, "sy")?);
    if width != height {
        let what = format!("its kernels have {width}×{height} values");
        return Err(Error::new(what, "only square kernels can be read"));
    }
    let stride = need(layer.stride, "stride")?;
    let filters = layer.filters.len();
    Ok(sizes(&[("filters", filters), ("kernel", width), ("stride", stride), ("padding", layer.pad)]))
}

fn pool(layer: &LayerFile) -> Result<Table> {
    let (width, height) = (need(layer.sx, "sx")?, need(layer.sy, "sy")?);
    let mut settings = sizes(&[("stride", need(layer.stride, "stride")?), ("padding", layer.pad)]);
    let size = [height, width].map(|side| Setting::Integer(side as i64));
    settings.insert("size".to_owned(), Setting::Array(size.to_vec()));
    Ok(settings)
}

fn response_norm(layer: &LayerFile) -> Result<Table> {
    let n = need(layer.n, "n")?;
    // Of an even n, one more channel is summed up.
    let size = n / 2 * 2 + 1;
    let alpha = need(layer.alpha, "alpha")? * size as f64 / n.max(1) as f64;
    let mut settings = sizes(&[("size", size)]);
    for (name, value) in [("alpha", alpha), ("beta", need(layer.beta, "beta")?), ("k", need(layer.k, "k")?)] {
        settings.insert(name.to_owned(), Setting::Float(value));
    }
    Ok(settings)
}

/// The layer's parameters in our order.
fn weights_of(
    layer: &NetworkLayer,
    filters: &[Volume],
    biases: Vec<f32>,
    factor: f32,
) -> Result<Vec<Vec<f32>>> {
    let parameters = layer.parameters();
    let ([weight, bias], true) = (&parameters[..], matches!(layer.layer.kind(), "conv2d" | "dense")) else {
        return Ok(Vec::new());
    };
    // A dense layer's filters have the size 1×1×inputs, in the order of a volume of the map.
    let [channels, height, width] = match weight.shape[..] {
        [_, channels, height, width] if layer.layer.kind() == "conv2d" => [channels, height, width],
        _ => [layer.input_shapes[0].channels, layer.input_shapes[0].height, layer.input_shapes[0].width],
    };
    let mut values = Vec::new();
    for (at, Volume { sx, sy, depth, w: Weights(w) }) in filters.iter().enumerate() {
        let fits = (*sx, *sy, *depth) == (width, height, channels) || layer.layer.kind() == "dense";
        if !fits || w.len() != channels * height * width {
            let what = format!(
                "filter {at} has {} values, {sx}×{sy}×{depth}, where {width}×{height}×{channels} belong",
                w.len()
            );
            return Err(damaged(what));
        }
        let places = (0..channels).flat_map(|c| (0..height * width).map(move |pixel| pixel * channels + c));
        values.extend(places.map(|place| factor * w[place]));
    }
    if values.len() != weight.len() || biases.len() != bias.len() {
        return Err(damaged(format!("it has {} filters and {} biases", filters.len(), biases.len())));
    }
    Ok(vec![values, biases])
}

#[cfg(test)]
mod tests;
