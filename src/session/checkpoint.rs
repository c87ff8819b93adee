//! `model.safetensors`: parameters, momentum and all that is needed to go on bit for bit.
//!
//! Tensors `conv1.weight` `[out, in, ky, kx]`, `conv1.bias` `[out]`, and `momentum.conv1.weight` alike, f32, as other
//! tools read them; the metadata hold the run's settings as JSON and a hash of the tensors.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView as StoredTensor};
use serde::{Deserialize, Serialize};

use super::files;
use super::options::RunSettings;
use crate::error::{Error, Result};
use crate::nn::TensorRange;

/// The file's name in a run's folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// Key of our entry in the metadata.
const KEY: &str = "revacnn";

/// What the metadata hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    /// Settings of the run as they are now.
    pub settings: RunSettings,
    /// Fingerprint of the data set.
    pub data_fingerprint: String,
    /// The clock's words.
    pub clock: Vec<u32>,
    /// Hash of the tensors and of all of this but itself.
    pub content_hash: String,
}

/// A checkpoint in memory: flat parameters and moments as the GPU has them, and the state.
pub struct Checkpoint {
    /// The flat parameters.
    pub values: Vec<f32>,
    /// The flat moments.
    pub moments: Vec<f32>,
    /// The rest.
    pub state: CheckpointState,
}

/// Hash of the tensors and of the rest of the state.
fn hash(values: &[f32], moments: &[f32], state: &CheckpointState) -> String {
    let mut hash = blake3::Hasher::new();
    let rest = CheckpointState { content_hash: String::new(), ..state.clone() };
    hash.update(serde_json::to_string(&rest).expect("the state is plain data").as_bytes());
    hash.update(bytemuck::cast_slice(values));
    hash.update(bytemuck::cast_slice(moments));
    hash.finalize().to_hex().to_string()
}

impl Checkpoint {
    /// Writes the checkpoint into `folder`; a kill at any moment leaves the last good one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, folder: &Path, tensors: &[TensorRange]) -> Result<()> {
        let state = CheckpointState {
            content_hash: hash(&self.values, &self.moments, &self.state),
            ..self.state.clone()
        };
        let part = |prefix: &str, flat: &[f32]| -> Vec<(String, Vec<usize>, Vec<u8>)> {
            let bytes = |t: &TensorRange| bytemuck::cast_slice(&flat[t.offset..t.offset + t.len]).to_vec();
            tensors.iter().map(|t| (format!("{prefix}{}", t.name), t.shape.clone(), bytes(t))).collect()
        };
        let mut stored = part("", &self.values);
        stored.extend(part("momentum.", &self.moments));
        let views = stored.iter().map(|(name, shape, bytes)| {
            let view =
                StoredTensor::new(Dtype::F32, shape.clone(), bytes).expect("lengths follow from shapes");
            (name.as_str(), view)
        });
        let json = serde_json::to_string(&state).expect("the state is plain data");
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|e| Error::new(format!("cannot store the model: {e}"), "report this fault"))?;
        files::write_whole(&folder.join(MODEL_FILE), &bytes)
    }

    /// Reads the state alone, to know what network and data the checkpoint is of.
    ///
    /// # Errors
    /// When the file is missing, damaged or not ours.
    pub fn read_state(folder: &Path) -> Result<CheckpointState> {
        let path = folder.join(MODEL_FILE);
        let bytes = files::read_whole(&path)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&path, &e.to_string()))?;
        let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| {
            Error::new(
                format!("{} was not written by a training run of this program", path.display()),
                "resume a folder that `train --out` made",
            )
        })?;
        serde_json::from_str(json).map_err(|e| damaged(&path, &e.to_string()))
    }

    /// Reads a checkpoint of a network with these tensors; `len` is the length of the flat buffers.
    ///
    /// # Errors
    /// When the file is missing, damaged, or of another network.
    pub fn load(folder: &Path, tensors: &[TensorRange], len: usize) -> Result<Self> {
        let state = Self::read_state(folder)?;
        let path = folder.join(MODEL_FILE);
        let bytes = files::read_whole(&path)?;
        let stored = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&path, &e.to_string()))?;
        let flat = |prefix: &str| -> Result<Vec<f32>> {
            let mut flat = vec![0.0; len];
            for tensor in tensors {
                let name = format!("{prefix}{}", tensor.name);
                let found =
                    stored.tensor(&name).map_err(|_| foreign(&path, &format!("it has no tensor {name}")))?;
                if found.shape() != tensor.shape || found.dtype() != Dtype::F32 {
                    let what =
                        format!("its {name} has shape {:?}, the network {:?}", found.shape(), tensor.shape);
                    return Err(foreign(&path, &what));
                }
                let values: Vec<f32> = bytemuck::pod_collect_to_vec(found.data());
                flat[tensor.offset..tensor.offset + tensor.len].copy_from_slice(&values);
            }
            Ok(flat)
        };
        let (values, moments) = (flat("")?, flat("momentum.")?);
        if hash(&values, &moments, &state) != state.content_hash {
            return Err(damaged(&path, "its content is not what was written"));
        }
        Ok(Self { values, moments, state })
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::new(
        format!("{} is damaged: {why}", path.display()),
        "resume another run, or begin anew with a fresh --out folder",
    )
}

fn foreign(path: &Path, why: &str) -> Error {
    Error::new(
        format!("{} is of another network: {why}", path.display()),
        "keep network.toml and model.safetensors of one run together",
    )
}
