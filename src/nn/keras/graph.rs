//! The graph of a configuration: Sequential and Functional models, one in the other, as one list of layers, each after its inputs.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::config::{DAMAGED, Layer};
use super::inbound::{Reference, ends, inputs_of};
use crate::error::{Error, Result};
use crate::nn::imported::{Input, inputs_first};

/// Help for what is not a plain network.
const PLAIN: &str = "take a Sequential or Functional model from one image to one row of outputs";
/// Classes of models whose configuration lists their layers.
const MODELS: [&str; 3] = ["Functional", "Model", "Sequential"];

/// An input of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    Image,
    /// The output of a layer, by its place in the list.
    Layer(usize),
}

/// A layer with its inputs.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub layer: Layer<'a>,
    /// Path of the layer's group in a file of weights of Keras 3.
    pub group: String,
    pub inputs: Vec<Source>,
}

/// The layers that the output needs.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    /// Sizes of an image, without the batch.
    pub image: Vec<usize>,
    pub calls: Vec<Call<'a>>,
}

impl<'a> Graph<'a> {
    /// Reads a model, as `model.to_json` writes it, and its output.
    ///
    /// # Errors
    /// When it is no model of one image and one output, or its parts do not agree.
    pub(super) fn read(model: &'a Value) -> Result<(Self, Source)> {
        let mut graph = Self { image: image(model)?, calls: Vec::new() };
        let output = graph.expand(model, "", Source::Image)?;
        Ok((graph, output))
    }

    /// Adds the layers of a model, whose weights lie below `group`; returns its output.
    fn expand(&mut self, model: &'a Value, group: &str, input: Source) -> Result<Source> {
        let (class, layers) = parts(model)?;
        let layers = grouped(layers, group)?;
        if class == "Sequential" {
            let mut last = input;
            for (layer, group) in layers.into_iter().filter(|(layer, _)| layer.class != "InputLayer") {
                last = self.call(layer, group, vec![last])?;
            }
            return Ok(last);
        }
        let members = Members::read(&model["config"], layers)?;
        let mut sources: HashMap<usize, Source> = HashMap::new();
        let mut used = HashSet::new();
        for number in members.order()? {
            let (member, taken) = members.call(number);
            let source = if member.layer.name == members.given {
                input
            } else {
                let inputs = taken.iter().map(|of| members.find(of).map(|number| sources[&number]));
                let inputs = inputs.collect::<Result<Vec<Source>>>()?;
                if !used.insert(member.first) && may_have_weights(&member.layer) {
                    let help = "give each place a layer of its own";
                    return Err(member
                        .layer
                        .refuse("it is called several times with the same weights", help));
                }
                self.call(member.layer, member.group.clone(), inputs)?
            };
            sources.insert(number, source);
        }
        Ok(sources[&members.output])
    }

    /// Adds a layer, or those of a model that stands for one.
    fn call(&mut self, layer: Layer<'a>, group: String, inputs: Vec<Source>) -> Result<Source> {
        if layer.class == "InputLayer" {
            return Err(layer.refuse("it is a second input", PLAIN));
        }
        if MODELS.contains(&layer.class) {
            let [input] = inputs[..] else {
                return Err(layer.refuse(format!("it takes {} inputs", inputs.len()), PLAIN));
            };
            return self
                .expand(layer.value, &format!("{group}/"), input)
                .map_err(|e| e.within(layer.label()));
        }
        self.calls.push(Call { layer, group, inputs });
        Ok(Source::Layer(self.calls.len() - 1))
    }
}

/// True of layers whose calls share something that is trained.
fn may_have_weights(layer: &Layer<'_>) -> bool {
    const WITHOUT: [&str; 22] = [
        "Activation",
        "Add",
        "AveragePooling2D",
        "Concatenate",
        "Dropout",
        "ELU",
        "Flatten",
        "GaussianDropout",
        "GaussianNoise",
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "Identity",
        "LeakyReLU",
        "MaxPooling2D",
        "Multiply",
        "ReLU",
        "Rescaling",
        "Reshape",
        "Softmax",
        "SpatialDropout2D",
        "UpSampling2D",
        "ZeroPadding2D",
    ];
    !WITHOUT.contains(&layer.class)
}

/// A layer in a Functional model.
struct Member<'a> {
    layer: Layer<'a>,
    group: String,
    /// Number of its first call among all calls of the model.
    first: usize,
    calls: Vec<Vec<Reference<'a>>>,
}

/// The layers of a Functional model.
struct Members<'a> {
    members: Vec<Member<'a>>,
    by_name: HashMap<&'a str, usize>,
    /// Layer and call by the number of the call.
    owners: Vec<(usize, usize)>,
    /// Name of the layer of its input.
    given: &'a str,
    /// Number of the call that makes its output.
    output: usize,
}

