//! Modules and the layers that take them: by name, and in the order of those that are left.

use std::collections::{HashMap, HashSet};

use super::fit::{FOLDED_NORM, OTHER_NETWORK, fitted, of_layer};
use super::modules::Module;
use crate::data::NamedTensor;
use crate::error::{Error, Result};
use crate::nn::export::python_names;
use crate::nn::{Network, NetworkLayer, ParameterSpec};

/// Modules that a message names at most.
const MAX_SHOWN: usize = 12;

/// Values of the parameters of layers, by their indices.
pub(super) type Values = HashMap<usize, Vec<Vec<f32>>>;

/// The layers of a network that take weights, and the last one apart where it begins afresh.
pub(super) struct Receivers<'n> {
    pub network: &'n Network,
    /// Their indices.
    pub layers: Vec<usize>,
    /// Index of the one that begins afresh.
    pub fresh: Option<usize>,
}

impl Receivers<'_> {
    /// The weights of all layers, and a note of those that got them by their order.
    ///
    /// # Errors
    /// When a layer gets none, or other ones than it wants, or some are left.
    pub(super) fn matched(
        &self,
        modules: &[Module<'_>],
        is_ordered: bool,
    ) -> Result<(Values, Option<String>)> {
        let by_name = self.by_name(modules);
        let with = |known: &HashMap<usize, usize>| {
            let pairs = self.in_order(modules, is_ordered, known)?;
            let values = self.values(modules, &pairs)?;
            Ok((values, self.note(modules, &pairs, &by_name)))
        };
        // A name that two networks share may stand for another layer: then the order decides alone.
        with(&by_name).or_else(|first: Error| with(&HashMap::new()).map_err(|_| first))
    }

    /// Modules of layers that are called alike, by layer; that of a layer that begins afresh too.
    fn by_name(&self, modules: &[Module<'_>]) -> HashMap<usize, usize> {
        let names = python_names(self.network);
        let module = |layer: usize| {
            let called = [&self.network.layers[layer].name, &names[layer]];
            called.iter().find_map(|name| modules.iter().position(|module| module.name == name.as_str()))
        };
        self.layers
            .iter()
            .copied()
            .chain(self.fresh)
            .filter_map(|layer| Some((layer, module(layer)?)))
            .collect()
    }

    /// The module of each layer: by name, and in the order of those that are left.
    fn in_order(
        &self,
        modules: &[Module<'_>],
        is_ordered: bool,
        by_name: &HashMap<usize, usize>,
    ) -> Result<Vec<(usize, usize)>> {
        let taken: HashSet<usize> = by_name.values().copied().collect();
        let mut left: Vec<usize> = (0..modules.len()).filter(|module| !taken.contains(module)).collect();
        let mut pairs = Vec::new();
        for layer in &self.layers {
            if let Some(module) = by_name.get(layer) {
                pairs.push((*layer, *module));
                continue;
            }
            let of = &self.network.layers[*layer];
            let next = if is_ordered {
                (!left.is_empty()).then_some(0)
            } else {
                left.iter().position(|module| of_layer(of, &modules[*module]).is_ok())
            };
            let Some(next) = next else { return Err(nothing_for(of, modules, &left)) };
            pairs.push((*layer, left.remove(next)));
        }
        // That of the layer that begins afresh.
        if self.fresh.is_some_and(|layer| !by_name.contains_key(&layer)) {
            left.pop();
        }
        if left.is_empty() {
            return Ok(pairs);
        }
        let what = format!(
            "no layer of network {} takes the tensors of {}",
            self.network.name,
            listed(modules, &left)
        );
        let is_norm =
            |module: &usize| modules[*module].tensors.iter().any(|(name, _)| *name == "running_mean");
        Err(Error::new(what, if left.iter().any(is_norm) { FOLDED_NORM } else { OTHER_NETWORK }))
    }

    /// The weights of each layer by its module.
    fn values(&self, modules: &[Module<'_>], pairs: &[(usize, usize)]) -> Result<Values> {
        let of = |(layer, module): &(usize, usize)| {
            of_layer(&self.network.layers[*layer], &modules[*module]).map(|values| (*layer, values))
        };
        pairs.iter().map(of).collect()
    }

    /// A note of the layers that got their weights by their order.
    fn note(
        &self,
        modules: &[Module<'_>],
        pairs: &[(usize, usize)],
        by_name: &HashMap<usize, usize>,
    ) -> Option<String> {
        let others: Vec<String> = pairs
            .iter()
            .filter(|(layer, module)| by_name.get(layer) != Some(module))
            .map(|(layer, module)| {
                format!("{} → {}", modules[*module].name, self.network.layers[*layer].name)
            })
            .collect();
        let more = if others.len() > MAX_SHOWN { ", …" } else { "" };
        let shown = others.iter().take(MAX_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        (!others.is_empty()).then(|| format!("weights that went to layers by their order: {shown}{more}"))
    }

    /// The weights of tensors without names of layers, one for each parameter.
    ///
    /// # Errors
    /// When one has another shape, or their number is another one.
    pub(super) fn one_by_one(&self, tensors: &[NamedTensor]) -> Result<Values> {
        let mut left = tensors.iter();
        let mut found = HashMap::new();
        for at in &self.layers {
            let layer = &self.network.layers[*at];
            let mut next = |spec: &ParameterSpec| match left.next() {
                Some(tensor) => fitted(layer, spec, tensor),
                None => {
                    let what =
                        format!("no tensor is left for {}.{} of {:?}", layer.name, spec.name, spec.shape);
                    Err(Error::new(what, OTHER_NETWORK))
                }
            };
            found.insert(*at, layer.parameters().iter().map(&mut next).collect::<Result<_>>()?);
        }
        match left.next() {
            Some(tensor) if self.fresh.is_none() => {
                let what = format!("no layer takes the tensor {} of {:?}", tensor.name, tensor.shape);
                Err(Error::new(what, OTHER_NETWORK))
            }
            _ => Ok(found),
        }
    }
}

fn listed(modules: &[Module<'_>], which: &[usize]) -> String {
    let names: Vec<&str> = which.iter().take(MAX_SHOWN).map(|module| modules[*module].name).collect();
    names.join(", ") + if which.len() > MAX_SHOWN { ", …" } else { "" }
}

/// An error for a layer that is left without weights.
fn nothing_for(layer: &NetworkLayer, modules: &[Module<'_>], left: &[usize]) -> Error {
    let specs = layer.parameters();
    let wants: Vec<String> = specs.iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect();
    let what = format!("layer {} wants {}, and no tensors are left that fit", layer.name, wants.join(", "));
    let help = match left {
        [] => OTHER_NETWORK.to_owned(),
        left => format!("{OTHER_NETWORK}; there are left {}", listed(modules, left)),
    };
    Error::new(what, help)
}
