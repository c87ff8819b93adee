//! The places of a checkpoint's tensors in the flat buffers of the network that is watched.

use std::collections::{HashMap, HashSet};

use super::report::CheckpointReport;
use crate::data::{NamedTensor, NamedTensors};
use crate::error::{Error, Result};
use crate::nn::{BATCHES_TRACKED, GRADIENT_PREFIX, Model, Network, STATE_PREFIXES, ShownState, TensorRange};

/// Beginnings of the names of gradients, first and second moments.
const PREFIXES: [&str; 3] = [GRADIENT_PREFIX, STATE_PREFIXES[0], STATE_PREFIXES[1]];

/// Help for a checkpoint of another network.
const ANOTHER: &str = "its training has another network now, and the last checkpoint of the former one stays: watch the folder again \
     to see that one";

/// The names of the tensors by our own names, `conv1.weight`.
#[derive(Debug, Clone)]
pub(super) struct Places(HashMap<String, String>);

impl Places {
    /// The places in a network of the tensors of a checkpoint.
    ///
    /// # Errors
    /// When they are not of this network.
    pub(super) fn new(network: Network, tensors: &NamedTensors) -> Result<Self> {
        let names: Vec<Vec<String>> = network
            .layers
            .iter()
            .map(|layer| {
                layer.parameters().iter().map(|spec| format!("{}.{}", layer.name, spec.name)).collect()
            })
            .collect();
        let sources = Model::sources(network, tensors)?;
        let pairs = names.into_iter().flatten().zip(sources.into_iter().flatten());
        Ok(Self(pairs.filter_map(|(name, source)| Some((name, source?))).collect()))
    }

    /// Name in the training of one of our tensors; none for one that it does not have.
    pub(super) fn name(&self, tensor: &str) -> Option<&str> {
        self.0.get(tensor).map(String::as_str)
    }

    /// The state of a checkpoint; `fixed` holds the values of what the training does not have.
    ///
    /// # Errors
    /// When it is of another network; the tensor is named.
    pub(super) fn state(
        &self,
        (report, file): (&CheckpointReport, &NamedTensors),
        ranges: &[TensorRange],
        fixed: &[f32],
    ) -> Result<ShownState> {
        let by_name: HashMap<&str, &NamedTensor> =
            file.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        self.check_names(report, &by_name)?;
        let flat = |prefix: &str| -> Result<Vec<f32>> {
            let mut flat = if prefix.is_empty() { fixed.to_vec() } else { vec![0.0; fixed.len()] };
            for range in ranges {
                let Some(name) = self.name(&range.name) else { continue };
                let Some(tensor) = by_name.get(format!("{prefix}{name}").as_str()) else {
                    if prefix.is_empty() {
                        return Err(Error::new(format!("{} has no {name}", report.file), ANOTHER));
                    }
                    continue;
                };
                let place = &mut flat[range.offset..range.offset + range.len];
                match &tensor.values[..] {
                    [one] => place.fill(*one),
                    values if values.len() == range.len && is_turned_alike(range, tensor) => {
                        place.copy_from_slice(&range.spec.from_file(values))
                    }
                    _ => {
                        let (shape, wanted) = (&tensor.shape, range.spec.file_shape());
                        let what = format!(
                            "{}: its {} has the shape {shape:?}, the network that is watched {wanted:?}",
                            report.file, tensor.name
                        );
                        return Err(Error::new(what, ANOTHER));
                    }
                }
            }
            Ok(flat)
        };
        let [gradients, moments, second_moments] = PREFIXES.map(flat);
        let has_gradients = |range: &&TensorRange| {
            let name = self.name(&range.name);
            name.is_some_and(|name| by_name.contains_key(format!("{GRADIENT_PREFIX}{name}").as_str()))
        };
        Ok(ShownState {
            values: flat("")?,
            gradients: gradients?,
            with_gradients: ranges.iter().filter(has_gradients).map(|range| range.offset).collect(),
            moments: moments?,
            second_moments: second_moments?,
            step: report.step,
            epochs: 0.0,
        })
    }

    /// An error for a tensor that the network does not have.
    fn check_names(&self, report: &CheckpointReport, names: &HashMap<&str, &NamedTensor>) -> Result<()> {
        let known: HashSet<&str> = self.0.values().map(String::as_str).collect();
        let is_known = |name: &str| {
            let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
            known.contains(name)
                || rest.is_some_and(|rest| known.contains(rest))
                || name.ends_with(BATCHES_TRACKED)
        };
        let Some(other) = names.keys().filter(|name| !is_known(name)).min() else { return Ok(()) };
        let what = format!("{} has {other}, which the network that is watched lacks", report.file);
        Err(Error::new(what, ANOTHER))
    }
}
/// The tensor has PyTorch's order where that is another than ours: there the number of values alone does not tell.
fn is_turned_alike(range: &TensorRange, tensor: &NamedTensor) -> bool {
    range.spec.turned_groups.is_none() || tensor.shape == range.spec.file_shape()
}
