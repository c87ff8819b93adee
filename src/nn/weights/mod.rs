//! Weights of a file without its network, given to the layers of one.
//!
//! A module is what one layer takes: the tensors whose names are alike up to the last point, such as `features.0.weight` and
//! `features.0.bias`. Modules go to layers by name where these are alike (`conv1`, or as exported source calls it); those that are left go
//! to the layers that are left, in their order.

mod fit;
mod matching;
mod modules;
mod sources;
#[cfg(test)]
mod tests;

use self::matching::Receivers;
use self::modules::{modules, parts};
use super::{Model, Network, ParameterSpec};
use crate::data::NamedTensors;
use crate::error::Result;

impl Model {
    /// A network with the weights of a file. With `fresh_last`, a seed, the last layer with weights begins afresh, for other classes.
    ///
    /// # Errors
    /// When a tensor has another shape than its layer wants, one is missing, or one is left: tensor, shape and layer are named.
    pub fn of_weights(network: Network, file: &NamedTensors, fresh_last: Option<u64>) -> Result<Self> {
        let has_weights = |at: &usize| !network.layers[*at].parameters().is_empty();
        let mut layers: Vec<usize> = (0..network.layers.len()).filter(has_weights).collect();
        let fresh = fresh_last.and_then(|_| layers.pop());
        let receivers = Receivers { network: &network, layers, fresh };
        let mut notes = Vec::new();
        let mut found = if file.tensors.iter().all(|tensor| parts(&tensor.name).0.is_empty()) {
            notes.push("its tensors do not name layers: they went to these in their order".to_owned());
            receivers.one_by_one(&file.tensors)?
        } else {
            let (found, note) = receivers.matched(&modules(&network, &file.tensors), file.is_ordered)?;
            notes.extend(note);
            found
        };
        if let Some(fresh) = fresh {
            let name = &network.layers[fresh].name;
            notes.push(format!("{name} begins with fresh weights for {} classes", network.classes));
        }
        let (seed, mut before) = (fresh_last.unwrap_or(0), 0);
        let mut weights = Vec::new();
        for (at, layer) in network.layers.iter().enumerate() {
            let specs = layer.parameters();
            let fresh = |(spec, index): (&ParameterSpec, u64)| spec.init.values(&spec.shape, seed, index);
            weights
                .push(found.remove(&at).unwrap_or_else(|| specs.iter().zip(before..).map(fresh).collect()));
            before += specs.len() as u64;
        }
        Ok(Self { network, weights, notes })
    }
}
