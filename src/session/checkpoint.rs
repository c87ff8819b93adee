//! Checkpoint, `model.safetensors`: parameters, moments and all that is needed to resume bit for bit.
//!
//! Tensors `conv1.weight` `[out, in, ky, kx]`, `conv1.bias` `[out]`, and `momentum.conv1.weight`, `second_moment.conv1.weight` and `average.conv1.weight` alike, f32, as PyTorch
//! has them (of a transposed convolution `[in, out, ky, kx]`); the metadata hold the run's settings as JSON and a hash of all that the file holds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors, tensor::TensorView as StoredTensor};
use serde::{Deserialize, Serialize};

use super::effects::Effect;
use super::settings::RunSettings;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::{STATE_PREFIXES, TensorRange};

/// Name of the file in a run's folder.
pub(super) const MODEL_FILE: &str = "model.safetensors";
/// Name of the file with the weights that an imported run began with.
pub(super) const START_FILE: &str = "start.safetensors";
/// Key of our entry in the metadata.
const KEY: &str = "revacnn";
/// Prefixes of the names of moments and of averages of the last weights.
const MOMENTUM: &str = STATE_PREFIXES[0];
const SECOND_MOMENT: &str = STATE_PREFIXES[1];
const AVERAGE: &str = STATE_PREFIXES[2];

/// Metadata of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CheckpointState {
    /// Identity of the run; none in runs of before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Settings of the run at the checkpoint.
    pub settings: RunSettings,
    /// The network as TOML.
    pub network: String,
    /// Fingerprint of the data set.
    pub data_fingerprint: String,
    /// The clock's words.
    pub clock: Vec<u32>,
    /// Number of the journal's commands that were carried out.
    pub commands: usize,
    /// Check of the last of these; of before there were checks, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_check: Option<String>,
    /// Content of `metrics.csv`; of before this file decided on it, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Nodes of which no unit fired at the end of the last epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<usize>,
    /// The commands with their effects, where these were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Effect>,
    /// Hash of the tensors and of all metadata but itself.
    pub content_hash: String,
}

/// A checkpoint in memory: flat parameters and moments as the GPU has them, and the state.
pub(super) struct Checkpoint {
    /// The flat parameters.
    pub values: Vec<f32>,
    /// The flat moments.
    pub moments: Vec<f32>,
    /// The flat second moments.
    pub second_moments: Vec<f32>,
    /// The flat averages of the last parameters.
    pub averages: Vec<f32>,
    /// Metadata.
    pub state: CheckpointState,
}

/// Hash of named tensors, in the order of their names, and of the rest of the state.
fn hash<'a>(
    tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>,
    state: &CheckpointState,
) -> String {
    let mut sorted: Vec<_> = tensors.collect();
    sorted.sort_unstable_by_key(|(name, ..)| *name);
    let rest = CheckpointState { content_hash: String::new(), ..state.clone() };
    let mut hash = blake3::Hasher::new();
    hash.update(serde_json::to_string(&rest).expect("the state is plain data").as_bytes());
    for (name, shape, bytes) in sorted {
        hash.update(format!("{name} {shape:?}\n").as_bytes());
        hash.update(bytes);
    }
    hash.finalize().to_hex().to_string()
}

impl Checkpoint {
    /// Writes the checkpoint into `folder`; a kill at any moment leaves the last good one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn save(&self, folder: &Path, tensors: &[TensorRange]) -> Result<()> {
        let part = |prefix: &'static str, flat: &[f32]| -> Vec<(String, Vec<usize>, Vec<u8>)> {
            let values = |t: &TensorRange| t.spec.to_file(&flat[t.offset..t.offset + t.len]).into_owned();
            let bytes = |t: &TensorRange| bytemuck::cast_slice(&values(t)).to_vec();
            tensors.iter().map(|t| (format!("{prefix}{}", t.name), t.spec.file_shape(), bytes(t))).collect()
        };
        let mut stored = part("", &self.values);
        stored.extend(part(MOMENTUM, &self.moments));
        stored.extend(part(SECOND_MOMENT, &self.second_moments));
        stored.extend(part(AVERAGE, &self.averages));
        let named = stored.iter().map(|(name, shape, bytes)| (name.as_str(), &shape[..], &bytes[..]));
        let content_hash = hash(named, &self.state);
        let json = serde_json::to_string(&CheckpointState { content_hash, ..self.state.clone() })
            .expect("the state is plain data");
        let views = stored.iter().map(|(name, shape, bytes)| {
            let view =
                StoredTensor::new(Dtype::F32, shape.clone(), bytes).expect("lengths follow from shapes");
            (name.as_str(), view)
        });
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|e| Error::new(format!("cannot store the model: {e}"), "report this fault"))?;
        files::write_whole(&folder.join(MODEL_FILE), &bytes)
    }
}

