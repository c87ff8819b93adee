//! Layers of Keras as ours: each becomes one or several, joins one that is there, is left out with a note, or is refused with what would do.

use toml::Table;

use super::config::Layer;
use super::graph::{Call, Graph, Source};
use super::inbound::operand;
use super::map::{Form, Map};
use super::variables::Weights;
use crate::error::{Error, Result};
use crate::nn::imported::{Assembly, IMAGE, Origin, Stage};
use crate::nn::tables::{number, scale, sizes};
use crate::nn::{Model, Shape};

/// Classes that have no layer, and the nearest that would do.
const NEAREST: &[(&str, &str)] = &[
    ("Average", "Add, and half the weights after it"),
    ("Conv1D", "Conv2D on an image of one row"),
    ("Cropping2D", "a Conv2D with padding=\"valid\""),
    ("Maximum", "Add"),
    ("MultiHeadAttention", "a convolution"),
    ("Permute", "no turning of axes"),
    ("Subtract", "Add, with the weights before it negated"),
    ("ThresholdedReLU", "ReLU"),
];
/// Classes that take an image.
const OF_IMAGES: [&str; 10] = [
    "AveragePooling2D",
    "Conv2D",
    "Conv2DTranspose",
    "DepthwiseConv2D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "MaxPooling2D",
    "SeparableConv2D",
    "UpSampling2D",
    "ZeroPadding2D",
];
/// Beginnings of the classes that act in training alone.
const TRAINING_ALONE: [&str; 7] = [
    "ActivityRegularization",
    "AlphaDropout",
    "Gaussian",
    "Random",
    "SpatialDropout2D",
    "AutoContrast",
    "CutMix",
];

/// Most values that layers get without a variable in the file, such as biases of 0: 64 MiB.
const MAX_FILLED: usize = 1 << 24;

/// Program that a model is for: some functions are others in each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Dialect {
    /// Before 2.3, on TensorFlow 1.
    OldKeras2,
    Keras2,
    Keras3,
    TensorFlowJs,
}

/// The network while it is read.
pub(super) struct Reader<'a> {
    pub assembly: Assembly,
    pub weights: &'a mut dyn Weights,
    pub dialect: Dialect,
    /// Values that may still be made beside those of the file.
    room: usize,
}

