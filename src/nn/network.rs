//! A network as a list of layers with their shapes, read from TOML (one table a layer).
//!
//! ```toml
//! name = "small"
//! [[layer]]
//! kind = "conv2d"     # see the layers for their settings
//! name = "edges"      # optional
//! filters = 16
//! kernel = 5
//! [[layer]]
//! kind = "dense"      # without units: one per class
//! ```

use std::path::Path;

use toml::{Table, Value};

use super::layers::KINDS;
use super::{Layer, Shape};
use crate::error::{Error, Result};

/// The networks that come with the program: name and text.
const PRESETS: &[(&str, &str)] = &[
    ("revacnn", include_str!("../../examples/networks/revacnn.toml")),
    ("revacnn-keras", include_str!("../../examples/networks/revacnn-keras.toml")),
    ("lenet", include_str!("../../examples/networks/lenet.toml")),
];

/// The names of the networks that come with the program.
pub fn preset_names() -> Vec<&'static str> {
    PRESETS.iter().map(|(name, _)| *name).collect()
}

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
    /// Shape of its input.
    pub input: Shape,
    /// Shape of its output.
    pub output: Shape,
}

/// A network for images of one shape and a number of classes.
pub struct Network {
    /// Its name.
    pub name: String,
    /// Shape of an image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Layers, first to last; the last makes `classes × 1 × 1` logits.
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
        if let Some(key) = table.keys().find(|key| *key != "name" && *key != "layer") {
            return Err(Error::new(
                format!("unknown key {key:?}"),
                "a network has `name` and `[[layer]]` tables",
            ));
        }
        let name = match table.get("name") {
            None => "unnamed",
            Some(Value::String(name)) => name,
            Some(_) => return Err(Error::new("`name` is not a string", see)),
        };
        let entries = match table.get("layer") {
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            _ => return Err(Error::new("it has no `[[layer]]` tables", see)),
        };
        let mut network = Self { name: name.to_owned(), input, classes, layers: Vec::new() };
        for (index, entry) in entries.iter().enumerate() {
            let Value::Table(entry) = entry else {
                return Err(Error::new("`layer` is not a list of tables", see));
            };
            network.push(entry.clone(), index)?;
        }
        network.check_output()?;
        Ok(network)
    }

    /// Appends the layer that a table describes.
    fn push(&mut self, mut table: Table, index: usize) -> Result<()> {
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
        let layer = (found.parse)(table, self.classes).map_err(|e| e.within(&kind)).map_err(numbered)?;
        let name = given.unwrap_or_else(|| {
            let before = self.layers.iter().filter(|l| l.layer.kind() == layer.kind()).count();
            format!("{}{}", layer.short_name(), before + 1)
        });
        if self.layers.iter().any(|l| l.name == name) {
            return Err(numbered(Error::new(
                format!("a second layer is called {name:?}"),
                "give each its own name",
            )));
        }
        let input = self.layers.last().map_or(self.input, |l| l.output);
        let output = layer.output(input).map_err(|e| e.within(format!("layer {name}")))?;
        let within = |error: Error| error.within(format!("layer {name}"));
        check_size("its map", &[output.channels, output.height, output.width]).map_err(within)?;
        check_size("its weights", &layer.weights(input).unwrap_or([0; 4])).map_err(within)?;
        self.layers.push(NetworkLayer { name, layer, input, output });
        Ok(())
    }

    fn check_output(&self) -> Result<()> {
        let last = self.layers.last().expect("a network has a layer");
        let wanted = Shape::new(self.classes, 1, 1);
        if last.output == wanted {
            return Ok(());
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
        let entry = |layer: &NetworkLayer| {
            let mut table = Table::new();
            table.insert("kind".to_owned(), layer.layer.kind().into());
            table.insert("name".to_owned(), layer.name.clone().into());
            table.extend(layer.layer.settings());
            Value::Table(table)
        };
        let mut table = Table::new();
        table.insert("name".to_owned(), self.name.clone().into());
        table.insert("layer".to_owned(), Value::Array(self.layers.iter().map(entry).collect()));
        toml::to_string(&table).expect("a network is plain tables")
    }

    /// Number of weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.layers
            .iter()
            .filter_map(|l| l.layer.weights(l.input))
            .map(|w| w.iter().product::<usize>() + w[0])
            .sum()
    }

    /// Multiply-adds, counted twice, of one image's training step: forward, both gradients (the first layer
    /// with weights has no input gradient).
    pub fn training_flops(&self) -> u64 {
        let flops: Vec<u64> = self.layers.iter().map(|l| l.layer.flops(l.input)).collect();
        let first = flops.iter().find(|f| **f > 0).copied().unwrap_or(0);
        3 * flops.iter().sum::<u64>() - first
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