/// A checkpoint's file that was read and is whole.
pub(super) struct StoredCheckpoint {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Metadata of a checkpoint.
    pub state: CheckpointState,
}

impl StoredCheckpoint {
    /// Reads the checkpoint in `folder`.
    ///
    /// # Errors
    /// When the file is missing, not ours, or not what was written.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(MODEL_FILE);
        let bytes = files::read_whole(&path)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&path, &e.to_string()))?;
        let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| {
            Error::new(
                format!("{} was not written by a training run of this program", path.display()),
                "resume a folder that `train --out` made",
            )
        })?;
        let state: CheckpointState =
            serde_json::from_str(json).map_err(|e| damaged(&path, &e.to_string()))?;
        let stored = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&path, &e.to_string()))?;
        let tensors = stored.tensors();
        let named = tensors.iter().map(|(name, t)| (name.as_str(), t.shape(), t.data()));
        if hash(named, &state) != state.content_hash {
            return Err(damaged(&path, "its content is not what was written"));
        }
        Ok(Self { path, bytes, state })
    }

    /// The checkpoint of a network with these tensors; `len` is the length of the flat buffers.
    ///
    /// # Errors
    /// When it is of another network.
    pub(super) fn of_network(self, tensors: &[TensorRange], len: usize) -> Result<Checkpoint> {
        let stored =
            SafeTensors::deserialize(&self.bytes).map_err(|e| damaged(&self.path, &e.to_string()))?;
        let flat = |prefix: &str| -> Result<Vec<f32>> {
            let mut flat = vec![0.0; len];
            for tensor in tensors {
                let name = format!("{prefix}{}", tensor.name);
                let found = stored
                    .tensor(&name)
                    .map_err(|_| foreign(&self.path, &format!("it has no tensor {name}")))?;
                let wanted = tensor.spec.file_shape();
                if found.shape() != wanted || found.dtype() != Dtype::F32 {
                    let what = format!("its {name} has shape {:?}, the network {wanted:?}", found.shape());
                    return Err(foreign(&self.path, &what));
                }
                let values: Vec<f32> = bytemuck::pod_collect_to_vec(found.data());
                let place = &mut flat[tensor.offset..tensor.offset + tensor.len];
                place.copy_from_slice(&tensor.spec.from_file(&values));
            }
            Ok(flat)
        };
        let (values, moments, second_moments) = (flat("")?, flat(MOMENTUM)?, flat(SECOND_MOMENT)?);
        // Files of before the average have none.
        let first = tensors.first().map(|tensor| format!("{AVERAGE}{}", tensor.name));
        let has_average = first.is_some_and(|name| stored.tensor(&name).is_ok());
        let averages = if has_average { flat(AVERAGE)? } else { values.clone() };
        Ok(Checkpoint { values, moments, second_moments, averages, state: self.state })
    }
}

/// Error for a file of a run that is not what was written.
pub(super) fn damaged(path: &Path, why: &str) -> Error {
    Error::new(
        format!("{} is damaged: {why}", path.display()),
        "bring it back from a copy, resume another run, or begin a new one with a fresh --out folder",
    )
}

/// Error for a file of another run than its neighbors.
pub(super) fn foreign(path: &Path, why: &str) -> Error {
    Error::new(
        format!("{} is of another run: {why}", path.display()),
        "keep the files of one run together in one folder",
    )
}
