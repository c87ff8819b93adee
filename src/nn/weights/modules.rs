//! The modules of a file: what one layer takes, by the names of the tensors.

use std::collections::{HashMap, HashSet};

use crate::data::NamedTensor;
use crate::nn::{BATCHES_TRACKED, GRADIENT_PREFIX, Network, STATE_PREFIXES};

/// Beginnings of all names that wrappers of PyTorch add.
const WRAPPERS: [&str; 4] = ["module.", "_orig_mod.", "model.", "network."];
/// Tensors that one layer takes.
pub(super) struct Module<'t> {
    pub name: &'t str,
    /// Each with the last part of its name.
    pub tensors: Vec<(&'t str, &'t NamedTensor)>,
}

/// A tensor's name without its last part, and that.
pub(super) fn parts(name: &str) -> (&str, &str) {
    name.rsplit_once(['.', '/']).unwrap_or(("", name))
}

/// The modules of a file in their order, without what wrappers of PyTorch add to every name, and without what a run keeps of its optimizer and gradients.
pub(super) fn modules<'t>(network: &Network, tensors: &'t [NamedTensor]) -> Vec<Module<'t>> {
    let names: HashSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let is_state = |name: &str| {
        let rest =
            STATE_PREFIXES.iter().chain(&[GRADIENT_PREFIX]).find_map(|prefix| name.strip_prefix(prefix));
        rest.is_some_and(|rest| names.contains(rest))
    };
    let kept: Vec<&NamedTensor> = tensors
        .iter()
        .filter(|tensor| parts(&tensor.name).1 != BATCHES_TRACKED && !is_state(&tensor.name))
        .collect();
    let mut skipped = 0;
    let all_begin = |skipped: usize, prefix: &str| {
        let is_own = network.layers.iter().any(|layer| layer.name.starts_with(prefix));
        !is_own && kept.iter().all(|tensor| tensor.name[skipped..].starts_with(prefix))
    };
    while let Some(prefix) = WRAPPERS.iter().find(|prefix| !kept.is_empty() && all_begin(skipped, prefix)) {
        skipped += prefix.len();
    }
    let mut modules: Vec<Module<'t>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for tensor in kept {
        let (name, last) = parts(&tensor.name[skipped..]);
        let at = *places.entry(name).or_insert(modules.len());
        if at == modules.len() {
            modules.push(Module { name, tensors: Vec::new() });
        }
        modules[at].tensors.push((last, tensor));
    }
    modules
}
