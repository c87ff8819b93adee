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

    /// Number of the tensor that is a variable of a layer, which has one of these names: `layer/variable`, or else `layer/layer/variable`, as
    /// `.h5` files have it, or else the only one whose path ends so, or else the only one with the layer in its path.
    ///
    /// # Errors
    /// When it is not there, there are several, or another layer has taken it.
    pub(super) fn take(&mut self, layer: &Layer<'_>, variables: &[&str]) -> Result<usize> {
        let of = format!("/{}/", layer.name);
        let last = layer.name.rsplit('/').next().unwrap_or_default();
        let listed = |variable: &&str| self.by_layer.get(&(last.to_owned(), (*variable).to_owned()));
        let rank = |at: &usize| {
            let name = format!("/{}", self.names[*at]);
            let above = &name[..=name.rfind('/').unwrap_or_default()];
            match above {
                _ if above == of => Some((0, *at)),
                _ if above.len() + 1 == 2 * of.len() && above.starts_with(&of) && above.ends_with(&of) => {
                    Some((1, *at))
                }
                _ if above.ends_with(&of) => Some((2, *at)),
                _ if above.contains(&of) => Some((3, *at)),
                _ => None,
            }
        };
        let mut found: Vec<(usize, usize)> =
            variables.iter().filter_map(listed).flatten().filter_map(rank).collect();
        found.sort_unstable();
        let [(rank, at), rest @ ..] = &found[..] else {
            let what = format!("its {} is not among the weights", variables[0]);
            return Err(Error::new(what, "save the model again, with its weights, or as a .keras file"));
        };
        if rest.first().is_some_and(|(other, _)| other == rank) || !self.taken.insert(*at) {
            let what = format!("there are several of its {}, or of layers of its name", variables[0]);
            return Err(Error::new(what, "give each layer a name of its own"));
        }
        Ok(*at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_nearest_path_is_the_layers() {
        let mut names = Names::default();
        for name in [
            "top/a/Conv/kernel:0",
            "a/Conv/a/Conv/kernel:0",
            "Conv/Conv/kernel:0",
            "net/cell/b/cell/bias",
            "c/d/bias",
        ] {
            names.add(name.to_owned());
        }
        let mut take = |layer: &str, variable: &str| {
            let value = json!({ "class_name": "Conv2D", "config": { "name": layer } });
            names.take(&Layer::of(&value).unwrap(), &[variable]).map_err(|error| error.what().to_owned())
        };
        assert_eq!(take("Conv", "kernel"), Ok(2));
        assert_eq!(take("a/Conv", "kernel"), Ok(1));
        assert_eq!(take("b", "bias"), Ok(3));
        assert_eq!(take("c/d", "bias"), Ok(4));
        let several = "there are several of its bias, or of layers of its name";
        assert_eq!(take("c/d", "bias").unwrap_err(), several);
        assert_eq!(take("d", "kernel").unwrap_err(), "its kernel is not among the weights");
    }
}
