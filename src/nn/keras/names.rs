//! Names of tensors as paths, such as `model/conv2d/kernel:0`, by the layer and the variable that they name.

use std::collections::{HashMap, HashSet};

use super::config::Layer;
use crate::error::{Error, Result};

/// The names of a file's tensors.
#[derive(Default)]
pub(super) struct Names {
    names: Vec<String>,
    /// Numbers of the tensors by a part of their name, as that of their layer, and the last, that of the variable.
    by_layer: HashMap<(String, String), Vec<usize>>,
    taken: HashSet<usize>,
}

impl Names {
    /// Adds the name of the next tensor.
    pub(super) fn add(&mut self, name: String) {
        let parts: Vec<&str> = name.split('/').collect();
        if let [above @ .., last] = &parts[..] {
            let last = last.strip_suffix(":0").unwrap_or(last);
            let above: HashSet<&&str> = above.iter().collect();
            for part in above {
                let key = ((*part).to_owned(), last.to_owned());
                self.by_layer.entry(key).or_default().push(self.names.len());
            }
        }
        self.names.push(name);
    }

    /// Number of the tensor that is a variable of a layer, which has one of these names: `layer/variable`, or else the only one with these
    /// two in its path.
    ///
    /// # Errors
    /// When it is not there, there are several, or another layer has taken it.
    pub(super) fn take(&mut self, layer: &Layer<'_>, variables: &[&str]) -> Result<usize> {
        let key = |variable: &&str| (layer.name.to_owned(), (*variable).to_owned());
        let found: Vec<usize> = variables
            .iter()
            .filter_map(|variable| self.by_layer.get(&key(variable)))
            .flatten()
            .copied()
            .collect();
        let is_plain = |at: &&usize| {
            let rest = self.names[**at].strip_prefix(layer.name).and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| variables.contains(&rest.strip_suffix(":0").unwrap_or(rest)))
        };
        let plain: Vec<&usize> = found.iter().filter(is_plain).collect();
        let several = || {
            let what = format!("there are several of its {}, or of layers of its name", variables[0]);
            Error::new(what, "give each layer a name of its own")
        };
        let at = match (&plain[..], &found[..]) {
            ([at], _) => **at,
            ([], [at]) => *at,
            ([], []) => {
                let what = format!("its {} is not among the weights", variables[0]);
                return Err(Error::new(what, "save the model again, with its weights"));
            }
            _ => return Err(several()),
        };
        if self.taken.insert(at) { Ok(at) } else { Err(several()) }
    }
}
