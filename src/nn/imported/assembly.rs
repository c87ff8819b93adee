//! A network so far: its layers as tables of a network file, with the values of their parameters.

use std::collections::HashSet;
use std::fmt;

use toml::{Table, Value as Setting};

use crate::error::{Error, Result};
use crate::nn::layers::KINDS;
use crate::nn::{Model, Network, Shape};

/// Name of the image among the inputs of layers.
pub(in crate::nn) const IMAGE: &str = "input";
/// Most values of a map, and rows or columns of it: more than any network has, and no product of them overflows.
const MAX_VALUES: u128 = 1 << 32;
const MAX_SIDE: usize = 1 << 20;
/// Most layers; of a file with more, a network would not fit any adapter.
const MAX_LAYERS: usize = 4096;
/// Longest name that a layer may have from its file, in bytes.
const MAX_NAME: usize = 64;

/// The output of a layer, or the image.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::nn) struct Stage {
    /// Name of the layer.
    pub layer: String,
    pub shape: Shape,
}

/// A part of the file that becomes layers.
#[derive(Debug, Clone, Copy)]
pub(in crate::nn) struct Origin<'a> {
    /// Its name and kind, for errors.
    pub label: &'a str,
    /// Name that its layer may get.
    pub name: Option<&'a str>,
}

impl Origin<'_> {
    /// An error about this part.
    pub(in crate::nn) fn refuse(&self, what: impl fmt::Display, help: &str) -> Error {
        Error::new(format!("{}: {what}", self.label), help)
    }
}

/// A new layer.
#[derive(Debug)]
pub(in crate::nn) struct Added {
    pub output: Stage,
    /// True if each value stands where it stands in the first input: of activation functions, softmax, sums and products.
    pub keeps_order: bool,
}

/// The network so far.
pub(in crate::nn) struct Assembly {
    layers: Vec<Table>,
    /// Values of the parameters of each layer, in the order of [`crate::nn::Layer::parameters`].
    pub weights: Vec<Vec<Vec<f32>>>,
    /// Notes of all that was left out or changed.
    pub notes: Vec<String>,
    names: HashSet<String>,
}

impl Assembly {
    pub(in crate::nn) fn new() -> Self {
        let names = HashSet::from([IMAGE.to_owned()]);
        Self { layers: Vec::new(), weights: Vec::new(), notes: Vec::new(), names }
    }

    /// Number of layers.
    pub(in crate::nn) fn len(&self) -> usize {
        self.layers.len()
    }

    /// Appends a layer of a kind with its settings and parameters.
    ///
    /// # Errors
    /// When the settings, inputs or parameters do not fit; the part of the file is named.
    pub(in crate::nn) fn push(
        &mut self,
        origin: Origin<'_>,
        (kind, settings): (&str, Table),
        inputs: &[&Stage],
        weights: Vec<Vec<f32>>,
    ) -> Result<Added> {
        let within = |error: Error| error.within(origin.label);
        if self.layers.len() == MAX_LAYERS {
            let what = format!("it would be layer {}", MAX_LAYERS + 1);
            return Err(origin.refuse(what, "take a network with fewer layers"));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|stage| stage.shape).collect();
        let found = KINDS.iter().find(|known| known.kind == kind).expect("only kinds that there are");
        let layer = (found.parse)(settings.clone(), 1).map_err(within)?;
        if !layer.inputs().contains(&inputs.len()) {
            let most = layer.inputs().into_inner().1;
            let what = format!("it takes {} maps", inputs.len());
            return Err(origin.refuse(what, &format!("join at most {most} at once")));
        }
        let shape = layer.output(&shapes).map_err(within)?;
        let Shape { channels, height, width } = shape;
        let values = [channels, height, width].iter().map(|size| *size as u128).product::<u128>();
        if values > MAX_VALUES || values == 0 || height.max(width) > MAX_SIDE {
            let what = format!("its map would be {shape}");
            return Err(origin.refuse(what, "the file is damaged: export it again"));
        }
        let wanted: Vec<usize> = layer.parameters(&shapes).iter().map(|tensor| tensor.len()).collect();
        let given: Vec<usize> = weights.iter().map(Vec::len).collect();
        if wanted != given {
            let what =
                format!("its weights have {given:?} values, and its input of {} needs {wanted:?}", shapes[0]);
            return Err(origin.refuse(what, "the file is damaged: export it again"));
        }
        let name = self.name(origin.name, layer.short_name());
        let mut table = Table::from_iter([
            ("kind".to_owned(), Setting::String(kind.to_owned())),
            ("name".to_owned(), Setting::String(name.clone())),
        ]);
        let names = inputs.iter().map(|stage| Setting::String(stage.layer.clone()));
        table.insert("inputs".to_owned(), Setting::Array(names.collect()));
        table.extend(settings);
        self.layers.push(table);
        self.weights.push(weights);
        let keeps_order = layer.is_elementwise() || ["add", "mul", "softmax"].contains(&kind);
        Ok(Added { output: Stage { layer: name, shape }, keeps_order })
    }

    /// A free name: the one that is wished for, or the short name and a number.
    fn name(&mut self, wished: Option<&str>, short_name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let wished = wished
            .filter(|name| !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain))
            .map(str::to_owned);
        if let Some(name) = wished
            && self.names.insert(name.clone())
        {
            return name;
        }
        let mut count = 1;
        while !self.names.insert(format!("{short_name}{count}")) {
            count += 1;
        }
        format!("{short_name}{count}")
    }

    /// The model of the network that ends with `output`.
    ///
    /// # Errors
    /// When it is none: a layer is not used, or there are none.
    pub(in crate::nn) fn finish(self, name: &str, input: Shape, output: &Stage) -> Result<Model> {
        let layers = self.layers.into_iter().map(Setting::Table).collect();
        let table = Table::from_iter([
            ("name".to_owned(), Setting::String(name.to_owned())),
            ("layer".to_owned(), Setting::Array(layers)),
        ]);
        let text = toml::to_string(&table).expect("a network is plain tables");
        let network = Network::parse(&text, input, output.shape.len())?;
        Ok(Model { network, weights: self.weights, notes: self.notes })
    }
}
