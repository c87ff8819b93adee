//! Network files: a network in TOML, one table a layer. A layer takes the output of the one before it, or of those it names.
//!
//! ```toml
//! name = "small"
//! loss = { kind = "softmax_cross_entropy", label_smoothing = 0.1 }  # optional, see the losses
//! [[layer]]
//! kind = "conv2d"     # see the layers for their settings
//! name = "edges"      # optional
//! filters = 16
//! kernel = 5
//! frozen_filters = [3]         # optional: numbers of filters that are not trained
//! goals = [{ goal = { attract = [0, 1] }, strength = 0.1 }]  # optional: soft goals
//! learning_rate_factor = 0.5   # optional: factor of the run's learning rate for this layer
//! [[layer]]
//! kind = "dense"      # without units: one per class; the last conv2d or dense needs no filters, either
//! inputs = ["edges"]  # optional: names of layers before it, or "input", the image
//! ```

use std::collections::HashMap;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Table;

use super::presets::{PRESETS, preset_names};
use super::{Network, NetworkLayer, NewLayer, above};
use crate::error::{Error, Result};
use crate::nn::goal::SoftGoal;
use crate::nn::layers::{CONVOLUTIONS, KINDS, LayerKind};
use crate::nn::{Layer, Loss, Shape};

/// Name of the image among the inputs of a layer.
const IMAGE: &str = "input";
/// Largest size of a network file in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Largest number of layers: four times those of the deepest networks that are trained.
const MAX_LAYERS: usize = 1 << 14;
/// Help for a text that is no network.
const SEE: &str = "see the networks in examples/networks for the form";

/// A network file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkFile {
    #[serde(default = "unnamed")]
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<Table>,
    /// [`Network::next_id`], where it does not follow from the layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_id: Option<u32>,
    #[serde(default)]
    layer: Vec<Table>,
}

fn unnamed() -> String {
    "unnamed".to_owned()
}

/// One `[[layer]]` table of a network file.
#[derive(Serialize, Deserialize)]
struct LayerEntry {
    kind: String,
    #[serde(default, deserialize_with = "name", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Settings of the kind.
    #[serde(flatten)]
    settings: Table,
    #[serde(default, deserialize_with = "inputs", skip_serializing_if = "Option::is_none")]
    inputs: Option<Vec<String>>,
    /// Numbers of the layer and of its filters, where they are not counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter_ids: Option<Vec<u32>>,
    /// [`NetworkLayer::next_filter`], where it does not follow from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_filter: Option<u32>,
    /// [`NetworkLayer::frozen_filters`], where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    frozen_filters: Vec<u32>,
    /// [`NetworkLayer::rate_factor`], where it is not 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learning_rate_factor: Option<f32>,
    /// [`NetworkLayer::goals`], where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    goals: Vec<SoftGoal>,
}

fn name<'de, D: Deserializer<'de>>(source: D) -> std::result::Result<Option<String>, D::Error> {
    let name = String::deserialize(source).ok().filter(|name| !name.is_empty());
    name.map(Some).ok_or_else(|| D::Error::custom("its `name` is not a text"))
}

fn inputs<'de, D: Deserializer<'de>>(source: D) -> std::result::Result<Option<Vec<String>>, D::Error> {
    Vec::deserialize(source).map(Some).map_err(|_| D::Error::custom("its `inputs` are not a list of texts"))
}

impl LayerEntry {
    /// The entry in a table of the file, and its kind.
    fn read(table: Table) -> Result<(Self, &'static LayerKind)> {
        let kinds = || KINDS.iter().map(|k| k.kind).collect::<Vec<_>>().join(", ");
        let entry: Self = table.try_into().map_err(|error: toml::de::Error| {
            let help = format!(
                "give it a `kind`, one of {}; a `name` in quotes and `inputs = [\"a\", \"b\"]` are optional",
                kinds()
            );
            Error::new(error.message().to_owned(), help)
        })?;
        let kind = KINDS.iter().find(|k| k.kind == entry.kind).ok_or_else(|| {
            Error::new(format!("unknown kind {:?}", entry.kind), format!("take one of {}", kinds()))
        })?;
        Ok((entry, kind))
    }
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
        let file: NetworkFile = toml::from_str(text).map_err(|e| Error::new(e.to_string(), SEE))?;
        let loss = match file.loss {
            Some(loss) => Loss::parse(loss).map_err(|e| e.within("loss"))?,
            None => Loss::default(),
        };
        if file.layer.is_empty() {
            return Err(Error::new("it has no `[[layer]]` tables", SEE));
        }
        if file.layer.len() > MAX_LAYERS {
            let what = format!("it has {} layers; the most is {MAX_LAYERS}", file.layer.len());
            return Err(Error::new(what, "leave some out"));
        }
        let next_id = file.next_id.unwrap_or(0);
        let network = Self { name: file.name, input, classes, loss, layers: Vec::new(), next_id };
        let has_filters = |table: &Table| {
            let kind = table.get("kind").and_then(|kind| kind.as_str());
            kind.is_some_and(|kind| kind == "dense" || CONVOLUTIONS.contains(&kind))
        };
        let mut reader = Reader {
            network,
            last_with_filters: file.layer.iter().rposition(has_filters),
            tables: file.layer,
            nodes: HashMap::new(),
            counts: HashMap::new(),
        };
        for index in 0..reader.tables.len() {
            reader.push(index)?;
        }
        reader.network.checked()
    }

    /// The network as TOML; parsing it gives the same network.
    pub fn to_toml(&self) -> String {
        let table = |(index, layer): (usize, &NetworkLayer)| {
            let name = |node: &usize| match node {
                0 => IMAGE.to_owned(),
                node => self.layers[node - 1].name.clone(),
            };
            let inputs = (layer.inputs != [index]).then(|| layer.inputs.iter().map(name).collect());
            let counted = layer.filter_ids.iter().copied().eq(0..layer.filter_ids.len() as u32);
            let entry = LayerEntry {
                kind: layer.layer.kind().to_owned(),
                name: Some(layer.name.clone()),
                settings: layer.layer.settings(),
                inputs,
                id: (layer.id as usize != index).then_some(layer.id),
                filter_ids: (!counted).then(|| layer.filter_ids.clone()),
                next_filter: (layer.next_filter != above(&layer.filter_ids)).then_some(layer.next_filter),
                frozen_filters: layer.frozen_filters.clone(),
                learning_rate_factor: (layer.rate_factor != 1.0).then_some(layer.rate_factor),
                goals: layer.goals.clone(),
            };
            Table::try_from(entry).expect("a layer is a plain table")
        };
        let least = self.layers.iter().map(|layer| layer.id + 1).max();
        let file = NetworkFile {
            next_id: (least != Some(self.next_id)).then_some(self.next_id),
            name: self.name.clone(),
            loss: (self.loss != Loss::default()).then(|| self.loss.to_table()),
            layer: self.layers.iter().enumerate().map(table).collect(),
        };
        // As a table, whose keys are sorted.
        let table = Table::try_from(file).expect("a network is plain tables");
        toml::to_string(&table).expect("a network is plain tables")
    }
}

