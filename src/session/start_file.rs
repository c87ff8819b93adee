//! The weights that an imported run began with, `start.safetensors`: without them its beginning could not be made again.

use std::path::Path;
use std::rc::Rc;

use safetensors::{Dtype, SafeTensors, tensor::TensorView as StoredTensor};

use super::checkpoint::{START_FILE, damaged, foreign};
use super::settings::RunSettings;
use super::state::Session;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::files;
use crate::gpu::Gpu;
use crate::nn::{Model, StartWeights, Trainer};

fn text_of(start: &StartWeights) -> Result<Vec<u8>> {
    let views = start.tensors().map(|(name, shape, values)| {
        let bytes = bytemuck::cast_slice(values);
        let view = StoredTensor::new(Dtype::F32, shape.to_vec(), bytes).expect("lengths follow from shapes");
        (name, view)
    });
    safetensors::serialize(views, None)
        .map_err(|e| Error::new(format!("cannot store the weights: {e}"), "report this fault"))
}

fn hash_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Writes the weights that a run began with into its folder, if they are not of its seed.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write(folder: &Path, trainer: &Trainer) -> Result<()> {
    let Some(start) = trainer.start() else { return Ok(()) };
    files::write_whole(&folder.join(START_FILE), &text_of(start)?)
}

/// Reads the weights whose file has this hash, for a trainer to keep.
///
/// # Errors
/// When they cannot be read, or are not those that were written.
pub(super) fn read(folder: &Path, hash: Option<&str>, trainer: &mut Trainer) -> Result<()> {
    let Some(hash) = hash else { return Ok(()) };
    let path = folder.join(START_FILE);
    files::check_regular(&path)?;
    let bytes = files::read_whole(&path)?;
    if hash_of(&bytes) != hash {
        return Err(foreign(&path, "they are not the weights that it began with"));
    }
    let stored = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&path, &e.to_string()))?;
    let mut start = StartWeights::default();
    for (name, tensor) in stored.tensors() {
        let values = bytemuck::pod_collect_to_vec(tensor.data());
        start.insert(name, tensor.shape().to_vec(), values);
    }
    trainer.keep_start(start);
    Ok(())
}

/// Begins a run of an imported network (see [`Session::import`]).
///
/// # Errors
/// As those of [`Session::import`].
pub(super) fn import(gpu: Rc<Gpu>, model: Model, data: &Dataset, settings: RunSettings) -> Result<Session> {
    let (network, start) = (&model.network, model.start());
    if network.input != data.shape.into() || network.classes != data.classes.len() {
        let what = format!(
            "the network takes images of {} and has {} outputs; the data set {} has images of {} and {} classes",
            network.input,
            network.classes,
            data.name,
            data.shape,
            data.classes.len()
        );
        let help = if network.input == data.shape.into() {
            "name the data set that it was trained on by --dataset, or replace its last layer by --classes-from-data"
        } else {
            "name the data set that it was trained on, or one like it, by --dataset"
        };
        return Err(Error::new(what, help));
    }
    let hash = hash_of(&text_of(&start)?);
    let mut session = Session::assemble(gpu, data, model.network, settings)?;
    session.run.trainer.begin_with(start)?;
    session.journal.begin_from(hash);
    session.progress.probes_stale = true;
    Ok(session)
}

/// Begins again with the weights in `folder`, of which the journal has the hash.
///
/// # Errors
/// As those of [`read`].
pub(super) fn begin_again(session: &mut Session, folder: &Path, hash: Option<String>) -> Result<()> {
    let Some(hash) = hash else { return Ok(()) };
    let trainer = &mut session.run.trainer;
    read(folder, Some(&hash), trainer)?;
    let start = trainer.start().cloned().unwrap_or_default();
    trainer.begin_with(start)?;
    session.journal.begin_from(hash);
    Ok(())
}
