//! The file of the probes in a run's folder: the images as a tensor, names and classes as metadata.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use super::probes::{MAX_PROBES, OwnImage, Probe, Probes};
use crate::error::{Error, Result};
use crate::files;
use crate::nn::Trainer;

/// Name of the file in a run's folder.
pub const PROBES_FILE: &str = "probes.safetensors";
/// Key of our entry in the metadata, and name of the tensor.
const KEY: &str = "revacnn";
const IMAGES: &str = "images";

/// A probe in the metadata.
#[derive(Serialize, Deserialize)]
struct Stored {
    name: String,
    #[serde(default)]
    class: Option<u8>,
    /// Number of an image of the data set; none for an image of the user's own, which is the next one of the tensor.
    #[serde(default)]
    number: Option<u32>,
    #[serde(default)]
    pinned: bool,
}

/// Writes the probes into a run's folder.
///
/// # Errors
/// When the file cannot be written; then the old one stays.
pub(in crate::session) fn write(folder: &Path, probes: &Probes, trainer: &Trainer) -> Result<()> {
    let pinned = probes.pinned().map(|probe| probe.id);
    let stored = |probe: &Probe| Stored {
        name: probe.name.clone(),
        class: probe.class,
        number: (!probe.is_own()).then_some(probe.number),
        pinned: pinned == Some(probe.id),
    };
    let all: Vec<Stored> = probes.iter().map(stored).collect();
    let own: Vec<&OwnImage> = probes.iter().filter_map(|probe| probe.own.as_ref()).collect();
    let bytes: Vec<u8> = own.iter().flat_map(|own| &own.image).copied().collect();
    let input = trainer.network.input;
    let shape = vec![own.len(), input.channels, input.height, input.width];
    let report = |e: String| Error::new(format!("cannot store the probes: {e}"), "report this fault");
    let view = TensorView::new(Dtype::U8, shape, &bytes).map_err(|e| report(e.to_string()))?;
    let json = serde_json::to_string(&all).map_err(|e| report(e.to_string()))?;
    let metadata = HashMap::from([(KEY.to_owned(), json)]);
    let bytes =
        safetensors::serialize([(IMAGES, view)], Some(metadata)).map_err(|e| report(e.to_string()))?;
    files::write_whole(&folder.join(PROBES_FILE), &bytes)
}

/// The probes of a run's folder; none where it has no such file.
///
/// # Errors
/// When the file cannot be read, is damaged, or is of other data.
pub(in crate::session) fn read(folder: &Path, trainer: &Trainer) -> Result<Option<Probes>> {
    let path = folder.join(PROBES_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = files::read_whole(&path)?;
    let found = parse(&bytes, trainer).map_err(|why| {
        let help =
            "the run goes on without its probes; add the pictures again, or bring the file back from a copy";
        Error::new(format!("{} is damaged: {why}", path.display()), help)
    });
    found.map(Some)
}

fn parse(bytes: &[u8], trainer: &Trainer) -> std::result::Result<Probes, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let json = metadata.metadata().as_ref().and_then(|all| all.get(KEY)).ok_or("it names no probes")?;
    let all: Vec<Stored> = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let images = tensors.tensor(IMAGES).map_err(|e| e.to_string())?;
    let (input, loader) = (trainer.network.input, &trainer.loader);
    let own = all.iter().filter(|stored| stored.number.is_none()).count();
    if all.len() > MAX_PROBES || own > loader.own_images() {
        return Err(format!("it has {} probes", all.len()));
    }
    if images.dtype() != Dtype::U8 || images.shape() != [own, input.channels, input.height, input.width] {
        return Err(format!("its images have shape {:?}", images.shape()));
    }
    let known = loader.test().end as u32;
    let mut images = images.data().chunks_exact(input.len()).enumerate();
    let mut probes = Probes::default();
    for (id, Stored { name, class, number, pinned }) in (0..).zip(all) {
        let class = class.filter(|class| usize::from(*class) < trainer.network.classes);
        let (number, own) = match number {
            Some(number) if number < known => (number, None),
            Some(number) => return Err(format!("it names image {number}, of {known}")),
            None => {
                let (slot, image) = images.next().ok_or("it has too few images")?;
                let image = image.to_vec();
                (loader.own_number(slot), Some(OwnImage { slot, image, class: class.unwrap_or(0) }))
            }
        };
        probes.list.push(Probe { id, name, class, number, preview: None, animated: false, own });
        probes.pinned = if pinned { Some(id) } else { probes.pinned };
        probes.next_id = id + 1;
    }
    Ok(probes)
}
