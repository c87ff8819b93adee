//! A session begun on a path of any kind: a run, a training that is watched, or a network of another tool.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::journal_file::JOURNAL_FILE;
use super::settings::RunSettings;
use super::state::Session;
use super::watch::{LIST, Watching, begin};
use crate::data::Dataset;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::nn::Model;

/// Endings of files of networks alone, of runs and trainings alone, and of either.
const NETWORKS: [&str; 3] = ["h5", "keras", "onnx"];
const RUNS: [&str; 4] = ["csv", "jsonl", "safetensors", "toml"];
const JSON: &str = "json";

/// A path by what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Openable {
    /// The folder of a run; also one that holds nothing of ours, about which opening it says more.
    Run(PathBuf),
    /// The folder of a training of PyTorch (see [`begin_watching`](super::begin_watching)).
    Training(PathBuf),
    /// The file of a network of another tool.
    Network(PathBuf),
}

impl Openable {
    /// The kind of a path. A file as a run's folder has them, or a training's, stands for its folder.
    pub fn at(path: &Path) -> Self {
        let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = if path.is_file() { parent.unwrap_or(Path::new(".")) } else { path };
        let holds = |name: &str| folder.join(name).is_file();
        let is_network = match ending(path) {
            _ if !path.is_file() => false,
            of_network if NETWORKS.contains(&of_network) => true,
            of_run if RUNS.contains(&of_run) => false,
            _ => !holds(JOURNAL_FILE) && !holds(LIST),
        };
        if is_network {
            Self::Network(path.to_owned())
        } else if holds(LIST) && !holds(JOURNAL_FILE) {
            Self::Training(folder.to_owned())
        } else {
            Self::Run(folder.to_owned())
        }
    }

    /// True for a folder, and a file that is one of a run, a training or a network by its ending.
    pub fn is_meant_by(path: &Path) -> bool {
        let ending = ending(path);
        path.is_dir() || ending == JSON || NETWORKS.contains(&ending) || RUNS.contains(&ending)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Run(path) | Self::Training(path) | Self::Network(path) => path,
        }
    }

    /// Begins a session on it: a run goes on, a training is watched, and a network is to be trained on with the data set and the settings
    /// of `present`, kept nowhere.
    ///
    /// # Errors
    /// As [`Session::resume`], [`begin_watching`](super::begin_watching), and [`Model::open`] with [`Session::import`].
    pub fn open(&self, gpu: Rc<Gpu>, present: &RunSettings) -> Result<Session> {
        match self {
            Self::Run(folder) => Session::resume(gpu, folder),
            Self::Training(folder) => begin(gpu, &Watching { folder: folder.clone(), ..Watching::default() }),
            Self::Network(file) => {
                let model = Model::open(file)?;
                model.notes.iter().for_each(|note| log::info!("{note}"));
                let data = Dataset::open(&present.dataset)?;
                let settings =
                    RunSettings { frozen: Vec::new(), data_edits: Default::default(), ..present.clone() };
                Session::import(gpu, model, &data, settings).map_err(|error| error.within(file.display()))
            }
        }
    }
}

/// The part after the last dot of a file's name.
fn ending(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
}
