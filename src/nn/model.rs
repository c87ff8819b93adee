//! A network with its weights on the CPU, as files of other tools hold it.

use toml::{Table, Value as Setting};

use super::layers::CONVOLUTIONS;
use super::network::NetworkLayer;
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
                let name = format!("{}.{}", layer.name, tensor.name);
                start.insert(name, tensor.file_shape(), tensor.to_file(values).into_owned());
            }
        }
        start
    }

    /// The same network for another task: its last layer with weights is one with an output for each of these classes, with fresh weights
    /// from `seed`. The loss stays.
    ///
    /// # Errors
    /// When that is neither `dense` nor a convolution, or the layers after it do not make one output of each of its own.
    pub fn with_classes(mut self, classes: usize, seed: u64) -> Result<Self> {
        let with_weights = |layer: &NetworkLayer| !layer.parameters().is_empty();
        let last = self.network.layers.iter().rposition(with_weights);
        let setting = last.and_then(|last| match self.network.layers[last].layer.kind() {
            "dense" => Some((last, "units")),
            kind if CONVOLUTIONS.contains(&kind) => Some((last, "filters")),
            _ => None,
        });
        let Some((last, setting)) = setting else {
            let name = last.map_or("", |last| &self.network.layers[last].name);
            let what = format!("its last layer with weights, {name:?}, is no dense layer or convolution");
            return Err(Error::new(what, "only one of these can be replaced for other classes"));
        };
        let mut file: Table = self.network.to_toml().parse().expect("a network is written as TOML");
        let layer =
            file.get_mut("layer").and_then(|layers| layers.get_mut(last)).and_then(Setting::as_table_mut);
        if let Some(layer) = layer {
            layer.insert(setting.to_owned(), Setting::Integer(classes as i64));
            // Its outputs are other ones, though they may be as many.
            ["filter_ids", "next_filter", "frozen_filters", "goals"]
                .iter()
                .for_each(|of| drop(layer.remove(*of)));
        }
        let text = toml::to_string(&file).expect("a network is plain tables");
        let name = self.network.layers[last].name.clone();
        self.network = Network::parse(&text, self.network.input, classes)
            .map_err(|error| error.within(format!("with {classes} {setting} of {name}")))?;
        let before: usize = self.network.layers[..last].iter().map(|layer| layer.parameters().len()).sum();
        let specs = self.network.layers[last].parameters().into_iter().zip(before..);
        self.weights[last] = specs.map(|(spec, at)| spec.init.values(&spec.shape, seed, at as u64)).collect();
        self.notes.push(format!("{name} was replaced for {classes} classes, with fresh weights"));
        Ok(self)
    }

    /// The same network behind a layer, `input_norm`, which normalizes pixels from 0 to 1 as a data set with these `stats` is.
    ///
    /// # Errors
    /// When they are not of its channels.
    pub fn taking_pixels(self, stats: &ChannelStats) -> Result<Self> {
        let plain = ChannelStats { mean: vec![0.0; stats.mean.len()], std: vec![1.0; stats.std.len()] };
        self.normalized(&plain, &stats.mean, &stats.std)
    }

    /// Number of the layer that [`Model::normalized`] puts first.
    pub const INPUT_NORM_NUMBER: u32 = 0;

    /// The same network behind a layer, `input_norm`, which turns images that were normalized with a data set's own `stats` into those
    /// that it was trained with: less `mean`, by `std`, of values from 0 to 1; one each, or one for each channel. It is to be frozen.
    ///
    /// # Errors
    /// When there is another number of them, one is not finite, or a deviation is not above 0.
    pub fn normalized(mut self, stats: &ChannelStats, mean: &[f32], std: &[f32]) -> Result<Self> {
        let channels = self.network.input.channels;
        let of_file = ChannelStats::given(channels, mean, std)?;
        let in_f64 = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
        let (mean, std) = (in_f64(&of_file.mean), in_f64(&of_file.std));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Shape;

    /// A network whose weights are all 7.
    fn model(layers: &str, input: Shape) -> Model {
        let network = Network::parse(&format!("layer = [{layers}]"), input, 3).unwrap();
        let sevens = |layer: &NetworkLayer| -> Vec<Vec<f32>> {
            layer.parameters().iter().map(|spec| vec![7.0; spec.shape.iter().product()]).collect()
        };
        let weights = network.layers.iter().map(sevens).collect();
        Model { network, weights, notes: Vec::new() }
    }

    #[test]
    fn for_other_classes_the_last_layer_alone_begins_afresh() {
        let dense = r#"
            { kind = "conv2d", filters = 4, kernel = 3 }, { kind = "relu" }, { kind = "flatten" },
            { kind = "dense", name = "head", units = 3 }
        "#;
        let pooled = r#"
            { kind = "conv2d", filters = 4, kernel = 3 },
            { kind = "conv2d", name = "head", filters = 3, kernel = 1 }, { kind = "relu" }, { kind = "global_avg_pool2d" }
        "#;
        for (layers, last, shape) in [(dense, 3, [6, 36]), (pooled, 1, [6, 4])] {
            let changed = model(layers, Shape::new(2, 5, 5)).with_classes(6, 1).unwrap();
            assert_eq!(changed.network.classes, 6);
            assert_eq!(changed.network.layers.last().unwrap().output.len(), 6);
            let [weights, bias] = &changed.weights[last][..] else { panic!("weights and biases") };
            assert_eq!((weights.len(), &bias[..]), (shape[0] * shape[1], &[0.0; 6][..]));
            let spread = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
            assert!((0.3..3.0).contains(&(spread * shape[1] as f32 / 2.0)), "He's: {spread}");
            assert!(changed.weights[0].iter().flatten().all(|w| *w == 7.0), "the others are kept");
            assert!(changed.notes[0].contains("head"), "{:?}", changed.notes);
            let other = model(layers, Shape::new(2, 5, 5)).with_classes(6, 2).unwrap();
            assert_ne!(other.weights[last], changed.weights[last], "the seed decides");
        }
    }

    #[test]
    fn a_last_layer_that_cannot_be_replaced_is_named() {
        let norm = r#"{ kind = "conv2d", filters = 3, kernel = 5 }, { kind = "batch_norm", name = "last" }"#;
        let error = model(norm, Shape::new(2, 5, 5)).with_classes(6, 1).err().unwrap();
        assert!(error.what().contains("\"last\"") && !error.help().is_empty(), "{error}");
        // Its two outputs are joined with the image's.
        let joined = r#"
            { kind = "conv2d", name = "one", filters = 1, kernel = 1 },
            { kind = "concat", inputs = ["one", "input"] }
        "#;
        let error = model(joined, Shape::new(2, 1, 1)).with_classes(6, 1).err().unwrap();
        assert!(error.what().contains("filters of one"), "{error}");
    }
}
