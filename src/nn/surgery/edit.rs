//! Changes of a network as the user gives them, by the stable numbers of layers and filters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::error::{Error, Result};
use crate::nn::layer::Channels;
use crate::nn::{Network, NetworkLayer};

/// A change of the network. Layers and filters are given by their numbers ([`NetworkLayer::id`], [`NetworkLayer::filter_ids`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// One filter more, with fresh weights; nothing takes it yet, so that the loss stays as it is.
    AddFilter {
        /// The layer.
        layer: u32,
    },
    /// A second filter like this one; the weights that take it are shared out, so that the outputs stay as they are.
    SplitFilter {
        /// The layer.
        layer: u32,
        /// The filter.
        filter: u32,
    },
    /// One filter less.
    DeleteFilter {
        /// The layer.
        layer: u32,
        /// The filter.
        filter: u32,
    },
    /// Two filters as one: the mean of their weights, and the sum of the weights that take them. The first keeps its number.
    MergeFilters {
        /// The layer.
        layer: u32,
        /// The two filters.
        filters: [u32; 2],
    },
    /// Fresh weights for a filter, and moments of 0.
    ResetFilter {
        /// The layer.
        layer: u32,
        /// The filter.
        filter: u32,
    },
    /// A filter becomes a weighted sum of others, bias and moments included.
    BlendFilter {
        /// The layer.
        layer: u32,
        /// The filter.
        filter: u32,
        /// Filters of the layer, and the weight of each.
        from: Vec<(u32, f32)>,
    },
    /// A new layer between a node and all that take its output. A convolution, transposed or not, that keeps the shape begins as the
    /// identity where the middle of its kernel lies on the pixel that it makes.
    InsertLayer {
        /// The layer whose output it takes; none for the image.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<u32>,
        /// Its kind and settings, as in a network file; `filters` are as many as it takes, if they are not given.
        #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
        settings: Table,
    },
    /// A layer less; what took its output takes its input.
    RemoveLayer {
        /// The layer.
        layer: u32,
    },
}

impl Network {
    /// Index of the layer with this number.
    ///
    /// # Errors
    /// When there is none.
    pub fn layer_index(&self, id: u32) -> Result<usize> {
        self.layers.iter().position(|layer| layer.id == id).ok_or_else(|| {
            let known = self.layers.iter().map(|layer| format!("{} ({})", layer.id, layer.name));
            Error::usage(
                format!("there is no layer {id}"),
                format!("there are {}", shortened(known.collect())),
            )
        })
    }

    /// Number of a node, which it keeps: 0 for the image, 1 more than its layer's number for others.
    pub fn node_number(&self, node: usize) -> usize {
        node.checked_sub(1).map_or(0, |layer| self.layers[layer].id as usize + 1)
    }

    /// Node with this number.
    ///
    /// # Errors
    /// When there is none.
    pub fn node_of(&self, number: usize) -> Result<usize> {
        (0..=self.layers.len()).find(|node| self.node_number(*node) == number).ok_or_else(|| {
            let known = (0..=self.layers.len()).map(|node| match node {
                0 => "0 (the input)".to_owned(),
                node => format!("{} ({})", self.node_number(node), self.layers[node - 1].name),
            });
            Error::usage(
                format!("there is no layer {number}"),
                format!("there are {}", shortened(known.collect())),
            )
        })
    }

    /// Numbers of the layer and of its filter that make a channel of a node, through activations, pooling and the like; none for the image.
    pub fn filter_of(&self, mut node: usize, mut channel: usize) -> Option<(u32, u32)> {
        loop {
            let layer = &self.layers[node.checked_sub(1)?];
            let mut input = 0;
            match layer.layer.channels() {
                Channels::Made { .. } => return Some((layer.id, *layer.filter_ids.get(channel)?)),
                Channels::Kept => {}
                Channels::Grouped(size) => channel *= size,
                Channels::Flattened => channel /= layer.input_shapes[0].pixels(),
                Channels::Joined => {
                    while channel >= layer.input_shapes.get(input)?.channels {
                        channel -= layer.input_shapes[input].channels;
                        input += 1;
                    }
                }
            }
            node = layer.inputs[input];
        }
    }

    /// Index of the filter with this number in the layer of that index.
    ///
    /// # Errors
    /// When there is none.
    pub fn filter_index(&self, layer: usize, id: u32) -> Result<usize> {
        let layer = &self.layers[layer];
        if layer.filter_ids.is_empty() {
            let what = format!("layer {} ({}) has no filters of its own", layer.id, layer.name);
            return Err(Error::usage(what, "name the convolution or dense layer before it"));
        }
        layer.filter_ids.iter().position(|filter| *filter == id).ok_or_else(|| no_filter(layer, id))
    }
}

fn no_filter(layer: &NetworkLayer, id: u32) -> Error {
    let known = layer.filter_ids.iter().map(ToString::to_string).collect();
    Error::usage(
        format!("layer {} ({}) has no filter {id}", layer.id, layer.name),
        format!("there are {}", shortened(known)),
    )
}

/// A list for people, cut off where it is long.
fn shortened(mut names: Vec<String>) -> String {
    /// Names shown at most.
    const SHOWN: usize = 24;
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let text = names.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}
