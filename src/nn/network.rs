//! A network as a list of layers with their shapes, read from TOML (one table a layer). A layer takes the output of the one
//! before it, or of those it names: a graph without cycles, written in an order in which every input comes first.
//!
//! ```toml
//! name = "small"
//! loss = { kind = "softmax_cross_entropy", label_smoothing = 0.1 }  # optional, see the losses
//! [[layer]]
//! kind = "conv2d"     # see the layers for their settings
//! name = "edges"      # optional
//! filters = 16
//! kernel = 5
//! [[layer]]
//! kind = "dense"      # without units: one per class
//! inputs = ["edges"]  # optional: names of layers before it, or "input", the image
//! ```

use std::path::Path;

use toml::{Table, Value};

use super::layers::{KINDS, MOST_INPUTS};
use super::{Layer, Loss, ParameterSpec, Role, Shape};
use crate::error::{Error, Result};

/// The networks that come with the program: name and text.
const PRESETS: &[(&str, &str)] = &[
    ("revacnn", include_str!("../../examples/networks/revacnn.toml")),
    ("revacnn-keras", include_str!("../../examples/networks/revacnn-keras.toml")),
    ("lenet", include_str!("../../examples/networks/lenet.toml")),
    ("mnist-convnetjs", include_str!("../../examples/networks/mnist-convnetjs.toml")),
    ("tiny-vgg", include_str!("../../examples/networks/tiny-vgg.toml")),
    ("vgg-small", include_str!("../../examples/networks/vgg-small.toml")),
    ("resnet-8", include_str!("../../examples/networks/resnet-8.toml")),
    ("resnet-20", include_str!("../../examples/networks/resnet-20.toml")),
    ("autoencoder", include_str!("../../examples/networks/autoencoder.toml")),
];

/// The names of the networks that come with the program.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}

/// What the image is called among the inputs of a layer.
pub const IMAGE: &str = "input";

/// A larger file is no network.
const MAX_BYTES: u64 = 1 << 20;
/// Values of one image's map, or weights of a layer: 4 TiB of them are more than any adapter binds, and below
/// this no product of sizes overflows.
const MAX_VALUES: u128 = 1 << 40;

/// A layer in its place.
pub struct NetworkLayer {
    /// Its name, unique in the network.
    pub name: String,
    /// What it does.
    pub layer: Box<dyn Layer>,
    /// What it takes: 0 is the image, i + 1 the output of layer i.
    pub inputs: Vec<usize>,
    /// Shapes of its inputs.
    pub input_shapes: Vec<Shape>,
    /// Shape of its output.
    pub output: Shape,
    /// Whether its parameters stay as they are; not part of the network's file.
    pub frozen: bool,
}

impl NetworkLayer {
    /// Its parameter tensors.
    pub fn parameters(&self) -> Vec<ParameterSpec> {
        self.layer.parameters(&self.input_shapes)
    }

    /// Whether it has parameters that are trained.
    pub fn trains(&self) -> bool {
        !self.frozen && self.parameters().iter().any(|tensor| tensor.role != Role::Statistic)
    }

    /// Number of its parameters, running statistics included.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(ParameterSpec::len).sum()
    }
}

/// A network for images of one shape and a number of classes.
pub struct Network {
    /// Its name.
    pub name: String,
    /// Shape of an image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// What it is trained to make small.
    pub loss: Loss,
    /// Layers, every input before what takes it; the last makes `classes × 1 × 1` logits, or what else the loss wants.
    pub layers: Vec<NetworkLayer>,
}

