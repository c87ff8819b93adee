//! A network with its weights on the CPU, as files of other tools hold it.

use toml::{Table, Value as Setting};

use super::{Network, StartWeights};
use crate::data::ChannelStats;
use crate::error::{Error, Result};

/// Name of the layer that turns the normalization of a data set into the one that the network was trained with.
const INPUT_NORM: &str = "input_norm";
/// ε of that layer.
const EPSILON: f64 = 1e-5;

/// A network and its weights.
pub struct Model {
    /// The network; out of a file, it has as many classes as the file's has outputs.
    pub network: Network,
    /// Values of the parameters of each layer, in the order of [`crate::nn::Layer::parameters`].
    pub weights: Vec<Vec<Vec<f32>>>,
    /// Notes for people of all that was left out or changed when it was read.
    pub notes: Vec<String>,
}

impl Model {
    /// The weights by the names of their tensors.
    pub fn start(&self) -> StartWeights {
        let mut start = StartWeights::default();
        for (layer, weights) in self.network.layers.iter().zip(&self.weights) {
            for (tensor, values) in layer.parameters().into_iter().zip(weights) {
                start.insert(format!("{}.{}", layer.name, tensor.name), tensor.shape, values.clone());
            }
        }
        start
    }

    /// The same network behind a layer, `input_norm`, which normalizes pixels from 0 to 1 as a data set with these `stats` is.
    ///
    /// # Errors
    /// When they are not of its channels.
    pub fn taking_pixels(self, stats: &ChannelStats) -> Result<Self> {
        let plain = ChannelStats { mean: vec![0.0; stats.mean.len()], std: vec![1.0; stats.std.len()] };
        self.normalized(&plain, &stats.mean, &stats.std)
    }

    /// The same network behind a layer, `input_norm`, which turns images that were normalized with a data set's own `stats` into those
    /// that it was trained with: less `mean`, by `std`, of values from 0 to 1; one each, or one for each channel. It is to be frozen.
    ///
    /// # Errors
    /// When there is another number of them, one is not finite, or a deviation is not above 0.
    pub fn normalized(mut self, stats: &ChannelStats, mean: &[f32], std: &[f32]) -> Result<Self> {
        let channels = self.network.input.channels;
        let each = |name: &str, values: &[f32]| -> Result<Vec<f64>> {
            let good = values.iter().all(|value| value.is_finite() && (name == "mean" || *value > 0.0));
            match values.len() {
                1 if good => Ok(vec![values[0].into(); channels]),
                len if good && len == channels => Ok(values.iter().map(|value| f64::from(*value)).collect()),
                _ => {
                    let what = format!("--{name} is {values:?}, for images of {channels} channels");
                    Err(Error::usage(what, "give one finite number, or one for each channel; --std above 0"))
                }
            }
        };
        let (mean, std) = (each("mean", mean)?, each("std", std)?);
        let norm = self.network.free_name(INPUT_NORM);
        let mut file: Table = self.network.to_toml().parse().expect("a network is written as TOML");
        let Some(Setting::Array(layers)) = file.get_mut("layer") else { return Ok(self) };
        for (index, layer) in layers.iter_mut().filter_map(Setting::as_table_mut).enumerate() {
            let names = layer.get_mut("inputs").and_then(Setting::as_array_mut);
            match names {
                Some(names) => {
                    let is_image = |name: &&mut Setting| name.as_str() == Some("input");
                    names.iter_mut().filter(is_image).for_each(|name| *name = norm.as_str().into());
                }
                None if index == 0 => {
                    layer.insert("inputs".to_owned(), Setting::Array(vec![norm.as_str().into()]));
                }
                None => {}
            }
        }
        let first = Table::from_iter([
            ("kind".to_owned(), Setting::from("batch_norm")),
            ("name".to_owned(), Setting::from(norm.as_str())),
            ("epsilon".to_owned(), Setting::from(EPSILON)),
        ]);
        layers.insert(0, Setting::Table(first));
        let text = toml::to_string(&file).expect("a network is plain tables");
        self.network = Network::parse(&text, self.network.input, self.network.classes)?;
        let by =
            |of: &dyn Fn(usize) -> f64| (0..channels).map(|channel| of(channel) as f32).collect::<Vec<_>>();
        let (from, spread) = (|c: usize| f64::from(stats.mean[c]), |c: usize| f64::from(stats.std[c]));
        let weight = by(&|c| spread(c) / std[c] * (1.0 + EPSILON).sqrt());
        let running_mean = by(&|c| (mean[c] - from(c)) / spread(c));
        self.weights.insert(0, vec![weight, vec![0.0; channels], running_mean, vec![1.0; channels]]);
        Ok(self)
    }
}