/// Reads the layers of a graph.
///
/// # Errors
/// When a layer has none of ours, or its weights do not fit it; the layer is named.
pub(super) fn read(
    (graph, output): &(Graph<'_>, Source),
    weights: &mut dyn Weights,
    dialect: Dialect,
    name: &str,
) -> Result<Model> {
    let image = image(&graph.image)?;
    let mut reader = Reader { assembly: Assembly::new(), weights, dialect, room: MAX_FILLED };
    let mut maps: Vec<Map> = Vec::new();
    for (at, call) in graph.calls.iter().enumerate() {
        let of = |source: &Source| match source {
            Source::Image => image.clone(),
            Source::Layer(at) => maps[*at].clone(),
        };
        let inputs: Vec<Map> = call.inputs.iter().map(of).collect();
        let map = reader.layer(call, &inputs, Source::Layer(at) == *output)?;
        maps.push(map);
    }
    let mut last = match output {
        Source::Image => image.clone(),
        Source::Layer(at) => maps.swap_remove(*at),
    };
    if !last.is_in_order() {
        let what = format!("its output is a map of {:?}", last.sizes());
        return Err(Error::new(what, "end the model with a Dense layer or a GlobalAveragePooling2D"));
    }
    if last.shape().pixels() > 1 {
        let origin = Origin { label: "the output", name: None };
        last =
            Map::row(reader.assembly.push(origin, ("flatten", Table::new()), &[&last.stage], Vec::new())?);
    }
    reader.assembly.finish(name, image.shape(), &last.stage)
}

/// The image as a map.
fn image(sizes: &[usize]) -> Result<Map> {
    let (shape, form) = match *sizes {
        [height, width, channels] => (Shape::new(channels, height, width), Form::Image),
        [height, width] => (Shape::new(1, height, width), Form::Plane),
        _ => {
            let what = format!("its input has the shape {sizes:?}, which is no image");
            let help = "begin the model with keras.Input((rows, columns, channels)), and a Flatten where it takes a row";
            return Err(Error::new(what, help));
        }
    };
    Ok(Map { stage: Stage { layer: IMAGE.to_owned(), shape }, form })
}

impl Reader<'_> {
    /// Appends a layer that is said by one of ours.
    pub(super) fn push(
        &mut self,
        layer: &Layer<'_>,
        (kind, settings): (&str, Table),
        input: &Map,
        weights: Vec<Vec<f32>>,
    ) -> Result<Map> {
        let origin = Origin { label: &layer.label(), name: Some(layer.name) };
        let added = self.assembly.push(origin, (kind, settings), &[&input.stage], weights)?;
        Ok(Map { stage: added.output, form: input.form.clone() })
    }

    /// Equal values, of a variable that the file does not have.
    pub(super) fn filled(&mut self, layer: &Layer<'_>, value: f32, count: usize) -> Result<Vec<f32>> {
        self.room = self.room.checked_sub(count).ok_or_else(|| {
            layer.refuse(format!("it has {count} channels without weights"), "take fewer channels")
        })?;
        Ok(vec![value; count])
    }

    /// Notes something about a layer.
    pub(super) fn note(&mut self, layer: &Layer<'_>, text: &str) {
        self.assembly.notes.push(format!("{}: {text}", layer.label()));
    }

    fn layer(&mut self, call: &Call<'_>, inputs: &[Map], is_last: bool) -> Result<Map> {
        let layer = &call.layer;
        if layer.setting("data_format").and_then(|format| format.as_str()) == Some("channels_first") {
            let help = "build the model with data_format=\"channels_last\", and turn its images";
            return Err(layer.refuse("it has the channels first", help));
        }
        if let (true, Some((number, is_first)), [input]) = (layer.is_operator, operand(layer), inputs) {
            return self.by_number(layer, input, number as f32, is_first);
        }
        if let "Add" | "Multiply" | "Concatenate" = layer.class {
            return self.join(layer, inputs);
        }
        let [input] = inputs else {
            return Err(layer.refuse(format!("it takes {} inputs", inputs.len()), "give it one"));
        };
        if layer.is_operator {
            return Err(refused(layer));
        }
        if OF_IMAGES.contains(&layer.class) && input.form != Form::Image {
            let what = format!("its input has the shape {:?}, which is no image", input.sizes());
            return Err(layer.refuse(what, "put a Reshape to rows, columns and channels before it"));
        }
        match layer.class {
            "Conv2D" => self.convolution(call, input, is_last),
            "Conv2DTranspose" => self.transposed(call, input, is_last),
            "DepthwiseConv2D" => self.depthwise(call, input, is_last),
            "SeparableConv2D" => self.separable(call, input, is_last),
            "Dense" => self.dense(call, input, is_last),
            "MaxPooling2D" => self.pool(layer, "max_pool2d", input),
            "AveragePooling2D" => self.pool(layer, "avg_pool2d", input),
            "GlobalAveragePooling2D" | "GlobalMaxPooling2D" => self.global_pool(layer, input),
            "ZeroPadding2D" => self.zero_padding(layer, input),
            "UpSampling2D" => self.upsampling(layer, input),
            "Flatten" => self.flatten(layer, input),
            "Reshape" => self.reshape(layer, input),
            "BatchNormalization" => self.batch_norm(call, input),
            "GroupNormalization" => self.group_norm(call, input),
            "LayerNormalization" => self.layer_norm(call, input),
            "Rescaling" => self.rescaling(layer, input),
            "Normalization" => self.normalization(call, input),
            "PReLU" => self.prelu(call, input),
            "Dropout" => self.dropout(layer, input),
            "Activation" | "ReLU" | "LeakyReLU" | "ELU" | "Softmax" => {
                self.activation_layer(layer, input, is_last)
            }
            class if TRAINING_ALONE.iter().any(|beginning| class.starts_with(beginning)) => {
                self.note(layer, "left out, because it acts in training alone, and has no layer here");
                Ok(input.clone())
            }
            "Identity" => Ok(input.clone()),
            _ => Err(refused(layer)),
        }
    }

    /// An operator of a map and a number.
    fn by_number(&mut self, layer: &Layer<'_>, input: &Map, number: f32, is_first: bool) -> Result<Map> {
        let settings = match (layer.class, is_first) {
            ("Add", _) => scale(1.0, number),
            ("Subtract", false) => scale(1.0, -number),
            ("Subtract", true) => scale(-1.0, number),
            ("Multiply", _) => scale(number, 0.0),
            ("Divide" | "TrueDivide", false) => scale(1.0 / number, 0.0),
            _ => return Err(refused(layer)),
        };
        self.push(layer, ("scale", settings), input, Vec::new())
    }

    fn dropout(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let rate = layer.number("rate", 0.5)?;
        if rate == 0.0 {
            return Ok(input.clone());
        }
        self.push(layer, ("dropout", number("rate", rate)), input, Vec::new())
    }

    fn upsampling(&mut self, layer: &Layer<'_>, input: &Map) -> Result<Map> {
        let factor = layer.pair("size", [2; 2])?;
        let by = layer.word("interpolation", "nearest")?;
        // That of TensorFlow.js, and of TensorFlow 1, begins at the corners of pixels, not at their centers.
        let from_corners = matches!(self.dialect, Dialect::TensorFlowJs | Dialect::OldKeras2);
        let blends = by == "bilinear" && !from_corners;
        if !(by == "nearest" || blends) || factor[0] != factor[1] || factor[0] > 64 {
            let what = format!("it enlarges by {factor:?}, {by}");
            let help = "only the same whole number up to 64 for rows and columns, by nearest neighbors or bilinear as Keras has it, has a layer, upsample";
            return Err(layer.refuse(what, help));
        }
        let mut settings = sizes(&[("factor", factor[0])]);
        if blends {
            settings.insert("mode".to_owned(), "bilinear".into());
        }
        self.push(layer, ("upsample", settings), input, Vec::new())
    }
}

/// An error for a class that has no layer.
fn refused(layer: &Layer<'_>) -> Error {
    if matches!(layer.class, "Lambda" | "TFOpLambda" | "SlicingOpLambda") {
        let help = "its code is never run: say it by layers of Keras, and save the model again";
        return layer.refuse("it is code, not a layer", help);
    }
    let nearest = NEAREST.iter().find(|(class, _)| *class == layer.class);
    let help = nearest.map_or_else(
        || {
            "see the README for the layers that there are: change the model, train it so, and save it again"
                .to_owned()
        },
        |(_, nearest)| {
            format!("the nearest that has one is {nearest}: change the model, train it so, and save it again")
        },
    );
    layer.refuse("there is no layer for this class", &help)
}