impl Network {
    /// The preset or the TOML file that `source` names, for images of shape `input`.
    ///
    /// # Errors
    /// When there is no such preset or file, or it does not describe a network that fits.
    pub fn open(source: &str, input: Shape, classes: usize) -> Result<Self> {
        if let Some((name, text)) = PRESETS.iter().find(|(name, _)| *name == source) {
            return Self::parse(text, input, classes).map_err(|e| e.within(format!("network {name}")));
        }
        let path = Path::new(source);
        if !source.contains(['/', '\\', '.']) && !path.exists() {
            return Err(Error::new(
                format!("no network is called {source:?}"),
                format!("take one of {}, or name a TOML file", preset_names().join(", ")),
            ));
        }
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            let what = format!("{} is not a network file", path.display());
            return Err(Error::new(what, "name a TOML file of at most 1 MiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
        Self::parse(&text, input, classes).map_err(|e| e.within(path.display()))
    }

    /// Reads a network from TOML.
    ///
    /// # Errors
    /// When the text is not TOML, has an unknown key, a bad size, or shapes that do not fit; the layer is named.
    pub fn parse(text: &str, input: Shape, classes: usize) -> Result<Self> {
        let see = "see the networks in examples/networks for the form";
        let table: Table = text.parse().map_err(|e: toml::de::Error| Error::new(e.to_string(), see))?;
        if let Some(key) = table.keys().find(|key| !["name", "loss", "layer"].contains(&key.as_str())) {
            return Err(Error::new(
                format!("unknown key {key:?}"),
                "a network has `name`, `loss` and `[[layer]]` tables",
            ));
        }
        let name = match table.get("name") {
            None => "unnamed",
            Some(Value::String(name)) => name,
            Some(_) => return Err(Error::new("`name` is not a string", see)),
        };
        let loss = match table.get("loss") {
            None => Loss::default(),
            Some(Value::Table(loss)) => Loss::parse(loss.clone()).map_err(|e| e.within("loss"))?,
            Some(_) => return Err(Error::new("`loss` is not a table", see)),
        };
        let entries = match table.get("layer") {
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            _ => return Err(Error::new("it has no `[[layer]]` tables", see)),
        };
        let mut network = Self { name: name.to_owned(), input, classes, loss, layers: Vec::new() };
        for (index, entry) in entries.iter().enumerate() {
            let Value::Table(entry) = entry else {
                return Err(Error::new("`layer` is not a list of tables", see));
            };
            network.push(entry.clone(), index, entries)?;
        }
        network.check_all_used()?;
        network.check_output()?;
        Ok(network)
    }

    /// Appends the layer that a table describes.
    fn push(&mut self, mut table: Table, index: usize, all: &[Value]) -> Result<()> {
        let numbered = |error: Error| error.within(format!("layer {}", index + 1));
        let kinds = || KINDS.iter().map(|k| k.kind).collect::<Vec<_>>().join(", ");
        let kind = match table.remove("kind") {
            Some(Value::String(kind)) => kind,
            _ => return Err(numbered(Error::new("it has no `kind`", format!("give it one of {}", kinds())))),
        };
        let found = KINDS.iter().find(|k| k.kind == kind).ok_or_else(|| {
            numbered(Error::new(format!("unknown kind {kind:?}"), format!("take one of {}", kinds())))
        })?;
        let given = match table.remove("name") {
            None => None,
            Some(Value::String(name)) if !name.is_empty() => Some(name),
            Some(_) => return Err(numbered(Error::new("its `name` is not a text", "name it in quotes"))),
        };
        let wanted = table.remove("inputs");
        let layer = (found.parse)(table, self.classes).map_err(|e| e.within(&kind)).map_err(numbered)?;
        let name = given.unwrap_or_else(|| {
            let before = self.layers.iter().filter(|l| l.layer.kind() == layer.kind()).count();
            format!("{}{}", layer.short_name(), before + 1)
        });
        if name == IMAGE || self.layers.iter().any(|l| l.name == name) {
            return Err(numbered(Error::new(
                format!("a second layer is called {name:?}"),
                "give each its own name",
            )));
        }
        let within = |error: Error| error.within(format!("layer {name}"));
        let inputs = self.find_inputs(wanted, &*layer, &name, all).map_err(within)?;
        let input_shapes: Vec<Shape> = inputs.iter().map(|place| self.shape_of(*place)).collect();
        let output = layer.output(&input_shapes).map_err(within)?;
        check_size("its map", &[output.channels, output.height, output.width]).map_err(within)?;
        for tensor in layer.parameters(&input_shapes) {
            check_size(&format!("its {}", tensor.name), &tensor.shape).map_err(within)?;
        }
        self.layers.push(NetworkLayer { name, layer, inputs, input_shapes, output, frozen: false });
        Ok(())
    }

    /// The places that a layer's `inputs` name; without them the layer before it.
    fn find_inputs(
        &self,
        wanted: Option<Value>,
        layer: &dyn Layer,
        name: &str,
        all: &[Value],
    ) -> Result<Vec<usize>> {
        let places = match wanted {
            None => vec![self.layers.len()],
            Some(Value::Array(names)) => {
                names.iter().map(|input| self.find_input(input, name, all)).collect::<Result<_>>()?
            }
            Some(_) => {
                return Err(Error::new("its `inputs` are not a list", "write inputs = [\"a\", \"b\"]"));
            }
        };
        if layer.inputs().contains(&places.len()) {
            return Ok(places);
        }
        let (least, most) = (layer.inputs().start().to_owned(), layer.inputs().end().to_owned());
        let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let what = format!("{} takes {count} inputs, not {}", layer.kind(), places.len());
        Err(Error::new(what, "name them: inputs = [\"a\", \"b\"]"))
    }

    fn find_input(&self, input: &Value, name: &str, all: &[Value]) -> Result<usize> {
        let Value::String(input) = input else {
            return Err(Error::new("its `inputs` are not all texts", "write inputs = [\"a\", \"b\"]"));
        };
        if input == IMAGE {
            return Ok(0);
        }
        if let Some(index) = self.layers.iter().position(|l| l.name == *input) {
            return Ok(index + 1);
        }
        let later = all.iter().filter_map(|l| l.get("name")?.as_str()).any(|n| n == input);
        if input == name || later {
            return Err(Error::new(
                format!("its input {input:?} does not come before it"),
                "write layers in an order in which every input comes first; a cycle cannot be",
            ));
        }
        let known: Vec<_> =
            std::iter::once(IMAGE).chain(self.layers.iter().map(|l| l.name.as_str())).collect();
        let what = format!("no layer before it is called {input:?}");
        Err(Error::new(what, format!("there are {}", known.join(", "))))
    }

    /// Shape of the image (0) or of the output of layer `place − 1`.
    pub fn shape_of(&self, place: usize) -> Shape {
        if place == 0 { self.input } else { self.layers[place - 1].output }
    }

    /// The layers that take the output `place` (0 is the image), once for each time they do.
    pub fn takers(&self, place: usize) -> Vec<usize> {
        let times = |(index, layer): (usize, &NetworkLayer)| {
            vec![index; layer.inputs.iter().filter(|i| **i == place).count()]
        };
        self.layers.iter().enumerate().flat_map(times).collect()
    }

    /// Every layer but the last must be of use to another, and not to more than a sum of gradients takes.
    fn check_all_used(&self) -> Result<()> {
        for (index, layer) in self.layers.iter().enumerate() {
            let takers = self.takers(index + 1).len();
            if takers == 0 && index + 1 < self.layers.len() {
                let what = format!("layer {}: nothing takes its output", layer.name);
                return Err(Error::new(what, "name it among the `inputs` of a later layer, or leave it out"));
            }
            if takers > MOST_INPUTS {
                let what = format!("layer {}: its output is taken {takers} times", layer.name);
                return Err(Error::new(what, format!("let at most {MOST_INPUTS} layers take it")));
            }
        }
        Ok(())
    }

    fn check_output(&self) -> Result<()> {
        let last = self.layers.last().expect("a network has a layer");
        let wanted = self.loss.output(self.input, self.classes);
        if last.output == wanted {
            return Ok(());
        }
        if !self.loss.has_classes() {
            let what = format!("layer {}: it makes {}, and the image is {wanted}", last.name, last.output);
            return Err(Error::new(what, "end the network with a layer that makes the image's shape"));
        }
        Err(Error::new(
            format!(
                "layer {}: it makes {}, and {} classes need {wanted}",
                last.name, last.output, self.classes
            ),
            "end the network with a dense layer without `units`",
        ))
    }

    /// The network as TOML; parsing it again gives the same network.
    pub fn to_toml(&self) -> String {
        let entry = |(index, layer): (usize, &NetworkLayer)| {
            let mut table = Table::new();
            table.insert("kind".to_owned(), layer.layer.kind().into());
            table.insert("name".to_owned(), layer.name.clone().into());
            table.extend(layer.layer.settings());
            if layer.inputs != [index] {
                let name = |place: &usize| if *place == 0 { IMAGE } else { &self.layers[place - 1].name };
                let names = layer.inputs.iter().map(|place| Value::from(name(place))).collect();
                table.insert("inputs".to_owned(), Value::Array(names));
            }
            Value::Table(table)
        };
        let mut table = Table::new();
        table.insert("name".to_owned(), self.name.clone().into());
        if self.loss != Loss::default() {
            table.insert("loss".to_owned(), Value::Table(self.loss.to_table()));
        }
        table.insert("layer".to_owned(), Value::Array(self.layers.iter().enumerate().map(entry).collect()));
        toml::to_string(&table).expect("a network is plain tables")
    }

    /// Number of weights, biases and running statistics.
    pub fn parameter_count(&self) -> usize {
        self.layers.iter().map(NetworkLayer::parameter_count).sum()
    }

    /// Whether something learns at or below each place (0 is the image), so that it has a gradient.
    pub fn learns(&self) -> Vec<bool> {
        let mut learns = vec![false];
        for layer in &self.layers {
            let own = layer.trains();
            learns.push(own || layer.inputs.iter().any(|place| learns[*place]));
        }
        learns
    }

    /// Multiply-adds, counted twice, of one image's training step: forward, the weight gradient where the layer trains,
    /// and the input gradient where something below learns.
    pub fn training_flops(&self) -> u64 {
        let learns = self.learns();
        let flops = |layer: &NetworkLayer| {
            let below = layer.inputs.iter().any(|place| learns[*place]);
            (1 + u64::from(layer.trains()) + u64::from(below)) * layer.layer.flops(&layer.input_shapes)
        };
        self.layers.iter().map(flops).sum()
    }
}

/// An error for sizes that no adapter could hold.
fn check_size(what: &str, sizes: &[usize]) -> Result<()> {
    let values = sizes.iter().map(|s| *s as u128).product::<u128>();
    if values <= MAX_VALUES {
        return Ok(());
    }
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    let gib = (values * 4).div_ceil(1 << 30);
    Err(Error::new(format!("{what} of {} would need {gib} GiB", sizes.join("×")), "make the layer smaller"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: Shape = Shape::new(3, 32, 32);

    #[test]
    fn the_presets_fit_and_survive_their_own_toml() {
        for name in preset_names() {
            let network = Network::open(name, IMAGE, 10).unwrap();
            let again = Network::parse(&network.to_toml(), IMAGE, 10).unwrap();
            assert_eq!(network.to_toml(), again.to_toml());
        }
        // 16·(3·25+1) + 20·(16·25+1) + 20·(20·25+1) + 10·(20·16+1)
        assert_eq!(Network::open("revacnn", IMAGE, 10).unwrap().parameter_count(), 22_466);
    }

    #[test]
    fn faults_name_the_layer_and_say_what_to_do() {
        let conv = "[[layer]]\nkind = \"conv2d\"\nfilters = 4\n";
        let cases = [
            ("[[layer]]\nkind = \"conv3d\"", "conv3d"),
            ("[[layer]]\nfilters = 3", "layer 1"),
            ("speed = 3\n", "speed"),
            ("", "no `[[layer]]`"),
            (&format!("{conv}kernel = 0"), "kernel is 0"),
            (&format!("{conv}kernel = -3"), "layer 1"),
            (&format!("{conv}kernel = 3\ncolour = 1"), "colour"),
            (&format!("{conv}kernel = 3\npadding = 3"), "padding 3"),
            (&format!("{conv}kernel = 40"), "3×32×32"),
            (
                &"[[layer]]\nkind = \"conv2d\"\nfilters = 65536\nkernel = 65536\npadding = 65535\n".repeat(2),
                "GiB",
            ),
            (&format!("{conv}kernel = 3\nname = \"a\"\n{conv}kernel = 3\nname = \"a\""), "\"a\""),
            (&format!("{conv}kernel = 3"), "4×30×30"),
            ("[[layer]\nkind", "expected"),
            ("[[layer]]\nkind = \"dense\"\nunits = 99999999999", "units"),
            (&format!("{conv}kernel = 3\ngroups = 3"), "3 groups do not divide 4 filters"),
            (&format!("{conv}kernel = 3\ngroups = 2"), "2 groups do not divide the channels"),
            (
                &format!("{conv}kernel = 3\ninputs = [\"b\"]\n{conv}kernel = 3\nname = \"b\""),
                "does not come before",
            ),
            (&format!("{conv}kernel = 3\nname = \"a\"\ninputs = [\"a\"]"), "does not come before"),
            (&format!("{conv}kernel = 3\ninputs = [\"c\"]"), "no layer before it is called \"c\""),
            (&format!("{conv}kernel = 3\ninputs = [\"input\", \"input\"]"), "takes 1 inputs, not 2"),
            (&format!("{conv}kernel = 3\ninputs = 3"), "not a list"),
            (&format!("{conv}kernel = 3\nname = \"input\""), "\"input\""),
            (
                &format!("{conv}kernel = 3\n[[layer]]\nkind = \"add\"\ninputs = [\"conv1\", \"input\"]"),
                "cannot be added",
            ),
            (
                &format!("{conv}kernel = 3\n[[layer]]\nkind = \"concat\"\ninputs = [\"conv1\", \"input\"]"),
                "side by side",
            ),
            (&format!("{conv}kernel = 3\n[[layer]]\nkind = \"add\""), "2 to 6 inputs, not 1"),
            (
                &format!("{conv}kernel = 3\n[[layer]]\nkind = \"dense\"\ninputs = [\"input\"]"),
                "conv1: nothing takes",
            ),
            ("[[layer]]\nkind = \"dropout\"\nrate = 1.0", "rate is 1"),
            ("[[layer]]\nkind = \"batch_norm\"\nepsilon = 0.0", "epsilon is 0"),
            ("[[layer]]\nkind = \"maxout\"\ngroup = 2", "do not divide"),
            ("[[layer]]\nkind = \"max_pool2d\"\nsize = 2\npadding = 2", "padding 2"),
            ("[[layer]]\nkind = \"leaky_relu\"\nslope = nan", "slope"),
            ("loss = { kind = \"absolute\" }\n[[layer]]\nkind = \"dense\"", "absolute"),
            ("loss = { kind = \"svm_hinge\", margin = 0.0 }\n[[layer]]\nkind = \"dense\"", "margin is 0"),
            (
                "loss = { kind = \"softmax_cross_entropy\", label_smoothing = 1.0 }\n[[layer]]\nkind = \"dense\"",
                "label_smoothing is 1",
            ),
            (
                "loss = { kind = \"l2_regression\", target = \"image\" }\n[[layer]]\nkind = \"dense\"",
                "the image is 3×32×32",
            ),
        ];
        for (text, part) in cases {
            let Err(error) = Network::parse(text, IMAGE, 10) else { panic!("{text} was accepted") };
            assert!(error.what().contains(part), "{text}: {error}");
            assert!(!error.help().is_empty());
        }
        let Err(error) = Network::open("alexnet", IMAGE, 10) else {
            panic!("an unknown preset was accepted")
        };
        assert!(error.what().contains("alexnet") && error.help().contains("revacnn-keras"));
    }
}