/// A network while its file is read.
struct Reader {
    network: Network,
    /// The `[[layer]]` tables.
    tables: Vec<Table>,
    /// Index of the last of them that chooses its number of channels: by default as many as the loss needs.
    last_with_filters: Option<usize>,
    /// Nodes of the layers so far, by name.
    nodes: HashMap<String, usize>,
    /// Number of layers so far, by kind.
    counts: HashMap<&'static str, usize>,
}

impl Reader {
    /// Appends the layer that table `index` describes.
    fn push(&mut self, index: usize) -> Result<()> {
        let numbered = |error: Error| error.within(format!("layer {}", index + 1));
        let (mut entry, kind) = LayerEntry::read(self.tables[index].clone()).map_err(numbered)?;
        if CONVOLUTIONS.contains(&kind.kind) && self.last_with_filters == Some(index) {
            let needed = self.network.loss.output(self.network.input, self.network.classes).channels;
            entry.settings.entry("filters").or_insert(toml::Value::Integer(needed as i64));
        }
        let layer = (kind.parse)(entry.settings, self.network.classes).map_err(|e| e.within(kind.kind));
        let layer = layer.map_err(numbered)?;
        let count = self.counts.entry(layer.kind()).or_default();
        *count += 1;
        let name = entry.name.unwrap_or_else(|| format!("{}{count}", layer.short_name()));
        if name == IMAGE || self.nodes.contains_key(&name) {
            let what = format!("a second layer is called {name:?}");
            return Err(numbered(Error::new(what, "give each its own name")));
        }
        let within = |error: Error| error.within(format!("layer {name}"));
        let inputs = self.find_inputs(entry.inputs, &*layer, &name).map_err(within)?;
        self.nodes.insert(name.clone(), index + 1);
        let (id, filter_ids) = (entry.id.unwrap_or(index as u32), entry.filter_ids);
        let next_filter = entry.next_filter.unwrap_or(0);
        let (frozen_filters, rate_factor) = (entry.frozen_filters, entry.learning_rate_factor.unwrap_or(1.0));
        self.network.append(NewLayer {
            name,
            layer: layer.into(),
            inputs,
            id,
            filter_ids,
            next_filter,
            frozen_filters,
            rate_factor,
        })?;
        self.network.take_goals(index, &entry.goals).map_err(numbered)
    }

    /// Nodes that a layer's `inputs` name; without them the layer before it.
    fn find_inputs(&self, names: Option<Vec<String>>, layer: &dyn Layer, name: &str) -> Result<Vec<usize>> {
        let nodes = match names {
            None => vec![self.network.layers.len()],
            Some(names) => names.iter().map(|input| self.find_input(input, name)).collect::<Result<_>>()?,
        };
        if layer.inputs().contains(&nodes.len()) {
            return Ok(nodes);
        }
        let (least, most) = layer.inputs().into_inner();
        let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let what = format!("{} takes {count} inputs, not {}", layer.kind(), nodes.len());
        Err(Error::new(what, "name them: inputs = [\"a\", \"b\"]"))
    }

    fn find_input(&self, input: &str, name: &str) -> Result<usize> {
        if input == IMAGE {
            return Ok(0);
        }
        if let Some(node) = self.nodes.get(input) {
            return Ok(*node);
        }
        let later = self.tables.iter().filter_map(|l| l.get("name")?.as_str()).any(|n| n == input);
        if input == name || later {
            return Err(Error::new(
                format!("its input {input:?} does not come before it"),
                "write layers in an order in which every input comes first; a cycle cannot be",
            ));
        }
        let layers = self.network.layers.iter().map(|l| l.name.as_str());
        let known: Vec<_> = std::iter::once(IMAGE).chain(layers).collect();
        let what = format!("no layer before it is called {input:?}");
        Err(Error::new(what, format!("there are {}", known.join(", "))))
    }
}