impl<'a> Members<'a> {
    fn read(config: &'a Value, layers: Vec<(Layer<'a>, String)>) -> Result<Self> {
        let (inputs, outputs) = (ends(&config["input_layers"])?, ends(&config["output_layers"])?);
        let ([given], [output]) = (&inputs[..], &outputs[..]) else {
            let what = format!("it has {} inputs and {} outputs", inputs.len(), outputs.len());
            return Err(Error::new(what, PLAIN));
        };
        let mut all = Self {
            members: Vec::new(),
            by_name: HashMap::new(),
            owners: Vec::new(),
            given: given.layer,
            output: 0,
        };
        for (at, (layer, group)) in layers.into_iter().enumerate() {
            let (calls, first) = (inputs_of(&layer)?, all.owners.len());
            // An input has no entry for its one call.
            all.owners.extend((0..calls.len().max(1)).map(|call| (at, call)));
            if all.by_name.insert(layer.name, at).is_some() {
                return Err(layer.refuse("there are two of this name", DAMAGED));
            }
            all.members.push(Member { layer, group, first, calls });
        }
        all.output = all.find(output)?;
        Ok(all)
    }

    /// Number of the call that makes an output.
    fn find(&self, of: &Reference<'_>) -> Result<usize> {
        let member = self.by_name.get(of.layer).map(|at| &self.members[*at]);
        let found = member.filter(|member| of.call < member.calls.len().max(1));
        found.map(|member| member.first + of.call).ok_or_else(|| {
            let what = format!("output {} of the layer {:?} is taken, which is not there", of.call, of.layer);
            Error::new(what, DAMAGED)
        })
    }

    /// The layer of a call, and its inputs.
    fn call(&self, number: usize) -> (&Member<'a>, &[Reference<'a>]) {
        let (member, call) = self.owners[number];
        let member = &self.members[member];
        (member, member.calls.get(call).map_or(&[], Vec::as_slice))
    }

    /// Numbers of the calls that the output needs, each after its inputs.
    fn order(&self) -> Result<Vec<usize>> {
        let next = |number: usize, at: usize| match self.call(number) {
            (member, _) if member.layer.name == self.given => Ok(Input::End),
            (_, inputs) => inputs.get(at).map_or(Ok(Input::End), |of| self.find(of).map(Input::Of)),
        };
        let cycle = |number: usize, at: usize| {
            let (member, inputs) = self.call(number);
            let what = format!("it takes {:?}, which is made from its own output: a cycle", inputs[at].layer);
            member.layer.refuse(what, "only networks without loops can be imported")
        };
        inputs_first(self.owners.len(), self.output, next, cycle)
    }
}

/// Class and layers of a model.
fn parts(model: &Value) -> Result<(&str, &[Value])> {
    let class = model["class_name"].as_str().ok_or_else(|| Error::new("it has no class_name", DAMAGED))?;
    let config = &model["config"];
    // Before Keras 2.2.3 the configuration of a Sequential was the list itself.
    match config["layers"].as_array().or(config.as_array()) {
        Some(layers) if MODELS.contains(&class) => Ok((class, layers)),
        _ => {
            let what = format!("it is a model of the class {class:?}, whose layers are not in the file");
            Err(Error::new(what, PLAIN))
        }
    }
}

/// The layers with the paths of their groups of weights: counted for each class, whatever a layer is called.
fn grouped<'a>(layers: &'a [Value], above: &str) -> Result<Vec<(Layer<'a>, String)>> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    for value in layers {
        let layer = Layer::of(value)?;
        let count = counts.entry(layer.class).or_default();
        let number = if *count == 0 { String::new() } else { format!("_{count}") };
        *count += usize::from(!layer.is_operator);
        found.push((layer, format!("{above}layers/{}{number}", snake_case(layer.class))));
    }
    Ok(found)
}

/// `BatchNormalization` as `batch_normalization`, `PReLU` as `p_re_lu`.
fn snake_case(class: &str) -> String {
    let characters: Vec<char> = class.chars().collect();
    let is_lower =
        |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_lowercase);
    let mut snake = String::new();
    for (at, c) in characters.iter().enumerate() {
        let begins = c.is_ascii_uppercase() && (is_lower(at.checked_sub(1)) || is_lower(Some(at + 1)));
        if begins && at > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Sizes of an image of a model, without the batch.
fn image(model: &Value) -> Result<Vec<usize>> {
    let (class, layers) = parts(model)?;
    let config = &model["config"];
    let given = if class == "Sequential" {
        layers.first()
    } else {
        let inputs = ends(&config["input_layers"])?;
        layers.iter().find(|layer| inputs.first().is_some_and(|of| layer["config"]["name"] == of.layer))
    };
    let first = given.map_or(&Value::Null, |layer| layer);
    let places = [
        &first["config"]["batch_shape"],
        &first["config"]["batch_input_shape"],
        &config["build_input_shape"],
        &model["build_config"]["input_shape"],
    ];
    let Some(shape) = places.into_iter().find_map(Value::as_array) else {
        if first["class_name"].as_str().is_some_and(|class| MODELS.contains(&class)) {
            return image(first);
        }
        return Err(Error::new("it does not say the size of its images", "begin the model with keras.Input"));
    };
    let size =
        |size: &Value| size.as_u64().filter(|size| (1..=1 << 16).contains(size)).map(|size| size as usize);
    let sizes = shape.iter().skip(1).map(size).collect::<Option<Vec<usize>>>();
    sizes.ok_or_else(|| {
        let sizes: Vec<String> = shape.iter().take(8).map(Value::to_string).collect();
        let what = format!("its images of [{}] have open sizes, or too large ones", sizes.join(", "));
        Error::new(
            what,
            "begin the model with keras.Input((rows, columns, channels)); only the batch may be open",
        )
    })
}
