//! A session begun on a training that is watched.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Deserialize;

use super::folder::WatchedFolder;
use super::following::follow;
use super::orders::Orders;
use super::places::Places;
use super::watched::Watched;
use crate::data::{Augmentation, Dataset, NamedTensors};
use crate::error::{Error, Result};
use crate::files;
use crate::gpu::Gpu;
use crate::nn::{Hyper, Model, Network, Shape};
use crate::session::settings::RunSettings;
use crate::session::state::Session;

/// File of what the training says about itself.
const ABOUT_FILE: &str = "about.json";
/// Files of its network.
const NETWORK_FILES: [&str; 2] = ["network.toml", "network.onnx"];
/// Newest checkpoints of which one has to be whole.
const MAX_TRIED: usize = 16;

/// A training to be watched. What is not given is as the training says, in `about.json`.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    /// Its folder.
    pub folder: PathBuf,
    /// Preset or file of the network, in place of that in the folder.
    pub network: Option<String>,
    /// Data set of the evaluation.
    pub dataset: Option<String>,
    /// Mean of the pixels, from 0 to 1, that it is trained with: one, or one for each channel; none for those of the data set.
    pub mean: Vec<f32>,
    /// Their deviation.
    pub std: Vec<f32>,
    /// Every checkpoint is evaluated before the next one is shown; else new ones come first.
    pub patient: bool,
}

/// The training's own words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct About {
    dataset: Option<String>,
    mean: Vec<f32>,
    std: Vec<f32>,
    batch: Option<u32>,
}

/// Begins to watch a training, which has a checkpoint (see [`has_begun`](super::has_begun)), at the newest one. The session is kept nowhere.
///
/// # Errors
/// When the folder, the network or the data set is not there, or they do not belong together, or do not fit the adapter.
pub fn begin(gpu: Rc<Gpu>, watching: &Watching) -> Result<Session> {
    let about = about(&watching.folder)?;
    let dataset = watching.dataset.clone().or(about.dataset).unwrap_or_else(|| "shapes".to_owned());
    let data = Dataset::open(&dataset)?;
    let mut folder = WatchedFolder::new(&watching.folder);
    folder.look()?;
    let tensors = first(&folder)?;
    let network = network(watching, &data)?;
    let places = Places::new(network.copy(), &tensors)?;
    let mut model = Model::of_weights(network, &tensors, None)?;
    let given = !watching.mean.is_empty();
    let (mean, std) = if given { (&watching.mean, &watching.std) } else { (&about.mean, &about.std) };
    let mut frozen = Vec::new();
    if !mean.is_empty() && model.network.input == data.shape.into() {
        model = model.normalized(&data.channel_stats(), mean, std)?;
        frozen.push(Model::INPUT_NORM_NUMBER);
    }
    let settings = RunSettings {
        dataset,
        seed: 1,
        batch: about.batch.unwrap_or(64).clamp(1, data.train.labels.len().max(1) as u32),
        augmentation: Augmentation::default(),
        hyper: Hyper { averaging: 0.0, ..Hyper::default() },
        frozen,
        data_edits: Default::default(),
        precision: Default::default(),
        probe: 0,
    };
    model.notes.iter().for_each(|note| log::info!("{note}"));
    let mut session = Session::import(gpu, model, &data, settings)?;
    let fixed = session.trainer().parameters.values.read(session.gpu());
    session.run.watched = Some(Box::new(Watched {
        orders: Orders::open(&folder.path),
        // From the beginning, so that the first look counts them all.
        folder: WatchedFolder::new(&watching.folder),
        places,
        fixed,
        shown: None,
        with_gradients: Vec::new(),
        wanted: None,
        counted: 0,
        arrived: false,
        due: false,
        patient: watching.patient,
        evaluation: (None, None),
        interrupted: false,
        awaited: None,
        told: None,
        failed: None,
        was_quiet: false,
    }));
    follow(&mut session);
    Ok(session)
}

fn about(folder: &Path) -> Result<About> {
    let path = folder.join(ABOUT_FILE);
    if !path.exists() {
        return Ok(About::default());
    }
    serde_json::from_slice(&files::read_whole(&path)?).map_err(|error| {
        let help = "write it as JSON: {\"dataset\": \"path\", \"mean\": [0.5], \"std\": [0.5]}, or remove it";
        Error::new(format!("{}: {error}", path.display()), help)
    })
}

/// The tensors of the newest checkpoint that is whole.
fn first(folder: &WatchedFolder) -> Result<NamedTensors> {
    let mut fault = None;
    for report in folder.reports.iter().rev().take(MAX_TRIED) {
        match folder.tensors(report) {
            Ok(tensors) => return Ok(tensors),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or_else(|| {
        let what = format!("there is no checkpoint in {} yet", folder.path.display());
        Error::new(what, "let the training call the callback of examples/pytorch after each step")
    }))
}

fn network(watching: &Watching, data: &Dataset) -> Result<Network> {
    let (shape, classes) = (Shape::from(data.shape), data.classes.len());
    let [toml, onnx] = NETWORK_FILES.map(|name| watching.folder.join(name));
    match &watching.network {
        Some(source) => Network::open(source, shape, classes),
        None if toml.exists() => Network::open(&toml.display().to_string(), shape, classes),
        None if onnx.exists() => Ok(Model::open(&onnx)?.network),
        None => {
            let what = format!("{} holds neither network.toml nor network.onnx", watching.folder.display());
            Err(Error::new(what, "name the network by --network, or give it to the callback"))
        }
    }
}
